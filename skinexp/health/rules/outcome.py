"""How a training ended: what rules and words both ask first."""

import math

from skinexp.health.chart import Chart
from skinexp.health.thresholds import limit


def is_constant(chart: Chart) -> bool:
    """Whether the network gives all images the same answer."""
    return chart.last("logit_std") < limit("constant_logits")


def is_at_chance(chart: Chart) -> bool:
    """Whether its order of the validation images could be a guess; never where they are too few to tell."""
    area = chart.after.get("val_auc", math.nan)
    return is_decidable(chart) and area < 0.5 + limit("chance") * chart.chance_error


def is_decidable(chart: Chart) -> bool:
    """Whether there are enough validation images for an AUC to say something."""
    return chart.chance_error < limit("undecidable")


def failed(chart: Chart) -> bool:
    """Whether the training came to nothing; before it has begun, whether sixteen images cannot be learned."""
    if not chart.after and chart.error is None:
        return bool(chart.trials) and not chart.trials[0].fitted
    return chart.error is not None or is_constant(chart) or is_at_chance(chart)


def informative(area: float, error: float) -> bool:
    """Whether an area is too far above 0.5 for chance, whose standard deviation is `error`."""
    return area > 0.5 + limit("informative") * error
