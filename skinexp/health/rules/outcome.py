"""The outcome of a training, as rules and verdict need it first."""

from skinexp.health.diagnostic_limits import limit
from skinexp.health.observations import Observations


def is_constant(observations: Observations) -> bool:
    """Returns whether the network gives all images the same logit."""
    return observations.latest.logit_std < limit("constant_logits")


def is_at_chance(observations: Observations) -> bool:
    """Returns whether the validation ROC-AUC could be that of random scores; False if there are too few images."""
    area = observations.after.val_auc
    return is_decidable(observations) and area < 0.5 + limit("chance") * observations.chance_error


def is_decidable(observations: Observations) -> bool:
    """Returns whether there are enough validation images to judge a ROC-AUC."""
    return observations.chance_error < limit("undecidable")


def failed(observations: Observations) -> bool:
    """Returns whether the training failed; before it has begun, whether the overfit-one-batch test failed."""
    if observations.after.is_empty and observations.error is None:
        return bool(observations.overfit_results) and not observations.overfit_results[0].fitted
    return observations.error is not None or is_constant(observations) or is_at_chance(observations)


def informative(area: float, error: float) -> bool:
    """Returns whether a ROC-AUC is too far above 0.5 for chance.

    Args:
        area: the ROC-AUC; NaN is not informative.
        error: the standard error of the ROC-AUC of random scores.
    """
    return area > 0.5 + limit("informative") * error
