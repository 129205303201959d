"""Which file a name means, what is left out of a folder, and what is said of it."""

import hashlib
import os
import shlex
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from PIL import Image

from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.audit.unused_files import unused_files
from skinexp.data.facts import table_facts
from skinexp.data.sources.listing import everything, is_mask_name
from skinexp.data.sources.registry import load
from skinexp.data.table import Table
from skinexp.data.unused import counts_by_reason, unused_sentence
from skinexp.report.pages import data_card

CLASSES = ("benign", "malignant")


def write(place: Path, *names: str) -> None:
    """Writes small pictures, each of a colour of its own."""
    for name in names:
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        colour = np.frombuffer(hashlib.sha256(name.encode()).digest()[:3], np.uint8)
        with file.open("wb") as stream:
            Image.fromarray(np.full((4, 4, 3), colour, np.uint8)).save(stream, "PNG")


def folder(place: Path, **options) -> Table:
    return load(Data(name="folder", path=str(place), cache=str(place.parent / "cache"), **options), 0)


def listed(place: Path, names: list[str], column: str = "file", **options) -> list[str]:
    """Returns the paths below the directory that are read for the names of a manifest."""
    frame = pd.DataFrame({column: names, "label": [CLASSES[row % 2] for row in range(len(names))]})
    frame.to_csv(place / "manifest.csv", index=False)
    return [os.path.relpath(path, place) for path in folder(place, **options).frame["path"]]


# Names of a manifest


@pytest.mark.parametrize(
    ("mask", "photograph"),
    [
        ("masks/{}.png", "images/{}.jpg"),
        ("HAM10000_segmentations_lesion/{}.png", "HAM10000_images_part_1/{}.jpg"),
        ("images/{}_superpixels.png", "images/{}.jpg"),
        ("a_first/{}_segmentation.png", "z_last/{}.bmp"),
        ("GroundTruth_Masks/{}.jpg", "Data/{}.jpg"),
    ],
)
def test_masks_with_the_names_of_images_are_not_read_instead_of_them(tmp_path, mask, photograph):
    names = ["ISIC_1", "ISIC_2", "ISIC_3", "ISIC_4"]
    for name in names:
        write(tmp_path, mask.format(name), photograph.format(name))
    assert listed(tmp_path, names) == [photograph.format(name) for name in names]
    assert counts_by_reason(folder(tmp_path).unused) == {"a mask by its name": 4}


def test_a_mask_is_no_photograph_even_if_the_photograph_is_missing(tmp_path):
    write(tmp_path, "images/a.jpg", "images/b.jpg", "masks/a.png", "masks/b.png", "masks/c.png", "masks/d.png")
    assert listed(tmp_path, ["a", "b", "c", "d.png"]) == ["images/a.jpg", "images/b.jpg", "c", "d.png"]


def test_a_mask_that_a_manifest_names_with_its_suffix_is_read(tmp_path):
    write(tmp_path, "masks/a.png", "deep/b_mask.png")
    assert listed(tmp_path, ["masks/a.png", "b_mask.png"]) == ["masks/a.png", "deep/b_mask.png"]


@pytest.mark.parametrize("name", ["damask.jpg", "unmasked/a.jpg", "segmental/b.png", "masked_01.jpg", "benign/1.png"])
def test_words_that_only_contain_mask_are_no_masks(name):
    assert not is_mask_name(name)


@pytest.mark.parametrize("name", ["LesionMask/a.jpg", "a-mask2.png", "benign (1)_mask_1.png", "x/Superpixels/a.png"])
def test_masks_are_recognised_by_any_way_to_write_the_word(name):
    assert is_mask_name(name)


