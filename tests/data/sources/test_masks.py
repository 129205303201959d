"""Masks beside photographs are told from them by name, and belong to the image that they are called after."""

import numpy as np
import pytest
from PIL import Image

from skinexp.config.schema import Data
from skinexp.data.facts import table_facts
from skinexp.data.sources.masks import masks_of
from skinexp.data.sources.registry import load
from skinexp.data.table import metadata_columns


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/ISIC_1.jpg", "masks/ISIC_1.png"),  # as in HAM10000's folder of segmentations
        ("images/ISIC_1.jpg", "masks/ISIC_1_segmentation.png"),
        ("ISIC_1.jpg", "ISIC_1_mask.PNG"),
        ("benign/ISIC_1.jpg", "benign/ISIC_1_Segmentation.png"),
        ("benign/ISIC_1.jpg", "mask_ISIC_1.png"),
        ("train/ISIC_1.jpg", "Task1_Training_GroundTruth_masks/ISIC_1.png"),
    ],
)
def test_a_mask_belongs_to_the_image_that_it_is_called_after(image, mask):
    assert masks_of([image, "images/ISIC_2.jpg"], [mask, "notes.txt"]) == [mask, None]


@pytest.mark.parametrize(
    "other",
    ["masks/ISIC_10.png", "ISIC_1_superpixels.png", "ISIC_1_copy.png", "masks/ISIC_1.txt", ".masks/ISIC_1.png"],
)
def test_other_files_are_no_mask_of_an_image(other):
    assert masks_of(["images/ISIC_1.jpg"], [other]) == [None]


def test_images_of_one_name_have_the_mask_in_the_folder_of_their_class():
    images, masks = ["benign/1.jpg", "malignant/1.jpg"], ["masks/benign/1.png", "masks/malignant/1.png"]
    assert masks_of(images, masks) == masks
    assert masks_of(images, ["masks/1.png"]) == [None, None]


def test_an_image_with_two_masks_has_none_that_is_meant():
    assert masks_of(["1.jpg"], ["masks_of_a/1.png", "masks_of_b/1.png"]) == [None]


def test_the_table_has_the_paths_of_masks_and_says_how_many_there_are(tmp_path):
    for name in ("benign/a.png", "benign/b.png", "malignant/c.png", "benign/a_mask.png", "malignant/c_mask.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), len(name), np.uint8)).save(tmp_path / name)
    table = load(Data(name="folder", path=str(tmp_path)), 0)
    assert dict(zip(table.frame["image_id"], table.frame["mask"].fillna("none"), strict=True)) == {
        "benign/a": f"{tmp_path}/benign/a_mask.png",
        "benign/b": "none",
        "malignant/c": f"{tmp_path}/malignant/c_mask.png",
    }
    assert table_facts(table)["Masks"] == "2 of 3 images have one, by its name (column 'mask')"
    assert metadata_columns(table.frame) == []
