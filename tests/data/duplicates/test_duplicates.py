"""Planted copies are found, nothing else is; and the words that say what was done."""

import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import pytest

from skinexp.config import schema
from skinexp.data import phantom
from skinexp.data.duplicates import COLUMNS, clusters, find_duplicates
from skinexp.data.preparation import preprocess


def drawn(number: int, height: int = 120, width: int = 120) -> np.ndarray:
    """A picture of blots of several sizes, unlike any of another number."""
    rng = np.random.default_rng([number, 5])
    picture = np.full((height, width, 3), 150, np.float32)
    for cells, strength in ((4, 60), (9, 40), (20, 30), (40, 15)):
        noise = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def rotated(picture: np.ndarray, degrees: float) -> np.ndarray:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return cv2.warpAffine(picture, matrix, (width, height))


def found(images: list[np.ndarray | None], **options: object) -> pd.DataFrame:
    return find_duplicates(images.__getitem__, [str(number) for number in range(len(images))], workers=1, **options)


OTHERS = [drawn(number) for number in range(1, 12)]
CHANGES = {
    "re-encoded": lambda picture: np.clip(picture + np.indices(picture.shape).sum(axis=0) % 3 - 1.0, 0, 255).astype(
        np.uint8
    ),
    "flipped": lambda picture: np.ascontiguousarray(picture[:, ::-1]),
    "turned 90 degrees": lambda picture: np.ascontiguousarray(np.rot90(picture)),
    "turned 270 degrees": lambda picture: np.ascontiguousarray(np.rot90(picture, 3)),
    "rotated by about 12 degrees": lambda picture: rotated(picture, 12),
    "resized": lambda picture: cv2.resize(picture, (60, 60), interpolation=cv2.INTER_AREA),
    "cropped": lambda picture: np.ascontiguousarray(picture[2:98, 20:116]),
    "darker": lambda picture: picture - np.minimum(picture, 20),
    "less contrast": lambda picture: (0.8 * (picture - 128.0) + 128).astype(np.uint8),
}


@pytest.mark.parametrize("relation", CHANGES)
def test_a_changed_copy_is_found_and_its_change_is_named(relation):
    pairs = found([*OTHERS, drawn(0), CHANGES[relation](drawn(0))])
    assert pairs[["first", "second", "kind", "relation"]].to_numpy().tolist() == [[11, 12, "near-duplicate", relation]]


@pytest.mark.parametrize("relation", ["cropped", "resized"])
def test_the_words_do_not_depend_on_the_order(relation):
    pairs = found([CHANGES[relation](drawn(0)), *OTHERS, drawn(0)])
    assert pairs[["first", "second", "relation"]].to_numpy().tolist() == [[0, 12, relation]]


def test_copies_of_a_picture_that_is_not_square_are_found():
    wide = drawn(0, 90, 120)
    copies = [np.rot90(wide), rotated(wide, 15), wide[4:76, 20:116], cv2.resize(wide, (100, 100)), wide[:, ::-1]]
    pairs = found([*OTHERS, wide, *map(np.ascontiguousarray, copies)])
    assert len(set(clusters(17, pairs)[11:])) == 1
    assert pairs["first"].min() == 11


def test_two_copies_without_their_original_are_found():
    pairs = found([*OTHERS, rotated(drawn(0), 15), np.ascontiguousarray(rotated(drawn(0), -14)[:, ::-1])])
    assert pairs[["first", "second"]].to_numpy().tolist() == [[11, 12]]
    assert pairs["relation"][0].startswith("flipped, rotated by about ")


def test_equal_files_and_equal_pixels_are_told_apart_and_joined():
    images = [drawn(0), drawn(1), drawn(0), drawn(0)]
    pairs = find_duplicates(images.__getitem__, ["a", "b", "a", "c"], workers=2)
    assert pairs[["first", "second", "kind"]].to_numpy().tolist() == [[0, 2, "same file"], [0, 3, "same pixels"]]
    assert clusters(4, pairs).tolist() == [0, 1, 0, 0]


def test_images_that_cannot_be_read_are_left_out():
    pairs = found([None, drawn(0), None, CHANGES["flipped"](drawn(0))])
    assert pairs[["first", "second"]].to_numpy().tolist() == [[1, 3]]


def test_without_images_there_are_no_pairs():
    for images in ([], [None], [drawn(0)]):
        assert list(found(images).columns) == list(COLUMNS)
        assert found(images).empty


def test_pictures_of_nothing_are_no_near_duplicates():
    rng = np.random.default_rng(0)
    plain = [np.clip(rng.normal(180, 0.4, (96, 96, 3)), 0, 255).astype(np.uint8) for _ in range(6)]
    assert found(plain).empty
    assert found([np.full((96, 96, 3), shade, np.uint8) for shade in range(100, 140, 8)]).empty


def test_two_spots_on_smooth_skin_are_not_one_lesion():
    def spot(number: int, radius: int) -> np.ndarray:
        rng = np.random.default_rng([number, 8])
        picture = rng.normal(170, 2, (75, 100, 3))
        cv2.circle(picture, (50, 37), radius, (70, 40, 30), -1)
        return cv2.GaussianBlur(picture, (0, 0), 1.2).clip(0, 255).astype(np.uint8)

    assert found([spot(number, 5 + number % 4) for number in range(12)]).empty


def test_generated_lesions_that_look_alike_are_not_merged():
    images = [phantom.render(0, number, schema.Phantom(size=64)).image for number in range(60)]
    assert found(images).empty


def test_the_quick_search_finds_what_does_not_cut():
    images = [*OTHERS, drawn(0), CHANGES["flipped"](drawn(0)), CHANGES["darker"](drawn(0))]
    assert set(found(images, quick=True)["relation"]) >= {"flipped", "darker"}


def test_progress_is_told_to_the_end():
    told: dict[str, tuple[int, int]] = {}
    found(
        [*OTHERS, drawn(0), rotated(drawn(0), 5)],
        progress=lambda stage, done, count: told.update({stage: (done, count)}),
    )
    assert set(told) == {"looking at images", "proposing pairs", "comparing pairs"}
    assert all(done == count for done, count in told.values())


def test_clusters_join_chains():
    pairs = pd.DataFrame({"first": [0, 2, 4], "second": [2, 5, 6]})
    assert clusters(7, pairs).tolist() == [0, 1, 0, 2, 3, 0, 3]


def test_photographs_changed_as_the_seed_study_did_are_found_and_no_others(isic9):
    table = pd.read_csv(isic9 / "manifest.csv").drop_duplicates("group").iloc[::60]
    images = [preprocess.decode((isic9 / file).read_bytes()) for file in table["file"]]
    rng = np.random.default_rng(0)
    copies = [rotated(np.ascontiguousarray(image[::-1, :]), rng.uniform(-18, 18)) for image in images]
    pairs = found([*images, *copies])
    assert pairs[["first", "second"]].to_numpy().tolist() == [[n, n + len(images)] for n in range(len(images))]


def test_searching_imports_no_deep_learning():
    code = "import sys, skinexp.data.duplicates; sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
