"""The figures of one run, by file name."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from skinexp.evaluation.decision.calibration import Calibrator
from skinexp.evaluation.split_curves import confusion_matrix, split_curves
from skinexp.report.figures.classification import confusion_matrices, precision_recall_curves, roc_curves
from skinexp.report.figures.image_grids import gradcam_sheet
from skinexp.report.figures.learning_curves import learning_curves

NAMES = ("benign", "malignant")


def result_figures(
    name: str, history: pd.DataFrame, predictions: pd.DataFrame, threshold: float, calibrator: Calibrator
) -> dict[str, Figure]:
    """Curves and matrices.

    Args:
        name: what the run is called in legends.
        history: one row an epoch, as `Training.history` has it.
        predictions: the predictions table.
        threshold: of the calibrated probability, chosen on validation.
        calibrator: fitted there.
    """
    return {"curves": learning_curves({name: history}), **test_figures(name, predictions, threshold, calibrator)}


def test_figures(name: str, predictions: pd.DataFrame, threshold: float, calibrator: Calibrator) -> dict[str, Figure]:
    """Those of the test images alone."""
    calibrated = predictions
    if calibrator.method != "none":
        calibrated = predictions.assign(probability=calibrator.apply(predictions["logit"]))
    curves = {name: split_curves(predictions)}
    return {
        "roc": roc_curves(curves),
        "precision_recall": precision_recall_curves(curves),
        "confusion": confusion_matrices(
            {
                "Threshold 0.5": confusion_matrix(predictions, 0.5),
                "Operating threshold, calibrated": confusion_matrix(calibrated, threshold),
            }
        ),
    }


def outcome_sheet(
    name: str, rows: pd.DataFrame, images: np.ndarray, heats: np.ndarray, meaningless: str | None = None
) -> Figure:
    """Grad-CAM of a run's clearest hits and misses.

    Args:
        rows: one row an image, with outcome, image_id, probability and explained (0/1).
        images: (n, size, size, 3) uint8.
        heats: (n, size, size), at least 0, in units of the logit.
        meaningless: why the maps mean nothing, as those of a collapsed run do; None where they mean something.
    """
    captions = [
        f"{outcome}\n{image_id}, p = {probability:.2f}\nevidence for {NAMES[explained]}"
        for outcome, image_id, probability, explained in zip(
            rows["outcome"], rows["image_id"], rows["probability"], rows["explained"], strict=True
        )
    ]
    return gradcam_sheet(
        images, heats, captions, f"{name}: what speaks for the predicted class (Grad-CAM)", meaningless
    )
