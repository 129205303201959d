"""Every finished run beside every other on the same test images: how they differ, and if that is chance."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from threadpoolctl import threadpool_limits

from skinexp.comparison.decisions import Answers, answers, of_probabilities, of_thresholds
from skinexp.core.number_format import ABSENT, chance, three_decimals, whole
from skinexp.evaluation import compare_pairs, score_differences
from skinexp.evaluation.paired.model_pairs import PAIR_COLUMNS
from skinexp.evaluation.paired.score_differences import COLUMNS
from skinexp.runs.run_summary import RunRecord, by_area

CHANCE = 0.05  # of a p-value below which two runs are told apart
SHOWN = 12  # pairs of a table that is not folded
FEW_DIGESTS = 3  # that a sentence names
MOST_RUNS = 5  # that are compared in every score: each costs a bootstrap
RESAMPLES = 500  # their luck moves a limit by 3 % of the width of an interval, that of 1,000 by 2 %


@dataclass(frozen=True, eq=False)
class Pairs:
    """What paired tests say.

    Attributes:
        table: a row a pair with the columns of `compare_pairs`, `a` the run with the higher area; empty where there
            is nothing to pair.
        refusal: why runs that left predictions cannot be paired, in a sentence; empty where they can.
        differences: a row a pair and score with the columns of `score_differences`, of the runs with the highest areas.
        calls: which probabilities and thresholds calls are made of, in a sentence.
    """

    table: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PAIR_COLUMNS))
    refusal: str = ""
    differences: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))
    calls: str = ""

    def between(self, a: str, b: str) -> "pd.Series | None":
        """The row of two runs, of which the first has the higher area."""
        found = self.table[(self.table["a"] == a) & (self.table["b"] == b)]
        return None if found.empty else found.iloc[0]

    @property
    def correction(self) -> str:
        """How p-values were corrected for there being so many."""
        tested = int(self.table["p_value"].notna().sum())  # Holm's family: a test that could not be made is not of it
        return f", Holm-corrected over {tested} pairs" if tested > 1 else ""


@dataclass(frozen=True)
class Line:
    """A row of the table of pairs, in words."""

    a: str
    b: str
    difference: str
    limits: str
    p_value: str
    told_apart: bool
    areas: str
    only_right: str
    calls_p_value: str


def same_test_images(records: Sequence[RunRecord]) -> bool:
    """Whether all finished runs that name their test images were tested on the same ones."""
    return len(_users_of_digests(records)) <= 1


def pair(records: Sequence[RunRecord]) -> Pairs:
    """Tests every pair of finished runs that left predictions, each at the threshold that it chose on validation."""
    if not same_test_images(records):
        return Pairs(refusal=_different_images(_users_of_digests(records)))
    found = answers([record for record in by_area(records) if record.finished])
    if len(found) < 2:
        return Pairs()
    best = dict(list(found.items())[:MOST_RUNS])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is undefined is shown as such
            # Resamples are for the best runs alone; DeLong's interval needs none.
            tests = compare_pairs(*_tables(found), resamples=0)
            with threadpool_limits(1):  # small products: threads wait for each other longer than they compute
                differences = score_differences(*_tables(best), resamples=RESAMPLES)
    except ValueError as error:
        return Pairs(refusal=str(error))
    return Pairs(tests.pairs, "", differences, f"{of_probabilities(found)} Calls are at {of_thresholds(found)}.")


def _tables(found: Mapping[str, Answers]) -> tuple[dict[str, pd.DataFrame], dict[str, pd.Series]]:
    tables = {name: one.table for name, one in found.items()}
    return tables, {name: table["threshold"] for name, table in tables.items()}


def lines(pairs: Pairs) -> tuple[list[Line], list[Line]]:
    """The rows to show at once, and those to fold away: pairs without the best run, where there are many."""
    rows = pairs.table
    if len(rows) <= SHOWN:
        return [_line(row) for _, row in rows.iterrows()], []
    with_best = rows["a"] == rows["a"].iloc[0]
    return [_line(row) for _, row in rows[with_best].iterrows()], [_line(row) for _, row in rows[~with_best].iterrows()]


def is_told_apart(row: pd.Series) -> bool:
    """Whether the interval of a difference leaves out 0, and its p-value stands among those of all pairs."""
    return bool((row["low"] > 0 or row["high"] < 0) and row["p_holm"] < CHANCE)


def _areas(row: pd.Series) -> str:
    """What DeLong's test says of a pair, in words."""
    if math.isnan(row["p_holm"]):
        return "not tested"
    return "told apart" if is_told_apart(row) else "not told apart"


def _line(row: pd.Series) -> Line:
    counts = [row["only_a_right"], row["only_b_right"]]
    known = not (math.isnan(row["low"]) or math.isnan(row["high"]))
    return Line(
        row["a"],
        row["b"],
        three_decimals(row["difference"]),
        f"{three_decimals(row['low'])} to {three_decimals(row['high'])}" if known else "",
        chance(row["p_holm"]),
        is_told_apart(row),
        _areas(row),
        ABSENT if any(math.isnan(count) for count in counts) else " : ".join(map(whole, counts)),
        chance(row["mcnemar_p_holm"]),
    )


def _users_of_digests(records: Sequence[RunRecord]) -> dict[str, list[str]]:
    """The names of runs by the digest of their test images."""
    users: dict[str, list[str]] = {}
    for record in records:
        if record.finished and (digest := record.find("test_digest")):
            users.setdefault(str(digest), []).append(record.name)
    return users


def _different_images(users: dict[str, list[str]]) -> str:
    named = [
        f"{digest} ({names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''})"
        for digest, names in list(users.items())[:FEW_DIGESTS]
    ]
    rest = f", and {len(users) - FEW_DIGESTS} more" if len(users) > FEW_DIGESTS else ""
    return f"No test can pair runs whose test images have different digests: {', '.join(named)}{rest}."
