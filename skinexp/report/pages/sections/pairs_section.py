"""Paired tests of the runs, and the differences of the best ones in every score."""

import math
from dataclasses import dataclass

import pandas as pd

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.pairwise import PairwiseTests, is_significant
from skinexp.core.number_format import ABSENT, limits_text, p_value_text, three_decimals, whole
from skinexp.report.pages.difference_tables import difference_tables
from skinexp.report.pages.section import Content, Section

SHOWN = 12  # pairs of a table that is not folded


@dataclass(frozen=True)
class PairRow:
    """A pair as text."""

    a: str
    b: str
    difference: str
    limits: str
    p_value: str
    is_significant: bool
    result: str
    discordant: str
    mcnemar_p_value: str


def content(comparison: Comparison) -> Content | None:
    """Returns the rows of the table of pairs, or why there are none; None if there is nothing to pair."""
    pairs = comparison.pairs
    shown, folded = pair_rows(pairs)
    if not shown and comparison.conclusion.case != "refused_pairs":
        return None
    return {"shown": shown, "folded": folded, "differences": difference_tables(pairs)}


def pair_rows(pairs: PairwiseTests) -> tuple[list[PairRow], list[PairRow]]:
    """Returns the rows that are shown, and those that are folded: of many pairs, those without the best run."""
    rows = pairs.table
    if len(rows) <= SHOWN:
        return [_row(row) for _, row in rows.iterrows()], []
    with_best = rows["a"] == rows["a"].iloc[0]
    return [_row(row) for _, row in rows[with_best].iterrows()], [_row(row) for _, row in rows[~with_best].iterrows()]


def _row(row: pd.Series) -> PairRow:
    counts = [row["only_a_right"], row["only_b_right"]]
    return PairRow(
        row["a"],
        row["b"],
        three_decimals(row["difference"]),
        limits_text(row["low"], row["high"]),
        p_value_text(row["p_holm"]),
        is_significant(row),
        _result(row),
        ABSENT if any(math.isnan(count) for count in counts) else " : ".join(map(whole, counts)),
        p_value_text(row["mcnemar_p_holm"]),
    )


def _result(row: pd.Series) -> str:
    if math.isnan(row["p_holm"]):
        return "not tested"
    return "significantly different" if is_significant(row) else "not significantly different"


SECTION = Section("pairs", "Pairwise comparisons", "pairs.html.j2", content)
