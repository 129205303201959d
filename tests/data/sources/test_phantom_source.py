"""Who is in a set of phantoms: each is drawn on demand, and its label and factors are known beforehand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from skinexp.config.schema import Data, Phantom, Shortcut, Split
from skinexp.data import phantom
from skinexp.data.image_readers import PhantomReader
from skinexp.data.sources.registry import load
from skinexp.data.split import split
from skinexp.data.table import Table

PHANTOMS = Phantom(images=200, size=32)


def phantoms(seed: int = 0, limit: int | None = None, options: Phantom = PHANTOMS) -> Table:
    return load(Data(name="phantom", limit=limit, phantom=options), seed)


def test_phantoms_are_the_same_for_the_same_seed():
    first, again = phantoms(), phantoms()
    pd.testing.assert_frame_equal(first.frame, again.frame)
    np.testing.assert_array_equal(first.reader(7), again.reader(7))


@pytest.mark.parametrize("changed", [{"seed": 1}, {"options": dataclasses.replace(PHANTOMS, hair=0.9)}])
def test_other_phantoms_have_other_checksums(changed):
    assert not set(phantoms().frame["sha256"]) & set(phantoms(**changed).frame["sha256"])


def test_a_phantoms_label_is_that_of_the_picture_drawn():
    table = phantoms()
    drawn = [phantom.render(0, position, PHANTOMS) for position in range(10)]
    assert table.frame["label"].tolist()[:10] == [int(item.factors.label) for item in drawn]
    np.testing.assert_array_equal(table.reader(3), drawn[3].image)


def test_the_factors_of_phantoms_are_metadata():
    frame = phantoms().frame
    drawn = phantom.factors(0, 5, PHANTOMS)
    told = frame.iloc[5]
    assert told["abcd_score"] == pytest.approx(drawn.score)
    assert (told["abcd_asymmetry"], told["abcd_colours"]) == (drawn.asymmetry, len(drawn.colours))
    assert told["ita"] == pytest.approx(drawn.ita, abs=0.01)
    assert told["frame"] == drawn.frame
    assert {"hair", "ruler", "gel", "ink"} <= set(frame.columns)


def test_photographs_of_one_phantom_lesion_are_one_group():
    table = phantoms(options=dataclasses.replace(PHANTOMS, photographs=4))
    assert table.grouped_by == "lesion_id"
    assert table.frame["group"].value_counts().eq(4).all()
    assert table.frame.groupby("group")["label"].nunique().eq(1).all()


def test_the_best_possible_area_is_told_with_the_table():
    assert "AUC of the best possible model 1.000" in str(phantoms())
    noisy = phantoms(options=dataclasses.replace(PHANTOMS, label_noise=1.0))
    assert noisy.truth["bayes_auc"] == pytest.approx(0.929, abs=0.001)
    assert set(noisy.truth) == {"bayes_auc"}


FLIPPED = dataclasses.replace(PHANTOMS, shortcut=Shortcut(1.0, 0.0, flip_test=True))


@pytest.mark.parametrize("options", [{}, {"folds": 5, "fold": 2}])
@pytest.mark.parametrize("limit", [None, 120])
def test_a_shortcut_is_flipped_in_the_test_part_alone(options, limit):
    data = Data(name="phantom", limit=limit, phantom=FLIPPED, split=Split(**options))
    table = load(data, 0)
    parts = split(table.frame, data.split, 0)
    tested = parts == "test"
    assert (table.frame["ink"] == ((table.frame["label"] == 1) ^ tested)).all()
    for row in (parts.eq("test").idxmax(), parts.eq("train").idxmax()):
        position, is_tested = table.frame.loc[row, "position"], bool(tested[row])
        expected = phantom.render(0, position, FLIPPED, flipped=is_tested).image
        np.testing.assert_array_equal(table.reader.part([position])(position), expected)
    assert table.truth["ink_auc_test"] == 0.0


def test_a_flipped_image_has_another_checksum_than_the_same_one_unflipped():
    flipped = phantoms(options=FLIPPED)
    tested = split(flipped.frame, Split(), 0) == "test"
    kept = PhantomReader(0, FLIPPED)
    assert len(set(flipped.frame["sha256"])) == 200
    row = flipped.frame[tested].iloc[0]
    assert not np.array_equal(flipped.reader(row["position"]), kept(row["position"]))


def test_where_all_images_are_tested_all_are_flipped():
    table = load(Data(name="phantom", phantom=FLIPPED), 0, one_class=True)
    assert table.frame["ink"].eq(table.frame["label"] == 0).all()


@pytest.mark.parametrize("limit", [20, 51, 199])
def test_a_limit_keeps_each_class_in_its_share(limit):
    everything, table = phantoms(), phantoms(limit=limit)
    assert len(table.frame) == limit
    share = everything.counts()["malignant"] / len(everything.frame)
    assert table.counts()["malignant"] == pytest.approx(share * limit, abs=0.51)


def test_a_limit_beyond_the_number_of_images_keeps_all():
    pd.testing.assert_frame_equal(phantoms(limit=5_000).frame, phantoms().frame)
