"""From the bytes of a photograph to the square of pixels that a model sees; the same for training and for serving.

The border goes first (a black frame would pass for pigment), then hair, then the light's tint, then size. Lengths are
fractions of the picture's shorter side, so that a photograph is treated alike in any resolution.
"""

import io
import warnings

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from skinexp import config

Pixels = npt.NDArray[np.uint8]  # (height, width, 3) RGB
Mask = npt.NDArray[np.bool_]  # (height, width)

# Of those that Pillow reads: pictures, and nothing that starts another program (as EPS does).
FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "JPEG2000", "PPM")
SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")

BORDER_SIDE = 192  # the border is looked for in a copy whose longer side has this many pixels
BLACKNESS = 0.36  # frame or vignette: darker than this fraction of the bright quarter of the picture
LIT_EDGE = 0.7  # of the inner edge of a frame is lit: a frame fits its field of view, a lesion at the side does not
BORDER_LEFT = (0.1, 0.3, 0.9)  # how much of an edge of the crop may still be border: tried from the tightest crop on
LEAST_AREA = 0.5  # of the picture that any crop keeps
LESION_LOSS = 0.02  # of the dark patch in the middle that a crop may cut off

HAIR_WIDTH = 0.03  # side of the black-hat kernel: wider than any hair
HAIR_LENGTH = 0.08  # a shorter piece is a dot, a globule or a stretch of pigment network
HAIR_SLENDERNESS = 0.12  # a strand's area over its squared length; a mesh of pigment network has more
HAIR_CONTRAST = 22  # grey levels by which hair is darker than what surrounds it


class ImageError(ValueError):
    """A file that is no usable image; the message is the reason, in a clause."""


