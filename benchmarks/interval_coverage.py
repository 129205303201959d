"""Claim: 95 % intervals hold the truth in 93 to 97 % of studies, also where images come in groups.

    python benchmarks/interval_coverage.py [--studies 1000] [--docs docs/concepts/intervals.md] [--paired]

Studies are drawn whose true scores are known from a very large one: lesions of one image or several, each lesion's
images sharing what is hard about it, a fixed number of malignant lesions. Each interval is asked whether it holds the
truth. Peers are the same formulas for independent images. Five minutes on two cores.
"""

import argparse
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import documents
import numpy as np
import pandas as pd
from measure import Goal, Row, report
from scipy.special import expit

from skinexp.evaluation import (
    Interval,
    Resampling,
    at_prevalence,
    auc_interval,
    bootstrap,
    delong_interval,
    delong_test,
    grouped_wilson,
    score_differences,
    wilson,
)
from skinexp.evaluation.intervals.bootstrap import limits, tail
from skinexp.evaluation.intervals.calibration_band import calibration_bands
from skinexp.evaluation.intervals.delong import auc_components
from skinexp.evaluation.intervals.fixed_rate import FIXED, fixed_rate_interval
from skinexp.evaluation.intervals.independent_ratio import independent_ratio
from skinexp.evaluation.intervals.interval import QUANTILE, complement
from skinexp.evaluation.intervals.jackknife import SHARES as BETWEEN
from skinexp.evaluation.intervals.jackknife import UNBOUNDED
from skinexp.evaluation.intervals.resampling import group_weights
from skinexp.evaluation.metrics.calibration_curve import CALIBRATION_ERRORS
from skinexp.evaluation.metrics.count_scores import LIKELIHOOD_RATIOS
from skinexp.evaluation.metrics.weighted_roc import Ranking

MARK = "coverage"  # about the table in the docs
LEAST, MOST = 0.93, 0.97
VERY_LARGE = 300_000  # lesions
PREVALENCE = 0.02
THRESHOLDS = {"": 0.5}
SHARES = ("accuracy", "recall", "specificity")
CONSERVATIVE = {  # hold it more often
    *("bootstrap: ece", "Newcombe: roc_auc"),
    *(f"bootstrap: {score}" for score in CALIBRATION_ERRORS),
    *(f"MOVER: {score}" for score in FIXED),
}
NOT_USED = (  # in the table to say why
    "DeLong: roc_auc",
    "DeLong, plain scale:",
    "as if independent:",
    "Wilson of predicted labels:",
    "MOVER, own prevalence:",
)
# The evaluation reports Wilson's interval, the jackknife's, or MOVER's.
ALSO_OTHERS = tuple(
    f"bootstrap: {score}" for score in (*SHARES, *BETWEEN, *UNBOUNDED, *FIXED, *LIKELIHOOD_RATIOS, "roc_auc")
)


@dataclass(frozen=True)
class Setting:
    """How studies are drawn."""

    name: str
    lesions: int
    apart: float  # distance of the classes, in standard deviations of a logit


SETTINGS = (Setting("fair model, 300 lesions", 300, 1.5), Setting("good model, 500 lesions", 500, 2.5))
MALIGNANT = 0.3  # share of lesions
SHARED = 0.5  # share of the variance that a lesion's images have in common


@dataclass(frozen=True)
class Study:
    """One draw: two models on the same images."""

    labels: np.ndarray
    logits: np.ndarray
    other: np.ndarray  # logits of a model that is a little worse
    lesions: np.ndarray


def draw(setting: Setting, lesions: int, generator: np.random.Generator) -> Study:
    """A study of so many lesions, two images each in the mean."""
    group = np.repeat(np.arange(lesions), 1 + generator.poisson(1, lesions))
    label = (group < round(MALIGNANT * lesions)).astype(int)
    hard = np.sqrt(SHARED) * generator.normal(size=lesions)[group]
    seen = setting.apart * (label - 0.5) + hard + np.sqrt(1 - SHARED) * generator.normal(size=len(group))
    other = seen + 0.5 * generator.normal(size=len(group))
    return Study(label, 1.3 * seen - 0.8, 1.3 * other - 0.8, group)


