"""Input scalings: named maps from pixels 0..255 to the numbers that a network was trained on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of R, G, B in 0..1
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of B, G, R in 0..255


@dataclass(frozen=True)
class Scaling:
    """A linear map of each channel.

    Attributes:
        described: the inputs that it makes of pixels, in words.
        scale: what each of the three channels is multiplied by.
        offset: what is added to each channel then.
        bgr: whether channels are reversed first, from RGB to BGR.
    """

    described: str
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    bgr: bool = False

    @property
    def uniform(self) -> bool:
        """Whether all channels are mapped alike."""
        return len(set(self.scale)) == len(set(self.offset)) == 1 and not self.bgr

    def __call__(self, pixels: Any) -> "np.ndarray":
        """Returns (..., 3) float32 inputs of (..., 3) RGB pixels in 0..255."""
        import numpy as np

        channels = np.asarray(pixels, np.float32)
        channels = channels[..., ::-1] if self.bgr else channels
        return channels * np.array(self.scale, np.float32) + np.array(self.offset, np.float32)

    def invert(self, inputs: Any) -> "np.ndarray":
        """Returns (..., 3) float32 RGB pixels, not bounded, of which the scaling makes (..., 3) inputs."""
        import numpy as np

        channels = (np.asarray(inputs, np.float32) - np.array(self.offset, np.float32)) / np.array(
            self.scale, np.float32
        )
        return channels[..., ::-1] if self.bgr else channels


def _alike(described: str, scale: float, offset: float) -> Scaling:
    return Scaling(described, (scale, scale, scale), (offset, offset, offset))


def _standardised() -> Scaling:
    red, green, blue = (
        (1 / (255 * deviation), -mean / deviation)
        for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)
    )
    scale, offset = zip(red, green, blue, strict=True)
    return Scaling("-2.1..2.6 (ImageNet's mean and standard deviation)", scale, offset)


SCALINGS = {
    "unit": _alike("0..1", 1 / 255, 0.0),
    "tf": _alike("-1..1", 1 / 127.5, -1.0),
    "byte": _alike("0..255", 1.0, 0.0),
    "torch": _standardised(),
    "caffe": Scaling(
        "-124..151 (BGR minus ImageNet's mean)",
        (1.0, 1.0, 1.0),
        (-CAFFE_MEAN[0], -CAFFE_MEAN[1], -CAFFE_MEAN[2]),
        bgr=True,
    ),
}