def decode(data: bytes) -> Pixels:
    """The picture in a file's bytes.

    Turned as its EXIF orientation says. Transparency is laid on white, as paper and browsers show it (on black it would
    look like a frame). Sixteen bits are scaled to eight. Of an animation, the first frame counts.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        ImageError: where the bytes are no image, a damaged one, or one with more pixels than Pillow's limit allows.
    """
    if not data:
        raise ImageError("the file is empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of odd metadata is of no use to somebody with 10,000 files
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                image.load()
                return np.array(_rgb(ImageOps.exif_transpose(image)))
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError("not an image of a known format") from error
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise ImageError(f"more than {Image.MAX_IMAGE_PIXELS} pixels") from error
        except Exception as error:  # each format's decoder fails in its own way on damaged bytes
            reason = "truncated" if "truncated" in str(error).lower() else "damaged"
            raise ImageError(f"{reason} ({error})") from error


def _rgb(image: Image.Image) -> Image.Image:
    """In eight bits a colour, whatever the file counts in."""
    if image.mode in SIXTEEN_BIT:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65_535:
            raise ImageError(f"mode {image.mode} cannot be turned into RGB: values outside 0 to 65535")
        return Image.fromarray((values / 257).round().astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ImageError("mode F cannot be turned into RGB: which value is white is not known")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def border_box(image: Pixels) -> tuple[slice, slice]:
    """Rows and columns of the picture without its black frame or dark vignette: `image[border_box(image)]`.

    A field of view is convex and a lesion lies within: border is what lies outside the convex hull of all that is lit.
    The box that leaves least border is taken, unless it loses half of the picture, its middle, or part of a dark patch
    there (a lesion); then a looser one, and at last the whole picture.
    """
    height, width = image.shape[:2]
    scale = min(1.0, BORDER_SIDE / max(height, width))
    small = _resized(image, max(1, round(height * scale)), max(1, round(width * scale)))
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
    """The picture within its black frame or vignette; see `border_box`."""
    return image[border_box(image)]


def _border(image: Pixels) -> Mask:
    """What lies outside the convex hull of all that is lit; nothing if it is no frame but a lesion or a shadow."""
    brightness = image.max(axis=2)
    if min(brightness.shape) > 5:
        brightness = cv2.medianBlur(brightness, 5)  # ruler marks and dust on the frame are no part of the picture
    lit = brightness >= BLACKNESS * np.percentile(brightness, 75)
    count, pieces, statistics, _ = cv2.connectedComponentsWithStats(lit.astype(np.uint8), connectivity=4)
    large = [piece for piece in range(1, count) if statistics[piece, cv2.CC_STAT_AREA] >= 0.02 * lit.size]
    if not large:
        return np.zeros(lit.shape, bool)
    picture = np.isin(pieces, large).astype(np.uint8)
    outlines, _ = cv2.findContours(picture, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    field_of_view = np.zeros(lit.shape, np.uint8)
    cv2.fillConvexPoly(field_of_view, cv2.convexHull(np.concatenate(outlines)), 1)
    border = np.asarray(field_of_view == 0)
    edge = _widened(border, 3) & ~border
    is_frame = _widened(lit, 5)[edge].mean() >= LIT_EDGE if edge.any() else False
    return border if is_frame else np.zeros(lit.shape, bool)


def _dark_middle(image: Pixels, inside: Mask) -> Mask:
    """The darker of two kinds of pixel in the field of view, where it reaches into the middle: a lesion, if any."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    level, _ = cv2.threshold(grey[inside], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    _, pieces = cv2.connectedComponents(((grey <= level) & inside).astype(np.uint8), connectivity=4)
    height, width = grey.shape
    middle = np.unique(pieces[height // 4 : height - height // 4, width // 4 : width - width // 4])
    return np.isin(pieces, middle[middle > 0])


def _peel(border: Mask, share: float) -> tuple[int, int, int, int]:
    """Takes away the edge row or column with most border until none has more than `share`: top, bottom, left, right."""
    top, left = 0, 0
    bottom, right = border.shape
    while bottom - top > 1 and right - left > 1:
        edges = [
            border[top, left:right].mean(),
            border[bottom - 1, left:right].mean(),
            border[top:bottom, left].mean(),
            border[top:bottom, right - 1].mean(),
        ]
        worst = int(np.argmax(edges))
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
    """Where dark hair and ruler marks are: thin, darker than both sides, and long.

    Light hair is not found. Pigment network, dots and globules are as thin and as dark, but not as long: what the
    black-hat finds is kept in long and slender pieces only.

    Reference: Lee et al., "DullRazor", Computers in Biology and Medicine 27 (1997).
    """
    side = min(image.shape[:2])
    width = max(3, 2 * int(HAIR_WIDTH * side / 2) + 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE if width > 3 else cv2.MORPH_RECT, (width, width))
    thin = cv2.morphologyEx(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.MORPH_BLACKHAT, kernel) > HAIR_CONTRAST
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(thin.astype(np.uint8), connectivity=8)
    length = np.hypot(statistics[:, cv2.CC_STAT_WIDTH], statistics[:, cv2.CC_STAT_HEIGHT])
    is_hair = (length >= HAIR_LENGTH * side) & (statistics[:, cv2.CC_STAT_AREA] <= HAIR_SLENDERNESS * length**2)
    is_hair[0] = False  # the background is a component too
    return np.asarray(is_hair[pieces])


def remove_hair(image: Pixels) -> Pixels:
    """The picture with hair painted over by the colours beside it; see `hair_mask`."""
    mask = _widened(hair_mask(image), 3)  # the edges of hair are half skin
    if not mask.any():
        return image
    # A Gaussian mean of the pixels that are kept (normalised convolution): on phantoms of 224 px as near to the same
    # phantom without hair as cv2.inpaint (TELEA, radius 1) is, mean error under the mask 8.8 grey levels either way
    # (41 where nothing is done), in 0.8 ms instead of 2.7.
    keep = (~mask).astype(np.float32)
    sigma = max(1.0, 0.0075 * min(mask.shape))
    weight = cv2.GaussianBlur(keep, (0, 0), sigma)
    colours = cv2.GaussianBlur(image * keep[..., None], (0, 0), sigma)
    fillable = mask & (weight > 1e-6)  # a tuft too wide to see over stays
    filled = image.copy()
    filled[fillable] = (colours[fillable] / weight[fillable][:, None]).round().astype(np.uint8)
    return filled


def shades_of_gray(image: Pixels, p: float = 6) -> Pixels:
    """The picture as if lit by white light: the Minkowski `p`-mean of each channel is taken for the light's colour.

    p = 1 is the gray world, p = infinity the brightest pixel; 6 did best in the reference.

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


def apply(image: Pixels, options: config.Preprocess) -> Pixels:
    """The square that a model sees.

    The picture is stretched to the square, neither padded nor cut: no border comes back and no lesion is lost.

    Args:
        image: (height, width, 3) uint8 RGB, of any size.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    return stages(image, options)["prepared"]


def stages(image: Pixels, options: config.Preprocess) -> dict[str, Pixels]:
    """The picture after each step that is on, in order: from `original` to `prepared`, which `apply` returns."""
    steps = {"original": image}
    if options.crop_border:
        image = steps["border cropped"] = crop_border(image)
    image = _shrunk(image, 2 * options.size)
    if options.remove_hair:
        image = steps["hair removed"] = remove_hair(image)
    if options.colour_constancy:
        image = steps["colour constancy"] = shades_of_gray(image)
    steps["prepared"] = _resized(image, options.size, options.size)
    return steps


def _shrunk(image: Pixels, side: int) -> Pixels:
    """With a shorter side of at most `side`: twice the final size is fine enough to find hair, and quick."""
    height, width = image.shape[:2]
    scale = side / min(height, width)
    return image if scale >= 1 else _resized(image, round(height * scale), round(width * scale))


def _resized(image: Pixels, height: int, width: int) -> Pixels:
    """Shrinks by averaging, so that fine structure does not alias; enlarges by interpolation; each axis on its own."""
    smaller = min(width, image.shape[1]), min(height, image.shape[0])
    shrunk = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _widened(mask: Mask, width: int) -> Mask:
    """With all that lies within a square of `width` pixels about its pixels."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((width, width), np.uint8)) > 0)
