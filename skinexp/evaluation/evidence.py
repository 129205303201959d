"""How far a run's test scores can be believed: chosen on validation, judged on test, each with its interval."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinexp.evaluation.bootstrap import RESAMPLES, Bootstrap, bootstrap
from skinexp.evaluation.calibration import Calibrator, fit_calibrator
from skinexp.evaluation.cases import why_undefined
from skinexp.evaluation.count_scores import COUNT_SCORES
from skinexp.evaluation.delong import delong_interval
from skinexp.evaluation.interval import Interval
from skinexp.evaluation.prevalence import at_prevalence
from skinexp.evaluation.probability_scores import PROBABILITY_SCORES, ProbabilityScorer
from skinexp.evaluation.ranking_scores import RANKING
from skinexp.evaluation.reliability import reliability_points
from skinexp.evaluation.scorer import Part, ThresholdScorer
from skinexp.evaluation.subgroups import Subgroups, subgroups
from skinexp.evaluation.tables import groups_of, require_columns
from skinexp.evaluation.threshold_rules import choose_threshold, parse_rule
from skinexp.evaluation.wilson import grouped_wilson

UNDEFINED = Interval(math.nan, math.nan, math.nan)
CHOSEN, CALIBRATED = "_chosen", "_calibrated"  # ends of the names of scores
MOVER = "MOVER of Wilson"
OF_CALLS = ("precision", "npv")  # shares of the images that are called alike


@dataclass(frozen=True)
class Evidence:
    """What the test split shows.

    Attributes:
        threshold: chosen by the rule on validation, for calibrated probabilities; NaN where a class is absent there.
        calibrator: fitted on validation; `calibrator.apply(logits)` are the probabilities that the threshold is for.
        scores: a row a score of the test split: `score`, `estimate`, `low`, `high`, `method` (of the interval).
        metrics: the estimates as `test/<score>`, ready to be logged, with the limits of the area, `test/roc_auc_low`
            and `test/roc_auc_high`, and `threshold/chosen`.
        reliability: points of a reliability diagram on test, with `stage` before and after calibration.
        subgroups: scores by metadata, at the threshold.
        roc_band: the ROC curve on test and its band, point by point.
        precision_recall_band: likewise.
    """

    threshold: float
    calibrator: Calibrator
    scores: pd.DataFrame
    metrics: dict[str, float]
    reliability: pd.DataFrame
    subgroups: Subgroups
    roc_band: pd.DataFrame
    precision_recall_band: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """All that is a table, by name."""
        return {
            "scores": self.scores,
            "reliability": self.reliability,
            "roc_band": self.roc_band,
            "precision_recall_band": self.precision_recall_band,
            "subgroups": self.subgroups.levels,
            "subgroup_gaps": self.subgroups.gaps,
        }


def evidence(
    predictions: pd.DataFrame,
    threshold_rule: str | float = "youden",
    calibration: str = "none",
    prevalence: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Evidence:
    """Everything that is to be said of one model's predictions.

    Scores with a plain name are those of `evaluate`: of uncalibrated probabilities, and at 0.5. `_calibrated` is after
    calibration, and `_chosen` at the threshold that the rule chose, on calibrated probabilities.

    Args:
        predictions: one row an image of val and test, columns `split`, `label`, `logit`, `probability`, optionally
            `image_id`, `group` and metadata.
        threshold_rule: see `choose_threshold`.
        calibration: see `fit_calibrator`.
        prevalence: share of malignant lesions among the patients that the model is for, 0 to 1, exclusive; adds
            `ppv_at_prevalence`, `npv_at_prevalence` and `net_benefit_at_prevalence`, at the chosen threshold.
        seed: of the resamples.
        resamples: how many.

    Returns:
        An `Evidence`. What is undefined is NaN, with a warning.

    Raises:
        ValueError: where a column is missing, the rule or the calibration is none of those known, the prevalence is
            out of range, a label is not 0 or 1, or a probability lies outside 0..1.
    """
    require_columns(predictions, ("split", "label", "logit", "probability"))
    parse_rule(threshold_rule)  # a typo is told before anything is computed
    if prevalence is not None:
        at_prevalence(UNDEFINED, UNDEFINED, prevalence, 0.5)
    val, test = (predictions[predictions["split"] == split].reset_index(drop=True) for split in ("val", "test"))
    calibrator = fit_calibrator(calibration, val["label"], val["logit"])
    threshold = choose_threshold(threshold_rule, val["label"], _calibrated(calibrator, val))
    return judge(test, threshold, calibrator, prevalence, seed, resamples)


def judge(
    test: pd.DataFrame,
    threshold: float,
    calibrator: Calibrator,
    prevalence: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Evidence:
    """What `evidence` says of test images, at a threshold and a calibration that were chosen before.

    Args:
        test: one row an image, columns as in `evidence`; all of them are judged.
        threshold: from which calibrated probability on an image is called malignant; NaN where there was none.
        calibrator: that the threshold is for.

    Raises:
        ValueError: as `evidence`.
    """
    test = test.reset_index(drop=True)
    test = test.assign(calibrated=_calibrated(calibrator, test))
    groups = groups_of(test)
    calibrated = calibrator.method != "none"
    resampled = _resampled(test, groups, threshold, calibrated, resamples, seed)
    table = _table(test, groups, threshold, calibrated, resampled)
    if prevalence is not None:
        limits = table.set_index("score")[["estimate", "low", "high"]]
        rates = [Interval(*map(float, limits.loc[f"{name}{CHOSEN}"])) for name in ("recall", "specificity")]
        expected = at_prevalence(rates[0], rates[1], prevalence, threshold)
        rows = [(f"{name}_at_prevalence", *interval, MOVER) for name, interval in expected.items()]
        table = pd.concat([table, pd.DataFrame(rows, columns=table.columns)], ignore_index=True)
    return Evidence(
        threshold,
        calibrator,
        table,
        _metrics(table) | {"threshold/chosen": threshold},
        _reliability(test, groups),
        subgroups(test.assign(probability=test["calibrated"]).drop(columns="calibrated"), threshold),
        resampled.roc_band,
        resampled.precision_recall_band,
    )


def _calibrated(calibrator: Calibrator, part: pd.DataFrame) -> np.ndarray:
    """Probabilities after calibration. Without one they are the model's own, to the last digit, not made anew."""
    if calibrator.method == "none":
        return part["probability"].to_numpy(dtype=np.float64)
    return calibrator.apply(part["logit"])


