"""The evaluation pass: from predictions to all scores, with what was chosen on validation and measured on test."""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from skinexp.evaluation.decision.calibration import Calibrator
from skinexp.evaluation.decision.prevalence import probabilities_at_prevalence
from skinexp.evaluation.decision.youden import youden_threshold
from skinexp.evaluation.metrics.collapse_scores import collapse_scores
from skinexp.evaluation.metrics.probability_scores import probability_scores
from skinexp.evaluation.metrics.ranking_scores import ranking_scores
from skinexp.evaluation.metrics.threshold_scores import classification_report, threshold_scores
from skinexp.evaluation.operating_point import (
    OperatingPoint,
    calibrated_probabilities,
    choose_operating_point,
    predicted_labels,
)
from skinexp.evaluation.options import DEFAULTS, EvaluationOptions
from skinexp.evaluation.scores_with_intervals import YOUDEN, scores_with_intervals
from skinexp.evaluation.split_curves import ConfusionMatrix, SplitCurves, confusion_matrix, split_curves
from skinexp.evaluation.tables import require_columns

HALF = 0.5


@dataclass(frozen=True, eq=False)
class TestEvaluation:
    """All results of a network on its test images.

    Attributes:
        thresholds: `half` (0.5), `youden` (of the uncalibrated probability; absent if the operating point was given)
            and `chosen`, the operating threshold (of the calibrated probability); NaN if undefined.
        calibrator: fitted on validation, or given.
        metrics: `<split>/<score>` and `threshold/<name>`, ready to be logged; NaN if undefined.
        reports: classification reports of the test images, by threshold: `0.5`, `youden` and `chosen`.
        tables: by file name, `scores` (each test score with its 95 % interval), `reliability`, `calibration_curve`,
            `roc_band`, `precision_recall_band`, `subgroups`, `subgroup_gaps`, `diagnoses`, `units`.
        decisions: the predictions of the test images with the columns `calibrated` (probability), `threshold` and
            `predicted` (0/1). Without an operating threshold, `threshold` is 0.5 here, so that each image has a label.
    """

    __test__ = False  # pytest collects classes that begin with Test

    thresholds: dict[str, float]
    calibrator: Calibrator
    metrics: dict[str, float]
    reports: dict[str, pd.DataFrame]
    tables: dict[str, pd.DataFrame]
    decisions: pd.DataFrame

    @property
    def operating_threshold(self) -> float:
        """Returns from which calibrated probability on an image is predicted malignant; NaN if none could be chosen."""
        return self.thresholds["chosen"]

    @property
    def intervals(self) -> dict[str, dict[str, Any]]:
        """Returns the limits of each test score and their method; NaN limits if it has none."""
        rows = self.tables["scores"].set_index("score")[["low", "high", "method"]]
        return {str(score): dict(row) for score, row in rows.iterrows()}

    @property
    def curves(self) -> SplitCurves:
        """The ROC and the precision-recall curve of the test images."""
        return split_curves(self.decisions)

    @property
    def confusion_at_half(self) -> ConfusionMatrix:
        """The confusion matrix of uncalibrated probabilities at threshold 0.5."""
        return confusion_matrix(self.decisions, 0.5)

    @property
    def confusion_at_threshold(self) -> ConfusionMatrix:
        """The confusion matrix of calibrated probabilities at the operating threshold."""
        calibrated = self.decisions.assign(probability=self.decisions["calibrated"])
        return confusion_matrix(calibrated, self.operating_threshold)


