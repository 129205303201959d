"""Artefacts on the skin or on the glass: hair, ink, bubbles in the gel, ruler marks."""

import math

import cv2
import numpy as np

from skinexp.data.phantom.planes import Canvas, Grid, Mask, Picture, Plane, bump, rgb

SEEN = 0.2  # of a pixel that something must cover to be in its mask
HAIR = ((0.16, 0.11, 0.10), (0.86, 0.74, 0.56))  # dark and light
INKS = ((0.24, 0.14, 0.50), (0.12, 0.20, 0.58), (0.10, 0.34, 0.38))  # violet, blue, green-blue


def with_hair(picture: Picture, grid: Grid, rng: np.random.Generator, is_light: bool) -> tuple[Picture, Mask]:
    """Draws hair on a picture: curved strands that taper, most of them in one direction.

    Args:
        picture: (3, size, size) RGB in 0..1.
        grid: the pixels of the picture.
        rng: random stream of the hair.
        is_light: whether the hair is light.

    Returns:
        The picture with hair, and the mask of the hair.
    """
    canvas, count = Canvas(grid), round(np.clip(rng.lognormal(2.4, 0.5), 4, 40))
    comb, fan, stubble = rng.uniform(0, math.pi), rng.uniform(0.15, 0.8), rng.random() < 0.3
    directions = comb + rng.normal(0, fan, count) + math.pi * rng.integers(2, size=count)
    forward = np.stack([np.cos(directions), np.sin(directions)], axis=1)[:, None]
    half_lengths = rng.uniform(0.06, 0.15, count) if stubble else rng.uniform(0.25, 1.0, count)
    step = np.linspace(-1, 1, 13)[:, None]
    bow = rng.normal(0, 0.18, (count, 1, 1)) * step**2 + rng.normal(0, 0.06, (count, 1, 1)) * step**3
    curves = half_lengths[:, None, None] * (step * forward + bow * forward[..., ::-1] * (1, -1))
    curves += rng.uniform(-0.95, 0.95, (count, 1, 2))
    taper = np.interp(step[:, 0], (-1, 0, 1), (1.0, 0.85, 0.3))
    canvas.ribbons(curves, rng.uniform(0.005, 0.0095, (count, 1)) * taper, rng.uniform(0.65, 0.95, count))
    cover = canvas.averaged()
    tint = rng.uniform(0.85, 1.1) if is_light else rng.uniform(0.5, 1.9)
    return _over(picture, cover, tint * rgb(HAIR[is_light])), cover > SEEN


