"""What the test images show of one model: scores with intervals, reliability, subgroups, curves with bands."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinexp.evaluation.cases import why_undefined
from skinexp.evaluation.decision.prevalence import at_prevalence
from skinexp.evaluation.intervals.bootstrap import RESAMPLES, Bootstrap, bootstrap
from skinexp.evaluation.intervals.delong import delong_interval
from skinexp.evaluation.intervals.independent_difference import independent_difference
from skinexp.evaluation.intervals.interval import Interval
from skinexp.evaluation.intervals.wilson import grouped_wilson
from skinexp.evaluation.metrics.count_scores import COUNT_SCORES
from skinexp.evaluation.metrics.probability_scores import PROBABILITY_SCORES, ProbabilityScorer
from skinexp.evaluation.metrics.ranking_scores import RANKING
from skinexp.evaluation.metrics.reliability_points import reliability_points
from skinexp.evaluation.metrics.weighted_metrics import Part, ThresholdScorer
from skinexp.evaluation.subgroups import Subgroups, subgroups
from skinexp.evaluation.tables import groups_of

UNDEFINED = Interval(math.nan, math.nan, math.nan)
CHOSEN, CALIBRATED = "_chosen", "_calibrated"  # ends of the names of scores
MOVER = "MOVER of Wilson"
OF_CALLS = ("precision", "npv")  # shares of the images that are called alike


@dataclass(frozen=True)
class Judgement:
    """What the test split shows.

    Attributes:
        scores: a row a score of the test split: `score`, `estimate`, `low`, `high`, `method` (of the interval).
        metrics: the estimates as `test/<score>`, ready to be logged, with the limits of the area, `test/roc_auc_low`
            and `test/roc_auc_high`.
        reliability: points of a reliability diagram on test, with `stage` before and after calibration.
        subgroups: scores by metadata, at the threshold.
        roc_band: the ROC curve on test and its band, point by point.
        precision_recall_band: likewise.
    """

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


def judge_answers(
    test: pd.DataFrame,
    is_calibrated: bool,
    prevalence: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Judgement:
    """What is to be said of test images whose calls are made.

    Args:
        test: one row an image, columns `label`, `logit`, `probability` (as trained), `calibrated` (the probability
            that is believed), `threshold` (from which on that is called malignant; NaN where there is none),
            optionally `image_id`, `group` and metadata. Thresholds may differ from image to image, as those of the
            folds of a cross-validation do.
        is_calibrated: whether to score calibrated probabilities beside those as trained.
        prevalence: as in `evidence`. Where thresholds differ, there is no net benefit at it: they have no one price.

    Raises:
        ValueError: as `evidence`.
    """
    test = test.reset_index(drop=True)
    groups = groups_of(test)
    resampled = _resampled(test, groups, is_calibrated, resamples, seed)
    table = _table(test, groups, is_calibrated, resampled)
    if prevalence is not None:
        limits = table.set_index("score")[["estimate", "low", "high"]]
        rates = [Interval(*map(float, limits.loc[f"{name}{CHOSEN}"])) for name in ("recall", "specificity")]
        thresholds = test["threshold"].unique()
        price = float(thresholds[0]) if len(thresholds) == 1 else math.nan
        expected = at_prevalence(rates[0], rates[1], prevalence, price)
        rows = [(f"{name}_at_prevalence", *interval, MOVER) for name, interval in expected.items()]
        table = pd.concat([table, pd.DataFrame(rows, columns=table.columns)], ignore_index=True)
    as_called = test.assign(probability=calls(test)).drop(columns=["calibrated", "threshold"])
    return Judgement(
        table,
        _metrics(table),
        _reliability(test, groups),
        subgroups(as_called, math.nan if test["threshold"].isna().any() else 0.5),
        resampled.roc_band,
        resampled.precision_recall_band,
    )


def calls(test: pd.DataFrame) -> np.ndarray:
    """(n,) 1 where the calibrated probability reaches the threshold, 0 where not, NaN where either is unknown."""
    answers = test[["calibrated", "threshold"]].to_numpy(dtype=np.float64)
    return np.where(np.isnan(answers).any(axis=1), math.nan, answers[:, 0] >= answers[:, 1])


def _resampled(test: pd.DataFrame, groups: np.ndarray, is_calibrated: bool, resamples: int, seed: int) -> Bootstrap:
    """Plain, chosen and calibrated scores from the same resamples."""
    further: dict[str, Part] = {}
    if why_undefined(test["label"], test["calibrated"]) is None:
        if test["threshold"].notna().all():
            further[CHOSEN] = ThresholdScorer(test["label"], test["calibrated"], test["threshold"])
        if is_calibrated:
            further[CALIBRATED] = ProbabilityScorer(test["label"], test["calibrated"])
    return bootstrap(test["label"], test["logit"], test["probability"], groups, {"": 0.5}, resamples, seed, further)


def _table(test: pd.DataFrame, groups: np.ndarray, is_calibrated: bool, resampled: Bootstrap) -> pd.DataFrame:
    """A row a score, with the best interval that there is for it."""
    suffixes = {"": _calls(test["probability"], 0.5), CHOSEN: calls(test)}
    names = [*RANKING, *PROBABILITY_SCORES]
    names += [f"{name}{CALIBRATED}" for name in PROBABILITY_SCORES if is_calibrated]
    names += [f"{name}{suffix}" for suffix in suffixes for name in (*COUNT_SCORES, "net_benefit")]
    found = {
        name: (resampled.intervals.get(name, UNDEFINED), "jackknife" if name in resampled.jackknifed else "bootstrap")
        for name in names
    }
    if resampled.intervals:  # else the bootstrap has warned already
        found["roc_auc"] = delong_interval(test["label"], test["logit"], groups), "DeLong"
    for suffix, called in suffixes.items():
        # Classes that are answered all right or all wrong are so in all resamples.
        balanced = f"balanced_accuracy{suffix}"
        shares = _shares(test["label"].to_numpy(), called, groups)
        for name, share in shares.items():
            # Wilson takes the number of images that are called alike for fixed, and is too wide for it. But resamples
            # of calls that are all right are all right too, and have no width.
            certain = share.estimate in (0.0, 1.0)
            if name not in OF_CALLS or certain or not resampled.intervals:
                found[f"{name}{suffix}"] = share, "Wilson"
        if shares and resampled.intervals and math.isnan(found[balanced][0].low):
            found[balanced] = _mean(shares["recall"], shares["specificity"]), MOVER
    rows = [(name, *interval, method) for name, (interval, method) in found.items()]
    return pd.DataFrame(rows, columns=["score", "estimate", "low", "high", "method"])


def _calls(probabilities: pd.Series, threshold: float) -> np.ndarray:
    return calls(pd.DataFrame({"calibrated": probabilities, "threshold": threshold}))


def _shares(labels: np.ndarray, answers: np.ndarray, groups: np.ndarray) -> dict[str, Interval]:
    """Scores that are a share of images: how many were called right among those of a class, of a call, of all."""
    if np.isnan(answers).any():
        return {}  # all NaN, as `threshold_scores` has it
    called = answers == 1
    right = called == labels
    among = {
        "accuracy": np.ones_like(called),
        "precision": called,
        "recall": labels == 1,
        "specificity": labels == 0,
        "npv": ~called,
    }
    return {name: grouped_wilson(right[which], groups[which]) for name, which in among.items()}


def _mean(one: Interval, other: Interval) -> Interval:
    """Of two shares of different images."""
    difference = independent_difference(one, Interval(-other.estimate, -other.high, -other.low))
    return Interval(*(end / 2 for end in difference))


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
