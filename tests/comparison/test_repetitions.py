"""Which test compares two configurations over seeds: that follows from the images that their runs share."""

import dataclasses
import math

import pytest

from skinexp.comparison.repetitions import RepeatedRun, compare_configurations, repetition
from skinexp.comparison.seed_summary import repeated_configurations
from tests.comparison.test_pairwise import run as predicting
from tests.report.runs import changed, outputs

COUNTS = {"train": {"benign": 500, "malignant": 200}, "test": {"benign": 100, "malignant": 50}}
SAME, RESPLIT, OWN = "t-test over seeds and test images", "corrected resampled t-test", "paired t-test"


def configuration(signal, images, seeds=3, **entries):
    """The runs of one configuration by seed; `images` gives what a seed has for digests."""
    found = {}
    for seed in range(seeds):
        record = predicting("one", signal, seed + int(100 * signal), data={"counts": COUNTS}, **images(seed) | entries)
        found[seed, seed] = RepeatedRun(record)
    return found


def shared(seed):
    return {"data_digest": "set", "test_digest": "same"}


def resplits(seed):
    return {"data_digest": "set", "test_digest": f"split {seed}"}


def generated(seed):
    return {"data_digest": f"set {seed}", "test_digest": f"split {seed}", "config": {"data": {"name": "phantom"}}}


def without_predictions(runs):
    return {key: RepeatedRun(dataclasses.replace(one.record, predictions=None)) for key, one in runs.items()}


@pytest.mark.parametrize(("images", "test"), [(resplits, RESPLIT), (generated, OWN)])
def test_runs_on_other_images_are_compared_by_the_spread_between_seeds(images, test):
    found = compare_configurations(*(without_predictions(configuration(signal, images)) for signal in (1.0, 2.0)))
    assert (found.test, found.seeds) == (test, 3)
    assert found.low < found.difference < found.high


def test_runs_on_the_same_images_are_compared_over_seeds_and_images():
    found = compare_configurations(configuration(1.0, shared), configuration(2.0, shared))
    assert (found.test, found.seeds) == (SAME, 3)
    assert found.high < 0


def test_the_same_images_in_other_groups_are_not_tested_rather_than_taken_for_splits():
    a, b = configuration(1.0, shared), configuration(2.0, shared)
    grouped = {
        key: RepeatedRun(
            dataclasses.replace(
                one.record, predictions=one.record.predictions.assign(group=lambda t: t["image_id"] // 4)
            )
        )
        for key, one in b.items()
    }
    for other in (grouped, without_predictions(b)):
        found = compare_configurations(a, other)
        assert found.test.startswith("none: test images are the same")
        assert math.isnan(found.p_value)


def test_images_that_nobody_knows_are_not_tested():
    runs = [without_predictions(configuration(s, resplits, test_digest=None)) for s in (1.0, 2.0)]
    assert compare_configurations(*runs).test.startswith("none: it is not known")


def test_several_seeds_of_a_split_count_as_one_split():
    def twice(signal):
        runs = without_predictions(configuration(signal, lambda seed: resplits(seed // 2), seeds=6))
        return {(seed, seed // 2): one for (seed, _), one in runs.items()}

    assert compare_configurations(twice(1.0), twice(2.0)).seeds == 3


def test_a_network_that_diverged_with_one_seed_leaves_nothing_to_test():
    a, b = configuration(1.0, shared), configuration(2.0, shared)
    table = b[0, 0].record.predictions
    b[0, 0] = RepeatedRun(dataclasses.replace(b[0, 0].record, predictions=table.assign(logit=math.nan)))
    assert math.isnan(compare_configurations(a, b).p_value)


def trained(seed, split_seed, **more):
    config = {"seed": seed, "data": {"split": {"seed": split_seed}}, "model": {"name": "a"}} | more
    name = f"model=a seed={seed} data.split.seed={split_seed}"
    return outputs(name, {"name": name, "config": config, "metrics": {"test/roc_auc": 0.8 + seed / 100}})


def test_the_seed_of_the_split_follows_the_seed_unless_it_is_set():
    assert [repetition(trained(3, split)) for split in (None, 0)] == [(3, 3), (3, 0)]


def test_a_network_tested_elsewhere_has_the_seed_of_the_split_it_was_trained_on():
    record = changed(trained(3, None, trained_on={"split": {"seed": 7}}), evaluates={"name": "a"})
    assert repetition(record) == (3, 7)


@pytest.mark.parametrize("seeds", [[(0, None), (1, None)], [(0, 0), (1, 0)], [(0, 0), (0, 1)]])
def test_runs_that_differ_in_either_seed_repeat_one_configuration(seeds):
    (found,) = repeated_configurations([trained(*pair) for pair in seeds])
    assert (found.name, found.summary.seeds) == ("model=a", 2)