@pytest.mark.parametrize("files", [("photos/{}.jpg", "labels/{}.png"), ("one/{}.jpg", "two/{}.jpg")])
def test_a_name_that_several_files_can_mean_is_refused_with_both_paths_and_a_remedy_that_works(tmp_path, files):
    place = tmp_path / "archive (1), é=x"
    for name in ("a", "b"):
        write(place, *(file.format(name) for file in files))
    with pytest.raises(UserError, match=r"^data\.manifest: 2 names in ") as refused:
        listed(place, ["a", "b"])
    both = sorted(str(place / file.format("a")) for file in files)
    assert f"  a: {' or '.join(both)}" in str(refused.value)
    words = shlex.split(next(part for part in str(refused.value).split(". ") if "To read those in" in part))
    read = {item.key_or_group: item.value() for item in OverridesParser.create().parse_overrides(words[-2:])}
    table = folder(Path(read["data.path"]), manifest=read["data.manifest"])
    assert [Path(path).stem for path in table.frame["path"]] == ["a", "b"]


def test_two_suffixes_of_one_name_in_one_folder_are_refused(tmp_path):
    write(tmp_path, "images/a.jpg", "images/a.png", "images/b.jpg")
    with pytest.raises(UserError, match=r"One name in .* means several files:\n  a: .*a\.jpg or .*a\.png\n"):
        listed(tmp_path, ["a", "b"])
    assert listed(tmp_path, ["a.png", "b"]) == ["images/a.png", "images/b.jpg"]


def test_copies_of_one_file_are_one_meaning(tmp_path):
    write(tmp_path, "part_1/a.jpg", "b.jpg")
    (tmp_path / "Part_1").mkdir()
    (tmp_path / "Part_1" / "a.jpg").write_bytes((tmp_path / "part_1" / "a.jpg").read_bytes())
    assert listed(tmp_path, ["a", "b"]) == ["Part_1/a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["a.png", "b.png"], ["part_1/a.png", "part_2/b.png"]),
        (["part/a.png", "part/b.png"], ["deep/part/a.png", "deep/part/b.png"]),
        (["a", "b.png"], ["x/a.jpg", "y/b.png"]),
        (["a.jpg", "b.JPEG"], ["x/a.JPG", "x/b.jpeg"]),
        (["a.jpg", "b.tif"], ["x/a.jpeg", "x/b.TIFF"]),
        (["a.jpg", "a.JPG"], ["x/a.jpg", "x/a.JPG"]),
        (["part\\a.png", "part\\b.png"], ["part/a.png", "part/b.png"]),
        (["IMD003", "IMD004"], ["IMD003/IMD003_Dermoscopic_Image/IMD003.bmp", "IMD004/x/IMD004.bmp"]),
        (["1.2.840.1", "1.2.840.2"], ["x/1.2.840.1.png", "x/1.2.840.2.png"]),
    ],
)
def test_a_name_is_found_where_one_file_can_be_meant(tmp_path, names, files):
    write(tmp_path, *files)
    assert listed(tmp_path, names) == files


@pytest.mark.parametrize("missing", ["test/1.png", "other/1.png", "1.jpg", "/elsewhere/1.png", "../1.png"])
def test_a_name_that_means_another_place_or_format_is_not_taken_for_a_file_that_is_there(tmp_path, missing):
    write(tmp_path, "train/1.png", "train/2.png")
    assert listed(tmp_path, [missing, "train/2.png"])[0] in (missing, os.path.relpath(tmp_path / missing, tmp_path))
    assert "unreadable" in folder(tmp_path).frame["sha256"][0]


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("suffix", ["", ".jpg"])
def test_a_name_is_found_in_any_unicode_form(tmp_path, written, suffix):
    other = {"NFC": "NFD", "NFD": "NFC"}[written]
    files = [unicodedata.normalize(written, f"Läsionen/Läsion é {number}.jpg") for number in range(2)]
    write(tmp_path, *files)
    names = [unicodedata.normalize(other, f"Läsion é {number}{suffix}") for number in range(2)]
    assert listed(tmp_path, names) == files


