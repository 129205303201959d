"""All scores of a run from its predictions: the threshold is chosen on validation, the test part only judges it."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinexp.evaluation.decision.youden import youden_threshold
from skinexp.evaluation.metrics.probability_scores import probability_scores
from skinexp.evaluation.metrics.ranking_scores import ranking_scores
from skinexp.evaluation.metrics.threshold_scores import classification_report, threshold_scores
from skinexp.evaluation.tables import require_columns

COLUMNS = ("split", "label", "logit", "probability")  # of a predictions table, those that scores are computed from


@dataclass(frozen=True)
class Evaluation:
    """What a run's predictions are worth."""

    threshold: float  # Youden's, chosen on validation; NaN where a class is absent there
    metrics: dict[str, float]  # `<split>/<score>`, ready to be logged; NaN where undefined
    reports: dict[str, pd.DataFrame]  # classification reports on test, at threshold `0.5` and `youden`


def evaluate(predictions: pd.DataFrame) -> Evaluation:
    """Scores on validation and test, at 0.5 and at the threshold that is best on validation.

    `test/predicted_positive` (share of images called malignant at 0.5) and `test/logit_std` (standard deviation) are
    there to show a collapsed model: it gives every image the same answer, and its accuracy is the share of a class.

    Args:
        predictions: one row an image of val and test, with columns `split` ("val" or "test"), `label` (0/1), `logit`
            and `probability`; other columns are left alone.

    Returns:
        An `Evaluation`. Its metrics are, for val and test, those of `ranking_scores` and `probability_scores`, those of
        `threshold_scores` plain (at 0.5) and with `_youden`; and `threshold/youden`.

    Raises:
        ValueError: where a column is missing, a label is not 0 or 1, or a probability lies outside 0..1.
    """
    require_columns(predictions, COLUMNS)
    parts = {split: predictions[predictions["split"] == split] for split in ("val", "test")}
    threshold = youden_threshold(parts["val"]["label"], parts["val"]["probability"])

    metrics = {"threshold/youden": threshold}
    for split, part in parts.items():
        at_half = threshold_scores(part["label"], part["probability"], 0.5)
        at_youden = threshold_scores(part["label"], part["probability"], threshold)
        named = ranking_scores(part["label"], part["logit"])
        named |= probability_scores(part["label"], part["probability"]) | at_half
        named |= {f"{name}_youden": score for name, score in at_youden.items()}
        metrics |= {f"{split}/{name}": score for name, score in named.items()}

    test = parts["test"]
    metrics |= {f"test/{name}": value for name, value in answers(test).items()}
    reports = {
        name: classification_report(test["label"], test["probability"], value)
        for name, value in (("0.5", 0.5), ("youden", threshold))
    }
    return Evaluation(threshold, metrics, reports)


def answers(part: pd.DataFrame) -> dict[str, float]:
    """`predicted_positive` and `logit_std` of these predictions; NaN where a number is missing or not finite."""
    return {
        "predicted_positive": _share_at_least(part["probability"].to_numpy(dtype=float), 0.5),
        "logit_std": _spread(part["logit"].to_numpy(dtype=float)),
    }


def _share_at_least(values: np.ndarray, threshold: float) -> float:
    if values.size == 0 or np.isnan(values).any():
        return math.nan  # NaN compares as "benign", which the model did not say
    return float((values >= threshold).mean())


def _spread(values: np.ndarray) -> float:
    if values.size == 0 or not np.isfinite(values).all():
        return math.nan  # without NumPy's warning about infinity less infinity
    return float(values.std())