def intervals(study: Study, seed: int, resamples: int) -> Iterator[tuple[str, str, Interval]]:
    """(way, score, interval) of everything that is asked."""
    labels, logits, groups = study.labels, study.logits, study.lesions
    probabilities = expit(logits)
    found = bootstrap(labels, logits, probabilities, groups, THRESHOLDS, Resampling(resamples, seed))
    for score, interval in found.intervals.items():
        yield "jackknife" if score in found.jackknifed else "bootstrap", score, interval
    beyond = tail(labels, groups)
    for score in found.jackknifed:
        low, high = limits(found.replicates[score], beyond)
        yield "bootstrap", score, Interval(found.intervals[score].estimate, float(low), float(high))

    yield "Newcombe", "roc_auc", auc_interval(labels, logits, groups)
    for score in FIXED:
        yield "MOVER", score, fixed_rate_interval(score, found.intervals[score].estimate, labels, logits, groups)
    yield "DeLong", "roc_auc", delong_interval(labels, logits, groups)
    area, components = auc_components(labels, logits, groups)
    half = QUANTILE * components.variance() ** 0.5
    yield "DeLong, plain scale", "roc_auc", Interval(area, area - half, min(1, area + half))
    yield "as if independent: DeLong", "roc_auc", delong_interval(labels, logits)

    predicted = probabilities >= THRESHOLDS[""]
    right = predicted == labels
    among = dict(zip(SHARES, (labels >= 0, labels == 1, labels == 0), strict=True))
    shares = {score: grouped_wilson(right[which], groups[which]) for score, which in among.items()}
    for score, interval in shares.items():
        yield "Wilson", score, interval
    for score in ("recall", "specificity"):
        which = among[score]
        yield "as if independent: Wilson", score, wilson(right[which].sum(), which.sum())
    recall, specificity = shares["recall"], shares["specificity"]
    ratios = independent_ratio(recall, complement(specificity)), independent_ratio(complement(recall), specificity)
    for score, interval in zip(LIKELIHOOD_RATIOS, ratios, strict=True):
        yield "MOVER", score, interval
    band = calibration_bands(labels, {"": probabilities}, groups, Resampling(resamples, seed))[""]
    for score, interval in band.intervals.items():
        yield "bootstrap", score, interval
    here = at_prevalence(shares["recall"], shares["specificity"], labels.mean(), THRESHOLDS[""])
    yield "MOVER, own prevalence", "precision", here["ppv"]
    yield "MOVER, own prevalence", "npv", here["npv"]
    for score, which in (("precision", predicted), ("npv", ~predicted)):
        yield "Wilson of predicted labels", score, grouped_wilson(right[which], groups[which])
    expected = at_prevalence(shares["recall"], shares["specificity"], PREVALENCE, THRESHOLDS[""])
    for score, interval in expected.items():
        yield "MOVER", f"{score} at prevalence {PREVALENCE}", interval

    paired = delong_test(labels, logits, study.other, groups)
    yield "DeLong, paired", "roc_auc, difference", Interval(paired.difference, paired.low, paired.high)
    rankings = [Ranking(labels, scores) for scores in (logits, study.other)]
    weightings = group_weights(labels, groups, resamples, seed)
    areas = [[ranking.roc(weights).area() for ranking in rankings] for weights in weightings]
    low, high = limits(np.concatenate([a - b for a, b in areas]), beyond)
    yield "bootstrap, paired", "roc_auc, difference", Interval(paired.difference, float(low), float(high))


def differences(study: Study, seed: int, resamples: int) -> Iterator[tuple[str, str, Interval]]:
    """The same of the differences of all scores."""
    models = {name: _predictions(study, scores) for name, scores in (("a", study.logits), ("b", study.other))}
    for row in score_differences(models, resamples=resamples, seed=seed).itertuples():
        yield "bootstrap, paired", f"{row.score}, difference", Interval(row.difference, row.low, row.high)


Asked = Callable[[Study, int, int], Iterator[tuple[str, str, Interval]]]


def _predictions(study: Study, logits: np.ndarray) -> pd.DataFrame:
    columns = {"image_id": np.arange(len(logits)), "group": study.lesions, "label": study.labels, "logit": logits}
    return pd.DataFrame(columns).assign(probability=expit(logits))


def truths(setting: Setting, asked: Asked, lesions: int) -> dict[str, float]:
    """What each score is in a study so large that it is no longer a matter of luck."""
    study = draw(setting, lesions, np.random.default_rng(0))
    return {score: interval.estimate for _, score, interval in asked(study, 0, 1)}


