"""Scores of test images with their 95 % intervals, and the tables of the figures that show them."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from skinexp.evaluation.cases import why_undefined
from skinexp.evaluation.decision.prevalence import at_prevalence, probabilities_at_prevalence
from skinexp.evaluation.intervals.bootstrap import Bootstrap, Resampling, bootstrap
from skinexp.evaluation.intervals.fixed_rate import FIXED, fixed_rate_interval
from skinexp.evaluation.intervals.independent_difference import independent_difference, independent_mean
from skinexp.evaluation.intervals.interval import UNDEFINED, Interval
from skinexp.evaluation.intervals.newcombe import auc_interval
from skinexp.evaluation.intervals.wilson import grouped_wilson
from skinexp.evaluation.metrics.count_scores import COUNT_SCORES
from skinexp.evaluation.metrics.probability_scores import CLOSEST, PROBABILITY_SCORES, ProbabilityScorer
from skinexp.evaluation.metrics.ranking_scores import RANKING
from skinexp.evaluation.metrics.reliability_points import reliability_points
from skinexp.evaluation.metrics.threshold_scores import threshold_scores
from skinexp.evaluation.metrics.weighted_metrics import ThresholdScorer, WeightedMetric
from skinexp.evaluation.metrics.weighted_roc import Ranking
from skinexp.evaluation.operating_point import predicted_labels
from skinexp.evaluation.options import DEFAULTS, EvaluationOptions
from skinexp.evaluation.subgroups import subgroups
from skinexp.evaluation.tables import folds_of, groups_of

CHOSEN, CALIBRATED, AT_YOUDEN = "_chosen", "_calibrated", "_youden"  # ends of the names of scores
YOUDEN = "youden"  # column: Youden's threshold of uncalibrated probabilities
MOVER, WILSON, NEWCOMBE = "MOVER of Wilson", "Wilson", "Newcombe"  # methods of intervals
BOOTSTRAP, JACKKNIFE, RANKS = "bootstrap", "jackknife", "MOVER of Wilson and order statistics"
NO_THRESHOLD = "none: too few images of the other class to bound the threshold"
NO_VARIATION = "none: these images do not show how the score varies"
SHARES_OF_PREDICTED = ("precision", "npv")  # shares of the images with one predicted label
COMBINED = ("f1", "balanced_accuracy", "mcc")  # scores of counts that are no share of images

ScoreIntervals = dict[str, tuple[Interval, str]]  # score -> interval, method of the interval


@dataclass(frozen=True, eq=False)
class ScoresWithIntervals:
    """Scores of test images.

    Attributes:
        metrics: the estimates as `test/<score>`, and the limits of the area, `test/roc_auc_low` and
            `test/roc_auc_high`.
        tables: by file name: `scores` (one row per score: `score`, `estimate`, `low`, `high`, `method` of the
            interval, or `none: ` and why there is none), `reliability` (points before and after calibration, column
            `stage`), `roc_band` and `precision_recall_band` (the curves, point by point), `subgroups` and
            `subgroup_gaps`.
    """

    metrics: dict[str, float]
    tables: dict[str, pd.DataFrame]


def scores_with_intervals(
    test: pd.DataFrame,
    is_calibrated: bool,
    options: EvaluationOptions = DEFAULTS,
    reference: float = math.nan,
) -> ScoresWithIntervals:
    """Scores test images, and gives each score its 95 % interval.

    Args:
        test: one row per image, columns `label` (0/1), `logit`, `probability` (uncalibrated), `calibrated`
            (probability), `threshold` (an image is predicted malignant if its calibrated probability is at least
            this; NaN if there is no threshold), optionally `image_id`, `group` and metadata. Thresholds may differ
            from image to image, as those of the folds of a cross-validation do; the column `fold` then says whose
            network predicted an image, and ranking scores are means over folds. `youden` adds scores at that threshold.
        is_calibrated: whether to score calibrated probabilities beside the uncalibrated ones.
        options: prevalence, risk threshold (or a cost rule, which states one), resamples and seed.
        reference: share of malignant images among those on which probabilities were calibrated and the threshold was
            chosen; NaN if it is unknown. There is no net benefit at the prevalence if neither it nor a risk threshold
            is known, or if thresholds differ and no risk threshold is stated.

    Returns:
        A `ScoresWithIntervals`. What is undefined is NaN, with a warning.

    Raises:
        ValueError: if a label is not 0 or 1, or a probability lies outside 0..1.
    """
    test = test.reset_index(drop=True)
    groups = groups_of(test)
    resampled = _resampled(test, groups, is_calibrated, options)
    table = _score_table(test, groups, is_calibrated, resampled)
    if options.prevalence is not None:
        risk_threshold = _risk_threshold(test["threshold"], options, reference)
        rows = _rows_at_prevalence(table, options.prevalence, risk_threshold)
        table = pd.concat([table, rows], ignore_index=True)
    predicted = predicted_labels(test["calibrated"], test["threshold"])
    # A subgroup has too few images of a fold: calibrated probabilities are on one scale, which logits are not.
    logits = test["logit"] if folds_of(test) is None else logit(test["calibrated"].clip(CLOSEST, 1 - CLOSEST))
    by_subgroup = subgroups(
        test.assign(probability=predicted, logit=logits).drop(columns=["calibrated", "threshold"]),
        math.nan if test["threshold"].isna().any() else 0.5,
    )
    tables = {
        "scores": table,
        "reliability": _reliability(test, groups),
        "roc_band": resampled.roc_band,
        "precision_recall_band": resampled.precision_recall_band,
        "subgroups": by_subgroup.levels,
        "subgroup_gaps": by_subgroup.gaps,
    }
    return ScoresWithIntervals(_metrics(table), tables)


def _resampled(
    test: pd.DataFrame, groups: NDArray[np.str_], is_calibrated: bool, options: EvaluationOptions
) -> Bootstrap:
    """Returns plain, chosen and calibrated scores from the same resamples."""
    at_half = ThresholdScorer(test["label"], test["probability"], 0.5, options.common_risk_threshold)
    metrics: dict[str, float | WeightedMetric] = {"": at_half}
    if why_undefined(test["label"], test["calibrated"]) is None:
        if test["threshold"].notna().all():
            metrics[CHOSEN] = ThresholdScorer(
                test["label"], test["calibrated"], test["threshold"], options.stated_risk_threshold
            )
        if is_calibrated:
            metrics[CALIBRATED] = ProbabilityScorer(test["label"], test["calibrated"])
    if YOUDEN in test and test[YOUDEN].notna().all():
        metrics[AT_YOUDEN] = ThresholdScorer(test["label"], test["probability"], test[YOUDEN])
    cases = test["label"], test["logit"], test["probability"], groups
    return bootstrap(*cases, metrics, Resampling(options.resamples, options.seed), folds_of(test))


def _score_table(
    test: pd.DataFrame, groups: NDArray[np.str_], is_calibrated: bool, resampled: Bootstrap
) -> pd.DataFrame:
    """Returns one row per score, with the interval of the method that covers best."""
    predicted = {
        "": predicted_labels(test["probability"], 0.5),
        CHOSEN: predicted_labels(test["calibrated"], test["threshold"]),
    }
    if YOUDEN in test:
        predicted[AT_YOUDEN] = predicted_labels(test["probability"], test[YOUDEN])
    names = [*RANKING, *PROBABILITY_SCORES]
    names += [f"{name}{CALIBRATED}" for name in PROBABILITY_SCORES if is_calibrated]
    names += [f"{name}{suffix}" for suffix in predicted for name in COUNT_SCORES]
    names += [f"net_benefit{suffix}" for suffix in predicted if suffix != AT_YOUDEN]
    found: ScoreIntervals = {
        name: (resampled.intervals.get(name, UNDEFINED), JACKKNIFE if name in resampled.jackknifed else BOOTSTRAP)
        for name in names
    }
    if resampled.intervals:  # else the bootstrap has warned already
        found["roc_auc"] = auc_interval(test["label"], test["logit"], groups, folds=folds_of(test)), NEWCOMBE
        found |= _at_fixed_rates(test, groups, resampled)
    for suffix, labels in predicted.items():
        if not np.isnan(labels).any():  # else all are NaN, as in `threshold_scores`
            found |= _of_counts(test["label"].to_numpy(), labels, groups, suffix, resampled)
    rows = [(name, *interval, _method(interval, method)) for name, (interval, method) in found.items()]
    return pd.DataFrame(rows, columns=["score", "estimate", "low", "high", "method"])


def _method(interval: Interval, method: str) -> str:
    """Returns the method of an interval, or why a score that is known has none."""
    is_withheld = math.isnan(interval.low) and not math.isnan(interval.estimate)
    return NO_VARIATION if is_withheld and method != NO_THRESHOLD else method


def _at_fixed_rates(test: pd.DataFrame, groups: NDArray[np.str_], resampled: Bootstrap) -> ScoreIntervals:
    """Returns the sensitivities at a fixed specificity, and the specificities at a fixed sensitivity."""
    found = {}
    folds = folds_of(test)
    by_fold = [np.ones(len(test), dtype=bool)] if folds is None else [folds == fold for fold in np.unique(folds)]
    for name in FIXED:
        interval = UNDEFINED._replace(estimate=resampled.intervals[name].estimate)
        if not math.isnan(interval.estimate):  # else a fold lacks a class
            interval = independent_mean([_at_fixed_rate(name, test[part], groups[part]) for part in by_fold])
        found[name] = interval, NO_THRESHOLD if math.isnan(interval.low) else RANKS
    return found


def _at_fixed_rate(name: str, part: pd.DataFrame, groups: NDArray[np.str_]) -> Interval:
    estimate = float(RANKING[name](Ranking(part["label"], part["logit"]).roc(np.ones((1, len(part)))))[0])
    return fixed_rate_interval(name, estimate, part["label"], part["logit"], groups)


def _of_counts(
    labels: NDArray[np.int64],
    predicted: NDArray[np.float64],
    groups: NDArray[np.str_],
    suffix: str,
    resampled: Bootstrap,
) -> ScoreIntervals:
    """Returns the scores of a confusion matrix whose interval is not from resamples."""
    shares = _shares(labels, predicted == 1, groups)
    found: ScoreIntervals = {}
    for name, share in shares.items():
        # Wilson takes the number of images with one predicted label for fixed, and is too wide for their shares. But
        # if all predictions of a label are correct they are so in all resamples, which then have no width.
        certain = share.estimate in (0.0, 1.0)
        if name not in SHARES_OF_PREDICTED or certain or not resampled.intervals:
            found[f"{name}{suffix}"] = share, WILSON
    balanced = f"balanced_accuracy{suffix}"
    if not resampled.intervals:  # nothing to resample, as in images of one class; but the counts are known
        scores = threshold_scores(labels, predicted, 0.5)
        found |= {f"{name}{suffix}": (UNDEFINED._replace(estimate=scores[name]), BOOTSTRAP) for name in COMBINED}
    elif math.isnan(resampled.intervals[balanced].low):  # each class is all correct or all wrong, in all resamples
        found[balanced] = _mean(shares["recall"], shares["specificity"]), MOVER
    return found


def _shares(labels: NDArray[np.int64], predicted: NDArray[np.bool_], groups: NDArray[np.str_]) -> dict[str, Interval]:
    """Returns the scores that are a share of correct predictions: of all images, of a class, of a predicted label."""
    correct = predicted == labels
    among = {
        "accuracy": np.ones_like(predicted),
        "precision": predicted,
        "recall": labels == 1,
        "specificity": labels == 0,
        "npv": ~predicted,
    }
    return {name: grouped_wilson(correct[which], groups[which]) for name, which in among.items()}


def _mean(one: Interval, other: Interval) -> Interval:
    """Returns the mean of two shares of different images."""
    difference = independent_difference(one, Interval(-other.estimate, -other.high, -other.low))
    return Interval(*(end / 2 for end in difference))


def _risk_threshold(thresholds: pd.Series, options: EvaluationOptions, reference: float) -> float:
    """Returns the risk, at the stated prevalence, that is the price of a false positive; NaN if it is unknown.

    A stated risk is one of the patients whom the model is for. The operating threshold is a probability among the
    images on which it was chosen, and has to be shifted to these patients.
    """
    if not math.isnan(options.stated_risk_threshold):
        return options.stated_risk_threshold
    different = thresholds.unique()
    if options.prevalence is None or len(different) != 1:
        return math.nan
    return float(probabilities_at_prevalence(float(different[0]), reference, options.prevalence))


def _rows_at_prevalence(table: pd.DataFrame, prevalence: float, risk_threshold: float) -> pd.DataFrame:
    """Returns rows of predictive values and net benefit at a prevalence, at the operating threshold."""
    limits = table.set_index("score")[["estimate", "low", "high"]]
    recall, specificity = (Interval(*map(float, limits.loc[f"{name}{CHOSEN}"])) for name in ("recall", "specificity"))
    expected = at_prevalence(recall, specificity, prevalence, risk_threshold)
    rows = [(f"{name}_at_prevalence", *interval, MOVER) for name, interval in expected.items()]
    return pd.DataFrame(rows, columns=table.columns)


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    """Returns one number per score, and the limits of the area: those of other scores are in the table."""
    metrics = dict(zip("test/" + table["score"], table["estimate"].tolist(), strict=True))
    area = table[table["score"] == "roc_auc"]
    return metrics | {f"test/roc_auc_{end}": area[end].item() for end in ("low", "high")}


def _reliability(test: pd.DataFrame, groups: NDArray[np.str_]) -> pd.DataFrame:
    stages = {"before": "probability", "after": "calibrated"}
    points = [
        reliability_points(test["label"], test[column], groups).assign(stage=stage) for stage, column in stages.items()
    ]
    return pd.concat(points, ignore_index=True)
