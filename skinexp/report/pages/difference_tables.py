"""The differences of the best runs in every score, as tables: one run less each of the others."""

from dataclasses import dataclass

import pandas as pd

from skinexp.comparison.pairwise import MOST_RESAMPLES, MOST_RUNS, PairwiseTests, excludes_zero, is_undecided
from skinexp.core.number_format import limits_text, three_decimals
from skinexp.report.pages.score_table import AT_THRESHOLD, CALIBRATION

LABELS = {  # of the scores that are shown, in this order; ROC-AUC has a table of its own
    "average_precision": "average precision",
    "sensitivity_at_90_specificity": "sensitivity at 90 % specificity",
    "sensitivity_at_95_specificity": "sensitivity at 95 % specificity",
    "specificity_at_90_sensitivity": "specificity at 90 % sensitivity",
    "specificity_at_95_sensitivity": "specificity at 95 % sensitivity",
    "pauc_isic2024": "partial ROC-AUC, ISIC 2024",
    "pauc_isic_scorer": "partial ROC-AUC, ISIC scorer",
    **AT_THRESHOLD,
    **{name: label for name, (label, _) in CALIBRATION.items()},
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
}


@dataclass(frozen=True)
class Difference:
    """A difference as text, and whether its 95 % CI excludes 0, which may depend on the seed of the resamples."""

    text: str
    limits: str
    excludes_0: bool
    is_undecided: bool


@dataclass(frozen=True)
class DifferenceTable:
    """The differences of one run from each of the others, one row per score."""

    run: str
    others: list[str]
    rows: list[tuple[str, list[Difference]]]


@dataclass(frozen=True)
class Differences:
    """All tables, and the number of runs in them."""

    tables: list[DifferenceTable]
    is_restricted: bool
    most: int = MOST_RUNS
    resamples: int = MOST_RESAMPLES

    @property
    def has_undecided(self) -> bool:
        """Whether an interval is marked as undecided."""
        return any(cell.is_undecided for table in self.tables for _, cells in table.rows for cell in cells)


def difference_tables(pairs: PairwiseTests) -> Differences:
    """Returns the tables of some pairs, that of the best run first; none if nothing was compared."""
    found = pairs.differences
    made = [_table(run, found[found["a"] == run]) for run in found["a"].unique()]
    compared, all_runs = (set(table["a"]) | set(table["b"]) for table in (found, pairs.table))
    return Differences(made, compared != all_runs)


def _table(run: str, rows: pd.DataFrame) -> DifferenceTable:
    others = rows["b"].unique().tolist()
    by_score = rows.set_index(["score", "b"])
    return DifferenceTable(
        run,
        others,
        [
            (label, [_difference(by_score.loc[(score, other)]) for other in others])
            for score, label in LABELS.items()
            if score in by_score.index
        ],
    )


def _difference(row: pd.Series) -> Difference:
    return Difference(
        three_decimals(row["difference"]),
        limits_text(row["low"], row["high"]),
        excludes_zero(row),
        is_undecided(row),
    )
