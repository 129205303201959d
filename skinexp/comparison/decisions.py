"""The decisions of each run on its test images: calibrated probabilities, and classes at its operating threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinexp.core.number_format import listing, three_decimals
from skinexp.evaluation import calibrated_probabilities, predicted_labels
from skinexp.evaluation.decision.calibration import Calibrator
from skinexp.evaluation.intervals.resampling import CASE_CONTROL, COHORT
from skinexp.runs.run_outputs import RunOutputs

HALF = 0.5
METHODS = {
    "logistic": "logistic recalibration",
    "temperature": "temperature scaling",
    "isotonic": "isotonic regression",
    "beta": "beta calibration",
}
PREVALENCE, RISK_THRESHOLD = "evaluate.prevalence", "evaluate.risk_threshold"


@dataclass(frozen=True, eq=False)
class Decisions:
    """A run's decisions on its test images.

    Attributes:
        table: its test predictions; `probability` is calibrated if the run has a calibration, and an image is
            predicted malignant if it is at least `threshold`.
        is_calibrated: whether these probabilities differ from the uncalibrated ones.
        is_chosen: whether the threshold was chosen on validation images; else it is 0.5.
        method: of the calibration, in words; empty if it is not known.
    """

    table: pd.DataFrame
    is_calibrated: bool
    is_chosen: bool
    method: str = ""

    @property
    def predicted(self) -> pd.DataFrame:
        """The table with each image's predicted class, 0 or 1, in place of its probability."""
        return self.table.assign(probability=predicted_labels(self.table["probability"], self.table["threshold"]))

    @property
    def threshold(self) -> str:
        """The operating threshold as text; the folds of a cross-validation have one each."""
        values = self.table["threshold"].unique()
        return three_decimals(float(values[0])) if len(values) == 1 else "each fold's own"


def with_calibrated(record: RunOutputs) -> pd.DataFrame | None:
    """Returns a run's predictions with the columns `calibrated` and `threshold` (NaN if the run chose none).

    Runs that were written before calibration existed have Youden's threshold, for uncalibrated probabilities.
    """
    table = record.predictions
    if table is None or {"calibrated", "threshold"} <= set(table):
        return table
    calibration, threshold = record.summary.calibration, record.summary.thresholds.chosen
    if not calibration:
        calibration, threshold = {"method": "none"}, record.summary.thresholds.youden
    probabilities = calibrated_probabilities(Calibrator.from_dict(calibration), table)
    return table.assign(calibrated=probabilities, threshold=threshold)


def calibration_method(record: RunOutputs) -> str:
    """Returns the method of a run's calibration in words; empty if it is not known.

    The folds of a cross-validation have calibrations of their own, by the method that their configuration names.
    """
    method = record.summary.calibration.get("method") or record.summary.setting("evaluate.calibration")
    return METHODS.get(str(method), "")


def is_calibrated(test: pd.DataFrame) -> bool:
    """Returns whether calibrated probabilities differ from the uncalibrated ones."""
    return not np.allclose(test["calibrated"], test["probability"], atol=1e-6, equal_nan=True)


def run_decisions(records: Sequence[RunOutputs]) -> dict[str, Decisions]:
    """Returns the decisions of each run that left predictions, by its name."""
    found = {}
    for record in records:
        if (table := with_calibrated(record)) is not None:
            test = table[table["split"] == "test"]
            decided = test.assign(probability=test["calibrated"], threshold=test["threshold"].fillna(HALF))
            is_chosen = bool(test["threshold"].notna().all())
            method = calibration_method(record)
            found[record.name] = Decisions(decided.drop(columns="calibrated"), is_calibrated(test), is_chosen, method)
    return found


def calibration_sentence(found: Mapping[str, Decisions]) -> str:
    """Returns a sentence for a caption: whether these probabilities are calibrated, by what and on what."""
    uncalibrated = [name for name, one in found.items() if not one.is_calibrated]
    if len(uncalibrated) == len(found):
        return "Probabilities are uncalibrated."
    methods = dict.fromkeys(one.method for one in found.values() if one.is_calibrated)
    by = f"by {listing(list(methods))} " if all(methods) else ""
    return f"Probabilities are calibrated {by}on validation images{_except('uncalibrated', uncalibrated)}."


def threshold_text(found: Mapping[str, Decisions]) -> str:
    """Returns words for a caption: at which threshold these classes are predicted."""
    at_half = [name for name, one in found.items() if not one.is_chosen]
    if len(at_half) == len(found):
        return "threshold 0.5"
    return f"the operating threshold that each run chose on its validation images{_except('threshold 0.5', at_half)}"


def _except(what: str, names: Sequence[str]) -> str:
    return f" (except {listing(names)}: {what})" if names else ""


def shared_setting(records: Sequence[RunOutputs], key: str) -> float | None:
    """Returns the number that all finished runs state for a key; None if one states none, or another."""
    values = {record.summary.setting(key) for record in records if record.finished}
    value = values.pop() if len(values) == 1 else None
    return None if value is None else float(value)


def shared_risk_threshold(records: Sequence[RunOutputs]) -> float | None:
    """Returns the risk threshold of all runs, at whose odds their net benefits can be compared; None without one."""
    return shared_setting(records, RISK_THRESHOLD)


def sampling_of(records: Sequence[RunOutputs]) -> str:
    """Returns how resamples of these runs' test images are drawn: `cohort` if any run says so, else `case_control`.

    The intervals of a cohort are the wider ones. Runs of earlier versions fixed the number of malignant images.
    """
    said = {record.summary.data.sampling for record in records if record.finished and record.summary.data}
    return COHORT if COHORT in said else CASE_CONTROL


def sampling_sentence(records: Sequence[RunOutputs]) -> str:
    """Returns a sentence for the page: what varies in the resamples of these runs' test images."""
    designs = dict.fromkeys(sampling_of([record]) for record in records if record.finished)
    sentences = {
        CASE_CONTROL: "resamples hold as many malignant images as the test set (case-control sampling)",
        COHORT: "the number of malignant images varies from resample to resample (cohort sampling)",
    }
    if len(designs) == 1:
        return f"In intervals, {sentences[next(iter(designs))]}; evaluate.sampling states another one."
    by_design = {
        design: listing([record.name for record in records if record.finished and sampling_of([record]) == design])
        for design in designs
    }
    return "In intervals, " + "; ".join(f"{sentences[design]}: {names}" for design, names in by_design.items()) + "."
