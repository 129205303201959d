"""Differences between the parts of a split: images of one part that are brighter or darker than those of training."""

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from skinexp.data.audit.finding import WARNING, Finding, Findings

LEAST_AUC = 0.65  # with which brightness alone tells two parts apart, from which they differ
LEAST_ERRORS = 4.0  # standard errors that this area must be from .5
NAMES = {"val": "validation", "test": "test"}


def brightness_differences(findings: Findings, frame: pd.DataFrame) -> Finding | None:
    """Returns a finding if validation or test images are brighter or darker than training images.

    In a random split they are alike; they are not if one part was stored, scaled or photographed in another way.

    Args:
        findings: with the brightness of each image, in the order of `frame`.
        frame: one row per image, with column `split`.
    """
    if len(findings.brightness) != len(frame):  # no audit was made
        return None
    known = np.isfinite(findings.brightness)
    brightness, parts = findings.brightness[known], frame["split"].to_numpy()[known]
    training = brightness[parts == "train"]
    differing = {}
    for part, name in NAMES.items():
        others = brightness[parts == part]
        if len(training) and len(others) and _differ(training, others):
            differing[part] = f"{name} images ({np.median(others):.0f})"
    if not differing:
        return None
    rows = frame.loc[frame["split"].isin(differing), ["image_id", "path"]]
    sentence = (
        f"Parts of the split differ in brightness: training images (median grey value {np.median(training):.0f} of "
        f"255) and {' and '.join(differing.values())}. Check that the files of all parts are stored and scaled alike; "
        f"if they are, scores say less about images like those of training"
    )
    return Finding("brightness_differs", WARNING, len(rows), sentence, rows)


def _differ(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> bool:
    """Returns whether the area under the ROC curve between two samples is far from .5 and surely so (Mann-Whitney)."""
    ranks = rankdata(np.concatenate([first, second]))
    area = (ranks[len(first) :].mean() - (len(second) + 1) / 2) / len(first)
    error = math.sqrt((len(first) + len(second) + 1) / (12 * len(first) * len(second)))
    return abs(area - 0.5) > max(LEAST_AUC - 0.5, LEAST_ERRORS * error)
