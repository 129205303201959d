"""A score and its 95 % interval."""

import math
from typing import NamedTuple

from scipy.special import ndtri

LEVEL = 0.95
QUANTILE = float(ndtri((1 + LEVEL) / 2))  # 1.96: standard errors to either side


class Interval(NamedTuple):
    """A score with the limits of its 95 % interval; NaN if undefined."""

    estimate: float
    low: float
    high: float


UNDEFINED = Interval(math.nan, math.nan, math.nan)


def complement(share: Interval) -> Interval:
    """Returns the share of all others, with its limits."""
    return Interval(1 - share.estimate, 1 - share.high, 1 - share.low)
