"""Scores of a finished network on images that it was not made for: thresholds are given, and nothing is chosen."""

import pandas as pd

from skinexp.evaluation.decision.calibration import Calibrator
from skinexp.evaluation.evaluate import Evaluation, answers
from skinexp.evaluation.metrics.ranking_scores import ranking_scores
from skinexp.evaluation.metrics.threshold_scores import classification_report, threshold_scores


def evaluate_external(predictions: pd.DataFrame, threshold: float, calibrator: Calibrator) -> Evaluation:
    """Scores at 0.5 and at a threshold that was chosen before.

    Args:
        predictions: one row an image, with label (0/1), logit and probability.
        threshold: of the calibrated probability, as it was chosen on the training's validation images; NaN where there
            was none.
        calibrator: that was fitted there.

    Returns:
        An `Evaluation` whose metrics all are `test/<score>`, as `evaluate` names them; NaN, with a warning, where
        undefined: in images of one class, ROC-AUC and average precision.
    """
    labels, probabilities, logits = (predictions[name] for name in ("label", "probability", "logit"))
    calibrated = probabilities if calibrator.method == "none" else calibrator.apply(logits)
    scores = ranking_scores(labels, logits) | threshold_scores(labels, probabilities, 0.5)
    scores |= {f"{name}_chosen": score for name, score in threshold_scores(labels, calibrated, threshold).items()}
    scores |= answers(predictions)
    reports = {
        "0.5": classification_report(labels, probabilities, 0.5),
        "chosen": classification_report(labels, calibrated, threshold),
    }
    return Evaluation(threshold, {f"test/{name}": score for name, score in scores.items()}, reports)
