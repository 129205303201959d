"""Who trains and who tests: the seed study's numbers, lesions that stay together, classes in their proportion."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skinexp.config.schema import Split
from skinexp.core.errors import UserError
from skinexp.data.pipeline import steps
from skinexp.data.split import NAMES, split

FRACTIONS = {"train": 0.70, "val": 0.15, "test": 0.15}


def ungrouped(labels: np.ndarray) -> pd.DataFrame:
    """Each image a group of its own."""
    return pd.DataFrame({"label": labels, "group": [f"{number:06d}" for number in range(len(labels))]})


def like_ham10000(lesions: int, seed: int) -> pd.DataFrame:
    """Lesions photographed once (three of four) or up to six times, a sixth of them malignant, in mixed order."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice([1, 2, 3, 4, 5, 6], size=lesions, p=[0.74, 0.19, 0.05, 0.01, 0.006, 0.004])
    lesion = np.repeat(np.arange(lesions), sizes)
    frame = pd.DataFrame({"label": (rng.random(lesions) < 1 / 6).astype(int)[lesion], "group": lesion.astype(str)})
    return frame.sample(frac=1, random_state=seed)


def shares(parts: pd.Series) -> dict[str, float]:
    return {name: float((parts == name).mean()) for name in NAMES}


def assert_groups_stay_together(frame: pd.DataFrame, parts: pd.Series) -> None:
    assert parts.groupby(frame["group"]).nunique().eq(1).all()


# The seed study


@pytest.fixture(scope="module")
def seed_study() -> tuple[pd.DataFrame, pd.Series]:
    """17,214 images without source ids, 51.41 % of them benign, shared out 70/15/15."""
    benign = round(17_214 * 1_328 / 2_583)
    frame = ungrouped(np.random.default_rng(0).permutation(np.arange(17_214) >= benign).astype(int))
    return frame, split(frame, Split(), 0)


def test_the_seed_studys_parts_have_its_number_of_images(seed_study):
    _, parts = seed_study
    assert (parts == "test").sum() == 2_583
    assert (parts == "train").sum() == 12_049
    assert steps(12_049, 32) == 377


def test_the_seed_studys_test_part_has_its_number_of_images_a_class(seed_study):
    frame, parts = seed_study
    tested = frame["label"][parts == "test"]
    assert (tested == 0).sum() == pytest.approx(1_328, abs=1)
    assert (tested == 1).sum() == pytest.approx(1_255, abs=1)


# Groups


@given(lesions=st.integers(800, 3_000), seed=st.integers(0, 2**16))
def test_fractions_hold_for_images_although_lesions_differ_in_size(lesions, seed):
    frame = like_ham10000(lesions, seed)
    parts = split(frame, Split(), seed)
    assert_groups_stay_together(frame, parts)
    assert shares(parts) == pytest.approx(FRACTIONS, abs=0.02)


@given(seed=st.integers(0, 2**16))
def test_each_part_has_the_classes_in_their_proportion(seed):
    frame = like_ham10000(2_000, seed)
    parts = split(frame, Split(), seed)
    for name in NAMES:
        assert frame["label"][parts == name].mean() == pytest.approx(frame["label"].mean(), abs=0.02)


@given(
    sizes=st.lists(st.integers(1, 12), min_size=20, max_size=80),
    train=st.floats(0.1, 0.9),
    of_rest=st.floats(0.1, 0.9),
    seed=st.integers(0, 2**16),
)
def test_any_groups_and_fractions_are_split_without_overlap_or_refused(sizes, train, of_rest, seed):
    lesion = np.repeat(np.arange(len(sizes)), sizes)
    frame = pd.DataFrame({"label": lesion % 2, "group": lesion})
    val = (1 - train) * of_rest
    try:
        parts = split(frame, Split(train=train, val=val, test=1 - train - val), seed)
    except UserError as refusal:
        assert str(refusal).startswith("data.split: ")  # noqa: PT017 -- either outcome is right
        return
    assert_groups_stay_together(frame, parts)
    for name in NAMES:
        assert set(frame["label"][parts == name]) == {0, 1}


def test_real_lesions_stay_together(isic9):
    manifest = pd.read_csv(isic9 / "manifest.csv").query("label != 'premalignant'")
    frame = manifest[["group"]].assign(label=(manifest["label"] == "malignant").astype(int))
    parts = split(frame, Split(), 0)
    assert_groups_stay_together(frame, parts)
    assert shares(parts) == pytest.approx(FRACTIONS, abs=0.02)
    for name in NAMES:
        assert frame["label"][parts == name].mean() == pytest.approx(frame["label"].mean(), abs=0.02)


def test_a_lesion_whose_images_disagree_stays_together_as_malignant():
    frame = ungrouped(np.arange(40) % 2)
    frame["group"] = frame["group"].where(frame.index > 3, "disputed")
    assert_groups_stay_together(frame, split(frame, Split(), 0))


@pytest.mark.parametrize(
    ("both", "benign", "malignant"), [(60, 0, 0), (4, 8, 20), (20, 3, 3), (9, 5, 40), (12, 200, 0)]
)
@pytest.mark.parametrize("folds", [None, 3])
def test_patients_with_both_classes_are_groups_and_each_part_has_both_classes(both, benign, malignant, folds):
    labels = [*both * [0, 1], *benign * [0, 0], *malignant * [1, 1]]
    frame = pd.DataFrame({"label": labels, "group": [f"P{number // 2}" for number in range(len(labels))]})
    parts = split(frame, Split(folds=folds, fold=0 if folds else None), 0)
    assert_groups_stay_together(frame, parts)
    for name in NAMES:
        assert set(frame["label"][parts == name]) == {0, 1}


