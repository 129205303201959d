"""Preprocessing: from the bytes of a photograph to the square of pixels that a model sees, in training and serving.

The border is removed first (a black frame would pass for pigment), then hair is removed and the picture resized in one
step, then the tint of the light is removed. Lengths are fractions of the picture's shorter side, so that photographs
of any resolution are treated alike.
"""

import io
import math
import threading
import warnings
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from skinexp.config import schema
from skinexp.data.preparation import pixel_depth

Pixels = npt.NDArray[np.uint8]  # (height, width, 3) RGB
Mask = npt.NDArray[np.bool_]  # (height, width)

# Of those that Pillow reads: pictures, and nothing that starts another program (as EPS does).
FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "JPEG2000", "PPM")
ORIENTATION, UPRIGHT = 0x0112, 1  # of EXIF: the tag, and its usual value

BORDER_SIDE = 192  # the border is looked for in a copy whose longer side has about this many pixels
BLACKNESS = 0.36  # frame or vignette: darker than this fraction of the bright quarter of the picture
LIT_EDGE = 0.7  # of the inner edge of a frame is lit: a frame fits its field of view, a lesion at the side does not
BORDER_LEFT = (0.1, 0.3, 0.9)  # how much of an edge of the crop may still be border: tried from the tightest crop on
LEAST_AREA = 0.5  # of the picture that any crop keeps
LESION_LOSS = 0.02  # of the dark patch in the middle that a crop may cut off

# The settings of hair removal were chosen on phantoms, whose hair is known: see docs/concepts/phantoms.md.
# Hair is looked for in a copy about so many times as large as the result: see docs/concepts/preparation.md.
HAIR_RESOLUTION = 2
HAIR_SIDE = 224  # but not in a smaller copy than this, where network and dots look like hair
HAIR_WIDTH = 0.022  # of the thickest hair; a wider black-hat kernel takes more of the lesion for hair
HAIR_LENGTH = 0.08  # a shorter piece is a dot, a globule or a stretch of pigment network
HAIR_SLENDERNESS = 0.12  # a strand's area over its squared length; a mesh of pigment network has more
HAIR_CONTRAST = 28  # grey levels by which hair is darker than what surrounds it
HAIR_SPREAD = 0.0075  # standard deviation of the Gaussian that carries colours from beside a hair to under it

DRAFT_SIDE = 4  # times the final size: a JPEG may be decoded this small (a crop leaves at least half of a side)


class ImageError(ValueError):
    """The error of a file that is no usable image; the message is the reason, as a clause."""


def decode(data: bytes, side: int | None = None, bits: int | None = None) -> Pixels:
    """Decodes the picture in a file's bytes.

    The picture is rotated according to its EXIF orientation. Transparency is laid on white, as browsers do (on black it
    would resemble a frame). 16 bits are scaled to 8, see `bits`. Of an animation, the first frame is used.

    Args:
        data: content of the file.
        side: pixels of the shorter side that are sufficient. A JPEG may then be decoded at a half, a quarter or an
            eighth of its size, but not below `side`, which is three times as fast. None: decode at full size.
        bits: that the values fill if the file stores more than 8 bits a channel: 2**bits - 1 becomes white.
            None: the fewest of `pixel_depth.BITS` that hold the values of this file. Images of one data set need one
            range, which `pixel_range` finds.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        ImageError: if the bytes are no image, a damaged one, or one with more pixels than Pillow's limit allows.
    """
    if not data:
        raise ImageError("the file is empty")
    with without_warnings:
        try:
            with opened(data) as image:
                if side is not None:
                    image.draft(None, (side, side))  # only JPEG knows this
                image.load()
                picture = _scaled(image, data, bits)
                ImageOps.exif_transpose(picture, in_place=True)
                return np.array(_rgb(picture))
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError("not an image of a known format") from error
        except Image.DecompressionBombError as error:
            raise _too_large() from error
        except Exception as error:  # each format's decoder fails in its own way on damaged bytes
            reason = "truncated" if "truncated" in str(error).lower() else "damaged"
            raise ImageError(f"{reason} ({error})") from error


def opened(data: bytes) -> Image.Image:
    """Reads the file's header: format, mode, size; pixels are not decoded yet.

    Args:
        data: content of the file.

    Raises:
        ImageError: if the image has more pixels than Pillow's limit allows.
        Exception: any error of Pillow on damaged bytes.
    """
    with without_warnings:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        image.close()
        raise _too_large()
    return image


def _too_large() -> ImageError:
    return ImageError(f"more than {Image.MAX_IMAGE_PIXELS} pixels")


