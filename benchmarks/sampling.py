"""Claim: intervals cover in consecutive cohorts, where the number of malignant images varies from study to study.

    python benchmarks/sampling.py [--studies 400] [--docs docs/concepts/intervals.md] [--only TEXT]

Cohorts are drawn whose true scores are known: each image has a true log odds, and chance decides its label. Intervals
with cohort sampling are asked whether they hold the truth, and beside them those with case-control sampling, which
take the number of malignant images for fixed. Five minutes on two cores.
"""

import argparse
import math
import multiprocessing
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import documents
import numpy as np
import pandas as pd
from measure import Goal, Row, report
from scipy.special import expit

from skinexp.evaluation import Calibrator, EvaluationOptions, OperatingPoint, evaluate

MARK = "sampling"  # about the table in the docs
SCORES = (
    *("calibration_intercept", "calibration_slope", "brier", "log_loss", "average_precision", "accuracy_chosen"),
    *("precision_chosen", "npv_chosen", "net_benefit_chosen", "f1_chosen", "balanced_accuracy_chosen", "mcc_chosen"),
)
SAMPLINGS = ("cohort", "case_control")
COVERS = 0.93  # of studies: what an interval that is shown must cover at least
NOISE = 3.0  # standard errors of a share of studies by which it may miss this
THRESHOLD = 0.2  # of the probability
RESAMPLES = 300
POPULATION = 400_000  # images from which the true scores are computed
SPREAD, STRETCH, SHIFT = 2.0, 1.2, 0.3  # deviation of the true log odds; the logits are 1.2 times these, and 0.3 more


@dataclass(frozen=True)
class Design:
    """How cohorts are drawn.

    Attributes:
        images: in each.
        mean: true log odds; the share of malignant images follows.
    """

    images: int
    mean: float

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.images:,} images, {prevalence(self):.0%} malignant"


DESIGNS = (Design(200, -2.2), Design(400, -3.3), Design(1_000, -3.3), Design(500, -1.4))


def draw(design: Design, images: int, generator: np.random.Generator) -> pd.DataFrame:
    """Predictions of a cohort."""
    odds = generator.normal(design.mean, SPREAD, images)
    logit = STRETCH * odds + SHIFT
    label = (generator.random(images) < expit(odds)).astype(int)
    return pd.DataFrame({"label": label, "logit": logit, "probability": expit(logit)})


def prevalence(design: Design) -> float:
    """The true share of malignant images."""
    return float(expit(np.random.default_rng(0).normal(design.mean, SPREAD, POPULATION)).mean())


def scores(design: Design, table: pd.DataFrame, sampling: str, resamples: int = RESAMPLES) -> pd.DataFrame:
    """Estimate, low and high of each score."""
    options = EvaluationOptions(resamples=resamples, sampling=sampling)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = evaluate(table, options, OperatingPoint(THRESHOLD, Calibrator(), prevalence(design)))
    return found.tables["scores"].set_index("score")


def truths(design: Design) -> pd.Series:
    """The scores of the whole population, from one large sample."""
    return scores(design, draw(design, POPULATION // 4, np.random.default_rng(1)), "cohort", resamples=2)["estimate"]


def simulate(design: Design, studies: int) -> dict[tuple[str, str], float]:
    """(sampling, score) -> share of the intervals that are shown which hold the truth."""
    truth, held, shown = truths(design), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for number in range(studies):
        table = draw(design, design.images, np.random.default_rng([7, number]))
        for sampling in SAMPLINGS:
            found = scores(design, table, sampling)
            for score in SCORES:
                low, high = found.loc[score, ["low", "high"]]
                held[sampling, score] += bool(low <= truth[score] <= high)
                shown[sampling, score] += not math.isnan(low)
    return {name: held[name] / count if count else math.nan for name, count in shown.items()}


def faults(design: Design, found: dict[tuple[str, str], float], studies: int) -> list[str]:
    """What does not cover, but for the luck of so many studies."""
    least = COVERS - NOISE * math.sqrt(COVERS * (1 - COVERS) / studies)
    return [
        f"{design.name}, {score} covers {share:.1%}"
        for (sampling, score), share in found.items()
        if sampling == "cohort" and share < least
    ]


def write_docs(file: Path, found: dict[str, dict[tuple[str, str], float]], studies: int) -> None:
    """Puts the table between its marks."""
    lines = [
        f"Made by `python benchmarks/sampling.py --docs docs/concepts/intervals.md`: {studies:,} studies a column; "
        "first with `cohort`, in brackets with `case_control`, which takes the number of malignant images for fixed.",
        "",
        f"| score | {' | '.join(found)} |",
        f"|---|{'---:|' * len(found)}",
    ]
    for score in SCORES:
        cells = [f"{one['cohort', score]:.1%} ({one['case_control', score]:.1%})" for one in found.values()]
        lines.append(f"| `{score}` | {' | '.join(cells)} |")
    documents.replace(file, MARK, "\n".join(lines))


def main() -> None:
    """Draws, asks, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--only", default="", help="designs whose name contains this text")
    parser.add_argument("--docs", type=Path, help="a file whose table is to be replaced")
    options = parser.parse_args()
    designs = [design for design in DESIGNS if options.only in design.name]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(partial(simulate, studies=options.studies), designs))
    found = {design.name: one for design, one in zip(designs, results, strict=True)}
    wrong = [fault for design in designs for fault in faults(design, found[design.name], options.studies)]
    rows = [
        Row(f"{design}, {sampling}: {score}", round(100 * share, 1), "%")
        for design, one in found.items()
        for (sampling, score), share in one.items()
        if not math.isnan(share)
    ]
    least = min(share for one in found.values() for (sampling, _), share in one.items() if sampling == "case_control")
    goal = Goal(
        "intervals of consecutive cohorts",
        f"at least {COVERS:.0%} of studies covered",
        "; ".join(wrong) or f"all of {len(designs)} designs",
        not wrong,
        f"with a fixed number of malignant images: down to {least:.0%}",
    )
    report(__file__, "Intervals of consecutive cohorts", rows, goals=[goal], studies=options.studies, typed=[])
    if options.docs:
        write_docs(options.docs, found, options.studies)


if __name__ == "__main__":
    main()
