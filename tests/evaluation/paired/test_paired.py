"""Models compared on the same images."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.evaluation import (
    Resampling,
    bootstrap,
    compare_pairs,
    compare_seeds,
    confusion_counts,
    delong_test,
    holm,
    mcnemar,
    score_differences,
    summarise_seeds,
)


@pytest.fixture
def models():
    """Three models on 400 images of 250 lesions: good, good in another way, worse."""
    generator = np.random.default_rng(0)
    group = generator.integers(0, 250, 400)
    label = generator.integers(0, 2, 250)[group]
    seen = label + generator.normal(size=400)

    def table(noise):
        logit = 2 * (seen + noise * generator.normal(size=400)) - 1
        ids = [f"image_{number}" for number in range(400)]
        columns = {"image_id": ids, "group": group, "label": label, "logit": logit, "probability": expit(logit)}
        return pd.DataFrame(columns)

    return {"good": table(0.3), "other": table(0.3), "worse": table(2.0)}


@given(st.integers(0, 24), st.integers(0, 24))
def test_mcnemar_on_images_is_the_binomial_test_or_chi_square(only_a, only_b):
    labels = np.ones(only_a + only_b + 5)
    a = np.r_[np.ones(only_a), np.zeros(only_b), np.ones(5)]
    b = np.r_[np.zeros(only_a), np.ones(only_b), np.ones(5)]

    result = mcnemar(labels, a, b)

    differ = only_a + only_b
    assert (result.only_a_right, result.only_b_right, result.exact) == (only_a, only_b, differ < 25)
    if differ == 0:
        assert result.p_value == 1
    elif result.exact:
        assert result.p_value == pytest.approx(stats.binomtest(only_a, differ).pvalue)
    else:
        assert result.p_value == pytest.approx(stats.chi2.sf((only_a - only_b) ** 2 / differ, 1))


def test_images_shown_three_times_say_no_more_in_mcnemars_test():
    once = mcnemar([1] * 12, [1] * 9 + [0] * 3, [0] * 9 + [1] * 3)

    thrice = mcnemar([1] * 36, [1] * 27 + [0] * 9, [0] * 27 + [1] * 9, np.repeat(np.arange(12), 3))

    assert thrice.p_value == pytest.approx(once.p_value)
    assert mcnemar([1] * 36, [1] * 27 + [0] * 9, [0] * 27 + [1] * 9).p_value < once.p_value


def test_groups_of_different_weight_are_counted_in_all_ways():
    # Lesions favour a by 2 images, a by 1, b by 1: of 8 ways to toss their signs, those with a sum of 2 or more
    # from 0 are +2+1+1, +2+1-1, +2-1+1 and their opposites.
    groups = ["x", "x", "y", "z"]

    assert mcnemar([1] * 4, [1, 1, 1, 0], [0, 0, 0, 1], groups).p_value == pytest.approx(6 / 8)


def test_holm_is_its_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, math.nan, 0.02]) == pytest.approx([0.9, math.nan, 0.04], nan_ok=True)
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_rejects_what_stepping_down_by_hand_rejects(values):
    rejected, still = set(), True
    for rank, place in enumerate(np.argsort(values, kind="stable")):
        still = still and values[place] * (len(values) - rank) <= 0.05
        if still:
            rejected.add(int(place))

    assert set(np.flatnonzero(holm(values) <= 0.05).tolist()) == rejected


def test_all_pairs_are_compared_and_corrected_together(models):
    result = compare_pairs(models, resamples=200)

    assert result.pairs[["a", "b"]].agg(" ".join, axis=1).tolist() == ["good other", "good worse", "other worse"]
    assert result.pairs["p_holm"].tolist() == holm(result.pairs["p_value"]).tolist()
    assert result.pairs["mcnemar_p_holm"].tolist() == holm(result.pairs["mcnemar_p_value"]).tolist()
    assert result.pairs["p_holm"].round(3).iloc[0] > 0.05 > result.pairs["p_holm"].iloc[1]
    first = models["good"]
    area = delong_test(first["label"], first["logit"], models["worse"]["logit"], first["group"])
    row = result.pairs.iloc[1]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((area.difference, area.low, area.high))


def test_rows_in_another_order_are_the_same_test_set(models):
    shuffled = {name: table.sample(frac=1, random_state=3) for name, table in models.items()}

    pd.testing.assert_frame_equal(
        compare_pairs(shuffled, resamples=50).pairs, compare_pairs(models, resamples=50).pairs
    )


def test_differences_come_from_the_same_resamples_for_both(models):
    result = compare_pairs(models, resamples=300).differences.set_index(["a", "b", "score"])

    paired = result.loc[("good", "other", "roc_auc")]
    alone = [
        bootstrap(*(models[name][column] for column in ("label", "logit", "probability", "group")), {}, Resampling(300))
        for name in ("good", "other")
    ]
    unpaired = math.hypot(*(one.intervals["roc_auc"].high - one.intervals["roc_auc"].low for one in alone))
    assert paired["high"] - paired["low"] < 0.7 * unpaired
    both = alone[0].replicates["roc_auc"].mean() - alone[1].replicates["roc_auc"].mean()
    assert paired["difference"] == pytest.approx(both, abs=0.005)
    assert {"brier", "ece", "mcc", "pauc_isic2024"} <= set(result.loc[("good", "worse")].index)


def test_a_model_compared_with_itself_does_not_differ(models):
    result = compare_pairs({"one": models["good"], "same": models["good"]}, resamples=50)

    assert result.pairs[["p_value", "mcnemar_p_value"]].to_numpy().tolist() == [[1, 1]]
    assert (result.differences["difference"] == 0).all()
    assert result.differences[["low", "high"]].isna().all(axis=None)  # on other images they still would not differ,
    # but two models that happen to agree on these might


def test_each_model_is_called_at_its_own_threshold(models):
    shifted = models["good"].assign(probability=models["good"]["probability"] / 2)

    result = compare_pairs({"one": models["good"], "halved": shifted}, {"halved": 0.25}, resamples=20)

    assert result.pairs["only_a_right"].item() == result.pairs["only_b_right"].item() == 0


@pytest.mark.parametrize("change", ["label", "image"])
def test_different_test_sets_are_refused_with_both_names_and_digests(models, change):
    other = models["worse"].copy()
    if change == "label":
        other.loc[3, "label"] = 1 - other.loc[3, "label"]
    else:
        other = other.iloc[:-1]

    with pytest.raises(ValueError, match="good and worse were tested on different images or labels") as refused:
        compare_pairs({"good": models["good"], "worse": other})

    digests = [word for word in str(refused.value).replace(",", " ").split() if len(word) == 16 and word.isalnum()]
    assert len(set(digests)) == 2


def test_an_image_that_appears_twice_is_refused(models):
    twice = pd.concat([models["good"], models["good"].head(1)])

    with pytest.raises(ValueError, match=r"predictions of twice: each image must appear once.*image_0 more than once"):
        compare_pairs({"good": models["good"], "twice": twice})


def test_different_groups_and_single_models_are_refused(models):
    with pytest.raises(ValueError, match="good and regrouped put the same images into different groups"):
        compare_pairs({"good": models["good"], "regrouped": models["good"].drop(columns="group")})
    with pytest.raises(ValueError, match=r"two at least can be compared\. Received: good"):
        compare_pairs({"good": models["good"]})


def test_a_model_that_diverged_is_nan_and_the_others_are_compared(models):
    diverged = models["other"].assign(logit=math.nan, probability=math.nan)

    with pytest.warns(UndefinedMetricWarning):
        result = compare_pairs({**models, "other": diverged}, resamples=20)

    assert result.pairs["p_holm"].isna().tolist() == [True, False, True]
    assert result.pairs["mcnemar_p_value"].isna().tolist() == [True, False, True]
    assert set(zip(result.differences["a"], result.differences["b"], strict=True)) == {("good", "worse")}


def test_a_pair_without_a_p_value_is_not_of_holms_family():
    label = np.tile([0, 1], 12)
    by_chance = np.random.default_rng(0).normal(label, 1.0)
    logits = {"perfect": label - 0.5, "constant": np.full(24, 0.1), "fair": by_chance}
    tables = {
        name: pd.DataFrame({"image_id": range(24), "label": label, "logit": logit, "probability": expit(logit)})
        for name, logit in logits.items()
    }

    pairs = compare_pairs(tables, resamples=0).pairs

    assert pairs["p_holm"].isna().tolist() == [True, False, False]
    assert pairs["p_holm"][1:].tolist() == holm(pairs["p_value"][1:]).tolist()


def test_seeds_are_summarised_by_mean_and_spread():
    assert summarise_seeds([0.8, 0.9, math.nan]) == pytest.approx((0.85, np.std([0.8, 0.9], ddof=1), 2))
    assert summarise_seeds([0.8]) == pytest.approx((0.8, math.nan, 1), nan_ok=True)
    assert summarise_seeds([]) == pytest.approx((math.nan, math.nan, 0), nan_ok=True)


def test_seeds_are_compared_in_pairs_as_scipy_does():
    generator = np.random.default_rng(0)
    a, b = generator.normal(0.9, 0.02, 8), generator.normal(0.88, 0.02, 8)
    by_seed = [dict(enumerate(values)) for values in (a, b)]
    expected = stats.ttest_rel(a, b)

    result = compare_seeds(*by_seed)

    assert result.p_value == pytest.approx(expected.pvalue)
    assert (result.low, result.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert compare_seeds(*by_seed, test="wilcoxon").p_value == pytest.approx(stats.wilcoxon(a, b).pvalue)


def test_few_seeds_are_told_to_be_few():
    alone = compare_seeds({1: 0.9, 2: 0.8}, {1: 0.8, 3: 0.9})
    assert alone.difference == pytest.approx(0.1)
    assert alone.seeds == 1
    assert math.isnan(alone.p_value)

    three = compare_seeds({1: 0.9, 2: 0.91, 3: 0.95}, {1: 0.8, 2: 0.82, 3: 0.84}, test="wilcoxon")
    assert three.p_value == three.smallest_p == 0.25  # no three seeds can show more by ranks


def test_seeds_that_all_differ_alike_show_no_more_than_their_signs():
    result = compare_seeds({1: 0.5, 2: 0.75}, {1: 0.25, 2: 0.5})

    assert result.p_value == 0.5
    assert compare_seeds({1: 0.5, 2: 0.75}, {1: 0.5, 2: 0.75}).p_value == 1


def test_a_threshold_for_each_image_stays_with_its_image(models):
    first = models["good"].sample(frac=1, random_state=1)  # an index in another order than its rows
    low, high = first["probability"] * 0.9, (first["probability"] + 1) / 2
    at = np.where(first["label"] == 1, low, high)  # every call is right

    result = compare_pairs({"seer": first, "worse": models["worse"]}, {"seer": at}, resamples=20)

    found = result.differences.set_index("score")["estimate_a"]
    assert found["accuracy"] == 1
    assert "net_benefit" not in found  # each image at a price of its own


def test_differences_alone_are_those_of_the_whole_comparison(models):
    alone = score_differences(models, {"other": 0.3}, resamples=50)

    pd.testing.assert_frame_equal(alone, compare_pairs(models, {"other": 0.3}, resamples=50).differences)


def test_net_benefits_are_compared_at_one_stated_price_alone(models):
    at = {"good": 0.3, "other": 0.6}

    without = score_differences(models, at, resamples=20)
    found = score_differences(models, at, resamples=20, risk_threshold=0.2).set_index(["a", "b", "score"])

    assert "net_benefit" not in set(without["score"])
    row = found.loc[("good", "other", "net_benefit")]
    for name, estimate in (("good", row["estimate_a"]), ("other", row["estimate_b"])):
        (_, false), (_, true) = confusion_counts(models[name]["label"], models[name]["probability"], at[name])
        assert estimate == pytest.approx((true - false * 0.25) / 400)


def test_differences_of_seeds_that_are_all_the_same_have_no_interval_of_no_width():
    result = compare_seeds({1: 0.5, 2: 0.75, 3: 0.5}, {1: 0.25, 2: 0.5, 3: 0.25})

    assert (result.difference, result.p_value) == (0.25, 0.25)
    assert math.isnan(result.low)
