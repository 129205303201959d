"""The verdict in words: one paragraph that a person can act on."""

import math
from collections.abc import Sequence

from skinexp.health.chart import Chart
from skinexp.health.diagnosis import POSSIBLE, Diagnosis, Verdict
from skinexp.health.rules import outcome


def verdict(chart: Chart, found: Sequence[Diagnosis]) -> Verdict:
    """What is said of a training in which these things were found."""
    if outcome.failed(chart):
        return Verdict("collapsed", _paragraph(_ending(chart) + _what_is_there(chart), found), list(found))
    if found:
        return Verdict("warning", _paragraph("", found), list(found))
    return Verdict("ok", _all_well(chart), [])


def of_diagnosis(diagnosis: Diagnosis) -> str:
    """One cause, its evidence and its cure."""
    name = diagnosis.name.replace("_", " ")
    perhaps = "perhaps " if diagnosis.confidence == POSSIBLE else ""
    cure = f". Cure: {diagnosis.cure}" if diagnosis.cure else ""
    return f"{perhaps}{name}: {diagnosis.why}{cure}"


def _paragraph(ending: str, found: Sequence[Diagnosis]) -> str:
    if not found:
        return f"{ending}Nothing that was looked at says why."
    cause, *others = found
    follows = [name.replace("_", " ") for name in cause.consequences]
    consequences = f" It explains what else was seen: {', '.join(follows)}." if follows else ""
    also = "".join(f" Also {of_diagnosis(other)}." for other in others)
    sentence = of_diagnosis(cause)
    return f"{ending}{sentence[:1].upper()}{sentence[1:]}.{consequences}{also}"


def _what_is_there(chart: Chart) -> str:
    """Whether a probe finds what the network does not use: the signature of the collapse that skinexp began with."""
    probe = chart.last("probe_auc")
    if not outcome.informative(probe, chart.last("probe_error")):
        return ""
    return f"A logistic probe on its features reads an AUC of {probe:.2f}: the information is there. "


def _ending(chart: Chart) -> str:
    if chart.error is not None:
        return "The loss was lost. "
    share, spread = chart.last("predicted_positive"), chart.last("logit_std")
    area = chart.after.get("val_auc", math.nan)
    if outcome.is_constant(chart):
        called = {0.0: "benign", 1.0: "malignant"}.get(share, "nearly the same")
        return f"Every image is called {called} (logits differ by {spread:.2g}). "
    return f"It does not know more than chance (validation AUC {area:.2f}). "


def _all_well(chart: Chart) -> str:
    area = chart.after.get("val_auc", math.nan)
    if not outcome.is_decidable(chart):
        return "No fault found; there are too few validation images to tell whether it learned."
    return f"No fault found: it learned (validation AUC {area:.2f}), and nothing points at a mistake."
