"""The figures of one run, by file name: only drawn here, from its evaluation."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from skinexp.evaluation import TestEvaluation
from skinexp.report.figures.classification import confusion_matrices, precision_recall_curves, roc_curves
from skinexp.report.figures.image_grids import gradcam_sheet

NAMES = ("benign", "malignant")


def test_figures(name: str, evaluation: TestEvaluation) -> dict[str, Figure]:
    """Draws the ROC and precision-recall curve, and the confusion matrices at the operating threshold and at 0.5.

    Args:
        name: of the run, in legends.
        evaluation: of the test images, whose decisions have the column `split`.

    Returns:
        Figures by file name.
    """
    curves = {name: evaluation.curves}
    return {
        "roc": roc_curves(curves),
        "precision_recall": precision_recall_curves(curves),
        "confusion": confusion_matrices(
            {
                "Operating threshold, calibrated": evaluation.confusion_at_threshold,
                "Uncalibrated": evaluation.confusion_at_half,
            }
        ),
    }


def outcome_sheet(
    name: str, rows: pd.DataFrame, images: np.ndarray, heats: np.ndarray, meaningless: str | None = None
) -> Figure:
    """Draws the Grad-CAM maps of a run's clearest correct and wrong predictions.

    Args:
        rows: one row per image, with outcome, image_id, calibrated (probability) and explained (0/1).
        images: (n, size, size, 3) uint8.
        heats: (n, size, size), at least 0, in units of the logit.
        meaningless: why the maps have no meaning, as those of a collapsed run; None if they have one.
    """
    captions = [
        f"{outcome}\n{image_id}, p = {probability:.2f}\nevidence for {NAMES[explained]}"
        for outcome, image_id, probability, explained in zip(
            rows["outcome"], rows["image_id"], rows["calibrated"], rows["explained"], strict=True
        )
    ]
    return gradcam_sheet(images, heats, captions, f"{name}: evidence for the predicted class (Grad-CAM)", meaningless)
