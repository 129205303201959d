"""Paired tests of every finished run with every other on the same test images."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from threadpoolctl import threadpool_limits

from skinexp.comparison.decisions import (
    Decisions,
    calibration_sentence,
    sampling_of,
    shared_risk_threshold,
    threshold_text,
)
from skinexp.core.digest import digest
from skinexp.evaluation import compare_pairs, score_differences
from skinexp.evaluation.intervals.monte_carlo import UNDECIDED, YES
from skinexp.evaluation.paired.alignment import test_set_digest
from skinexp.evaluation.paired.model_pairs import PAIR_COLUMNS
from skinexp.evaluation.paired.score_differences import COLUMNS
from skinexp.evaluation.paired.simultaneous import SimultaneousAreas, simultaneous_areas
from skinexp.runs.run_outputs import RunOutputs, by_area

ALPHA = 0.05  # a difference is significant if its adjusted p-value is below this
FEW_DIGESTS = 3  # that a sentence names
MOST_RUNS = 5  # that are compared in every score: each costs a bootstrap
RESAMPLES = 500  # at first; their luck moves a limit by 3 % of the width of an interval
MOST_RESAMPLES = 2_000  # of two runs, while another seed could decide otherwise whether an interval excludes 0


@dataclass(frozen=True, eq=False)
class PairwiseTests:
    """The results of paired tests.

    Attributes:
        table: one row per pair with the columns of `compare_pairs`, `a` the run with the higher ROC-AUC; empty if there
            is nothing to pair.
        refusal: a sentence that says why runs with predictions cannot be paired; empty if they can.
        differences: one row per pair and score with the columns of `score_differences`, of the runs with the highest
            ROC-AUC.
        basis: a sentence that says which probabilities and thresholds the predicted classes come from.
        simultaneous: ROC-AUC of all paired runs, with limits that hold for all of them at once.
    """

    table: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PAIR_COLUMNS))
    refusal: str = ""
    differences: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))
    basis: str = ""
    simultaneous: SimultaneousAreas = field(default_factory=lambda: SimultaneousAreas({}))

    def between(self, a: str, b: str) -> "pd.Series | None":
        """Returns the row of two runs, of which the first has the higher ROC-AUC."""
        found = self.table[(self.table["a"] == a) & (self.table["b"] == b)]
        return None if found.empty else found.iloc[0]

    @property
    def adjustment(self) -> str:
        """How p-values are adjusted for multiple comparisons, as the end of a list in a sentence."""
        tested = int(self.table["p_value"].notna().sum())  # Holm's family: a test that could not be made is not of it
        return f", Holm-adjusted for {tested} pairs" if tested > 1 else ""


def same_test_images(records: Sequence[RunOutputs]) -> bool:
    """Returns whether all finished runs that name their test images were tested on the same ones."""
    return len(_users_of_digests(records)) <= 1


def pairwise_tests(
    records: Sequence[RunOutputs], decisions: Mapping[str, Decisions], resamples: int = RESAMPLES
) -> PairwiseTests:
    """Tests every pair of finished runs that left predictions.

    Args:
        records: the runs, with distinct names.
        decisions: of these runs, by name.
        resamples: of the test images at first, for the differences of scores; 0 leaves these out.
    """
    if not same_test_images(records):
        return PairwiseTests(refusal=_different_images(_users_of_digests(records)))
    ranked = [record.name for record in by_area(records) if record.finished and record.name in decisions]
    found = {name: decisions[name] for name in ranked}
    if len(found) < 2:
        return PairwiseTests()
    best = dict(list(found.items())[:MOST_RUNS])
    risk_threshold, sampling = shared_risk_threshold(records), sampling_of(records)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is undefined is shown as such
            # Resamples are for the best runs alone; DeLong's interval needs none.
            tests = compare_pairs(*_tables(found), resamples=0)
            simultaneous = simultaneous_areas(_tables(found)[0])
            differences = pd.DataFrame(columns=COLUMNS)
            if resamples:
                differences = _differences(best, resamples, risk_threshold, sampling)
    except ValueError as error:
        return PairwiseTests(refusal=str(error))
    basis = f"{calibration_sentence(found)} Classes are predicted at {threshold_text(found)}."
    return PairwiseTests(tests.pairs, "", differences, basis, simultaneous)


def is_significant(row: pd.Series) -> bool:
    """Returns whether the 95 % CI of a pair's difference excludes 0 and its Holm-adjusted p-value is below 0.05."""
    return bool((row["low"] > 0 or row["high"] < 0) and row["p_holm"] < ALPHA)


def _differences(
    best: Mapping[str, Decisions], resamples: int, risk_threshold: float | None, sampling: str
) -> pd.DataFrame:
    with threadpool_limits(1):  # small products: threads wait for each other longer than they compute
        return score_differences(
            *_tables(best),
            resamples=resamples,
            risk_threshold=risk_threshold,
            sampling=sampling,
            most=MOST_RESAMPLES,
        )


def excludes_zero(row: pd.Series) -> bool:
    """Returns whether the 95 % CI of a difference of two scores excludes 0, whatever the seed of the resamples."""
    return bool(row["excludes_0"] == YES)


def is_undecided(row: pd.Series) -> bool:
    """Returns whether it depends on the seed of the resamples if the 95 % CI of a difference excludes 0."""
    return bool(row["excludes_0"] == UNDECIDED)


def _tables(found: Mapping[str, Decisions]) -> tuple[dict[str, pd.DataFrame], dict[str, pd.Series]]:
    tables = {name: one.table for name, one in found.items()}
    return tables, {name: table["threshold"] for name, table in tables.items()}


def _users_of_digests(records: Sequence[RunOutputs]) -> dict[str, list[str]]:
    """Returns the names of runs by the digest of their test images and labels."""
    finished = [record for record in records if record.finished]
    are_old = any(_is_without_labels(record) for record in finished)
    users: dict[str, list[str]] = {}
    for record in finished:
        # Runs of earlier versions recorded a digest of names alone: it is compared with no other.
        test = record.test
        found = test_set_digest(test) if are_old and test is not None else record.summary.test_digest
        if found:
            users.setdefault(str(found), []).append(record.name)
    return users


def _is_without_labels(record: RunOutputs) -> bool:
    """Returns whether a run recorded a digest of its test images that labels do not change."""
    if record.test is None or record.summary.test_digest is None:
        return False
    return record.summary.test_digest == digest(sorted(record.test["image_id"].astype(str)))


def _different_images(users: dict[str, list[str]]) -> str:
    named = [
        f"{digest} ({names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''})"
        for digest, names in list(users.items())[:FEW_DIGESTS]
    ]
    rest = f", and {len(users) - FEW_DIGESTS} more" if len(users) > FEW_DIGESTS else ""
    return f"Paired tests need the same test images. The digests of the test images differ: {', '.join(named)}{rest}."
