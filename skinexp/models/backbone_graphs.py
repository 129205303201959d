"""Backbones of keras.applications as one flat graph on scaled pixels."""

from typing import Any

import keras

from skinexp.contracts.backbones import CONTRACTS, Contract
from skinexp.models.scaling import scale_pixels

__all__ = ["CONTRACTS", "Contract", "attach_backbone", "build_backbone"]


def build_backbone(contract: Contract, alpha: float, **options: Any) -> keras.Model:
    """Returns a backbone without its top, as keras.applications builds it.

    Args:
        contract: which backbone.
        alpha: its width.
        options: further arguments of the application, such as `weights` and `input_shape`.
    """
    application = getattr(keras.applications, contract.application)
    return application(include_top=False, **contract.arguments(alpha), **options)


def attach_backbone(contract: Contract, alpha: float, pixels: keras.KerasTensor, input_scaling: str) -> keras.Model:
    """Returns a backbone of random weights on pixels in 0..255, scaled as its contract asks.

    Args:
        contract: which backbone.
        alpha: its width.
        pixels: input of (n, size, size, 3) pixels.
        input_scaling: `contract`, or a key of `SCALINGS` that takes the place of the contract's.
    """
    scaled = scale_pixels(pixels, input_scaling, contract.input_scaling)
    # input_tensor, not a call of the backbone: a nested model breaks Grad-CAM and attribution libraries.
    return build_backbone(contract, alpha, weights=None, input_tensor=scaled)
