"""The sentences of a verdict: one paragraph with the outcome, the cause and an override that removes it."""

from collections.abc import Sequence

from skinexp.core.number_format import two_decimals
from skinexp.health.diagnosis import POSSIBLE, Diagnosis
from skinexp.health.observations import Observations
from skinexp.health.rules import outcome


def describe_training(observations: Observations, diagnoses: Sequence[Diagnosis]) -> str:
    """Returns the paragraph on a training in which these causes were found."""
    if outcome.failed(observations):
        return _describe_outcome(observations) + _describe_probe(observations) + _describe_causes(diagnoses)
    return _describe_causes(diagnoses) if diagnoses else _describe_healthy(observations)


def describe_diagnosis(diagnosis: Diagnosis) -> str:
    """Returns the sentence on one cause: its name, its evidence and its cure."""
    perhaps = "perhaps " if diagnosis.confidence == POSSIBLE else ""
    cure = f". Cure: {diagnosis.cure}" if diagnosis.cure else ""
    return f"{perhaps}{_in_words(diagnosis.name)}: {diagnosis.why}{cure}"


def _describe_causes(diagnoses: Sequence[Diagnosis]) -> str:
    if not diagnoses:
        return "No reading explains why."
    cause, *others = diagnoses
    follows = ", ".join(map(_in_words, cause.consequences))
    consequences = f" It explains the other findings: {follows}." if follows else ""
    also = "".join(f" Also {describe_diagnosis(other)}." for other in others)
    sentence = describe_diagnosis(cause)
    return f"{sentence[:1].upper()}{sentence[1:]}.{consequences}{also}"


def _describe_probe(observations: Observations) -> str:
    """Returns whether a probe finds information that the network does not use: typical of a wrong input range."""
    latest = observations.latest
    if not outcome.informative(latest.probe_auc, latest.probe_error):
        return ""
    return (
        f"A logistic probe on the network's features has a ROC-AUC of {latest.probe_auc:.2f}: the features contain "
        f"information that the network does not use. "
    )


def _describe_outcome(observations: Observations) -> str:
    if observations.error is not None:
        return "The loss became NaN or infinite. "
    latest = observations.latest
    if outcome.is_constant(observations):
        predicted = {0.0: "Every image is predicted benign", 1.0: "Every image is predicted malignant"}
        what = predicted.get(latest.predicted_positive, "All images get nearly the same prediction")
        return f"{what} (standard deviation of the logits {latest.logit_std:.2g}). "
    return (
        f"The predictions are not better than chance (validation ROC-AUC {two_decimals(observations.after.val_auc)}). "
    )


def _describe_healthy(observations: Observations) -> str:
    if not outcome.is_decidable(observations):
        return "No fault found; there are too few validation images to decide whether the network learned."
    return f"No fault found: the network learned (validation ROC-AUC {two_decimals(observations.after.val_auc)})."


def _in_words(name: str) -> str:
    return name.replace("_", " ")
