"""What a run says of its test images: calibrated probabilities, called at the threshold that it chose on validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinexp.core.number_format import listing, three_decimals
from skinexp.evaluation import calibrated_probabilities, predicted_labels
from skinexp.evaluation.decision.calibration import Calibrator
from skinexp.runs.run_summary import RunRecord

HALF = 0.5


@dataclass(frozen=True, eq=False)
class Answers:
    """A run's answers to its test images.

    Attributes:
        table: its test predictions, `probability` calibrated where the run has a calibration, and `threshold`, from
            which on an image is called malignant.
        is_calibrated: whether these probabilities are others than those as trained.
        is_chosen: whether the threshold was chosen on validation images; else it is 0.5.
    """

    table: pd.DataFrame
    is_calibrated: bool
    is_chosen: bool

    @property
    def called(self) -> pd.DataFrame:
        """The table with each image's call in place of its probability, 0 or 1: at 0.5 they are the same calls."""
        return self.table.assign(probability=predicted_labels(self.table["probability"], self.table["threshold"]))

    @property
    def threshold(self) -> str:
        """In words; the folds of a cross-validation have one each."""
        values = self.table["threshold"].unique()
        return three_decimals(float(values[0])) if len(values) == 1 else "each fold's own"


def with_answers(record: RunRecord) -> pd.DataFrame | None:
    """A run's predictions with `calibrated` probabilities and the `threshold` for them, NaN where it chose none.

    Runs of before there was calibration have Youden's threshold, for probabilities as trained.
    """
    table = record.predictions
    if table is None or {"calibrated", "threshold"} <= set(table):
        return table
    calibration, chosen = record.find("calibration"), "chosen"
    if not calibration:
        calibration, chosen = {"method": "none"}, "youden"
    probabilities = calibrated_probabilities(Calibrator.from_dict(calibration), table)
    return table.assign(calibrated=probabilities, threshold=record.number("thresholds", chosen))


def is_calibrated(test: pd.DataFrame) -> bool:
    """Whether calibrated probabilities are others than those as trained."""
    return not np.allclose(test["calibrated"], test["probability"], atol=1e-6, equal_nan=True)


def answers(records: Sequence[RunRecord]) -> dict[str, Answers]:
    """By name, of the runs that left predictions."""
    found = {}
    for record in records:
        if (table := with_answers(record)) is not None:
            test = table[table["split"] == "test"]
            told = test.assign(probability=test["calibrated"], threshold=test["threshold"].fillna(HALF))
            is_chosen = bool(test["threshold"].notna().all())
            found[record.name] = Answers(told.drop(columns="calibrated"), is_calibrated(test), is_chosen)
    return found


def of_probabilities(found: Mapping[str, Answers]) -> str:
    """A sentence for a caption: whether these are calibrated."""
    as_trained = [name for name, one in found.items() if not one.is_calibrated]
    if len(as_trained) == len(found):
        return "Probabilities are as trained."
    return f"Probabilities are calibrated on validation images{_but('as trained', as_trained)}."


def of_thresholds(found: Mapping[str, Answers]) -> str:
    """The words for a caption: which threshold these are called at."""
    at_half = [name for name, one in found.items() if not one.is_chosen]
    if len(at_half) == len(found):
        return "the threshold 0.5"
    return f"the threshold that each run chose on its validation images{_but('0.5', at_half)}"


def _but(what: str, names: Sequence[str]) -> str:
    return f" (of {listing(names)}: {what})" if names else ""
