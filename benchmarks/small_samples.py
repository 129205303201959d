"""Claim: intervals and tests keep their promise on test parts with few malignant images.

    python benchmarks/small_samples.py [--studies 1000] [--docs docs/concepts/intervals.md] [--only TEXT]

Studies are drawn whose true scores are known: scores of both classes are normally distributed. Two models of the
same quality are tested on the same images. Each interval is asked whether it holds the truth, each test how often
it finds a difference that is not there. DeLong's interval and test are the peers. Twenty minutes on two cores.
"""

import argparse
import math
import multiprocessing
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import documents
import numpy as np
from measure import Goal, Row, report
from scipy.special import ndtr, ndtri

from skinexp.evaluation import Interval, auc_interval, delong_interval, delong_test
from skinexp.evaluation.intervals.delong import auc_components, difference_components
from skinexp.evaluation.intervals.fixed_rate import FIXED, fixed_rate_interval
from skinexp.evaluation.metrics.ranking_scores import RANKING
from skinexp.evaluation.metrics.weighted_roc import Ranking

MARK = "small samples"  # about the table in the docs
COVERS = 0.93, 0.99  # of studies: what an interval that is shown must cover
ERRS = 0.02, 0.07  # of studies: how often a test may find a difference that is not there
NOISE = 3.0  # standard errors of a share of studies by which it may miss these bounds
OWN = 0.6  # share of the variance of a score that two models do not have in common
SHARED = 0.5  # share of the variance of a score that images of one lesion have in common


@dataclass(frozen=True)
class Design:
    """How studies are drawn.

    Attributes:
        malignant: lesions.
        benign: lesions.
        auc: the true one.
        images: of each lesion.
        levels: steps of a score in a standard deviation; 0: scores are not rounded.
    """

    malignant: int
    benign: int
    auc: float
    images: int = 1
    levels: float = 0.0

    @property
    def name(self) -> str:
        """What the table calls it."""
        extra = f", {self.images} images a lesion" if self.images > 1 else ""
        extra += ", integer scores" if self.levels else ""
        return f"{self.malignant} + {self.benign}{extra}, AUC {self.auc:g}"

    @property
    def apart(self) -> float:
        """Distance of the classes in standard deviations of a score."""
        return math.sqrt(2) * float(ndtri(self.auc))


AREAS = (0.5, 0.85, 0.96, 0.995)
PREVALENCES = (0.02, 0.1, 0.3, 0.5)
DESIGNS = (
    *(
        Design(few, round(few * (1 / share - 1)), area)
        for few in (8, 20, 50)
        for share in PREVALENCES
        for area in AREAS
    ),
    *(Design(few, 40, area, images=20) for few in (10, 40) for area in AREAS),
    *(Design(20, 20, area) for area in AREAS),
    *(Design(20, 80, area, levels=1.0) for area in AREAS[:3]),
)


