"""Precision of the planned test: how wide the 95 % CI of an assumed ROC-AUC is with these test images and subgroups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from skinexp.config.schema import Config, Plan
from skinexp.core.errors import UserError
from skinexp.core.number_format import limits_text, three_decimals, whole
from skinexp.data.split import split
from skinexp.data.table import metadata_columns
from skinexp.evaluation.intervals.planning import (
    Cases,
    cases_for_width,
    cases_of,
    effective_cases,
    planned_interval,
    width,
)
from skinexp.evaluation.subgroups import FEWEST, levels_by_column

WHOLE = "test part"


@dataclass(frozen=True)
class PlannedPrecision:
    """The precision that some test images give to an assumed ROC-AUC; numbers are NaN if they are not defined.

    Attributes:
        column: of the metadata; empty for the whole test part.
        level: of the column; `test part` for the whole.
        malignant, benign: images.
        low, high: 95 % CI of the assumed ROC-AUC if images are independent.
        width: of that interval.
        malignant_needed, benign_needed: images for the wanted width, in the same proportion.
        effective_malignant, effective_benign: independent images if all images of a group agree.
        effective_width: width of the interval then.
        effective_malignant_needed, effective_benign_needed: images for the wanted width then.
        note: why there is no interval.
    """

    column: str = ""
    level: str = WHOLE
    malignant: int = 0
    benign: int = 0
    low: float = math.nan
    high: float = math.nan
    width: float = math.nan
    malignant_needed: float = math.nan
    benign_needed: float = math.nan
    effective_malignant: float = math.nan
    effective_benign: float = math.nan
    effective_width: float = math.nan
    effective_malignant_needed: float = math.nan
    effective_benign_needed: float = math.nan
    note: str = ""

    @property
    def is_grouped(self) -> bool:
        """Whether groups hold several images of a class."""
        return self.effective_malignant < self.malignant or self.effective_benign < self.benign


def planned_precision(test: pd.DataFrame, plan: Plan) -> list[PlannedPrecision]:
    """Returns the precision of the test part, and of each subgroup that the evaluation will report.

    Args:
        test: one row per test image: `label` (0/1), `group`, and metadata.
        plan: the assumed ROC-AUC and the wanted width.
    """
    rows = [_row("", WHOLE, test, plan, fewest=1)]
    for column, levels in levels_by_column(test[metadata_columns(test)]).items():
        rows += [
            _row(column, str(level), test[(levels == level).to_numpy()], plan, FEWEST)
            for level in levels.cat.categories
        ]
    return rows


def _row(column: str, level: str, part: pd.DataFrame, plan: Plan, fewest: int) -> PlannedPrecision:
    cases, effective = cases_of(part["label"]), effective_cases(part["label"], part["group"])
    if min(cases.malignant, cases.benign) < fewest:
        note = f"fewer than {fewest} images of a class" if fewest > 1 else "images of one class"
        return PlannedPrecision(column, level, int(cases.malignant), int(cases.benign), note=note)
    interval = planned_interval(plan.auc, cases)
    needed = cases_for_width(plan.auc, plan.width, cases) or NOT_KNOWN
    needed_then = cases_for_width(plan.auc, plan.width, cases, effective) or NOT_KNOWN
    return PlannedPrecision(
        column,
        level,
        int(cases.malignant),
        int(cases.benign),
        interval.low,
        interval.high,
        width(interval),
        needed.malignant,
        needed.benign,
        effective.malignant,
        effective.benign,
        width(planned_interval(plan.auc, effective)),
        needed_then.malignant,
        needed_then.benign,
    )


NOT_KNOWN = Cases(math.nan, math.nan)  # more images than any study has


def precision_sentence(rows: Sequence[PlannedPrecision], plan: Plan, folds: int | None = None) -> str:
    """Returns the precision of the test part in words, and that of the least precise subgroup.

    Args:
        rows: of `planned_precision`.
        plan: the assumed ROC-AUC and the wanted width.
        folds: of a cross-validation; the rows are about the test part of one of them.
    """
    test, *subgroups = rows
    if test.note:
        return f"no ROC-AUC, because the test part has {test.note} only"
    of = f" of one of {folds} folds" if folds else ""
    found = [
        f"with {_images(test.malignant, test.benign)} test images{of}, a ROC-AUC of {plan.auc:g} (plan.auc) would have "
        f"the 95 % CI {limits_text(test.low, test.high)} (width {three_decimals(test.width)}, Newcombe); a width of "
        f"{plan.width:g} (plan.width) needs {_images(test.malignant_needed, test.benign_needed)}"
    ]
    if folds:
        all_folds = planned_interval(plan.auc, Cases(test.malignant, test.benign), folds)
        found.append(f"over all {folds} folds, the width is {three_decimals(width(all_folds))}")
    if test.is_grouped:
        effective = f"{test.effective_malignant:,.1f} malignant and {test.effective_benign:,.1f} benign"
        found.append(
            f"if all images of a group agree, they count like {effective} images: width "
            f"{three_decimals(test.effective_width)}, and {_images(*_needed_then(test))} are needed"
        )
    return "; ".join([*found, *_of_subgroups(subgroups)])


def _needed_then(row: PlannedPrecision) -> tuple[float, float]:
    return row.effective_malignant_needed, row.effective_benign_needed


def _images(malignant: float, benign: float) -> str:
    if math.isnan(malignant):
        return "more than ten million"
    return f"{whole(malignant)} malignant and {whole(benign)} benign"


def _of_subgroups(rows: Sequence[PlannedPrecision]) -> list[str]:
    if not rows:
        return []
    known = [row for row in rows if not row.note]
    found = [f"{len(rows) - len(known)} of {len(rows)} subgroups have fewer than {FEWEST} images of a class"]
    if known:
        widest = max(known, key=lambda row: row.width)
        found.append(
            f"the widest CI of the others is that of {widest.column} {widest.level}: {three_decimals(widest.width)}"
        )
    return found


def planned_test_part(frame: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Returns the rows that a training would test, of images that are not split yet.

    Args:
        frame: one row per image, with groups.
        config: its split and its seed are read.

    Raises:
        UserError: if the images cannot be split.
    """
    return frame[(split(frame, config.data.split, config.data_seed) == "test").to_numpy()]


def planned_precision_or_reason(frame: pd.DataFrame, config: Config) -> tuple[list[PlannedPrecision], str]:
    """Returns the precision of the test part of images that are not split yet, and the sentence about it.

    If they cannot be split, there are no rows and the sentence says why.
    """
    try:
        rows = planned_precision(planned_test_part(frame, config), config.plan)
    except UserError as error:
        return [], f"unknown, because these images cannot be split: {error}"
    return rows, precision_sentence(rows, config.plan, config.data.split.folds or None)
