"""Which images are chosen for the sheets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skinexp.explain.selection import OUTCOMES, outcomes, shared


def predictions(labels, probabilities, split="test", threshold=0.5) -> pd.DataFrame:
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    ids = [f"image{number:03d}" for number in range(len(labels))]
    logits = np.log(probabilities) - np.log1p(-probabilities)
    return pd.DataFrame(
        {
            "image_id": ids,
            "group": ids,
            "split": split,
            "label": labels,
            "logit": logits,
            "probability": probabilities,
            "predicted": (probabilities >= threshold).astype(float),
            "age": 50,
        }
    )


@pytest.fixture
def many() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return predictions(random.integers(0, 2, 200), random.uniform(0.01, 0.99, 200))


def test_each_outcome_gets_an_equal_share(many):
    chosen = outcomes(many, images=8)
    assert chosen["outcome"].tolist() == [name for name in OUTCOMES for _ in range(2)]


def test_outcomes_are_what_label_and_predicted_label_make_them():
    table = predictions([1, 0, 0, 1], [0.3, 0.3, 0.2, 0.2], threshold=0.3)
    chosen = outcomes(table, images=4)
    assert dict(zip(chosen["image_id"], chosen["outcome"], strict=True)) == {
        "image000": "true positive",
        "image001": "false positive",
        "image002": "true negative",
        "image003": "false negative",
    }


def test_the_most_confident_of_a_kind_come_first(many):
    chosen = outcomes(many.assign(predicted=many["probability"] >= 0.4), images=12)
    found = many[(many["label"] == 1) & (many["probability"] >= 0.4)]
    missed = many[(many["label"] == 1) & (many["probability"] < 0.4)]
    of = chosen.groupby("outcome")["image_id"].apply(list)
    assert of["true positive"] == found.nlargest(3, "probability")["image_id"].tolist()
    assert of["false negative"] == missed.nsmallest(3, "probability")["image_id"].tolist()


def test_saturated_probabilities_are_ranked_by_their_logit():
    table = predictions([1, 1, 1], [0.6, 0.7, 0.8]).assign(probability=1.0, logit=[20.0, 40.0, 30.0])
    assert outcomes(table, 3)["image_id"].tolist() == ["image001", "image002", "image000"]


def test_equal_confidence_is_ordered_by_image_id():
    table = predictions([1] * 9, [0.9] * 9)
    assert outcomes(table.iloc[::-1], 4)["image_id"].tolist() == [f"image00{number}" for number in range(4)]


def test_an_outcome_that_does_not_occur_leaves_its_places_to_the_others():
    table = predictions([0] * 5 + [1] * 5, [0.1] * 10)  # a collapsed network: never malignant
    chosen = outcomes(table, 8)
    assert chosen["outcome"].value_counts().to_dict() == {"true negative": 4, "false negative": 4}


def test_an_outcome_that_runs_out_leaves_the_rest_of_its_places_to_the_others():
    table = predictions([0] * 9 + [1], [0.1] * 10)
    assert outcomes(table, 6)["outcome"].value_counts().to_dict() == {"true negative": 5, "false negative": 1}


def test_only_test_images_are_chosen(many):
    table = pd.concat([many, many.assign(split="val", image_id="validation")])
    assert not outcomes(table, 20)["image_id"].eq("validation").any()
    assert not shared(table, 20)["image_id"].eq("validation").any()


def test_fewer_images_than_asked_for_are_all_chosen():
    table = predictions([0, 1, 1], [0.2, 0.3, 0.9])
    assert len(outcomes(table, 8)) == len(shared(table, 8)) == 3


def test_no_test_images_choose_nothing():
    table = predictions([0, 1], [0.2, 0.3], split="val")
    assert outcomes(table, 8).empty
    assert shared(table, 8).empty


@given(order=st.permutations(range(30)), images=st.integers(1, 40))
def test_the_order_of_the_table_changes_nothing(order, images):
    random = np.random.default_rng(1)
    table = predictions(random.integers(0, 2, 30), random.choice([0.1, 0.2, 0.8, 0.9], 30))
    pd.testing.assert_frame_equal(outcomes(table, images), outcomes(table.iloc[order], images))
    pd.testing.assert_frame_equal(shared(table, images), shared(table.iloc[order], images))


def test_shared_images_do_not_depend_on_what_a_network_answers(many):
    other = many.assign(probability=1 - many["probability"], logit=-many["logit"])
    assert shared(many, 8)["image_id"].tolist() == shared(other, 8)["image_id"].tolist()


def test_shared_images_are_half_malignant(many):
    assert shared(many, 8)["label"].tolist() == [0] * 4 + [1] * 4


def test_a_class_with_too_few_shared_images_is_filled_up_from_the_other():
    assert shared(predictions([1] * 9 + [0], [0.5] * 10), 6)["label"].tolist() == [0] + [1] * 5


def test_a_smaller_sheet_shows_some_of_a_larger_one(many):
    assert set(shared(many, 4)["image_id"]) <= set(shared(many, 16)["image_id"])


def test_a_chosen_row_keeps_its_metadata(many):
    assert list(outcomes(many, 4).columns) == [*many.columns, "outcome"]
    assert list(shared(many, 4).columns) == list(many.columns)
