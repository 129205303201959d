"""From numbers to names: each rule knows one cause, and says nothing where its evidence is missing.

Rules come in the order in which causes act: what an earlier one finds explains what a later one sees. A cause that a
check or an experiment shows is named even where the network learned all the same; one that only symptoms speak for,
only where it did not.
"""

from collections.abc import Callable
from dataclasses import replace

from skinexp.health.chart import Chart
from skinexp.health.diagnosis import Diagnosis
from skinexp.health.rules import images, kept, learning, network, normalization

RULES: tuple[Callable[[Chart], Diagnosis | None], ...] = (
    images.data_constant_or_corrupt,
    network.wrong_input_range,
    images.labels_misaligned,
    network.frozen_random_backbone,
    learning.learning_rate_too_high,
    learning.exploding_or_nonfinite,
    normalization.batchnorm_unfrozen_or_stale,
    learning.dead_units,
    learning.learning_rate_too_low,
    learning.vanishing_gradient,
    kept.wrong_checkpoint_restored,
    normalization.statistics_do_not_fit,
    images.labels_without_information,
    kept.underfitting_capacity,
    images.shortcut_suspected,
    kept.overfitting,
    normalization.statistics_shift_answers,
    kept.class_prior_only,
)

SYMPTOMS = {  # which an earlier cause explains
    "exploding_or_nonfinite",
    "dead_units",
    "vanishing_gradient",
    "learning_rate_too_low",
    "underfitting_capacity",
    "overfitting",
    "labels_shuffled_or_misaligned",
    "class_prior_only",
}


def diagnose(chart: Chart) -> list[Diagnosis]:
    """What is wrong, the first cause first; what follows from it is listed within it.

    Returns:
        Empty where nothing is wrong.
    """
    found = [diagnosis for rule in RULES if (diagnosis := rule(chart))]
    if not found:
        return []
    cause, *rest = found
    others = [other for other in rest if other.name != cause.name]  # which another rule has seen as well
    # Of a pretrained backbone, normalization that learns is somebody's choice: a cause of its own.
    symptoms = SYMPTOMS if chart.pretrained else SYMPTOMS | {normalization.NAME}
    follows = tuple(other.name for other in others if other.name in symptoms)
    return [replace(cause, consequences=follows), *(other for other in others if other.name not in follows)]