def with_ink(picture: Picture, grid: Grid, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Draws strokes or spots of a skin marker around the lesion; skin shows through where the ink is thin.

    Args:
        picture: (3, size, size) RGB in 0..1.
        grid: the pixels of the picture.
        rng: random stream of the ink.

    Returns:
        The picture with ink, and the mask of the ink.
    """
    canvas = Canvas(grid)
    for _ in range(rng.integers(1, 4)):
        angle, reach = rng.uniform(-math.pi, math.pi), rng.uniform(0.72, 1.0)
        if rng.random() < 0.3:
            places = reach * np.array([[math.cos(angle), math.sin(angle)]])
            canvas.dots(places + rng.normal(0, 0.05, (1, 2)), rng.uniform(0.02, 0.05, 1), np.array([1.0]))
        else:
            arc = angle + rng.uniform(0.2, 0.6) * np.linspace(-1, 1, 9)
            curve = (reach + rng.normal(0, 0.05) * np.linspace(-1, 1, 9) ** 2)[:, None]
            curve = curve * np.stack([np.cos(arc), np.sin(arc)], axis=1)
            canvas.ribbons(curve[None], np.full((1, 9), rng.uniform(0.025, 0.055)), np.ones(1))
    patchy = np.clip(np.float32(0.7) + np.float32(0.3) * grid.fractal(rng, (12, 30, 60), fall=0.8), 0.15, 1)
    cover = cv2.GaussianBlur(canvas.averaged(), (0, 0), max(grid.pixels(0.006), 0.3))
    mask = cover > SEEN
    cover *= patchy
    absorbed = -np.log(rgb(INKS[rng.integers(len(INKS))]) * np.float32(rng.uniform(0.9, 1.4)))
    return picture * cv2.exp(-cover * absorbed * np.float32(rng.uniform(0.6, 1.0))), mask


def with_gel(picture: Picture, grid: Grid, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Draws bubbles in the gel, with a bright rim towards the lamp, a dark rim opposite, and a glint.

    Args:
        picture: (3, size, size) RGB in 0..1.
        grid: the pixels of the picture.
        rng: random stream of the gel.

    Returns:
        The picture with bubbles, and the mask of the bubbles.
    """
    x, y = grid.coordinates
    shine = np.zeros((grid.size, grid.size), np.float32)
    mask = np.zeros((grid.size, grid.size), bool)
    lamp = rng.uniform(-math.pi, math.pi)
    for _ in range(rng.integers(1, 7)):
        (centre_x, centre_y), radius = rng.uniform(-0.95, 0.95, 2), min(rng.lognormal(-2.5, 0.5), 0.3)
        columns, rows = (_window(grid, centre, 1.4 * radius) for centre in (centre_x, centre_y))
        here = rows, columns
        across, down = x[here] - np.float32(centre_x), y[here] - np.float32(centre_y)
        if not across.size:
            continue
        distance = cv2.magnitude(across, down) / np.float32(radius)
        facing = (across * math.cos(lamp) + down * math.sin(lamp)).astype(np.float32) / np.float32(radius)
        rim = bump(distance - 1, 0.13)
        from_glint = cv2.magnitude(
            across - np.float32(0.6 * radius * math.cos(lamp)), down - np.float32(0.6 * radius * math.sin(lamp))
        )
        glint = bump(from_glint, 0.16 * radius)
        shine[here] += rim * (np.float32(0.16) + np.float32(0.3) * facing) + np.float32(rng.uniform(0.2, 0.6)) * glint
        mask[here] |= distance < 1.1
    return picture + shine * (np.float32(1.05) - np.float32(0.5) * picture), mask


def with_ruler(picture: Picture, grid: Grid, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Draws the ticks of a ruler along one side, straight or on an arc; every fifth tick is longer.

    Args:
        picture: (3, size, size) RGB in 0..1.
        grid: the pixels of the picture.
        rng: random stream of the ruler.

    Returns:
        The picture with ticks, and the mask of the ticks.
    """
    canvas, pitch = Canvas(grid), rng.uniform(0.07, 0.14)
    side, foot, is_arc = math.pi / 2 * rng.integers(4) + rng.normal(0, 0.06), rng.uniform(0.8, 0.97), rng.random() < 0.4
    length, width = rng.uniform(0.04, 0.08), rng.uniform(0.005, 0.009)
    first = rng.uniform(-1.4, 0.2)
    steps = np.arange(first, first + rng.uniform(0.6, 2.8), pitch)
    angles = side + steps * is_arc
    out = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    feet = foot * out + (0 if is_arc else steps[:, None] * out[:, ::-1] * (-1, 1))
    lengths = np.where(np.arange(len(steps)) % 5 == 0, 1.7, 1.0) * length
    ticks = np.stack([feet - lengths[:, None] * out, feet], axis=1)
    canvas.ribbons(ticks, np.full(ticks.shape[:2], width), np.ones(len(ticks)))
    cover = canvas.averaged() * np.float32(rng.uniform(0.75, 0.95))
    return _over(picture, cover, rgb((0.08, 0.08, 0.09))), cover > SEEN


def _over(picture: Picture, cover: Plane, colour: Plane) -> Picture:
    return picture + cover * (colour - picture)


def _window(grid: Grid, centre: float, reach: float) -> slice:
    """Returns the pixels of an axis within `reach` of a coordinate."""
    start, stop = ((place / grid.extent + 1) / 2 * grid.size for place in (centre - reach, centre + reach))
    return slice(max(0, math.floor(start)), max(0, math.ceil(stop)))
