"""Scores of a finished network on images that it was not made for: thresholds are given, and nothing is chosen."""

import math

import pandas as pd

from skinexp.evaluation.evaluate import Evaluation
from skinexp.evaluation.scores import classification_report, ranking_scores, threshold_scores


def evaluate_external(predictions: pd.DataFrame, threshold: float) -> Evaluation:
    """Scores at 0.5 and at a threshold that was chosen before.

    Args:
        predictions: one row an image, with label (0/1), logit and probability.
        threshold: Youden's, of the training's validation images; NaN where there was none.

    Returns:
        An `Evaluation` whose metrics all are `test/<score>`, as `evaluate` names them; NaN, with a warning, where
        undefined: in images of one class, ROC-AUC and average precision.
    """
    labels, probabilities, logits = (predictions[name] for name in ("label", "probability", "logit"))
    at_threshold = threshold_scores(labels, probabilities, threshold)
    scores = ranking_scores(labels, logits) | threshold_scores(labels, probabilities, 0.5)
    scores |= {f"{name}_youden": score for name, score in at_threshold.items()}
    scores["predicted_positive"] = math.nan if probabilities.isna().any() else float((probabilities >= 0.5).mean())
    scores["logit_std"] = float(logits.astype("float64").std(ddof=0))
    reports = {
        name: classification_report(labels, probabilities, value)
        for name, value in (("0.5", 0.5), ("youden", threshold))
    }
    return Evaluation(threshold, {f"test/{name}": score for name, score in scores.items()}, reports)