@pytest.mark.parametrize("column", ["file", "image", "image_id", "img_id", "ISIC_ID", "photograph"])
def test_leading_zeros_of_names_stay_in_every_column(tmp_path, column):
    write(tmp_path, "a/007.png", "b/010.png")
    options = {} if column in ("file", "image", "image_id") else {"image_column": column}
    assert listed(tmp_path, ["007", "010"], column, **options) == ["a/007.png", "b/010.png"]


def test_leading_zeros_stay_in_columns_of_ids(tmp_path):
    write(tmp_path, "a.png", "b.png")
    columns = {"patient_id": ["01", "1"], "DDI_ID": ["0007", "7"], "valid": [0, 1]}
    pd.DataFrame({"file": ["a.png", "b.png"], "label": CLASSES} | columns).to_csv(
        tmp_path / "manifest.csv", index=False
    )
    frame = folder(tmp_path).frame
    assert frame["group"].tolist() == ["01", "1"]
    assert frame["DDI_ID"].tolist() == ["0007", "7"]
    assert frame["valid"].tolist() == [0, 1]


# Folders of classes


def test_masks_beside_the_images_of_a_class_are_left_out_and_counted(tmp_path):
    write(tmp_path, *(f"{name}/{name} ({i}){end}.png" for name in CLASSES for i in (1, 2) for end in ("", "_mask")))
    table = folder(tmp_path)
    assert table.frame["image_id"].str.endswith(")").all()
    assert counts_by_reason(table.unused) == {"a mask by its name": 4}


def test_every_image_suffix_is_used_and_all_else_is_counted_by_reason(tmp_path):
    for name in CLASSES:
        write(tmp_path, *(f"{name}/{end}{end}" for end in (".jpg", ".jfif", ".JPG", ".jpe", ".webp", ".gif")))
    write(tmp_path, *(f"{name}/a{end}" for name in CLASSES for end in (".jpg", ".jfif", ".JFIF.JPE", ".tiff", ".gif")))
    write(tmp_path, "benign/b.heic", "benign/.c.jpg", "stray.jpg", "benign/scan", "benign/old/.trash/d.jpg")
    table = folder(tmp_path)
    assert len(table.frame) == 10
    reasons = counts_by_reason(table.unused)
    assert reasons.pop("hidden") == 14
    assert reasons == {
        "the suffix .heic is not an image's": 1, "in no class folder": 1, "a name without suffix": 1,
    }  # fmt: skip


def test_log_card_and_audit_say_the_same_of_unused_files(tmp_path, caplog):
    from skinexp.data.audit import Findings
    from skinexp.workflows.dataset import load_table

    write(tmp_path, "benign/a.jpg", "malignant/a.jpg", "benign/a_mask.png", "notes.txt")
    with caplog.at_level("INFO", logger="skinexp"):
        table = load_table(Data(name="folder", path=str(tmp_path)), 0)
    sentence = unused_sentence(table.unused)
    assert sentence == (
        "2 files are below data.path and not used: a mask by its name (1), the suffix .txt is not an image's (1). "
        "Check whether any of them should be"
    )
    assert f"Unused    {sentence}" in caplog.messages
    about = data_card.About("x", "y", table_facts(table), {})
    assert sentence in data_card.render(table, Findings("off", 2), {}, about)
    assert unused_files(table).sentence == sentence


@pytest.mark.parametrize(
    "debris", ["__MACOSX/train/benign/._1.jpg", ".ipynb_checkpoints/1-checkpoint.jpg", "Thumbs.db", ".DS_Store"]
)
def test_what_programs_leave_beside_files_is_ignored_in_silence(tmp_path, debris):
    write(tmp_path, *(f"{part}/{name}/1.jpg" for part in ("train", "test") for name in CLASSES))
    for place in ("", "train/", "train/benign/"):
        write(tmp_path, place + debris)
    (tmp_path / "train" / "benign" / "._1.jpg").write_bytes(bytes.fromhex("0005160700020000") + bytes(100))
    table = folder(tmp_path)
    assert table.frame["given_split"].tolist() == ["test", "test", "train", "train"]
    assert table.unused == ()


