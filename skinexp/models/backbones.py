"""Pretrained backbones and their contracts: what goes in, which activation is last, where weights come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class Contract:
    """What a backbone asks of its surroundings.

    Attributes:
        build: the function of keras.applications.
        input_scaling: the range its weights were trained on, a key of `scaling.SCALINGS`.
        last_convolution: layer of the last convolutional activation.
        file_stem: how files with its weights begin, as keras.applications names them.
        has_widths: whether its width (alpha) can be chosen.
    """

    build: Callable[..., keras.Model]
    input_scaling: str
    last_convolution: str
    file_stem: str
    has_widths: bool = False

    def arguments(self, alpha: float) -> dict[str, Any]:
        """Arguments of `build` beyond those that every backbone takes."""
        return {"alpha": alpha} if self.has_widths else {}

    def file_prefix(self, alpha: float) -> str:
        """How the name of a weights file of this width begins."""
        return f"{self.file_stem}_{alpha}_" if self.has_widths else f"{self.file_stem}_"


CONTRACTS = {
    "mobilenet": Contract(
        build=keras.applications.MobileNetV2,
        input_scaling="tf",
        last_convolution="out_relu",
        file_stem="mobilenet_v2",
        has_widths=True,
    ),
    "efficientnet": Contract(
        build=keras.applications.EfficientNetB0,
        input_scaling="byte",  # its own first layers rescale
        last_convolution="top_activation",
        file_stem="efficientnet_b0",
    ),
}
