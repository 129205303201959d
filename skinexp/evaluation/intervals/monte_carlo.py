"""The luck of drawing resamples: how far limits may be off, and whether another seed could decide otherwise.

A percentile interval excludes 0 if the share of resamples on the other side of 0 is smaller than that beyond a limit.
That share is counted in the resamples which were drawn. It is near enough to that of infinitely many, and the decision
the same with any other seed, if it differs from the share beyond a limit by more than its Monte Carlo error explains.
"""

import math

import numpy as np
from numpy.typing import NDArray

YES, NO, UNDECIDED = "yes", "no", "undecided"  # whether an interval excludes 0
CERTAIN = 3.29  # standard errors: another seed decides otherwise in less than one of a thousand intervals


def excludes_zero(replicates: NDArray[np.float64], beyond: float) -> str:
    """Returns whether the percentile interval of some resamples excludes 0: `yes`, `no` or `undecided`.

    Args:
        replicates: (resamples,) differences, NaN if undefined.
        beyond: share of resamples on either side of the interval.
    """
    known = replicates[~np.isnan(replicates)]
    across = min((known <= 0).mean(), (known >= 0).mean())
    error = CERTAIN * math.sqrt(beyond * (1 - beyond) / len(known))
    if abs(across - beyond) <= error:
        return UNDECIDED
    return YES if across < beyond else NO


def limits_error(replicates: NDArray[np.float64], beyond: float) -> float:
    """Returns the larger of the Monte Carlo standard errors of both limits of a percentile interval.

    The order statistics one binomial standard error beside a percentile are one standard error from it.

    Args:
        replicates: (resamples,) values, NaN if undefined.
        beyond: share of resamples on either side of the interval.

    Reference: Serfling, Approximation Theorems of Mathematical Statistics (1980), section 2.6.
    """
    known = replicates[~np.isnan(replicates)]
    step = math.sqrt(beyond * (1 - beyond) / len(known))
    shares = [max(0.0, beyond - step), beyond + step, 1 - beyond - step, min(1.0, 1 - beyond + step)]
    low, high = np.diff(np.quantile(known, shares))[[0, 2]] / 2
    return float(max(low, high))