def test_a_picture_whose_name_begins_as_debris_is_counted(tmp_path):
    write(tmp_path, "benign/1.jpg", "malignant/1.jpg", "benign/._2.jpg")
    assert counts_by_reason(folder(tmp_path).unused) == {"hidden": 1}


def test_a_folder_of_masks_alone_is_refused_by_what_it_holds(tmp_path):
    write(tmp_path, "masks/benign/1.png", "masks/malignant/1.png")
    with pytest.raises(UserError, match=r"neither a manifest\.csv .*It holds: a mask by its name \(2\)"):
        folder(tmp_path)


# Links


def test_linked_folders_are_followed_at_every_level(tmp_path):
    for name in CLASSES:
        write(tmp_path, f"store/{name}/1.jpg")
        (tmp_path / "set" / "train").mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / "train" / name).symlink_to(tmp_path / "store" / name)
    place = tmp_path / "set" / "train" / "benign"
    for level in range(10):
        write(tmp_path, f"clinic{level}/deep/{level}.jpg")
        (place / f"clinic{level}").symlink_to(tmp_path / f"clinic{level}")
        place = tmp_path / f"clinic{level}" / "deep"
    table = folder(tmp_path / "set")
    assert table.counts() == {"benign": 11, "malignant": 1}
    assert table.frame["given_split"].tolist() == ["train"] * 12


@pytest.mark.parametrize("link", ["benign/loop", "benign/deep/loop", "loop"])
@pytest.mark.parametrize("target", [".", "..", "benign"])
def test_links_in_a_circle_end_and_are_counted(tmp_path, link, target):
    place = tmp_path / "set"
    write(place, "benign/1.jpg", "benign/deep/2.jpg", "malignant/1.jpg")
    (place / link).symlink_to((place / target).resolve())
    names = [name for name, reason in everything(place) if reason is None]
    assert sorted(set(names)) == sorted(names)
    assert sum(name.endswith("2.jpg") for name in names) == 1 + (link == "loop" and target == "benign")


def test_two_folders_that_link_to_each_other_are_read_once_each(tmp_path):
    write(tmp_path, "benign/x/1.jpg", "benign/y/2.jpg", "malignant/1.jpg")
    (tmp_path / "benign" / "x" / "to_y").symlink_to("../y")
    (tmp_path / "benign" / "y" / "to_x").symlink_to("../x")
    table = folder(tmp_path)
    assert table.counts() == {"benign": 2, "malignant": 1}
    assert counts_by_reason(table.unused) == {
        "a link to a folder that is read already as benign/x": 1,
        "a link to a folder that is read already as benign/y": 1,
    }


def test_a_class_that_is_a_link_to_a_folder_beside_it_is_a_class(tmp_path):
    write(tmp_path, "raw/nevus/1.jpg", "raw/melanoma/2.jpg")
    (tmp_path / "benign").symlink_to("raw/nevus")
    (tmp_path / "malignant").symlink_to("raw/melanoma")
    assert folder(tmp_path, exclude=["raw"]).counts() == {"benign": 1, "malignant": 1}


def test_a_link_to_nothing_is_counted_as_that(tmp_path):
    write(tmp_path, "benign/1.jpg", "malignant/1.jpg")
    (tmp_path / "benign" / "more").symlink_to(tmp_path / "gone")
    assert counts_by_reason(folder(tmp_path).unused) == {"a link to nothing": 1}


def test_without_unused_files_there_is_no_finding(tmp_path):
    write(tmp_path, "benign/1.jpg", "malignant/1.jpg")
    table = folder(tmp_path)
    assert unused_files(table) is None
    assert unused_files(replace(table, unused=())) is None
