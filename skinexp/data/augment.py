"""Random changes to training images: decided in the input pipeline, applied on the accelerator.

`draw` makes every random decision with NumPy alone, so that a resumed run, on any backend, sees what the uninterrupted
one would. `Augmentation` applies the decisions and draws nothing: flip, quarter turn, rotation and zoom are one matrix
and therefore one resampling, where Keras' layers in a row take two, with twice the blur.
"""

from typing import Any

import cv2
import keras
import numpy as np
from keras import ops

from skinexp.config.schema import Augment

# What a row of draws holds. The first four are a matrix that maps a point of the changed image to the point of the
# original that it shows, in pixels from the image's centre, x to the right and y down.
COLUMNS = (
    "x_from_x",
    "x_from_y",
    "y_from_x",
    "y_from_y",
    "brightness",  # added to each pixel, on the scale 0..255
    "contrast",  # multiplies the distance from the mean colour
    "red",  # multiply the channels
    "green",
    "blue",
)
WIDTH = len(COLUMNS)

ALIGNMENT = 64  # bytes, of TensorFlow's arrays
BYTES = np.arange(256, dtype=np.float32)[None, :, None]  # as OpenCV takes a table of three channels

Tensor = Any  # of whichever backend Keras runs on

QUARTER_TURNS = np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]]])


def draw(options: Augment, rng: np.random.Generator, n: int) -> np.ndarray:
    """Decides how n images are changed.

    Each kind of change has a random stream of its own: switching one on, or changing its strength, leaves the draws of
    the others as they are; and the first images get the same draws however many follow.

    Args:
        options: which changes, and how strong at most.
        rng: makes the streams (`spawn`); two calls with one generator give different draws.
        n: number of images.

    Returns:
        (n, 9) float32, one row per image, laid out as `COLUMNS` says.
    """
    # New kinds go to the end: the streams before them stay what they were.
    for_flip, for_turn, for_rotation, for_zoom, for_brightness, for_contrast, for_colour = rng.spawn(7)
    matrices = backward_matrices(
        flips=for_flip.random((n, 2)) < (0.5 if options.flip else 0.0),
        quarter_turns=for_turn.integers(4 if options.quarter_turns else 1, size=n),
        rotations=for_rotation.uniform(-options.rotation, options.rotation, n),
        zooms=for_zoom.uniform(1 - options.zoom, 1 + options.zoom, (n, 2)),
    )
    brightness = 255 * for_brightness.uniform(-options.brightness, options.brightness, (n, 1))
    contrast = for_contrast.uniform(1 - options.contrast, 1 + options.contrast, (n, 1))
    colour = for_colour.uniform(1 - options.colour_jitter, 1 + options.colour_jitter, (n, 3))
    return np.hstack([matrices.reshape(n, 4), brightness, contrast, colour]).astype(np.float32)


def backward_matrices(
    flips: np.ndarray, quarter_turns: np.ndarray, rotations: np.ndarray, zooms: np.ndarray
) -> np.ndarray:
    """Composes a flip, a quarter turn, a rotation and a zoom, done in this order, into one matrix per image.

    Args:
        flips: (n, 2) bool: left-right, up-down.
        quarter_turns: (n,) int, 0 to 3, counter-clockwise as in `np.rot90`.
        rotations: (n,) fractions of a full turn, counter-clockwise.
        zooms: (n, 2) extent of what is seen, horizontal and vertical, in image sizes: above 1 zooms out, as in Keras.

    Returns:
        (n, 2, 2) matrices from a point of the changed image to a point of the original, (x, y) from the centre.
    """
    flip = np.where(flips, -1.0, 1.0)[:, :, None] * np.eye(2)
    turn = QUARTER_TURNS[quarter_turns]  # not from a cosine: a quarter turn alone must not blur
    cosine, sine = np.cos(2 * np.pi * rotations), np.sin(2 * np.pi * rotations)
    rotation = np.stack([cosine, -sine, sine, cosine], axis=1).reshape(-1, 2, 2)
    zoom = zooms[:, :, None] * np.eye(2)
    return flip @ turn @ rotation @ zoom  # backward: what is done first to the image comes last for the point


