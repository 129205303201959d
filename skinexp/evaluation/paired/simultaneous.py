"""Intervals of the areas of several models that all hold at once, so that the interval of the best one holds as well.

The model with the highest area was chosen on the images that judge it: of ten equally good models, the usual interval
of the best one covers its true area in 83 % of studies. Intervals that hold for all models at once, in 95 % of studies,
hold for whichever of them is chosen. Their quantile is that of the largest of the models' standardised errors, which
are correlated because the test images are the same.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.evaluation.cases import why_undefined
from skinexp.evaluation.intervals.delong import Components, auc_components
from skinexp.evaluation.intervals.interval import LEVEL, QUANTILE, Interval
from skinexp.evaluation.intervals.newcombe import auc_interval
from skinexp.evaluation.paired.alignment import align_by_image_id
from skinexp.evaluation.tables import folds_of, groups_of

MAX_TYPE = "Newcombe, max-type"
DRAWS = 100_000  # of standardised errors: the quantile has a standard error below 0.01
AT_ONCE = 1_000_000  # numbers


class SimultaneousAreas(NamedTuple):
    """The areas of models on the same images.

    Attributes:
        intervals: model -> its area with limits; in 95 % of studies the limits of all models hold at once.
        quantile: of the largest standardised error, in place of 1.96.
        method: the name of the method.
    """

    intervals: dict[str, Interval]
    quantile: float = QUANTILE
    method: str = MAX_TYPE


def simultaneous_areas(tables: Mapping[str, pd.DataFrame]) -> SimultaneousAreas:
    """Returns the areas of several models with intervals that hold for all of them at once.

    Args:
        tables: name of a model -> its predictions of the test split, as `compare_pairs` takes them.

    Returns:
        A `SimultaneousAreas` without the models whose area is undefined: a class is absent (in a fold), or a logit is
        not finite.

    Raises:
        ValueError: if fewer than two models are given, or they were not tested on the same images.

    References: Hothorn, Bretz & Westfall, Biometrical Journal 50 (2008) (simultaneous intervals); Westphal & Brannath,
    Statistical Methods in Medical Research 29 (2020) (the best of several prediction models).
    """
    ordered = {name: table for name, table in align_by_image_id(tables).items() if _is_defined(table)}
    if not ordered:
        return SimultaneousAreas({})
    groups = groups_of(next(iter(ordered.values())))
    components = [
        auc_components(table["label"].to_numpy(), table["logit"].to_numpy(float), groups, folds_of(table))[1]
        for table in ordered.values()
    ]
    quantile = simultaneous_quantile(components)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        intervals = {
            name: auc_interval(table["label"], table["logit"], groups, quantile, folds_of(table))
            for name, table in ordered.items()
        }
    return SimultaneousAreas(intervals, quantile)


def simultaneous_quantile(components: Sequence[Components]) -> float:
    """Returns the 95 % quantile of the largest of several correlated standardised errors, in absolute value.

    Args:
        components: of each area, about the same groups of images.

    Returns:
        1.96 for one area, or for areas that vary together; at most Šidák's quantile, that of independent errors.
    """
    models = len(components)
    independent = float(ndtri((1 + LEVEL ** (1 / max(1, models))) / 2))
    if models < 2:
        return QUANTILE
    values, vectors = np.linalg.eigh(_correlations(components))
    root = vectors * np.sqrt(np.clip(values, 0, None))
    generator = np.random.default_rng(0x3A7E)
    rows = max(1, AT_ONCE // models)
    largest = [
        np.abs(generator.normal(size=(min(rows, DRAWS - start), models)) @ root.T).max(axis=1)
        for start in range(0, DRAWS, rows)
    ]
    found = float(np.quantile(np.concatenate(largest), LEVEL))
    return min(max(found, QUANTILE), independent)


def _correlations(components: Sequence[Components]) -> NDArray[np.float64]:
    """Returns the correlations of areas; 0 for one that does not vary on these images."""
    malignant = np.stack([one.malignant for one in components])
    benign = np.stack([one.benign for one in components])
    held = min(one.with_malignant for one in components), min(one.with_benign for one in components)
    both = malignant @ benign.T
    covariances = _inflation(held[0]) * (malignant @ malignant.T) + _inflation(held[1]) * (benign @ benign.T)
    covariances += _inflation(malignant.shape[1]) * (both + both.T)
    errors = np.sqrt(np.clip(np.diag(covariances), 0, None))
    products = np.outer(errors, errors)
    correlations = np.divide(covariances, products, out=np.zeros_like(covariances), where=products > 0)
    np.fill_diagonal(correlations, 1.0)
    return np.clip(correlations, -1, 1)


def _inflation(groups: int) -> float:
    return groups / (groups - 1) if groups > 1 else 1.0


def _is_defined(table: pd.DataFrame) -> bool:
    folds = folds_of(table)
    parts = [table] if folds is None else [table[folds == fold] for fold in np.unique(folds)]
    return all(why_undefined(part["label"], part["logit"]) is None for part in parts)
