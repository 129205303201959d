"""Scores of test images with their 95 % intervals, and the tables of the figures that show them."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from skinexp.evaluation.by_diagnosis import diagnosis_column, scores_by_diagnosis
from skinexp.evaluation.cases import why_undefined
from skinexp.evaluation.decision.prevalence import at_prevalence, probabilities_at_prevalence
from skinexp.evaluation.group_level import scores_by_unit
from skinexp.evaluation.intervals.bootstrap import Bootstrap, Resampling, bootstrap, score_limits, tail
from skinexp.evaluation.intervals.calibration_band import (
    COLUMNS,
    FEWEST,
    CalibrationBand,
    calibration_bands,
    has_few_cases,
)
from skinexp.evaluation.intervals.fixed_rate import FIXED, fixed_rate_interval
from skinexp.evaluation.intervals.independent_difference import independent_difference, independent_mean
from skinexp.evaluation.intervals.independent_ratio import independent_ratio
from skinexp.evaluation.intervals.interval import UNDEFINED, Interval, complement
from skinexp.evaluation.intervals.newcombe import auc_interval
from skinexp.evaluation.intervals.resampling import COHORT
from skinexp.evaluation.intervals.wilson import grouped_wilson
from skinexp.evaluation.metrics.calibration_curve import CALIBRATION_ERRORS
from skinexp.evaluation.metrics.count_scores import COUNT_SCORES, LIKELIHOOD_RATIOS
from skinexp.evaluation.metrics.probability_scores import CLOSEST, PROBABILITY_SCORES, ProbabilityScorer
from skinexp.evaluation.metrics.ranking_scores import RANKING
from skinexp.evaluation.metrics.reliability_points import reliability_points
from skinexp.evaluation.metrics.threshold_scores import threshold_scores
from skinexp.evaluation.metrics.weighted_metrics import ThresholdScorer, WeightedMetric
from skinexp.evaluation.metrics.weighted_roc import Ranking
from skinexp.evaluation.operating_point import predicted_labels
from skinexp.evaluation.options import DEFAULTS, EvaluationOptions
from skinexp.evaluation.subgroups import Subgroups, subgroups
from skinexp.evaluation.tables import folds_of, groups_of

CHOSEN, CALIBRATED, AT_YOUDEN = "_chosen", "_calibrated", "_youden"  # ends of the names of scores
YOUDEN = "youden"  # column: Youden's threshold of uncalibrated probabilities
MOVER, WILSON, NEWCOMBE = "MOVER of Wilson", "Wilson", "Newcombe"  # methods of intervals
BOOTSTRAP, JACKKNIFE, RANKS = "bootstrap", "jackknife", "MOVER of Wilson and order statistics"
NO_THRESHOLD = "none: too few images of the other class to bound the threshold"
NO_VARIATION = "none: these images do not show how the score varies"
TOO_FEW = f"none: fewer than {FEWEST} lesions or patients of a class"
NEED_CASES = ("brier_skill_score", "cohen_kappa", "expected_cost")  # their intervals cover with so many only
STAGES = {"before": "", "after": CALIBRATED}  # stage of calibration -> end of the names of its scores
SCORE_COLUMNS = ["score", "estimate", "low", "high", "method"]
SHARES_OF_PREDICTED = ("precision", "npv")  # shares of the images with one predicted label
COMBINED = ("f1", "balanced_accuracy", "mcc", "cohen_kappa")  # scores of counts that are no share of images
LOSS_CHANGE = "log_loss_change"  # log loss of calibrated probabilities, less that of uncalibrated ones

ScoreIntervals = dict[str, tuple[Interval, str]]  # score -> interval, method of the interval


@dataclass(frozen=True, eq=False)
class ScoresWithIntervals:
    """Scores of test images.

    Attributes:
        metrics: the estimates as `test/<score>`, and the limits of the area, `test/roc_auc_low` and
            `test/roc_auc_high`.
        tables: by file name: `scores` (one row per score: `score`, `estimate`, `low`, `high`, `method` of the
            interval, or `none: ` and why there is none), `reliability` (points before and after calibration, column
            `stage`), `calibration_curve` (smooth, with its band), `roc_band` and `precision_recall_band` (the curves,
            point by point), `subgroups`, `subgroup_gaps`, `diagnoses` (see `scores_by_diagnosis`) and `units` (see
            `scores_by_unit`).
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
    bands = _calibration_bands(test, groups, is_calibrated, options)
    errors = _calibration_rows(bands, has_few_cases(test["label"], groups))
    rows = [_score_table(test, groups, is_calibrated, resampled, options), errors]
    if options.prevalence is not None:
        risk_threshold = _risk_threshold(test["threshold"], options, reference)
        rows.append(_rows_at_prevalence(rows[0], options.prevalence, risk_threshold, options.stated_risk_threshold))
    table = pd.concat(rows, ignore_index=True)
    by_subgroup = _subgroups(test)
    tables = {
        "scores": table,
        "reliability": _reliability(test, groups),
        "calibration_curve": _curves(bands),
        "roc_band": resampled.roc_band,
        "precision_recall_band": resampled.precision_recall_band,
        "subgroups": by_subgroup.levels,
        "subgroup_gaps": by_subgroup.gaps,
        "diagnoses": scores_by_diagnosis(test),
        "units": scores_by_unit(test),
    }
    return ScoresWithIntervals(_metrics(table), tables)


