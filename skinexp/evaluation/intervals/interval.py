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
