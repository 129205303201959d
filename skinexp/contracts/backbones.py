"""The registry of backbones, each with its contract: what goes in, which layers to explain, where weights come from.

To add a backbone of keras.applications: an entry here, and a file conf/model/<name>.yaml.
"""

from dataclasses import dataclass
from typing import Any

from skinexp.contracts.names import Names
from skinexp.contracts.scalings import SCALINGS

SCRATCH = "scratch"  # the one model without a backbone
SCRATCH_SCALING = "unit"


@dataclass(frozen=True)
class Contract:
    """What a backbone asks of its surroundings.

    Attributes:
        application: name of the function of keras.applications that builds it.
        input_scaling: the scaling of the pixels that its weights were trained on, a key of `SCALINGS`.
        last_convolution: layer of the last convolutional activation, which is pooled.
        explained_layers: layers whose activations can be explained, from the coarsest map to the finest.
        file_stem: beginning of the names of files that hold its weights.
        release: name of its file in Keras' ImageNet release; `{alpha}` stands for the width.
        smallest_size: pixels per side of the smallest image that it takes.
        widths: the widths (alpha) that ImageNet weights exist for.
        channels_first: whether keras.applications builds it for channels before height and width.
        shipped: whether weights of width 1, learned on phantoms, are included in skinexp.
    """

    application: str
    input_scaling: str
    last_convolution: str
    explained_layers: tuple[str, ...]
    file_stem: str
    release: str
    smallest_size: int = 32
    widths: tuple[float, ...] = (1.0,)
    channels_first: bool = True
    shipped: bool = False

    def arguments(self, alpha: float) -> dict[str, Any]:
        """Returns the arguments of the application beyond those that every backbone takes."""
        return {"alpha": alpha} if len(self.widths) > 1 else {}

    def file_prefix(self, alpha: float) -> str:
        """Returns the beginning of the name of a weights file of this width."""
        return f"{self.file_stem}_{alpha}_" if len(self.widths) > 1 else f"{self.file_stem}_"

    def release_file(self, alpha: float) -> str:
        """Returns the name of the file of this width in Keras' ImageNet release."""
        return self.release.format(alpha=alpha)

    def has_shipped_weights(self, alpha: float) -> bool:
        """Returns whether weights of this width are included in skinexp."""
        return self.shipped and alpha == 1.0


CONTRACTS = {
    "mobilenet": Contract(
        application="MobileNetV2",
        input_scaling="tf",
        last_convolution="out_relu",
        explained_layers=("out_relu", "block_13_expand_relu", "block_6_expand_relu"),
        file_stem="mobilenet_v2",
        release="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5",
        widths=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
        shipped=True,
    ),
    "efficientnet": Contract(
        application="EfficientNetB0",
        input_scaling="byte",  # its own first layers rescale
        last_convolution="top_activation",
        explained_layers=("top_activation", "block6a_expand_activation", "block4a_expand_activation"),
        file_stem="efficientnet_b0",
        release="efficientnetb0_notop.h5",
        shipped=True,
    ),
    "resnet50v2": Contract(
        application="ResNet50V2",
        input_scaling="tf",
        last_convolution="post_relu",
        explained_layers=("post_relu", "conv4_block6_preact_relu", "conv3_block4_preact_relu"),
        file_stem="resnet50v2",
        release="resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    "densenet121": Contract(
        application="DenseNet121",
        input_scaling="torch",
        last_convolution="relu",
        explained_layers=("relu", "pool4_relu", "pool3_relu"),
        file_stem="densenet121",
        release="densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        channels_first=False,
    ),
    "efficientnetv2_b0": Contract(
        application="EfficientNetV2B0",
        input_scaling="byte",  # its own first layers rescale
        last_convolution="top_activation",
        explained_layers=("top_activation", "block6a_expand_activation", "block4a_expand_activation"),
        file_stem="efficientnetv2-b0",
        release="efficientnetv2-b0_notop.h5",
    ),
}


MODEL_NAMES = Names(SCRATCH, registry=CONTRACTS)  # every value of `model.name`
SCALING_NAMES = Names("contract", registry=SCALINGS)  # every value of `model.input_scaling`


def expected_scaling(model: str) -> str:
    """Returns the scaling that a model's contract asks for, a key of `SCALINGS`."""
    return CONTRACTS[model].input_scaling if model in CONTRACTS else SCRATCH_SCALING


def with_shipped_weights() -> list[str]:
    """Returns the names of the backbones whose weights are included in skinexp."""
    return [name for name, contract in CONTRACTS.items() if contract.shipped]


def preset_weights(model: str, alpha: float) -> str | None:
    """Returns the value of `model.weights` on phantoms if none is chosen: `phantom` if they are shipped, else None.

    The scratch CNN ignores the value.
    """
    return "phantom" if model not in CONTRACTS or CONTRACTS[model].has_shipped_weights(float(alpha)) else None
