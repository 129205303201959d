"""Seeds of one configuration, brought together and compared seed by seed."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from skinexp.comparison.seed_summary import repeated_configurations, seed_sentences
from skinexp.evaluation import holm
from skinexp.report.pages.sections.seeds_section import row
from tests.report.runs import changed

AREAS = {"a": [0.80, 0.84, 0.82], "b": [0.70, 0.75, 0.71], "c": [0.79, 0.85, 0.80]}
COUNTS = {"train": {"benign": 50, "malignant": 20}, "test": {"benign": 10, "malignant": 5}}
PAIRS = [("a", "c"), ("a", "b"), ("c", "b")]


@pytest.fixture
def runs(run):
    return [
        resplit(run({"model.name": name}, area, seed=seed))
        for name, of in AREAS.items()
        for seed, area in enumerate(of, 1)
    ]


def resplit(record):
    """The run on a split of its own seed of one data set."""
    images = {"data_digest": "one set", "test_digest": f"split {record.summary.seed}", "data": {"counts": COUNTS}}
    return changed(record, **images)


def corrected_p_value(a, b):
    """Nadeau & Bengio's."""
    differences = np.subtract(AREAS[a], AREAS[b])
    error = math.sqrt((1 / 3 + 15 / 70) * differences.var(ddof=1))
    return 2 * stats.t.sf(abs(differences.mean()) / error, 2)


def test_each_configuration_is_one_line_with_mean_and_spread_the_best_first(runs):
    found = repeated_configurations(runs)
    assert [one.name for one in found] == ["model.name=a", "model.name=c", "model.name=b"]
    assert found[0].summary[:2] == pytest.approx((np.mean(AREAS["a"]), np.std(AREAS["a"], ddof=1)))
    assert row(found[0]) == {
        "name": "model.name=a", "seeds": 3, "area": "0.820 ± 0.020", "difference": "", "limits": "", "p_value": "",
        "test": "",
    }  # fmt: skip


def test_others_are_compared_with_the_best_by_split_and_corrected_for_all_pairs_as_it_was_picked(runs):
    _, close, far = repeated_configurations(runs)
    adjusted = dict(zip(PAIRS, holm([corrected_p_value(*pair) for pair in PAIRS]), strict=True))
    assert far.behind.difference == pytest.approx(0.1)
    assert far.behind.test == row(far)["test"] == "corrected resampled t-test"
    assert far.p_holm == pytest.approx(adjusted["a", "b"])
    assert close.p_holm == pytest.approx(adjusted["a", "c"])


def test_the_sentence_says_whether_the_best_is_significantly_better(runs):
    (close,) = seed_sentences(repeated_configurations(runs))
    assert "not significantly different from that of model.name=c" in close
    assert "corrected resampled t-test, 3 seeds, Holm-adjusted for 3 pairs of configurations)" in close
    (far,) = seed_sentences(repeated_configurations([one for one in runs if "name=c" not in one.name]))
    assert far.startswith(
        "Over 3 seeds, model.name=a has a mean test ROC-AUC of 0.820 (standard deviation 0.020), significantly"
    )


def test_without_a_second_seed_there_is_nothing_to_say(run):
    assert repeated_configurations([run({"model.name": name}) for name in "ab"]) == []
    assert seed_sentences([]) == []


def test_one_configuration_alone_is_summarised(run):
    runs = [run({"model.name": "a"}, 0.8 + 0.1 * seed, seed=seed) for seed in (1, 2)]
    (sentence_,) = seed_sentences(repeated_configurations(runs))
    assert sentence_ == "Over 2 seeds, model.name=a has a mean test ROC-AUC of 0.950 (standard deviation 0.071)."


def test_configurations_that_share_no_two_seeds_are_not_compared(run):
    runs = [run({"model.name": "a"}, 0.9, seed=seed) for seed in (1, 2)] + [run({"model.name": "b"}, 0.8, seed=1)]
    best, other = repeated_configurations([resplit(one) for one in runs])
    assert (row(other)["limits"], row(other)["p_value"]) == ("", "n/a")
    assert math.isnan(best.p_holm)
    assert "was not tested: fewer than two seeds in common." in seed_sentences([best, other])[0]


def evaluated(run, rate, seed, images, area=0.8):
    """A network that was trained with this rate and seed, on phantoms of another seed."""
    trained = run({"optim.lr": rate, "data.seed": images}, area, seed=seed)
    name = f"seed={seed} on phantom"
    tested = changed(trained, name=name, model={"name": "scratch"}, evaluates={"name": f"seed={seed}"})
    return dataclasses.replace(tested, name=name)


def test_one_network_on_two_sets_of_images_is_no_repetition(run):
    assert repeated_configurations([evaluated(run, 0.1, 0, images=5), evaluated(run, 0.1, 0, images=6)]) == []


def test_networks_of_several_seeds_on_one_set_of_images_are_repetitions(run):
    (found,) = repeated_configurations([evaluated(run, 0.1, seed, images=5, area=0.8 + 0.1 * seed) for seed in (0, 1)])
    assert found.name == "scratch on phantom"
    assert found.summary[:1] == pytest.approx((0.85,))


def test_configurations_of_one_name_are_named_by_what_they_differ_in(run):
    runs = [run({"optim.lr": rate}, rate, seed=seed) for rate in (0.1, 0.25) for seed in (0, 1)]
    runs = [
        dataclasses.replace(
            changed(one, name=f"seed={one.summary.seed}", model={"name": "scratch"}),
            name=f"seed={one.summary.seed}{' (2)' * (number > 1)}",
        )
        for number, one in enumerate(runs)
    ]
    assert [one.name for one in repeated_configurations(runs)] == ["scratch optim.lr=0.25", "scratch optim.lr=0.1"]


def test_configurations_of_one_name_that_lack_a_key_are_still_told_apart(run):
    rates = [{"optim.lr": 0.1}, {"optim.lr": 0.1, "optim.ema": True}]
    runs = [run(settings, 0.8, seed=seed) for settings in rates for seed in (0, 1)]
    runs = [changed(one, name="seed=0", model={"name": "a"}) for one in runs]
    assert sorted(one.name for one in repeated_configurations(runs)) == ["a", "a optim.ema=true"]
