"""How the images of a data set were collected: by class (case-control), or one patient after the other (cohort).

It decides what varies from study to study. Who collects 40 malignant and 160 benign lesions will do so again: the share
of malignant images is fixed. Who photographs 200 lesions one after the other finds another number of malignant ones
each time, and scores that depend on their share (predictive values, calibration intercept, net benefit) vary more.
"""

from dataclasses import dataclass

import pandas as pd

from skinexp.data.groups import canonical
from skinexp.data.table import Table
from skinexp.evaluation.intervals.resampling import CASE_CONTROL, COHORT

AUTO = "auto"
COLUMN = "sampling"  # of a table, in which a data set says of itself how it was collected
DESIGNS = {  # words of that column, in lower case and with underscores
    CASE_CONTROL: ("case_control", "case_control_study", "enriched", "balanced", "matched", "stratified"),
    COHORT: ("cohort", "consecutive", "consecutive_cohort", "consecutive_series", "cross_sectional", "screening"),
}
WORDS = {CASE_CONTROL: "case-control", COHORT: "cohort"}
BALANCED = 0.45, 0.55  # share of malignant images between which a set was balanced: none is found so


@dataclass(frozen=True)
class Sampling:
    """How a data set was collected.

    Attributes:
        design: `case_control` or `cohort`.
        reason: what says so, in words.
    """

    design: str
    reason: str

    @property
    def sentence(self) -> str:
        """The design, what follows from it for intervals, and what says so."""
        share = "is fixed" if self.design == CASE_CONTROL else "varies from sample to sample"
        return f"{WORDS[self.design]}: in intervals, the share of malignant images {share} ({self.reason})"


def sampling_of(table: Table, stated: str = AUTO) -> Sampling:
    """Returns how a data set was collected, as far as the user or the data set itself says.

    Args:
        table: the images.
        stated: the option `evaluate.sampling`: a design, or auto: what the source says of generated images, or column
            `sampling` of the table, or a case-control study if malignant and benign images are about equally many, else
            a cohort. The intervals of a cohort are the wider ones: of a case-control study they cover too often.
    """
    if stated != AUTO:
        return Sampling(stated, "evaluate.sampling")
    if table.sampling is not None:
        return Sampling(table.sampling, "as the source generates images")
    if (own := _own_words(table.frame)) is not None:
        return own
    share = float(table.frame["label"].mean())
    low, high = BALANCED
    if low <= share <= high:
        return Sampling(CASE_CONTROL, f"the data do not state it, but {share:.0%} malignant images are a choice")
    return Sampling(
        COHORT,
        f"the data do not state it; {share:.0%} of the images are malignant. A column {COLUMN!r} with cohort or "
        "case_control in it, or evaluate.sampling, states it",
    )


def _own_words(frame: pd.DataFrame) -> Sampling | None:
    """Returns what a column of the table says; None if there is none, or if it says something else."""
    column = next((name for name in frame.columns if canonical(str(name)) == COLUMN), None)
    if column is None:
        return None
    words = {canonical(str(value)) for value in frame[column].dropna().unique()}
    designs = {design for design, known in DESIGNS.items() for word in words if word in known}
    unknown = words - {word for known in DESIGNS.values() for word in known}
    if unknown or not designs:
        return None
    reason = f"column {column!r}"
    return Sampling(designs.pop(), reason) if len(designs) == 1 else Sampling(COHORT, f"{reason} holds both designs")
