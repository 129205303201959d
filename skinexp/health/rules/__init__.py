"""Rules that turn readings into diagnoses: each knows one cause and returns None if its evidence is missing.

Rules come in the order in which causes act: an earlier cause explains the symptoms that a later rule sees. A cause that
a check or an experiment proves is named even if the network learned. A cause that only symptoms suggest is named only
if the network did not learn.
"""

from collections.abc import Callable
from dataclasses import replace

from skinexp.health.diagnosis import Diagnosis
from skinexp.health.observations import Observations
from skinexp.health.rules import fit_rules, image_rules, learning_rules, network_rules, normalization_rules

RULES: tuple[Callable[[Observations], Diagnosis | None], ...] = (
    image_rules.data_constant_or_corrupt,
    network_rules.wrong_input_range,
    image_rules.labels_misaligned,
    network_rules.frozen_random_backbone,
    learning_rules.learning_rate_too_high,
    learning_rules.exploding_or_nonfinite,
    normalization_rules.batchnorm_unfrozen_or_stale,
    learning_rules.dead_units,
    learning_rules.learning_rate_too_low,
    learning_rules.vanishing_gradient,
    fit_rules.wrong_checkpoint_restored,
    normalization_rules.statistics_do_not_fit,
    image_rules.labels_without_information,
    fit_rules.underfitting_capacity,
    image_rules.shortcut_suspected,
    fit_rules.overfitting,
    normalization_rules.statistics_shift_logits,
    fit_rules.class_prior_only,
)

SYMPTOMS = {  # causes that an earlier cause explains
    "exploding_or_nonfinite",
    "dead_units",
    "vanishing_gradient",
    "learning_rate_too_low",
    "underfitting_capacity",
    "overfitting",
    "labels_shuffled_or_misaligned",
    "class_prior_only",
}


def diagnose(observations: Observations) -> list[Diagnosis]:
    """Returns the diagnoses, the first cause first; its consequences are listed within it.

    Returns:
        An empty list if nothing is wrong.
    """
    found = [diagnosis for rule in RULES if (diagnosis := rule(observations))]
    if not found:
        return []
    cause, *rest = found
    others = [other for other in rest if other.name != cause.name]  # another rule may have seen the same cause
    # In a pretrained backbone, BatchNormalization is trained because a user chose that: a cause of its own.
    symptoms = SYMPTOMS if observations.pretrained else SYMPTOMS | {normalization_rules.NAME}
    follows = tuple(other.name for other in others if other.name in symptoms)
    return [replace(cause, consequences=follows), *(other for other in others if other.name not in follows)]
