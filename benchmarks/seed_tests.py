"""Claim: two equal configurations, trained with several seeds, are found to differ in one study of twenty.

    python benchmarks/seed_tests.py [--studies 2000] [--docs docs/concepts/intervals.md] [--only TEXT]

Studies of two configurations of the same quality are drawn in three situations: all seeds are tested on one external
set; they share one split; each has another split of one data set. Images are lucky for one configuration or the other,
and so are seeds. The t-test over the scores of the seeds, which sees the luck of seeds alone, is the peer. Five minutes
on two cores.
"""

import argparse
import math
import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import documents
import numpy as np
from measure import Goal, Row, report

from skinexp.evaluation.intervals.delong import auc_components, difference_components
from skinexp.evaluation.paired.configuration_test import (
    ConfigurationTest,
    independent_test,
    on_all_groups,
    resplit_test,
    same_images_test,
)

MARK = "seed tests"  # about the table in the docs
EXTERNAL, SPLIT, RESPLITS = "one external set", "one fixed split", "resplits of one data set"
SIZES = {EXTERNAL: (40, 160), SPLIT: (60, 90), RESPLITS: (300, 700)}  # malignant and benign images, of all parts
TEST, TRAIN = 0.15, 0.70  # of the data set, in resplits
ERRS = 0.03, 0.07  # of studies: how often a test may find a difference that is not there
NOISE = 3.0  # standard errors of a share of studies by which it may miss these bounds
APART = 1.5  # of the classes, in standard deviations of a score
PEER = "t-test over seeds"


@dataclass(frozen=True)
class Design:
    """How studies are drawn.

    Attributes:
        situation: what the seeds share.
        seeds: of each configuration.
        quality: standard deviation of the distance of the classes from seed to seed.
        own: share of the variance of a score that a seed has for itself on each image; the rest is the configuration's.
    """

    situation: str
    seeds: int
    quality: float
    own: float

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.situation}, {self.seeds} seeds, {LUCKS[self.quality, self.own]}"


LUCKS = {
    (0.02, 0.1): "luck of images",
    (0.1, 0.4): "luck of both",
    (0.4, 0.4): "luck of seeds",
}
DESIGNS = tuple(Design(situation, seeds, *luck) for situation in SIZES for seeds in (3, 5, 10) for luck in LUCKS)


def study(design: Design, generator: np.random.Generator) -> tuple[ConfigurationTest, ConfigurationTest]:
    """The test that fits the situation, and the t-test over seeds, of one study of two equal configurations."""
    malignant, benign = SIZES[design.situation]
    labels = np.repeat([0, 1], [benign, malignant])
    shared, lucky = generator.normal(size=len(labels)), generator.normal(size=(2, len(labels)))
    differences, components, parts = [], [], []
    for _ in range(design.seeds):
        part = _test_part(labels, generator) if design.situation == RESPLITS else np.arange(len(labels))
        found = []
        for luck in lucky:
            distance = APART + design.quality * generator.normal()
            noise = math.sqrt(1 - design.own) * luck + math.sqrt(design.own) * generator.normal(size=len(labels))
            scores = distance * labels + 0.7 * shared + 0.7 * noise
            found.append(auc_components(labels[part], scores[part], None))
        (area_a, of_a), (area_b, of_b) = found
        differences.append(area_a - area_b)
        components.append(difference_components(of_a, of_b))
        parts.append(np.char.zfill(part.astype(str), 6))
    if design.situation == RESPLITS:
        on_all = on_all_groups(components, parts)
        return resplit_test(differences, TEST, TRAIN, on_all), independent_test(differences)
    return same_images_test(differences, components), independent_test(differences)


def _test_part(labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Positions of a stratified test part."""
    drawn = [
        generator.permutation(np.flatnonzero(labels == label))[: round(TEST * int((labels == label).sum()))]
        for label in (0, 1)
    ]
    return np.sort(np.concatenate(drawn))


def simulate(design: Design, studies: int) -> dict[str, float]:
    """Share of studies in which each test finds a difference that is not there."""
    rejected = Counter[str]()
    for number in range(studies):
        fitting, peer = study(design, np.random.default_rng([11, design.seeds, number]))
        rejected["shown"] += fitting.p_value < 0.05
        rejected[PEER] += peer.p_value < 0.05
    return {name: rejected[name] / studies for name in ("shown", PEER)}


def faults(design: Design, errs: dict[str, float], studies: int) -> list[str]:
    """What errs too often or too seldom, but for the luck of so many studies."""
    low, high = (
        bound + side * NOISE * math.sqrt(bound * (1 - bound) / studies)
        for bound, side in zip(ERRS, (-1, 1), strict=True)
    )
    share = errs["shown"]
    return [] if low <= share <= high else [f"{design.name}: errs in {share:.1%}"]


def write_docs(file: Path, found: dict[Design, dict[str, float]], studies: int) -> None:
    """Puts the table between its marks."""
    lines = [
        f"Made by `python benchmarks/seed_tests.py --docs docs/concepts/intervals.md`: {studies:,} studies a cell; in "
        "brackets the t-test over the scores of the seeds.",
        "",
        "| the runs of a configuration | what varies most | 3 seeds | 5 seeds | 10 seeds |",
        "|---|---|---:|---:|---:|",
    ]
    for situation in SIZES:
        for (quality, own), luck in LUCKS.items():
            chosen = [found.get(Design(situation, seeds, quality, own)) for seeds in (3, 5, 10)]
            cells = [f"{one['shown']:.1%} ({one[PEER]:.1%})" if one else "" for one in chosen]
            if any(cells):
                lines.append(f"| {situation} | {luck} | {' | '.join(cells)} |")
    documents.replace(file, MARK, "\n".join(lines))


def main() -> None:
    """Draws, tests, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--only", default="", help="designs whose name contains this text")
    parser.add_argument("--docs", type=Path, help="a file whose table is to be replaced")
    options = parser.parse_args()
    designs = [design for design in DESIGNS if options.only in design.name]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(partial(simulate, studies=options.studies), designs))
    found = dict(zip(designs, results, strict=True))
    wrong = [fault for design, errs in found.items() for fault in faults(design, errs, options.studies)]
    rows = [
        Row(f"{design.name}: {name}", round(100 * share, 1), "%")
        for design, errs in found.items()
        for name, share in errs.items()
    ]
    shares, peers = ([errs[name] for errs in found.values()] for name in ("shown", PEER))
    goal = Goal(
        "tests of configurations over seeds that find a difference which is not there",
        f"in {ERRS[0]:.0%} to {ERRS[1]:.0%} of studies",
        "; ".join(wrong) or f"{min(shares):.1%} to {max(shares):.1%} in {len(designs)} designs",
        not wrong,
        f"{PEER}: up to {max(peers):.0%}",
    )
    report(__file__, "Tests of configurations over seeds", rows, goals=[goal], studies=options.studies, typed=[])
    if options.docs:
        write_docs(options.docs, found, options.studies)


if __name__ == "__main__":
    main()
