"""Skin tone around a lesion: the individual typology angle, estimated from the rim of a photograph.

It is an estimate. Cameras, lamps and colour constancy change it, so that neighbouring bands are mixed. It serves to
examine whether a model performs worse on darker skin.
"""

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skinexp.data.pipeline import Images

SKIN_TONE = "skin_tone"  # the column
AT_ONCE = 256  # images that are read at a time
RIM = 0.1  # of the side, on each edge: where skin is and lesions rarely are
DARKEST = 20.0  # L* below which a pixel is no skin: the black surround of a dermatoscope, hair, ink
LEAST_SKIN = 0.05  # share of the rim that must be skin
BANDS = {"dark": -np.inf, "brown": -30.0, "tan": 10.0, "intermediate": 28.0, "light": 41.0, "very light": 55.0}


def individual_typology_angle(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Returns the angle arctan((L* - 50) / b*) of the skin at the rim of each image.

    The median of L* and of b* over the rim's pixels is taken, so that a hair or a corner of the lesion does not count.

    Args:
        images: (n, height, width, 3) RGB, 0 to 255.

    Returns:
        (n,) degrees, from -90 (dark) to 90 (light); NaN if hardly any pixel of the rim can be skin.

    Raises:
        ValueError: if the images are not uint8 or not of this shape.

    Reference: Chardon et al., International Journal of Cosmetic Science 13 (1991).
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            "images: must be RGB of shape (n, height, width, 3) and type uint8. "
            f"Received: shape {images.shape}, type {images.dtype}"
        )
    _, height, width, _ = images.shape
    inside = np.zeros((height, width), dtype=bool)
    rim = max(1, round(RIM * min(height, width)))
    inside[rim : height - rim, rim : width - rim] = True
    return np.array([_angle(image[~inside]) for image in images], dtype=np.float64)


def skin_tone(angles: NDArray[np.float64]) -> pd.Series:
    """Returns the band of each angle, as an ordered category from dark to very light; missing if the angle is NaN.

    Args:
        angles: (n,) degrees. An angle on an edge belongs to the darker band: very light is above 55, light above 41.

    Reference: Chardon et al., as above; Del Bino & Bernerd, British Journal of Dermatology 169 (2013).
    """
    edges = [*BANDS.values(), np.inf]
    return pd.Series(pd.cut(np.asarray(angles, dtype=np.float64), edges, labels=list(BANDS), right=True))


def skin_tones(images: Images) -> pd.Series:
    """Returns the band of each of these images; see `skin_tone`.

    It is missing if pixels are not uint8: a fault that the doctor reports.
    """
    if images.pixels.dtype != np.uint8:
        return skin_tone(np.full(len(images), np.nan))
    members = np.arange(len(images))
    parts = [members[start : start + AT_ONCE] for start in range(0, len(members), AT_ONCE)]
    angles = [individual_typology_angle(images.read(part)) for part in parts]
    return skin_tone(np.concatenate([np.empty(0), *angles]))


def _angle(pixels: NDArray[np.uint8]) -> float:
    # As float32 in 0..1 OpenCV gives L* in 0..100 and b* unscaled; as uint8 it would round both.
    lab = cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    skin = lab[lab[:, 0] > DARKEST]
    if len(skin) < LEAST_SKIN * len(lab):
        return float("nan")
    lightness, _, yellowness = np.median(skin, axis=0)
    # A grey or bluish rim (colour constancy, a blue lamp) counts as b* = 0: below, the quotient changes its sign, and
    # light skin would be called dark.
    return float(np.degrees(np.arctan2(lightness - 50, max(yellowness, 0.0))))