def draw(design: Design, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores of two models of the same quality, and lesions."""
    lesions = np.repeat(np.arange(design.malignant + design.benign), design.images)
    labels = (lesions < design.malignant).astype(int)
    shared = SHARED if design.images > 1 else 0.0

    def noise() -> np.ndarray:
        of_lesion = generator.normal(size=design.malignant + design.benign)[lesions]
        return math.sqrt(shared) * of_lesion + math.sqrt(1 - shared) * generator.normal(size=len(labels))

    common = noise()
    models = [design.apart * labels + math.sqrt(1 - OWN) * common + math.sqrt(OWN) * noise() for _ in range(2)]
    if design.levels:
        models = [np.round(design.levels * scores) for scores in models]
    return labels, models[0], models[1], lesions


def truths(design: Design) -> dict[str, float]:
    """The true scores; with rounded scores, those of the rounded distributions."""
    apart = design.apart
    if not design.levels:
        at = {name: float(ndtr(apart - ndtri(rate))) for name, (_, rate) in FIXED.items()}
        return at | {"roc_auc": design.auc, "difference": 0.0}
    edges = (np.arange(-40, 41) + 0.5) / design.levels
    mass = [np.diff(ndtr(edges - mean)) for mean in (0.0, apart)]
    below = np.cumsum(mass[0]) - mass[0] / 2
    return {"roc_auc": float((mass[1] * below).sum()), "difference": 0.0}


def intervals(design: Design, study: tuple[np.ndarray, ...]) -> Iterator[tuple[str, str, Interval]]:
    """(way, score, interval) of everything that is asked."""
    labels, scores, other, lesions = study
    yield "Newcombe", "roc_auc", auc_interval(labels, scores, lesions)
    yield "DeLong", "roc_auc", delong_interval(labels, scores, lesions)
    if not design.levels:
        roc = Ranking(labels, scores).roc(np.ones((1, len(labels))))
        for name in FIXED:
            estimate = float(RANKING[name](roc)[0])
            yield "MOVER", name, fixed_rate_interval(name, estimate, labels, scores, lesions)
    paired = delong_test(labels, scores, other, lesions)
    yield "paired", "difference", Interval(paired.difference, paired.low, paired.high)


@dataclass(frozen=True)
class Found:
    """What the studies of a design show.

    Attributes:
        covered: `way: score` -> share of the intervals that are shown which hold the truth.
        withheld: `way: score` -> share of studies without an interval.
        errs: share of studies in which the test finds a difference that is not there, by test; NaN if it is never made.
    """

    covered: dict[str, float]
    withheld: dict[str, float]
    errs: dict[str, float]


def simulate(design: Design, studies: int) -> Found:
    """Draws studies, and asks each interval and test."""
    truth, held, shown = truths(design), Counter[str](), Counter[str]()
    rejected, tested = Counter[str](), Counter[str]()
    for number in range(studies):
        study = draw(design, np.random.default_rng([2, number]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for way, score, interval in intervals(design, study):
                name = f"{way}: {score}"
                held[name] += bool(interval.low <= truth[score] <= interval.high)
                shown[name] += not math.isnan(interval.low)
            for test, p_value in p_values(study):
                tested[test] += not math.isnan(p_value)
                rejected[test] += p_value < 0.05
    return Found(
        {name: held[name] / count if count else math.nan for name, count in shown.items()},
        {name: 1 - count / studies for name, count in shown.items()},
        {name: rejected[name] / count if count else math.nan for name, count in tested.items()},
    )


def p_values(study: tuple[np.ndarray, ...]) -> Iterator[tuple[str, float]]:
    """The p-value that is shown, and DeLong's whatever the number of images."""
    labels, scores, other, lesions = study
    yield "shown", delong_test(labels, scores, other, lesions).p_value
    (_, a), (_, b) = (auc_components(labels, values, lesions) for values in (scores, other))
    error = difference_components(a, b).error()
    difference = auc_components(labels, scores, lesions)[0] - auc_components(labels, other, lesions)[0]
    yield "DeLong", float(2 * ndtr(-abs(difference) / error)) if error > 0 else math.nan


def faults(design: Design, found: Found, studies: int) -> list[str]:
    """What does not keep its promise, but for the luck of so many studies."""

    def within(share: float, bounds: tuple[float, float]) -> bool:
        slack = [NOISE * math.sqrt(bound * (1 - bound) / studies) for bound in bounds]
        return math.isnan(share) or bounds[0] - slack[0] <= share <= bounds[1] + slack[1]

    wrong = [
        f"{design.name}, {name} covers {share:.1%}"
        for name, share in found.covered.items()
        if not name.startswith("DeLong") and found.withheld[name] < 0.5 and not within(share, (COVERS[0], 1.0))
    ]
    if not within(found.errs["shown"], (0.0, ERRS[1])):
        wrong.append(f"{design.name}, the paired test errs in {found.errs['shown']:.1%}")
    return wrong


def write_docs(file: Path, found: dict[str, Found], studies: int) -> None:
    """Puts the table between its marks."""
    names = ["Newcombe: roc_auc", *(f"MOVER: {name}" for name in FIXED), "paired: difference", "DeLong: roc_auc"]
    heads = ["ROC-AUC", *(name.replace("_", " ") for name in FIXED), "difference of two ROC-AUC", "DeLong's ROC-AUC"]
    lines = [
        f"Made by `python benchmarks/small_samples.py --docs docs/concepts/intervals.md`: {studies:,} studies a row. "
        "Malignant and benign lesions; how often the interval holds the truth, and how often a test finds a difference "
        f"that is not there; a share has a standard error of about {100 * math.sqrt(0.05 * 0.95 / studies):.1f} %. "
        "A dash: no interval.",
        "",
        f"| design | {' | '.join(heads)} | paired test errs | DeLong's test errs |",
        f"|---|{'---:|' * (len(names) + 2)}",
    ]
    for design, one in found.items():
        shares = [one.covered.get(name, math.nan) for name in names]
        hidden = [one.withheld.get(name, 1.0) > 0.5 for name in names]
        cells = [
            "-" if hide or math.isnan(share) else f"{100 * share:.1f} %"
            for share, hide in zip(shares, hidden, strict=True)
        ]
        errs = ["-" if math.isnan(one.errs[name]) else f"{100 * one.errs[name]:.1f} %" for name in ("shown", "DeLong")]
        lines.append(f"| {design} | {' | '.join([*cells, *errs])} |")
    documents.replace(file, MARK, "\n".join(lines))


def main() -> None:
    """Draws, asks, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1_000)
    parser.add_argument("--only", default="", help="designs whose name contains this text")
    parser.add_argument("--docs", type=Path, help="a file whose table is to be replaced")
    options = parser.parse_args()
    designs = [design for design in DESIGNS if options.only.replace(" ", "") in design.name.replace(" ", "")]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(partial(simulate, studies=options.studies), designs))
    found = {design.name: one for design, one in zip(designs, results, strict=True)}
    wrong = [fault for design in designs for fault in faults(design, found[design.name], options.studies)]
    rows = [
        Row(f"{design}, {name}", round(100 * share, 1), "%") for design, one in found.items()
        for name, share in one.covered.items() if not math.isnan(share)
    ]  # fmt: skip
    goal = Goal(
        "intervals and tests that keep their promise on few malignant images",
        f"at least {COVERS[0]:.0%} of studies covered, a test errs in at most {ERRS[1]:.0%}",
        "; ".join(wrong) or f"all of {len(designs)} designs",
        not wrong,
        "DeLong's interval and test",
    )
    report(
        __file__, "Intervals and tests on few malignant images", rows, goals=[goal], studies=options.studies, typed=[]
    )
    if options.docs:
        write_docs(options.docs, found, options.studies)


if __name__ == "__main__":
    main()
