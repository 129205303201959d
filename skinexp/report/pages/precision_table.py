"""The planned precision as a table of text: for the data card."""

import math
from collections.abc import Sequence

from skinexp.core.number_format import ABSENT, limits_text, three_decimals, whole
from skinexp.data.precision import PlannedPrecision

HEAD = [
    *("images of", "malignant", "benign", "95 % CI", "width", "malignant needed", "benign needed"),
    *("independent malignant", "independent benign", "width then", "malignant needed then", "benign needed then"),
]
NOTE = (
    "The 95 % CI that a ROC-AUC of {auc:g} (plan.auc) would have on these test images, by Newcombe's method 5 with the "
    "variance of Hanley & McNeil, and the images that a width of {width:g} (plan.width) needs. Independent: as how "
    "many images those of a class count if all images of a group agree (Kish). How much they agree is seen after the "
    "test; the width lies between both, up to a tenth, because it is estimated then."
)


def precision_rows(planned: Sequence[PlannedPrecision]) -> list[list[str]]:
    """Returns a row for the test part and for each subgroup that has an interval, with the columns of `HEAD`."""
    return [_row(row) for row in planned if not row.note]


def without_interval(planned: Sequence[PlannedPrecision]) -> str:
    """Returns which subgroups have no interval, in a sentence; empty if all have one."""
    reasons: dict[str, list[str]] = {}
    for row in planned:
        if row.note:
            reasons.setdefault(row.note, []).append(_name(row))
    return " ".join(f"No interval, because there are {note}: {', '.join(names)}." for note, names in reasons.items())


def _name(row: PlannedPrecision) -> str:
    return f"{row.column} {row.level}" if row.column else row.level


def _row(row: PlannedPrecision) -> list[str]:
    return [
        *(_name(row), whole(row.malignant), whole(row.benign)),
        *(limits_text(row.low, row.high), three_decimals(row.width)),
        *(_count(row.malignant_needed), _count(row.benign_needed)),
        *(f"{row.effective_malignant:,.1f}", f"{row.effective_benign:,.1f}", three_decimals(row.effective_width)),
        *(_count(row.effective_malignant_needed), _count(row.effective_benign_needed)),
    ]


def _count(number: float) -> str:
    return ABSENT if math.isnan(number) else whole(number)
