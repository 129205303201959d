"""What was calibrated on what, and whether it helped: a sentence on each run, beside its reliability diagram."""

import math
from collections.abc import Sequence

from skinexp.comparison.decisions import calibration_method
from skinexp.core.number_format import counted, limits_text, three_decimals, two_decimals
from skinexp.runs.run_outputs import RunOutputs

BEFORE, AFTER, CHANGE = "log_loss", "log_loss_calibrated", "log_loss_change"  # scores of the test images


def calibration_notes(records: Sequence[RunOutputs]) -> list[str]:
    """Returns a sentence on each run: the calibration, the images that it was fitted on, and the log loss of test.

    Args:
        records: finished runs. Those that do not say how they were calibrated are left out.
    """
    return [note for record in records if (note := _note(record))]


def _note(record: RunOutputs) -> str:
    method = record.summary.calibration.get("method")
    if method == "none":
        return f"{record.name}: not calibrated (evaluate.calibration=none)."
    if not (words := calibration_method(record)):
        return ""
    return f"{record.name}: {words}{_parameters(record)}, fitted on {_fitted_on(record)}.{_result(record)}"


def _parameters(record: RunOutputs) -> str:
    """Returns the numbers of a calibration; the corners of a rising line are too many."""
    given = record.summary.calibration.get("parameters", {})
    numbers = [f"{name} {two_decimals(value)}" for name, value in given.items() if isinstance(value, (int, float))]
    return f" ({', '.join(numbers)})" if numbers else ""


def _fitted_on(record: RunOutputs) -> str:
    if record.pooled_folds is not None:
        return "the validation images of each fold"
    if record.evaluates:
        return "the validation images of its training"
    counts = record.summary.data.counts.get("val", {}) if record.summary.data else {}
    if not sum(counts.values()):
        return "its validation images"
    return f"{counted(sum(counts.values()), 'validation image')}, {counts.get('malignant', 0):,} of them malignant"


def _result(record: RunOutputs) -> str:
    """Says whether the calibration lowered the log loss of the test images, as far as they show it."""
    before, after = record.metric(f"test/{BEFORE}"), record.metric(f"test/{AFTER}")
    if math.isnan(before) or math.isnan(after):
        return ""
    _, low, high = record.interval(CHANGE)
    limits = limits_text(low, high)
    interval = f" (change {three_decimals(after - before)}, 95 % CI {limits}, bootstrap)" if limits else ""
    scores = f"Log loss of the test images: {three_decimals(before)} before, {three_decimals(after)} after{interval}"
    if not limits:
        return f" {scores}."
    verdict = "it helped" if high < 0 else "it did harm" if low > 0 else "not significantly different"
    return f" {scores}: {verdict}."
