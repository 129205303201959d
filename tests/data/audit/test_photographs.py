"""What is no photograph: masks, nearly black pictures, and pairs of an image and its mask."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinexp.config.schema import Data, Phantom, Preprocess
from skinexp.data.audit import NOTE, SERIOUS, WARNING, audit, audit_prepared
from skinexp.data.audit.photographs import findings, measure, measure_all, one_stem
from skinexp.data.phantom import render
from skinexp.data.preparation import image_cache, preprocess
from skinexp.data.preparation.pixel_range import PixelRange
from skinexp.data.sources.registry import load

LESIONS = [render(5, index, Phantom(size=64)) for index in range(12)]


def found(pictures: list[np.ndarray], pixel_range: PixelRange | None = None) -> dict:
    frame = pd.DataFrame(
        {"image_id": map(str, range(len(pictures))), "path": [f"x/{n}.png" for n in range(len(pictures))]}
    )
    measures = pd.DataFrame([measure(picture) for picture in pictures])
    return {finding.name: finding for finding in findings(frame, measures, pixel_range)}


def mask(number: int, levels: tuple[int, ...] = (0, 255)) -> np.ndarray:
    lesion = LESIONS[number].lesion
    shown = np.where(lesion, levels[-1], levels[0]).astype(np.uint8)
    if len(levels) > 2:
        shown[:20][lesion[:20]] = levels[1]
    return np.dstack([shown] * 3)


def test_photographs_are_photographs():
    assert found([lesion.image for lesion in LESIONS]) == {}
    assert found([preprocess.shades_of_gray(lesion.image) for lesion in LESIONS]) == {}


@pytest.mark.parametrize("levels", [(0, 255), (0, 1, 255), (40, 200), (0, 128, 255)])
@pytest.mark.parametrize("size", [None, 32, 224])
def test_images_of_two_or_three_grey_values_are_found_at_any_size(levels, size):
    pictures = [lesion.image for lesion in LESIONS] * 2 + [mask(1, levels)]
    if size:
        pictures = [preprocess.resized(picture, size, size) for picture in pictures]
    finding = found(pictures)["mask_like"]
    assert (finding.severity, finding.rows["image_id"].tolist()) == (WARNING, ["24"])


def test_many_masks_are_serious():
    finding = found([lesion.image for lesion in LESIONS] + [mask(number) for number in range(12)])["mask_like"]
    assert (finding.severity, finding.count) == (SERIOUS, 12)
    assert finding.sentence.startswith("12 of 24 images are made of 3 grey values or fewer")


def test_nearly_black_pictures_are_found_and_the_range_is_named_if_there_is_one():
    pictures = [lesion.image for lesion in LESIONS] * 2 + [LESIONS[0].image // 16]
    finding = found(pictures)["dark"]
    assert (finding.severity, finding.rows["image_id"].tolist()) == (WARNING, ["24"])
    assert "pixel_bits" not in finding.sentence
    assert "data.pixel_bits=12" in found(pictures, PixelRange(25, 65_535, 16))["dark"].sentence


def test_a_picture_of_one_colour_is_another_finding():
    assert found([np.zeros((64, 64, 3), np.uint8)]) == {}


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["a.jpg", "a.png", "b.jpg"], [["a.jpg", "a.png"]]),
        (["a (1).png", "a (1)_seg.png", "a (2).png"], [["a (1).png", "a (1)_seg.png"]]),
        (["x_gt1.png", "x.jpg"], [["x.jpg", "x_gt1.png"]]),
        (["x_1_attribute_globules.png", "x_1.jpg"], [["x_1.jpg", "x_1_attribute_globules.png"]]),
        (["IMG_1.jpg", "IMG_2.jpg", "IMG.1.jpg", "one/a.jpg", "two/a.png", "a_1.jpg", "a_2.jpg"], []),
    ],
)
def test_pairs_of_one_stem_in_one_folder_are_found(names, pairs):
    frame = pd.DataFrame({"image_id": names, "path": names})
    finding = one_stem(frame)
    assert (finding.rows[["first", "second"]].to_numpy().tolist() if finding else []) == pairs


def test_few_pairs_are_a_note():
    names = [f"{number}.jpg" for number in range(40)]
    frame = pd.DataFrame({"image_id": [*names, "7.png"], "path": [*names, "7.png"]})
    assert one_stem(frame).severity == NOTE
    assert one_stem(frame.iloc[[7, 40]]).severity == WARNING


def test_both_audits_find_masks_under_names_that_do_not_say_so(tmp_path):
    for number, lesion in enumerate(LESIONS):
        place = tmp_path / "set" / ("malignant" if number % 2 else "benign")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(lesion.image).save(place / f"{number}.png")
        Image.fromarray(mask(number)[..., 0]).save(place / f"{number}_lesion.png")
    options = Data(
        name="folder", path=str(tmp_path / "set"), cache=str(tmp_path), workers=1, preprocess=Preprocess(size=48)
    )
    table = load(options, 0)
    for findings_of in (audit(table, options), audit_prepared(image_cache.prepare(table, options), options)):
        assert findings_of.named("mask_like").count >= 10  # of a mask whose edge is cut, one value is left
        assert findings_of.named("one_stem").count == 12
        assert findings_of.worst == SERIOUS


def test_of_pixels_in_another_range_nothing_is_said():
    frame = pd.DataFrame({"image_id": list("abc"), "path": ["a.png", "b.png", "c.png"]})
    images = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    measures = measure_all(lambda place: images[place], len(images))
    assert findings(frame, measures, None) == []
