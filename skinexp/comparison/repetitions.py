"""Runs that repeat one configuration with other seeds, and two such configurations compared by the test that fits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skinexp.evaluation.cases import why_undefined
from skinexp.evaluation.intervals.delong import Components, auc_components, difference_components
from skinexp.evaluation.paired.configuration_test import (
    TOO_FEW_SEEDS,
    ConfigurationTest,
    independent_test,
    on_all_groups,
    resplit_test,
    same_images_test,
    untested,
)
from skinexp.evaluation.tables import folds_of, groups_of
from skinexp.runs.run_outputs import RunOutputs

UNKNOWN_IMAGES = "none: it is not known on which images some of the runs were trained or tested"
NOT_COMPARABLE = "none: test images are the same, but their groups or labels differ, or predictions are not usable"

Repetition = tuple[int, int | None]  # seed of the training, and seed of the split


@dataclass(frozen=True, eq=False)
class RepeatedRun:
    """One run of a repeated configuration."""

    record: RunOutputs

    @cached_property
    def cases(self) -> tuple[str, ...] | None:
        """Image, label and group of each test image, in the order of `components`; None if there are no predictions."""
        test = self.record.test
        if test is None:
            return None
        named = test.assign(group=groups_of(test)).sort_values("image_id")
        return tuple(named["image_id"].astype(str) + "\n" + named["label"].astype(str) + "\n" + named["group"])

    @cached_property
    def components(self) -> Components | None:
        """What each group of test images adds to the error of the area, by name; None if there is no area."""
        test = self.record.test
        if test is None or why_undefined(test["label"], test["logit"]):
            return None
        ordered = test.sort_values("image_id")
        labels, logits = ordered["label"].to_numpy(dtype=np.int64), ordered["logit"].to_numpy(dtype=np.float64)
        folds = folds_of(ordered)
        for fold in () if folds is None else np.unique(folds):
            if why_undefined(labels[folds == fold], logits[folds == fold]):
                return None
        return auc_components(labels, logits, groups_of(ordered), folds)[1]

    @property
    def images(self) -> tuple[str | None, str | None]:
        """Digests of the data set and of the test images; None if they are unknown."""
        return self.record.summary.data_digest, self.record.summary.test_digest

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """The names of the groups of test images, in the order of `components`."""
        return np.unique(groups_of(self.record.test)) if self.record.test is not None else np.array([], dtype=str)

    @property
    def shares(self) -> tuple[float, float]:
        """Shares of the images in test and training; NaN if they are unknown."""
        counts = self.record.summary.data.counts if self.record.summary.data else {}
        test, val, train = (sum(counts.get(part, {}).values()) for part in ("test", "val", "train"))
        images = test + val + train
        return (test / images, train / images) if test and train else (math.nan, math.nan)


def repetition(record: RunOutputs) -> Repetition | None:
    """Returns in what runs of one configuration differ; None if the run's seed is unknown."""
    seed = record.summary.seed
    return None if seed is None else (seed, record.summary.split_seed)


def compare_configurations(
    a: Mapping[Repetition, RepeatedRun], b: Mapping[Repetition, RepeatedRun]
) -> ConfigurationTest:
    """Tests whether two configurations differ in their ROC-AUC, by what their runs have in common.

    Args:
        a: the runs of the first configuration. Runs of one seed are compared with each other.
        b: those of the second.
    """
    pairs = [(a[key], b[key]) for key in sorted(a.keys() & b.keys(), key=str)]
    differences = [one.record.roc_auc - other.record.roc_auc for one, other in pairs]
    if len(pairs) < 2:
        return untested(differences, TOO_FEW_SEEDS)
    if (components := _on_the_same_images(pairs)) is not None:
        return same_images_test(differences, components)
    if _are_independent(pairs):
        return independent_test(differences)
    if any(math.isnan(share) for pair in pairs for one in pair for share in one.shares):
        return untested(differences, UNKNOWN_IMAGES)
    by_split: dict[tuple[str | None, ...], list[int]] = {}
    for place, pair in enumerate(pairs):
        by_split.setdefault(tuple(one.images[1] for one in pair), []).append(place)
    if any(None in digests for digests in by_split):
        return untested(differences, UNKNOWN_IMAGES)
    if len(by_split) == 1:  # their spread does not show the luck of the images, and nothing else does
        return untested(differences, NOT_COMPARABLE)
    means = [float(np.mean([differences[place] for place in places])) for places in by_split.values()]
    test_share, train_share = pairs[0][0].shares
    return resplit_test(means, test_share, train_share, _by_split(pairs) if len(means) == len(pairs) else None)


def _by_split(pairs: list[tuple[RepeatedRun, RepeatedRun]]) -> list[Components] | None:
    """Returns the components of each split's difference of areas; None if they are not known for every split."""
    found = []
    for a, b in pairs:
        if a.cases is None or a.cases != b.cases or a.components is None or b.components is None:
            return None
        found.append(difference_components(a.components, b.components))
    return on_all_groups(found, [a.groups for a, _ in pairs])


def _on_the_same_images(pairs: list[tuple[RepeatedRun, RepeatedRun]]) -> list[Components] | None:
    """Returns the components of each difference of areas; None if not all runs were tested on the same images."""
    found = []
    cases = pairs[0][0].cases
    for a, b in pairs:
        if cases is None or a.cases != cases or b.cases != cases or a.components is None or b.components is None:
            return None
        found.append(difference_components(a.components, b.components))
    return found


def _are_independent(pairs: list[tuple[RepeatedRun, RepeatedRun]]) -> bool:
    """Returns whether each seed has images of its own: phantoms that were generated with it."""
    digests = [{one.images[0] for one in pair} for pair in pairs]
    generated = all(one.record.summary.setting("data.name") == "phantom" for pair in pairs for one in pair)
    known = [digest for of_pair in digests for digest in of_pair if digest]
    return generated and len(known) == len(pairs) == len(set(known))