def _subgroups(test: pd.DataFrame) -> Subgroups:
    """Returns the scores by subgroup; diagnoses, in each of which all images have one label, have a table of theirs."""
    predicted = predicted_labels(test["calibrated"], test["threshold"])
    # A subgroup has too few images of a fold: calibrated probabilities are on one scale, which logits are not.
    logits = test["logit"] if folds_of(test) is None else logit(test["calibrated"].clip(CLOSEST, 1 - CLOSEST))
    diagnosis = diagnosis_column(test)
    finer = diagnosis is not None and test.groupby(diagnosis)["label"].nunique().max() == 1
    left_out = ["calibrated", "threshold", *([diagnosis] if finer else [])]
    return subgroups(
        test.assign(probability=predicted, logit=logits).drop(columns=left_out),
        math.nan if test["threshold"].isna().any() else 0.5,
    )


def _calibration_bands(
    test: pd.DataFrame, groups: NDArray[np.str_], is_calibrated: bool, options: EvaluationOptions
) -> dict[str, CalibrationBand | None]:
    """Returns the smooth calibration curve of each stage, from the resamples of all scores; None if it is unknown."""
    columns = {"before": "probability"} | ({"after": "calibrated"} if is_calibrated else {})
    is_few = has_few_cases(test["label"], groups)
    known = {
        stage: test[column]
        for stage, column in columns.items()
        if not is_few and all(why_undefined(test["label"], test[name]) is None for name in ("logit", column))
    }
    drawn = _resampling(options), folds_of(test)
    found = calibration_bands(test["label"], known, groups, *drawn) if known else {}
    return {stage: found.get(stage) for stage in columns}


def _calibration_rows(bands: dict[str, CalibrationBand | None], is_few: bool) -> pd.DataFrame:
    """Returns one row per error of a smooth calibration curve."""
    rows = []
    for stage, band in bands.items():
        for name in CALIBRATION_ERRORS:
            interval = UNDEFINED if band is None else band.intervals[name]
            rows.append((f"{name}{STAGES[stage]}", *interval, _method(interval, TOO_FEW if is_few else BOOTSTRAP)))
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def _curves(bands: dict[str, CalibrationBand | None]) -> pd.DataFrame:
    """Returns the smooth calibration curves, one row per stage and probability."""
    found = [band.curve.assign(stage=stage) for stage, band in bands.items() if band is not None]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*COLUMNS, "stage"])


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
    return bootstrap(*cases, metrics, _resampling(options), folds_of(test))


def _resampling(options: EvaluationOptions) -> Resampling:
    """Returns the resamples that all scores and curves of a run have in common."""
    return Resampling(options.resamples, options.seed, options.sampling)