def test_sixty_patients_with_both_classes_are_split_in_the_fractions():
    frame = pd.DataFrame({"label": np.arange(120) % 2, "group": np.arange(120) // 2})
    assert split(frame, Split(), 0).value_counts().to_dict() == {"train": 84, "val": 18, "test": 18}


def test_a_class_that_nine_patients_hold_is_refused_by_name():
    frame = pd.DataFrame({"label": [0, 1] * 9 + [1, 1] * 30, "group": np.arange(78) // 2})
    with pytest.raises(UserError, match=r"^data\.split: class benign has 9 groups"):
        split(frame, Split(), 0)


def test_parts_belong_to_the_rows_they_were_drawn_for():
    frame = like_ham10000(500, 0)
    parts = split(frame, Split(), 0)
    pd.testing.assert_index_equal(parts.index, frame.index)
    reordered = frame.sort_index()
    pd.testing.assert_series_equal(split(reordered, Split(), 0), parts.loc[reordered.index])


# Randomness


def test_the_same_seed_splits_the_same_and_another_differently():
    frame = like_ham10000(500, 0)
    first = split(frame, Split(), 0)
    pd.testing.assert_series_equal(split(frame, Split(), 0), first)
    assert (split(frame, Split(), 1) != first).any()


# Too few


@pytest.mark.parametrize(("labels", "name"), [(9 * [0] + 30 * [1], "benign"), (30 * [0] + 9 * [1], "malignant")])
def test_a_class_of_nine_groups_is_refused_by_name(labels, name):
    with pytest.raises(UserError, match=rf"^data\.split: class {name} has 9 groups"):
        split(ungrouped(np.array(labels)), Split(), 0)


def test_many_images_of_few_lesions_are_too_few():
    frame = pd.DataFrame({"label": np.arange(100) % 2, "group": np.arange(100) % 10})
    with pytest.raises(UserError, match=r"has 5 groups"):
        split(frame, Split(), 0)


def test_ten_groups_a_class_are_enough():
    parts = split(ungrouped(np.arange(20) % 2), Split(), 0)
    assert set(parts) == set(NAMES)


def test_a_fraction_too_small_for_both_classes_is_refused():
    with pytest.raises(UserError, match=r"^data\.split: "):
        split(ungrouped(np.arange(40) % 2), Split(train=0.97, val=0.02, test=0.01), 0)


# Cross-validation


def of_folds(frame: pd.DataFrame, folds: int, seed: int = 0) -> list[pd.Series]:
    return [split(frame, Split(folds=folds, fold=fold), seed) for fold in range(folds)]


@given(lesions=st.integers(300, 900), folds=st.integers(2, 8), seed=st.integers(0, 2**16))
@settings(max_examples=10)
def test_each_image_is_tested_in_one_fold_and_lesions_stay_together(lesions, folds, seed):
    frame = like_ham10000(lesions, seed)
    parts = of_folds(frame, folds, seed)
    tested = pd.DataFrame({number: part == "test" for number, part in enumerate(parts)})
    assert tested.sum(axis=1).eq(1).all()
    for part in parts:
        assert_groups_stay_together(frame, part)
        assert (part == "test").mean() == pytest.approx(1 / folds, abs=0.03)
        assert frame["label"][part == "test"].mean() == pytest.approx(frame["label"].mean(), abs=0.04)


def test_validation_is_drawn_from_the_rest_in_its_proportion():
    frame = like_ham10000(2_000, 0)
    for part in of_folds(frame, 5):
        assert shares(part) == pytest.approx(
            {"train": 0.8 * 0.70 / 0.85, "val": 0.8 * 0.15 / 0.85, "test": 0.2}, abs=0.02
        )


def test_the_same_seed_gives_the_same_folds_whatever_the_order_of_the_table():
    frame = like_ham10000(500, 0)
    first, again = (of_folds(each, 4) for each in (frame, frame.sort_index()))
    for part, other in zip(first, again, strict=True):
        pd.testing.assert_series_equal(part.sort_index(), other.sort_index())
    assert any((part != other).any() for part, other in zip(first, of_folds(frame, 4, seed=1), strict=True))


def test_patients_with_many_images_are_spread_by_their_images():
    sizes = np.array([60, 60, 40, 40] + 300 * [1])
    patient = np.repeat(np.arange(len(sizes)), sizes)
    frame = pd.DataFrame({"label": patient % 2, "group": patient})
    for part in of_folds(frame, 2):
        assert (part == "test").mean() == pytest.approx(0.5, abs=0.03)


def test_more_folds_than_a_class_has_groups_are_refused_with_their_number():
    with pytest.raises(UserError, match=r"^data\.split\.folds: class malignant has 12 groups .*Received: 13$"):
        split(ungrouped(np.repeat([0, 1], [40, 12])), Split(folds=13, fold=0), 0)


def test_real_lesions_are_each_tested_once(isic9):
    manifest = pd.read_csv(isic9 / "manifest.csv").query("label != 'premalignant'")
    frame = manifest[["group"]].assign(label=(manifest["label"] == "malignant").astype(int))
    parts = of_folds(frame, 5)
    assert sum((part == "test").astype(int) for part in parts).eq(1).all()
    for part in parts:
        assert_groups_stay_together(frame, part)
        assert frame["label"][part == "test"].mean() == pytest.approx(frame["label"].mean(), abs=0.02)
