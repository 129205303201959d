"""The curves and the confusion matrix of one run's predictions on one split, for figures."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skinexp.evaluation.cases import why_undefined
from skinexp.evaluation.metrics.curve_points import (
    PrecisionRecallPoints,
    RocPoints,
    precision_recall_points,
    roc_points,
)
from skinexp.evaluation.metrics.ranking_scores import ranking_scores
from skinexp.evaluation.metrics.threshold_scores import confusion_counts, threshold_scores


@dataclass(frozen=True, eq=False)
class SplitCurves:
    """The ROC and the precision-recall curve of one run on one split.

    Attributes:
        split: "val" or "test".
        images: how many it has.
        malignant: how many of them are malignant.
        roc: points of the ROC curve; empty if it is undefined.
        precision_recall: points of the precision-recall curve; empty if it is undefined.
        scores: `roc_auc` and `average_precision`; NaN if undefined.
        undefined: why there are no curves; None if there are.
        at_half: the scores at threshold 0.5.
    """

    split: str
    images: int
    malignant: int
    roc: RocPoints
    precision_recall: PrecisionRecallPoints
    scores: dict[str, float]
    undefined: str | None
    at_half: dict[str, float]


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """The confusion matrix of one run on one split.

    Attributes:
        split: "val" or "test".
        images: how many it has.
        malignant: how many of them are malignant.
        threshold: the probability from which on an image is predicted malignant.
        counts: (2, 2) images by true class (rows) and predicted class; None if probabilities or threshold are NaN.
    """

    split: str
    images: int
    malignant: int
    threshold: float
    counts: NDArray[np.int64] | None


def split_curves(predictions: pd.DataFrame, split: str = "test") -> SplitCurves:
    """Computes the curves of one split.

    Args:
        predictions: one row per image, with columns `split`, `label`, `logit` and `probability`.
        split: "val" or "test".
    """
    part = predictions[predictions["split"] == split]
    undefined = why_undefined(part["label"], part["logit"])
    return SplitCurves(
        split,
        len(part),
        int(part["label"].sum()),
        roc_points(part["label"], part["logit"]),
        precision_recall_points(part["label"], part["logit"]),
        ranking_scores(part["label"], part["logit"]) if undefined is None else {},
        undefined,
        threshold_scores(part["label"], part["probability"], 0.5),
    )


def confusion_matrix(predictions: pd.DataFrame, threshold: float, split: str = "test") -> ConfusionMatrix:
    """Computes the confusion matrix of one split.

    Args:
        predictions: one row per image, with columns `split`, `label` and `probability`.
        threshold: an image is predicted malignant if its probability is at least this; NaN if undefined.
        split: "val" or "test".
    """
    part = predictions[predictions["split"] == split]
    counts = confusion_counts(part["label"], part["probability"], threshold)
    return ConfusionMatrix(split, len(part), int(part["label"].sum()), threshold, counts)