def coverage(
    setting: Setting, studies: int, resamples: int, asked: Asked = intervals, very_large: int = VERY_LARGE
) -> dict[str, float]:
    """`way: score` -> share of studies whose interval holds the truth. An interval that is NaN holds nothing."""
    truth, held = truths(setting, asked, very_large), Counter[str]()
    for number in range(studies):
        study = draw(setting, setting.lesions, np.random.default_rng([1, number]))
        for way, score, interval in asked(study, number, resamples):
            held[f"{way}: {score}"] += bool(interval.low <= truth[score] <= interval.high)
    return {name: times / studies for name, times in held.items()}


def as_promised(name: str, share: float) -> bool:
    """Whether an interval that is used covers as it should."""
    return share >= LEAST and (share <= MOST or name in CONSERVATIVE)


def promised(shares: dict[str, float]) -> dict[str, float]:
    """Without the ways that `evidence` does not use."""
    return {name: share for name, share in shares.items() if used(name)}


def used(name: str) -> bool:
    """Whether `evidence` or `compare_pairs` tells this interval of this score."""
    return not name.startswith(NOT_USED) and name not in ALSO_OTHERS


def write_docs(file: Path, found: dict[str, dict[str, float]], studies: int, resamples: int) -> None:
    """Puts the table between its marks."""
    names = list(next(iter(found.values())))
    lines = [
        "Made by `python benchmarks/interval_coverage.py --docs docs/concepts/intervals.md`: "
        f"{studies:,} studies a column, "
        f"{resamples:,} resamples each; a share has a standard error of about 0.7 %.",
        "",
        f"| interval | score | {' | '.join(found)} |",
        f"|---|---|{'---:|' * len(found)}",
    ]
    for name in sorted(names, key=lambda name: not used(name)):
        way, _, score = name.rpartition(": ")
        shares = " | ".join(f"{100 * found[setting][name]:.1f} %" for setting in found)
        lines.append(f"| {way} | `{score}` | {shares} |")
    documents.replace(file, MARK, "\n".join(lines))


def main() -> None:
    """Draws, asks, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1_000)
    parser.add_argument("--resamples", type=int, default=1_000)
    parser.add_argument(
        "--very-large", type=int, default=VERY_LARGE, help="lesions of the study that truth is read from"
    )
    parser.add_argument("--docs", type=Path, help="a file whose table is to be replaced")
    parser.add_argument(
        "--paired", action="store_true", help="ask the differences of two models in every score instead"
    )
    options = parser.parse_args()
    if options.paired and options.docs:
        parser.error("--docs is for the intervals of one model: leave out --paired")
    asked = differences if options.paired else intervals
    given = ([each] * len(SETTINGS) for each in (options.studies, options.resamples, asked, options.very_large))
    with ProcessPoolExecutor(len(SETTINGS), multiprocessing.get_context("spawn")) as pool:
        found = dict(zip((setting.name for setting in SETTINGS), pool.map(coverage, SETTINGS, *given), strict=True))
    if options.paired:
        for name in next(iter(found.values())):
            print(f"{name:65}", *(f"{100 * shares[name]:5.1f} %" for shares in found.values()))
        return
    tell(found, options.studies, options.resamples)
    if options.docs:
        write_docs(options.docs, found, options.studies, options.resamples)


def tell(found: dict[str, dict[str, float]], studies: int, resamples: int) -> None:
    """The report of all settings."""
    rows = [
        Row(f"{setting}, {name}", round(100 * share, 1), "%")
        for setting, shares in found.items()
        for name, share in shares.items()
    ]
    told = [(name, share) for shares in found.values() for name, share in promised(shares).items()]
    low, high = (extreme(share for _, share in told) for extreme in (min, max))
    within = sum(as_promised(name, share) for name, share in told)
    naive = [share for shares in found.values() for name, share in shares.items() if name.startswith("as if")]
    goal = Goal(
        "95 % intervals of grouped images that hold the truth",
        f"{LEAST:.0%} to {MOST:.0%} of studies",
        f"{within} of {len(told)} intervals do ({low:.1%} to {high:.1%}; those of ece, ICI, E50 and E90 may be above)",
        within == len(told),
        f"as if images were independent: {min(naive):.1%} to {max(naive):.1%}",
    )
    claim = f"How often 95 % intervals hold the truth, of {studies} simulated studies"
    report(__file__, claim, rows, goals=[goal], studies=studies, resamples=resamples, typed=[])


if __name__ == "__main__":
    main()