def _resampled(
    test: pd.DataFrame, groups: np.ndarray, threshold: float, calibrated: bool, resamples: int, seed: int
) -> Bootstrap:
    """Plain, chosen and calibrated scores from the same resamples."""
    further: dict[str, Part] = {}
    if why_undefined(test["label"], test["calibrated"]) is None:
        if not math.isnan(threshold):
            further[CHOSEN] = ThresholdScorer(test["label"], test["calibrated"], threshold)
        if calibrated:
            further[CALIBRATED] = ProbabilityScorer(test["label"], test["calibrated"])
    return bootstrap(test["label"], test["logit"], test["probability"], groups, {"": 0.5}, resamples, seed, further)


def _table(
    test: pd.DataFrame, groups: np.ndarray, threshold: float, calibrated: bool, resampled: Bootstrap
) -> pd.DataFrame:
    """A row a score, with the best interval that there is for it."""
    suffixes = {"": ("probability", 0.5), CHOSEN: ("calibrated", threshold)}
    names = [*RANKING, *PROBABILITY_SCORES]
    names += [f"{name}{CALIBRATED}" for name in PROBABILITY_SCORES if calibrated]
    names += [f"{name}{suffix}" for suffix in suffixes for name in (*COUNT_SCORES, "net_benefit")]
    found = {name: (resampled.intervals.get(name, UNDEFINED), "bootstrap") for name in names}
    if resampled.intervals:  # else the bootstrap has warned already
        found["roc_auc"] = delong_interval(test["label"], test["logit"], groups), "DeLong"
    for suffix, (column, value) in suffixes.items():
        shares = _shares(test["label"].to_numpy(), test[column].to_numpy(dtype=float), groups, value)
        for name, share in shares.items():
            # Wilson takes the number of images that are called alike for fixed, and is too wide for it. But resamples
            # of calls that are all right are all right too, and have no width.
            certain = share.estimate in (0.0, 1.0)
            if name not in OF_CALLS or certain or not resampled.intervals:
                found[f"{name}{suffix}"] = share, "Wilson"
    rows = [(name, *interval, method) for name, (interval, method) in found.items()]
    return pd.DataFrame(rows, columns=["score", "estimate", "low", "high", "method"])


def _shares(labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, threshold: float) -> dict[str, Interval]:
    """Scores that are a share of images: how many were called right among those of a class, of a call, of all."""
    if math.isnan(threshold) or np.isnan(probabilities).any():
        return {}  # all NaN, as `threshold_scores` has it
    called = probabilities >= threshold
    right = called == labels
    among = {
        "accuracy": np.ones_like(called),
        "precision": called,
        "recall": labels == 1,
        "specificity": labels == 0,
        "npv": ~called,
    }
    return {name: grouped_wilson(right[which], groups[which]) for name, which in among.items()}


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    """One number a score; of the limits only the area's: three numbers a score are a table's business."""
    metrics = dict(zip("test/" + table["score"], table["estimate"].tolist(), strict=True))
    area = table[table["score"] == "roc_auc"]
    return metrics | {f"test/roc_auc_{end}": area[end].item() for end in ("low", "high")}


def _reliability(test: pd.DataFrame, groups: np.ndarray) -> pd.DataFrame:
    stages = {"before": "probability", "after": "calibrated"}
    points = [
        reliability_points(test["label"], test[column], groups).assign(stage=stage) for stage, column in stages.items()
    ]
    return pd.concat(points, ignore_index=True)
