"""Claim: intervals of smooth calibration and of scores at a threshold hold the truth with 8 to 300 malignant images.

    python benchmarks/calibration_coverage.py [--studies 400] [--only TEXT]

Studies are drawn whose true probabilities are known: scores of both classes are normally distributed, and the network
is calibrated, too sure of itself, or not sure enough. Each interval is asked whether it holds the truth; one that is
withheld is not asked. Ten minutes on two cores.
"""

import argparse
import math
import multiprocessing
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from measure import Goal, Row, report
from scipy.special import expit, logit, ndtri

from skinexp.evaluation import EvaluationOptions, probability_scores
from skinexp.evaluation.metrics.count_scores import count_scores
from skinexp.evaluation.scores_with_intervals import scores_with_intervals

LEAST = 0.93  # of studies: what an interval that is shown must cover
NOISE = 3.0  # standard errors of a share of so many studies, by which it may be off
RESAMPLES = 300
VERY_LARGE = 400_000  # images of the study that truth is read from
RISK_THRESHOLD = 0.1
KINDS = {"calibrated": (1.0, 0.0), "overconfident": (1.6, 0.4), "underconfident": (0.6, 0.0)}  # slope, shift of logits
AT_THRESHOLD = ("cohen_kappa", "positive_likelihood_ratio", "negative_likelihood_ratio", "expected_cost")
OF_PROBABILITIES = ("brier_skill_score", "observed_expected_ratio", "ici", "e50", "e90")


@dataclass(frozen=True)
class Design:
    """How studies are drawn.

    Attributes:
        malignant: images.
        benign: images.
        area: true area under the ROC curve.
        kind: a key of `KINDS`.
    """

    malignant: int
    benign: int
    area: float
    kind: str

    @property
    def name(self) -> str:
        """Returns a name for tables."""
        return f"{self.malignant} + {self.benign}, AUC {self.area:g}, {self.kind}"


SIZES = ((8, 392, 0.85), (20, 80, 0.96), (25, 75, 0.96), (50, 450, 0.85), (100, 100, 0.85), (300, 700, 0.96))
DESIGNS = tuple(Design(*size, kind) for size in SIZES for kind in KINDS)


def draw(design: Design, times: int, generator: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Predictions of a study, or of one that is so many times as large, and their true probabilities."""
    label = np.repeat([1, 0], [times * design.malignant, times * design.benign])
    apart = math.sqrt(2) * ndtri(design.area)
    score = apart * label + generator.normal(size=len(label))
    true = apart * (score - apart / 2) + logit(label.mean())
    slope, shift = KINDS[design.kind]
    predicted = slope * true + shift
    table = pd.DataFrame({"label": label, "logit": predicted, "probability": expit(predicted)})
    return table.assign(calibrated=table["probability"], threshold=label.mean()), expit(true)


def truths(design: Design) -> dict[str, float]:
    """What each score is in a very large study."""
    times = max(1, VERY_LARGE // (design.malignant + design.benign))
    table, true = draw(design, times, np.random.default_rng(0))
    positive, malignant = table["probability"] >= table["threshold"], table["label"] == 1
    missed, alarms = malignant & ~positive, ~malignant & positive
    counts = [(malignant & positive).sum(), alarms.sum(), missed.sum(), (~malignant & ~positive).sum()]
    scores = {name: float(score) for name, score in count_scores(*counts).items()}
    gaps = np.abs(table["probability"] - true)
    cost = (1 - RISK_THRESHOLD) / RISK_THRESHOLD
    errors = {"ici": gaps.mean(), "e50": gaps.quantile(0.5), "e90": gaps.quantile(0.9)}
    scores |= probability_scores(table["label"], table["probability"]) | errors
    return scores | {"expected_cost": float((cost * missed + 1.0 * alarms).mean())}


def simulate(design: Design, studies: int) -> dict[str, tuple[float, float]]:
    """Score -> share of intervals that hold the truth among those that are shown, and share of studies with one."""
    truth, held, shown = truths(design), Counter[str](), Counter[str]()
    for number in range(studies):
        table, _ = draw(design, 1, np.random.default_rng([3, number]))
        options = EvaluationOptions(resamples=RESAMPLES, seed=number, risk_threshold=RISK_THRESHOLD)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = scores_with_intervals(table, False, options).tables["scores"].set_index("score")
        for name in (*AT_THRESHOLD, *OF_PROBABILITIES):
            row = scores.loc[f"{name}_chosen" if name in AT_THRESHOLD else name]
            shown[name] += not math.isnan(row["low"])
            held[name] += bool(row["low"] <= truth[name] <= row["high"])
    return {name: (held[name] / count if count else math.nan, count / studies) for name, count in shown.items()}


def faults(design: Design, found: dict[str, tuple[float, float]], studies: int) -> list[str]:
    """The intervals that hold the truth less often than they should, but for the luck of so many studies."""
    slack = NOISE * math.sqrt(LEAST * (1 - LEAST) / studies)
    return [
        f"{design.name}, {name} covers {share:.1%}"
        for name, (share, given) in found.items()
        if given > 0.5 and share < LEAST - slack
    ]


def main() -> None:
    """Draws, asks, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--only", default="", help="designs whose name contains this text")
    options = parser.parse_args()
    designs = [design for design in DESIGNS if options.only in design.name]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(partial(simulate, studies=options.studies), designs))
    wrong = [
        fault
        for design, found in zip(designs, results, strict=True)
        for fault in faults(design, found, options.studies)
    ]
    rows = [
        Row(f"{design.name}, {name}", round(100 * share, 1), "%", note=f"shown in {given:.0%} of studies")
        for design, found in zip(designs, results, strict=True)
        for name, (share, given) in found.items()
        if not math.isnan(share)
    ]
    goal = Goal(
        "intervals of smooth calibration and of scores at a threshold",
        f"at least {LEAST:.0%} of studies covered, or withheld",
        "; ".join(wrong) or f"all of {len(designs)} designs",
        not wrong,
        "none",
    )
    report(__file__, "Intervals of smooth calibration", rows, goals=[goal], studies=options.studies, typed=[])


if __name__ == "__main__":
    main()
