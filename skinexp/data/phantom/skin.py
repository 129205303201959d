"""The skin around a lesion: its tone, drawn in L*a*b*, and its texture."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from skinexp.data.phantom.planes import Grid, Picture, bump, rgb

DARKEST, LIGHTEST = 24.0, 82.0  # L* of skin
# Yellowness b* by typology angle: pale skin has least of it, tanned skin most, and dark skin little again.
ANGLES, YELLOWNESS = (-55.0, -30.0, 10.0, 28.0, 41.0, 55.0, 75.0), (8.0, 13.0, 18.5, 18.0, 15.0, 12.0, 8.5)


def tone(ita: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draws the colour of skin with a given individual typology angle, arctan((L* - 50) / b*).

    Many colours have the same angle: b* is drawn around its usual value for the angle, a* independently.

    Args:
        ita: the angle in degrees.
        rng: random stream of the skin.

    Returns:
        (3,) RGB in 0..1.
    """
    slope = math.tan(math.radians(ita))
    yellowness = float(np.interp(ita, ANGLES, YELLOWNESS)) * rng.uniform(0.85, 1.15)
    lightness = np.clip(50 + yellowness * slope, DARKEST, LIGHTEST)
    if abs(slope) > 1e-6:
        yellowness = (lightness - 50) / slope
    redness = rng.uniform(9, 17) * (0.6 + 0.4 * lightness / 70)
    lab = np.array([[[lightness, redness, yellowness]]], np.float32)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)[0, 0])


def skin(grid: Grid, ita: float, rng: np.random.Generator) -> Picture:
    """Draws skin: tone, pink blotches, mottling, furrows, and on some pictures fine vessels or freckles.

    Args:
        grid: the pixels of the picture.
        ita: individual typology angle in degrees.
        rng: random stream of the skin.

    Returns:
        (3, size, size) RGB.
    """
    colour = tone(ita, rng)
    blotches = grid.fractal(rng, (4, 9, 20))
    mottling = grid.fractal(rng, (16, 32, 64, 128), fall=0.85)
    furrows = bump(grid.fractal(rng, (40, 80), fall=0.7), 0.35)
    flush, relief, depth = rng.uniform(0.02, 0.09), rng.uniform(0.012, 0.045), rng.uniform(0.0, 0.05)
    strength = max(rng.normal(0, 0.22), 0)
    vessels = bump(grid.fractal(rng, (10, 20, 40)), 0.1) * np.clip(blotches, 0, 1)
    freckled = max(rng.normal(-0.05, 0.16), 0)
    shade = np.float32(relief) * mottling - np.float32(depth) * (furrows - np.float32(0.5))
    pink = np.float32(flush) * blotches + np.float32(strength) * vessels
    absorbed = pink * rgb((0.22, 1.0, 0.78)) + shade * rgb((0.8, 1.1, 1.0))
    if freckled > 0:
        freckles = np.clip(grid.fractal(rng, (14, 30, 60)) - np.float32(1.3), 0, 1)
        absorbed += freckles * rgb((0.5 * freckled, freckled, 1.2 * freckled))
    return np.asarray(rgb(colour) * cv2.exp(-absorbed))
