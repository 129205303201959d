"""Many tests at once: Holm's correction."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Returns p-values of a family of tests, such that comparing each with 0.05 errs in at most 5 % of families.

    Args:
        p_values: (k,) each 0 to 1, or NaN for a test that could not be made; that one is not of the family.

    Returns:
        (k,) corrected values, at most 1, in the order given.

    Reference: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    given = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    stepped = given[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return corrected