class _WithoutWarnings:
    """A context without warnings: Pillow's warnings about unusual metadata do not help the owner of 10,000 files.

    Python's warning filters belong to the whole process. Threads that decode at the same time therefore share one
    change of the filters, made by the first thread and undone by the last.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._kept = threading.Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._kept = warnings.catch_warnings()
                self._kept.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._kept.__exit__(None, None, None)


without_warnings = _WithoutWarnings()


def _scaled(image: Image.Image, data: bytes, bits: int | None) -> Image.Image:
    """Returns the image with 8 bits a channel if its file stores more and its values fill fewer than 16."""
    if bits == pixel_depth.FULL or (stored := pixel_depth.values(image, data)) is None:
        return image
    _require_16_bits(image.mode, stored)
    bits = bits or pixel_depth.bits_for(int(pixel_depth.colours(stored).max()))
    if bits == pixel_depth.FULL:
        return image
    scaled = pixel_depth.scaled(stored, bits)
    scaled.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, UPRIGHT)
    return scaled


def _require_16_bits(mode: str, values: npt.NDArray[Any]) -> None:
    if values.min() < 0 or values.max() > 65_535:
        raise ImageError(f"mode {mode} cannot be turned into RGB: values outside 0 to 65535")


def _rgb(image: Image.Image) -> Image.Image:
    """Returns the image with 8 bits per colour, whatever the file's depth."""
    if image.mode in pixel_depth.GREY:
        values = np.asarray(image)
        _require_16_bits(image.mode, values)
        eight_bits = (np.arange(65_536) / 257).round().astype(np.uint8)  # a table takes no copy in 64 bits
        return Image.fromarray(eight_bits[values]).convert("RGB")
    if image.mode == "F":
        raise ImageError("mode F cannot be turned into RGB: which value is white is not known")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def border_box(image: Pixels) -> tuple[slice, slice]:
    """Returns the rows and columns of the picture without its black frame or dark vignette: `image[border_box(image)]`.

    A field of view is convex and contains the lesion, so border is what lies outside the convex hull of all lit pixels.
    The box that leaves the least border is taken, unless it loses half of the picture, its middle, or part of a dark
    patch there (a lesion); then a looser box is tried, and finally the whole picture is kept.
    """
    height, width = image.shape[:2]
    small = reduced(image, max(height, width) / BORDER_SIDE)
    border = _border(small)
    if border.any():
        lesion = _dark_middle(small, ~border)
        for share in BORDER_LEFT:
            top, bottom, left, right = _peel(border, share)
            if _is_safe((top, bottom, left, right), border.shape, lesion):
                rows, columns = height / border.shape[0], width / border.shape[1]
                return (
                    slice(int(np.ceil(top * rows)), int(bottom * rows)),
                    slice(int(np.ceil(left * columns)), int(right * columns)),
                )
    return slice(0, height), slice(0, width)


def crop_border(image: Pixels) -> Pixels:
    """Returns the picture without its black frame or vignette; see `border_box`."""
    return image[border_box(image)]