class Augmentation(keras.layers.Layer):
    """Changes images as drawn: brightness, contrast and colour in one step and a clip, then geometry in one resampling.

    Resampling is bilinear; outside its frame an image continues as its mirror image. What no option switches on costs
    nothing; with nothing on, pixels pass unchanged.

    Args:
        options: which changes were drawn for; the same as for `draw`.
    """

    def __init__(self, options: Augment, **kwargs: Any) -> None:
        # Whatever the precision policy: in bfloat16, coordinates beyond 256 pixels would be rounded to even ones.
        super().__init__(dtype="float32", **kwargs)
        self.resamples = bool(options.flip or options.quarter_turns or options.rotation or options.zoom)
        self.contrasts = options.contrast > 0
        self.shades = bool(options.brightness or options.contrast or options.colour_jitter)
        # XLA has no kernel for TensorFlow's resampling: Keras then compiles the step without XLA.
        self.supports_jit = not (self.resamples and keras.backend.backend() == "tensorflow")

    def call(self, images: Tensor, draws: Tensor) -> Tensor:
        """Applies draws to images.

        Args:
            images: (n, height, width, 3), uint8 or float, 0..255.
            draws: (n, 9) float32, from `draw`.

        Returns:
            (n, height, width, 3) float32, 0..255.
        """
        matrices, *shades = ops.split(draws, [4, 5, 6], axis=1)
        transforms = _transforms(matrices, *ops.shape(images)[1:3]) if self.resamples else None
        if self.resamples and _on_tensorflows_cpu():
            return self._with_opencv(images, transforms, *shades)
        images = ops.cast(images, "float32")
        if self.shades:
            mean = ops.mean(images, axis=(1, 2)) if self.contrasts else 0.0
            factors, summands = self._line(mean, *shades)
            images = ops.clip(images * factors[:, None, None] + summands[:, None, None], 0.0, 255.0)
        return _resample(images, transforms) if self.resamples else images

    def _line(self, mean: Any, brightness: Any, contrast: Any, colour: Any) -> tuple[Any, Any]:
        """Factor and summand of each channel: all three changes are linear in the pixels, and so are they together.

        One clip at the end is enough, and better: what one change saturates the next may bring back.

        Args:
            mean: (..., 3) mean colour of the image, where contrast changes.
        """
        if not self.contrasts:
            return colour, brightness * colour
        return contrast * colour, (brightness + mean * (1 - contrast)) * colour

    def _with_opencv(self, images: Tensor, *drawn: Tensor) -> Tensor:
        """The same on a CPU, image by image, which is faster (benchmarks/augmentation.py).

        TensorFlow's kernels go over the whole batch one after the other, and it fits into no cache.
        """
        import tensorflow as tf

        changed = tf.numpy_function(self._change, [images, *drawn], tf.float32, stateful=False)
        changed.set_shape(images.shape)
        return changed

    def _change(self, images: np.ndarray, *drawn: np.ndarray) -> np.ndarray:
        changed = _aligned(images.shape)
        for image, target, transform, *shades in zip(images, changed, *drawn, strict=True):
            shaded = self._shade(image, *shades) if self.shades else image.astype(np.float32)
            _warp(shaded, transform, target)
        return changed

    def _shade(self, image: np.ndarray, *shades: np.ndarray) -> np.ndarray:
        """One image; of bytes, a table says what becomes of each of the 256 values."""
        mean = np.array(cv2.mean(image)[:3], np.float32) if self.contrasts else 0.0
        factors, summands = self._line(mean, *shades)
        values = BYTES if image.dtype == np.uint8 else image
        shaded = np.clip(values * factors + summands, 0.0, 255.0, dtype=np.float32)
        return cv2.LUT(image, shaded) if values is BYTES else shaded

    def compute_output_shape(self, images_shape: tuple, draws_shape: tuple) -> tuple:
        """Returns the shape of the images."""
        return images_shape


def _on_tensorflows_cpu() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def _resample(images: Tensor, transforms: Tensor) -> Tensor:
    return ops.image.affine_transform(
        ops.cast(images, "float32"),
        transforms,
        interpolation="bilinear",
        fill_mode="reflect",
        data_format="channels_last",
    )


def _warp(image: np.ndarray, transform: np.ndarray, target: np.ndarray) -> None:
    cv2.warpAffine(
        image,
        transform[:6].reshape(2, 3),
        (image.shape[1], image.shape[0]),
        dst=target,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An empty float32 array that begins where TensorFlow's own do: it takes such an array over without copying it."""
    size = int(np.prod(shape)) * np.dtype(np.float32).itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(np.float32).reshape(shape)


def _transforms(matrices: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """The rows that Keras' `affine_transform` takes: the same map in pixels from the corner instead of the centre."""
    x_from_x, x_from_y, y_from_x, y_from_y = (matrices[:, entry] for entry in range(4))
    centre_x = (ops.cast(width, "float32") - 1) / 2
    centre_y = (ops.cast(height, "float32") - 1) / 2
    shift_x = centre_x - x_from_x * centre_x - x_from_y * centre_y
    shift_y = centre_y - y_from_x * centre_x - y_from_y * centre_y
    zeros = ops.zeros_like(shift_x)
    return ops.stack([x_from_x, x_from_y, shift_x, y_from_x, y_from_y, shift_y, zeros, zeros], axis=1)
