"""The photograph of a phantom: illumination, field of view, lens, sensor and JPEG compression."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from skinexp.data.phantom.planes import Grid, Mask, Picture, rgb, smooth_step

# Dermatoscopes light skin differently: neutral, pink, violet, orange, bluish.
LIGHTS = np.array([(1.0, 1.0, 1.07), (1.03, 0.94, 1.09), (0.96, 0.9, 1.15), (1.06, 0.97, 0.84), (0.9, 0.98, 1.17)])
LIGHT_SHARES = (0.36, 0.24, 0.24, 0.09, 0.07)
EXPOSED = 1.05  # the level to which a camera brings the brightest channel of skin, part of the way
UNLIT = 1 / 3  # a pixel that gets less of the light belongs to the frame
JPEG_QUALITIES = (60, 96)


def light(skin: npt.NDArray[np.float32], grid: Grid, rng: np.random.Generator) -> Picture:
    """Draws the illumination and exposure: a tint, a gradient across the field, darker corners.

    Args:
        skin: (3,) colour of the skin. The camera brightens dark skin and darkens pale skin, by half of the difference.
        grid: the pixels of the picture.
        rng: random stream of the light.

    Returns:
        (3, size, size) factors of the picture.
    """
    x, y = grid.coordinates
    turn, slope, corners = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.1), rng.uniform(0, 0.2)
    field = cv2.addWeighted(x, slope * math.cos(turn), y, slope * math.sin(turn), 1)
    field -= np.float32(corners) * (x * x + y * y)
    exposure = math.sqrt(EXPOSED / max(float(skin.max()), 0.05)) * rng.uniform(0.94, 1.14)
    tint = LIGHTS[rng.choice(len(LIGHTS), p=LIGHT_SHARES)] * rng.uniform(0.96, 1.04, 3) * exposure
    return np.asarray(field * rgb(tint))


def framed(picture: Picture, grid: Grid, rng: np.random.Generator, kind: str) -> tuple[Picture, Mask]:
    """Draws a black frame or a vignette around a picture.

    Args:
        picture: (3, size, size) RGB in 0..1.
        grid: the pixels of the picture.
        rng: random stream of the frame.
        kind: one of `FRAMES`.

    Returns:
        The picture with its frame, and the mask of pixels that get less than a third of the light.
    """
    x, y = grid.coordinates
    centre, reach = rng.uniform(-0.06, 0.06, 2), rng.uniform(0.92, 1.2)
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    widths, is_upright, squeeze, blur = (
        rng.uniform(0.1, 0.24, 4), rng.random() < 0.5, rng.uniform(0.72, 0.9), rng.uniform(0.02, 0.05),
    )  # fmt: skip
    if kind in ("box", "bars"):
        if kind == "bars":
            widths[2 * is_upright : 2 * is_upright + 2] = -1  # left and right, or top and bottom, reach the edge
        left, right, top, bottom = (1 - widths).tolist()
        edge = np.minimum(np.minimum(x + left, right - x), np.minimum(y + top, bottom - y))
        blur = 1e-3  # cut with scissors
    elif kind == "rounded":
        corner = 0.35 * reach
        beyond = cv2.magnitude(*(np.maximum(np.abs(axis) - np.float32(0.9 - corner), 0) for axis in (x, y)))
        edge = np.float32(corner) - beyond
    else:
        if kind == "oval":
            x, y = (x / np.float32(squeeze), y) if is_upright else (x, y / np.float32(squeeze))
        if kind == "vignette":
            reach, blur = reach + 0.14, 0.14
        edge = np.float32(reach) - cv2.magnitude(x, y)
    lit = smooth_step(edge / np.float32(blur))
    black = rgb((0.05, 0.04, 0.045)) * np.float32(rng.uniform(0.3, 1.5))
    return black + lit * (picture - black), lit < UNLIT


def photographed(picture: Picture, grid: Grid, jpeg: bool, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Adds the blur of the lens, the noise of the sensor and, optionally, JPEG compression.

    Args:
        picture: (3, size, size) RGB in 0..1.
        grid: the pixels of the picture.
        jpeg: whether to compress the image.
        rng: random stream of the camera.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    focus, grain = rng.uniform(0.0, 0.0035), rng.uniform(0.8, 2.8)
    quality = int(rng.integers(*JPEG_QUALITIES))
    blue_green_red = cv2.merge(list(picture[::-1]))
    if (sigma := grid.pixels(focus)) > 0.2:
        blue_green_red = cv2.GaussianBlur(blue_green_red, (0, 0), sigma)
    noise = rng.standard_normal(blue_green_red.shape, np.float32)
    levels = cv2.addWeighted(blue_green_red, 255, noise, grain, 0)
    image = np.clip(np.rint(levels, out=levels), 0, 255, out=levels).astype(np.uint8)
    if jpeg:
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
