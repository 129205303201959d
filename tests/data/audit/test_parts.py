"""Parts of a split whose images are brighter or darker than those of training are found, and no others."""

import numpy as np
import pandas as pd
import pytest

from skinexp.data.audit import Findings
from skinexp.data.audit.parts import brightness_differences

PARTS = np.repeat(["train", "val", "test"], [140, 30, 30])


def found(brightness: np.ndarray):
    names = [f"{number}" for number in range(len(PARTS))]
    frame = pd.DataFrame({"image_id": names, "path": names, "split": PARTS})
    return brightness_differences(Findings("quick", len(PARTS), brightness=brightness), frame)


def drawn(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(140, 25, len(PARTS)).clip(0, 255)


@pytest.mark.parametrize("change", [lambda grey: grey / 16, lambda grey: grey + 60, lambda grey: grey * 0.6])
@pytest.mark.parametrize(("part", "name"), [("val", "validation"), ("test", "test")])
def test_a_part_of_another_brightness_is_found(change, part, name):
    brightness = np.where(part == PARTS, change(drawn()), drawn())
    finding = found(brightness)
    assert finding.count == 30
    median = np.median(brightness[part == PARTS])
    assert f"and {name} images ({median:.0f}). Check that the files of all parts" in finding.sentence


def test_parts_that_are_drawn_alike_do_not_differ():
    assert [seed for seed in range(200) if found(drawn(seed)) is not None] == []


def test_images_of_unknown_range_are_left_aside():
    brightness = np.where(PARTS == "test", drawn() / 16, drawn())
    brightness[::3] = np.nan
    sentence = found(brightness).sentence
    assert "test images (" in sentence
    assert "validation" not in sentence
    assert found(np.full(len(PARTS), np.nan)) is None
    assert found(np.zeros(0)) is None
