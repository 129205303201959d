"""Pretrained backbones and their contracts: what goes in, which activation is last, where weights come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from skinexp.errors import UserError


@dataclass(frozen=True)
class Contract:
    """What a backbone asks of its surroundings.

    Attributes:
        build: the function of keras.applications.
        input_scaling: the range its weights were trained on, a key of `scaling.SCALINGS`.
        last_convolution: layer of the last convolutional activation.
        smallest: the least image side, in pixels, that it accepts.
        file_stem: how files with its weights begin, as keras.applications names them.
        alphas: the widths that it exists in; empty where the width cannot be chosen.
    """

    build: Callable[..., keras.Model]
    input_scaling: str
    last_convolution: str
    smallest: int
    file_stem: str
    alphas: tuple[float, ...] = ()

    def arguments(self, alpha: float) -> dict[str, Any]:
        """Arguments of `build` beyond those that every backbone takes."""
        if not self.alphas:
            return {}
        if alpha not in self.alphas:
            known = ", ".join(map(str, self.alphas))
            raise UserError(f"model.alpha: this backbone exists in the widths {known}. Received: {alpha}")
        return {"alpha": alpha}

    def file_prefix(self, alpha: float) -> str:
        """How the name of a weights file of this width begins."""
        return f"{self.file_stem}_{alpha}_" if self.alphas else f"{self.file_stem}_"


CONTRACTS = {
    "mobilenet": Contract(
        build=keras.applications.MobileNetV2,
        input_scaling="tf",
        last_convolution="out_relu",
        smallest=32,
        file_stem="mobilenet_v2",
        alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    ),
    "efficientnet": Contract(
        build=keras.applications.EfficientNetB0,
        input_scaling="byte",  # its own first layers rescale
        last_convolution="top_activation",
        smallest=32,
        file_stem="efficientnet_b0",
    ),
}