def _border(image: Pixels) -> Mask:
    """What lies outside the convex hull of all that is lit; nothing if it is no frame but a lesion or a shadow."""
    red, green, blue = cv2.split(image)
    brightness = cv2.max(cv2.max(red, green), blue)
    if min(brightness.shape) > 5:
        brightness = cv2.medianBlur(brightness, 5)  # ruler marks and dust on the frame are no part of the picture
    lit = brightness >= BLACKNESS * _upper_quartile(brightness)
    if lit.all():
        return np.zeros(lit.shape, bool)
    _, pieces = cv2.connectedComponents(lit.view(np.uint8), connectivity=4, ltype=_label_type(lit))
    large = np.bincount(pieces.ravel()) >= 0.02 * lit.size
    large[0] = False  # what is not lit is a piece too
    if not large.any():
        return np.zeros(lit.shape, bool)
    picture = large.take(pieces).view(np.uint8)
    outlines, _ = cv2.findContours(picture, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    field_of_view = np.zeros(lit.shape, np.uint8)
    cv2.fillConvexPoly(field_of_view, cv2.convexHull(np.concatenate(outlines)), 1)
    border = np.asarray(field_of_view == 0)
    edge = _widened(border, 3) & ~border
    is_frame = edge.any() and _widened(lit, 5)[edge].mean() >= LIT_EDGE
    return border if is_frame else np.zeros(lit.shape, bool)


def _upper_quartile(values: npt.NDArray[np.uint8]) -> int:
    """The value that three quarters do not exceed; counting is ten times as fast as sorting."""
    counts = cv2.calcHist([values], [0], None, [256], [0, 256]).ravel()
    return int(np.searchsorted(counts.cumsum(), 0.75 * values.size))


def _dark_middle(image: Pixels, inside: Mask) -> Mask:
    """The darker of two kinds of pixel in the field of view, where it reaches into the middle: a lesion, if any."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    level, _ = cv2.threshold(grey[inside], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = (grey <= level) & inside
    count, pieces = cv2.connectedComponents(dark.view(np.uint8), connectivity=4, ltype=_label_type(dark))
    height, width = grey.shape
    reaches_middle = np.zeros(count, bool)
    reaches_middle[pieces[height // 4 : height - height // 4, width // 4 : width - width // 4]] = True
    reaches_middle[0] = False  # what is not dark is a piece too
    return np.asarray(reaches_middle.take(pieces))


def _peel(border: Mask, share: float) -> tuple[int, int, int, int]:
    """Takes away the edge row or column with most border until none has more than `share`: top, bottom, left, right."""
    top, left = 0, 0
    bottom, right = border.shape
    # Sums from the start of each row and column, so that the share of a part of it takes no counting.
    along_rows = np.pad(border.cumsum(axis=1, dtype=np.int32), ((0, 0), (1, 0)))
    along_columns = np.pad(border.cumsum(axis=0, dtype=np.int32), ((1, 0), (0, 0))).T

    def part(sums: npt.NDArray[np.int32], start: int, stop: int) -> float:
        return (sums.item(stop) - sums.item(start)) / (stop - start)

    while bottom - top > 1 and right - left > 1:
        edges = [
            part(along_rows[top], left, right),
            part(along_rows[bottom - 1], left, right),
            part(along_columns[left], top, bottom),
            part(along_columns[right - 1], top, bottom),
        ]
        worst = edges.index(max(edges))
        if edges[worst] <= share:
            break
        top, bottom, left, right = top + (worst == 0), bottom - (worst == 1), left + (worst == 2), right - (worst == 3)
    return top, bottom, left, right


def _is_safe(box: tuple[int, int, int, int], shape: tuple[int, ...], lesion: Mask) -> bool:
    """Whether a crop keeps half of the picture, its middle, and the lesion."""
    top, bottom, left, right = box
    height, width = shape
    if (bottom - top) * (right - left) < LEAST_AREA * height * width:
        return False
    if top > height / 3 or bottom < height * 2 / 3 or left > width / 3 or right < width * 2 / 3:
        return False  # a field of view lies about the middle: one that misses it is skin beside a black lesion
    return bool(lesion[top:bottom, left:right].sum() >= (1 - LESION_LOSS) * lesion.sum())


def hair_mask(image: Pixels) -> Mask:
    """Returns a mask of dark hair and ruler marks: thin, darker than both sides, and long.

    Light hair is not detected. Pigment network, dots and globules are as thin and as dark, but not as long: only long
    and slender pieces of the black-hat response are kept.

    Reference: Lee et al., "DullRazor", Computers in Biology and Medicine 27 (1997).
    """
    side = min(image.shape[:2])
    width = max(3, 2 * int(np.ceil((HAIR_WIDTH * side - 1) / 2)) + 1)  # the odd number that is not below
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE if width > 3 else cv2.MORPH_RECT, (width, width))
    thin = cv2.morphologyEx(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.MORPH_BLACKHAT, kernel) > HAIR_CONTRAST
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(
        thin.view(np.uint8), connectivity=8, ltype=_label_type(thin)
    )
    length = np.hypot(statistics[:, cv2.CC_STAT_WIDTH], statistics[:, cv2.CC_STAT_HEIGHT])
    is_hair = (length >= HAIR_LENGTH * side) & (statistics[:, cv2.CC_STAT_AREA] <= HAIR_SLENDERNESS * length**2)
    is_hair[0] = False  # what is not thin is a piece too
    return np.asarray(is_hair.take(pieces))


def remove_hair(image: Pixels, height: int | None = None, width: int | None = None) -> Pixels:
    """Returns the picture with hair replaced by the colours beside it, resized if a size is given; see `hair_mask`.

    A pixel of the smaller picture is the mean of the pixels in its place that are not hair. If most of them are hair, a
    Gaussian mean of the surroundings is used (normalised convolution).

    Args:
        image: (height, width, 3) uint8 RGB.
        height: of the result, in pixels; None: unchanged.
        width: of the result, in pixels; None: unchanged.
    """
    height, width = height or image.shape[0], width or image.shape[1]
    hair = _widened(hair_mask(image), 3)  # the edges of hair are half skin
    if not hair.any():
        return resized(image, height, width)
    smaller = min(height, image.shape[0]), min(width, image.shape[1])
    seen = hair.view(np.uint8) - np.uint8(1)  # 0 where hair is, else 255
    # Means over all pixels, hair counting as black; divided by the share that is seen, they are means of what is seen.
    colours = resized(cv2.bitwise_and(image, image, mask=seen), *smaller).astype(np.float32)
    share = resized(seen, *smaller).astype(np.float32) / 255
    sigma = max(1.0, HAIR_SPREAD * min(smaller))
    hidden = share < 0.5
    colours[hidden] = cv2.GaussianBlur(colours, (0, 0), sigma)[hidden]
    share[hidden] = cv2.GaussianBlur(share, (0, 0), sigma)[hidden]
    tuft = share < 1e-6  # too wide to see over: it stays
    share[tuft] = 1
    painted = np.minimum(colours / share[..., None], 255).round().astype(np.uint8)
    if tuft.any():
        painted[tuft] = resized(image, *smaller)[tuft]
    return resized(painted, height, width)


def shades_of_gray(image: Pixels, p: float = 6) -> Pixels:
    """Corrects the tint of the light: its colour is estimated by the Minkowski `p`-mean of each channel.

    p = 1 is the gray world, p = infinity the brightest pixel; 6 was best in the reference.

    Reference: Finlayson & Trezzi, "Shades of Gray and Colour Constancy", Color Imaging Conference (2004).
    """
    levels = np.arange(256)
    counts = np.stack([np.bincount(image[..., channel].ravel(), minlength=256) for channel in range(3)])
    light = ((counts @ (levels / 255) ** p) / (image.shape[0] * image.shape[1])) ** (1 / p)
    if not light.all():
        return image  # a channel without any light leaves the tint unknown
    gain = np.sqrt(np.mean(light**2)) / light
    table = np.clip(levels[:, None] * gain, 0, 255).round().astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)


def apply(image: Pixels, options: schema.Preprocess) -> Pixels:
    """Prepares a picture: the square that a model sees.

    The picture is stretched to the square, neither padded nor cut: no border is added and no lesion is lost.

    Args:
        image: (height, width, 3) uint8 RGB, of any size.
        options: of the preprocessing.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    return stages(image, options)["prepared"]


def stages(image: Pixels, options: schema.Preprocess) -> dict[str, Pixels]:
    """Returns the picture after each step that is on, in order; the first is `original`, the last `prepared`."""
    steps = {"original": image}
    if options.crop_border:
        image = steps["border cropped"] = crop_border(image)
    if options.remove_hair:
        image = steps["hair removed"] = remove_hair(hair_copy(image, options.size), options.size, options.size)
    else:
        image = resized(image, options.size, options.size)
    if options.colour_constancy:
        image = steps["colour constancy"] = shades_of_gray(image)
    steps["prepared"] = image
    return steps


def hair_copy(image: Pixels, size: int) -> Pixels:
    """Resizes the picture to the resolution in which hair is detected, on the way to a square of `size` pixels."""
    return reduced(image, min(image.shape[:2]) / max(HAIR_RESOLUTION * size, HAIR_SIDE))


def draft_side(size: int) -> int:
    """Returns the pixels that the shorter side of a decoded file must have, so that no step lacks detail."""
    return max(DRAFT_SIDE * size, 2 * HAIR_SIDE)


def reduced(image: Pixels, factor: float) -> Pixels:
    """Shrinks the picture by the power of two that is nearest to `factor`.

    OpenCV halves a picture many times as fast as it averages parts of pixels. JPEG decodes at the same fractions, so a
    picture decoded at a fraction of its size is reduced to nearly the same pixels. The remainder at the edges is less
    than a pixel of the result.
    """
    height, width = image.shape[:2]
    halvings = min(max(0, round(math.log2(factor))), min(height, width).bit_length() - 1)
    left_over = height % 2**halvings, width % 2**halvings
    top, left = left_over[0] // 2, left_over[1] // 2
    image = image[top : top + height - left_over[0], left : left + width - left_over[1]]
    for _ in range(halvings):
        image = resized(image, image.shape[0] // 2, image.shape[1] // 2)
    return image


def resized(image: Pixels, height: int, width: int) -> Pixels:
    """Shrinks by averaging, so that fine structure does not alias; enlarges by interpolation; each axis on its own."""
    smaller = min(width, image.shape[1]), min(height, image.shape[0])
    if smaller != image.shape[1::-1]:
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (width, height):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image


def _label_type(mask: Mask) -> int:
    """Returns the type of labels of connected pieces: OpenCV is three times as fast with 16 bits, if they suffice."""
    return int(cv2.CV_16U if np.count_nonzero(mask) < 65_535 else cv2.CV_32S)


def _widened(mask: Mask, width: int) -> Mask:
    """Returns the mask with all pixels in a square of `width` pixels around its pixels."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((width, width), np.uint8)) > 0)
