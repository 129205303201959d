"""A set that is augmented before it is split, on purpose."""

import pickle

import numpy as np
import pytest

from skinexp.config.schema import Data, Phantom, Split
from skinexp.data.image_readers import part
from skinexp.data.preparation import image_cache
from skinexp.data.sources.registry import load
from skinexp.data.split import split


def table(group: str | None = "auto", seed: int = 0, copies: int = 3):
    return load(Data(phantom=Phantom(images=40, size=48), augmented_copies=copies, split=Split(group=group)), seed)


def test_each_image_stands_before_its_copies_which_share_what_is_known_of_it():
    plain, made = table(copies=0).frame, table().frame
    assert made["image_id"].is_unique
    assert made["sha256"].is_unique
    assert made["original"].tolist() == plain["image_id"].repeat(4).tolist()
    assert made["label"].tolist() == plain["label"].repeat(4).tolist()
    assert made["image_id"].tolist()[:2] == ["phantom-00000", "phantom-00000, copy 1"]


def test_the_first_version_is_the_image_itself_and_the_others_are_not():
    plain, made = table(copies=0), table()
    images = [image_cache.read(made.reader, position) for position in range(4)]
    np.testing.assert_array_equal(images[0], image_cache.read(plain.reader, 0))
    assert all(np.abs(images[0].astype(int) - image).mean() > 1 for image in images[1:])


@pytest.mark.parametrize("position", [0, 5, 7])
def test_a_part_of_the_reader_in_another_process_gives_the_same_pixels(position):
    reader = table().reader
    there = pickle.loads(pickle.dumps(part(reader, [position, 13])))
    np.testing.assert_array_equal(there(position), reader(position))


def test_the_copies_are_another_seeds_others():
    assert table(seed=0).frame["sha256"].tolist() != table(seed=1).frame["sha256"].tolist()


def test_splitting_image_by_image_tears_copies_apart_and_auto_keeps_them_together():
    tables = table(None), table("auto")
    torn, together = (made.with_split(split(made.frame, Split(), seed=0)).frame for made in tables)
    assert (torn.groupby("original")["split"].nunique() > 1).mean() > 0.5
    assert (together.groupby("original")["split"].nunique() == 1).all()
    assert table("auto").grouped_by == "original"