def evaluate(
    predictions: pd.DataFrame, options: EvaluationOptions = DEFAULTS, operating_point: OperatingPoint | None = None
) -> TestEvaluation:
    """Evaluates a network on its test images, each score once.

    Calibration and thresholds are chosen on the validation images, unless the operating point is given: then all
    images are test images. Scores with a plain name are of uncalibrated probabilities, at the threshold 0.5. Names end
    in `_youden` at Youden's threshold of uncalibrated probabilities, in `_chosen` at the operating threshold of
    calibrated probabilities, and in `_calibrated` if they are of calibrated probabilities.

    Args:
        predictions: one row per image, columns `split` (`val` or `test`; not needed if the operating point is given),
            `label` (0/1), `logit`, `probability`, optionally `image_id`, `group` and metadata.
        options: see `EvaluationOptions`.
        operating_point: of a network that was trained before; `options.threshold` and `options.calibration` are then
            not used.

    Returns:
        A `TestEvaluation`. Its metrics are, for val and test, those of `ranking_scores`, `probability_scores` and
        `threshold_scores`, the last at 0.5 and with `_youden`; for test also those of `scores_with_intervals` and
        `collapse_scores`; and `threshold/youden`, `threshold/chosen` and, with a prevalence,
        `threshold/chosen_at_prevalence` (the risk there that belongs to it). Nothing about val or Youden's threshold is
        there if the operating point is given. What is undefined is NaN, with a warning.

    Raises:
        ValueError: if a column is missing, a label is not 0 or 1, or a probability lies outside 0..1.
    """
    require_columns(predictions, ("label", "logit", "probability"))
    if operating_point is not None:
        return _evaluate_test(predictions, operating_point, options)
    require_columns(predictions, ("split",))
    val, test = (predictions[predictions["split"] == split] for split in ("val", "test"))
    youden = youden_threshold(val["label"], val["probability"])
    chosen = choose_operating_point(val, options.threshold, options.calibration)
    evaluation = _evaluate_test(test, chosen, options, youden)
    metrics = {"threshold/youden": youden} | _validation_metrics(val, youden) | evaluation.metrics
    reports = {"youden": classification_report(test["label"], test["probability"], youden)}
    return replace(
        evaluation,
        thresholds=evaluation.thresholds | {"youden": youden},
        metrics=metrics,
        reports=evaluation.reports | reports,
    )


def _evaluate_test(
    test: pd.DataFrame, point: OperatingPoint, options: EvaluationOptions, youden: float | None = None
) -> TestEvaluation:
    """Evaluates test images at 0.5, at an operating point, and at Youden's threshold if it was chosen."""
    test = test.reset_index(drop=True)
    calibrated = calibrated_probabilities(point.calibrator, test)
    scored = test.assign(calibrated=calibrated, threshold=point.threshold)
    to_score = scored if youden is None else scored.assign(**{YOUDEN: youden})
    scores = scores_with_intervals(to_score, point.calibrator.method != "none", options, point.prevalence)
    metrics = scores.metrics | {"threshold/chosen": point.threshold}
    if options.prevalence is not None:
        shifted = probabilities_at_prevalence(point.threshold, point.prevalence, options.prevalence)
        metrics["threshold/chosen_at_prevalence"] = float(shifted)
    metrics |= _named("test", collapse_scores(test["probability"], test["logit"]))
    decided = scored.assign(threshold=scored["threshold"].fillna(HALF))
    return TestEvaluation(
        thresholds={"half": HALF, "chosen": point.threshold},
        calibrator=point.calibrator,
        metrics=metrics,
        reports={
            "0.5": classification_report(test["label"], test["probability"], HALF),
            "chosen": classification_report(test["label"], calibrated, point.threshold),
        },
        tables=scores.tables,
        decisions=decided.assign(predicted=predicted_labels(decided["calibrated"], decided["threshold"])),
    )


def _validation_metrics(val: pd.DataFrame, youden: float) -> dict[str, float]:
    scores = ranking_scores(val["label"], val["logit"])
    scores |= probability_scores(val["label"], val["probability"], val["logit"])
    scores |= threshold_scores(val["label"], val["probability"], HALF)
    return _named("val", scores) | _at_youden("val", val, youden)


def _at_youden(split: str, part: pd.DataFrame, youden: float) -> dict[str, float]:
    scores = threshold_scores(part["label"], part["probability"], youden)
    return _named(split, {f"{name}_youden": score for name, score in scores.items()})


def _named(split: str, scores: dict[str, float]) -> dict[str, float]:
    return {f"{split}/{name}": score for name, score in scores.items()}