def _score_table(
    test: pd.DataFrame,
    groups: NDArray[np.str_],
    is_calibrated: bool,
    resampled: Bootstrap,
    options: EvaluationOptions,
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
    prices = {"": options.common_risk_threshold, CHOSEN: options.stated_risk_threshold}
    names += [f"expected_cost{suffix}" for suffix, price in prices.items() if not math.isnan(price)]
    found: ScoreIntervals = {
        name: (resampled.intervals.get(name, UNDEFINED), JACKKNIFE if name in resampled.jackknifed else BOOTSTRAP)
        for name in names
    }
    if resampled.intervals:  # else the bootstrap has warned already
        found["roc_auc"] = auc_interval(test["label"], test["logit"], groups, folds=folds_of(test)), NEWCOMBE
        found |= _at_fixed_rates(test, groups, resampled)
    if is_calibrated:
        found[LOSS_CHANGE] = _loss_change(test["label"], groups, resampled), BOOTSTRAP
    for suffix, labels in predicted.items():
        if not np.isnan(labels).any():  # else all are NaN, as in `threshold_scores`
            found |= _of_counts(test["label"].to_numpy(), labels, groups, suffix, resampled, options.sampling)
    if has_few_cases(test["label"], groups):
        few = [name for name in found if _without_stage(name) in NEED_CASES]
        found |= {name: (found[name][0]._replace(low=math.nan, high=math.nan), TOO_FEW) for name in few}
    rows = [(name, *interval, _method(interval, method)) for name, (interval, method) in found.items()]
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def _without_stage(name: str) -> str:
    """Returns a score's name without the threshold or the calibration that it is at."""
    return name.removesuffix(CHOSEN).removesuffix(CALIBRATED).removesuffix(AT_YOUDEN)


def _loss_change(labels: pd.Series, groups: NDArray[np.str_], resampled: Bootstrap) -> Interval:
    """Returns by how much calibration changed the log loss of the same images: below 0, it helped."""
    after, before = f"log_loss{CALIBRATED}", "log_loss"
    if not {after, before} <= resampled.replicates.keys():
        return UNDEFINED
    change = resampled.intervals[after].estimate - resampled.intervals[before].estimate
    replicates = resampled.replicates[after] - resampled.replicates[before]
    return Interval(change, *score_limits(change, replicates, tail(labels, groups)))


def _method(interval: Interval, method: str) -> str:
    """Returns the method of an interval, or why a score that is known has none."""
    is_withheld = math.isnan(interval.low) and not math.isnan(interval.estimate)
    return NO_VARIATION if is_withheld and not method.startswith("none") else method


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
    sampling: str,
) -> ScoreIntervals:
    """Returns the scores of a confusion matrix whose interval is not from resamples."""
    shares = _shares(labels, predicted == 1, groups)
    found: ScoreIntervals = {}
    for name, share in shares.items():
        # Of the images with one predicted label a cohort has as many malignant ones as chance gives it, which is what
        # Wilson takes for granted. A case-control study fixes malignant images, and Wilson is too wide for these
        # shares. But if all predictions of a label are correct they are so in all resamples, which have no width then.
        by_chance = sampling == COHORT or share.estimate in (0.0, 1.0)
        if name not in SHARES_OF_PREDICTED or by_chance or not resampled.intervals:
            found[f"{name}{suffix}"] = share, WILSON
    ratios = _likelihood_ratios(shares["recall"], shares["specificity"])
    found |= {f"{name}{suffix}": (ratio, MOVER) for name, ratio in ratios.items()}
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


def _likelihood_ratios(recall: Interval, specificity: Interval) -> dict[str, Interval]:
    """Returns both likelihood ratios, from shares of different images; NaN if one has no upper bound."""
    ratios = independent_ratio(recall, complement(specificity)), independent_ratio(complement(recall), specificity)
    bounded = [ratio if all(map(math.isfinite, ratio)) else UNDEFINED for ratio in ratios]
    return dict(zip(LIKELIHOOD_RATIOS, bounded, strict=True))


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


def _rows_at_prevalence(table: pd.DataFrame, prevalence: float, risk_threshold: float, stated: float) -> pd.DataFrame:
    """Returns rows of predictive values, net benefit and cost at a prevalence, at the operating threshold.

    Args:
        table: the scores of the test images.
        prevalence: share of malignant lesions.
        risk_threshold: whose odds are the price of a false positive in the net benefit.
        stated: the risk threshold that was stated, which says what a missed malignant lesion costs; NaN if none was.
    """
    limits = table.set_index("score")[["estimate", "low", "high"]]
    recall, specificity = (Interval(*map(float, limits.loc[f"{name}{CHOSEN}"])) for name in ("recall", "specificity"))
    expected = at_prevalence(recall, specificity, prevalence, risk_threshold)
    if 0 < stated < 1:
        benefit, odds = expected["net_benefit"], stated / (1 - stated)
        # The cost, in true positives, is what is missing from the benefit of finding all malignant lesions.
        ends = (benefit.estimate, benefit.high, benefit.low)
        expected["expected_cost"] = Interval(*((prevalence - end) / odds for end in ends))
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
