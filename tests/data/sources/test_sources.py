"""Who is in a folder of real JPEGs. Sets of the hub are in test_hub.py, phantoms in test_phantom_source.py."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from skinexp.config.schema import Data, Split
from skinexp.core.errors import UserError
from skinexp.data.audit.unused_files import unused_files
from skinexp.data.preparation import image_cache
from skinexp.data.sources.registry import load
from skinexp.data.table import Table


def write_jpeg(file: Path, shade: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, 100, 100)).save(file)


@pytest.fixture
def directory(tmp_path) -> Path:
    """Six images, 0.jpg to 5.jpg, whose red channel tells them apart."""
    for number in range(6):
        write_jpeg(tmp_path / "images" / f"{number}.jpg", 40 * number)
    return tmp_path


def manifest(**columns) -> pd.DataFrame:
    """The six images, three of each class."""
    files = [f"images/{number}.jpg" for number in range(6)]
    return pd.DataFrame({"file": files, "label": ["benign", "malignant"] * 3} | columns)


def read(directory: Path, frame: pd.DataFrame, seed: int = 0, group: str | None = "auto", **options) -> Table:
    frame.to_csv(directory / "manifest.csv", index=False)
    return load(Data(name="folder", path=str(directory), split=Split(group=group), **options), seed)


def red(table: Table) -> list[int]:
    """The red channel of each row's image, to the next multiple of 40: which file it came from."""
    pixels = [image_cache.read(table.reader, position) for position in table.frame["position"]]
    return [round(image[..., 0].mean() / 40) for image in pixels]


# Manifests


def test_a_manifest_gives_a_row_an_image_with_its_label(directory):
    table = read(directory, manifest(age=[30, 40, 50, 60, 70, None]))
    assert table.frame["label"].tolist() == [0, 1, 0, 1, 0, 1]
    assert table.frame["image_id"].tolist() == [f"images/{number}" for number in range(6)]
    assert table.frame["age"].tolist()[:5] == [30, 40, 50, 60, 70]
    assert table.frame["path"].tolist() == [str(directory / "images" / f"{number}.jpg") for number in range(6)]
    assert table.counts() == {"benign": 3, "malignant": 3}
    assert table.name == directory.name


def test_several_classes_may_share_a_label(directory):
    classes = ["nevus", "melanoma", "wart", "carcinoma", "nevus", "melanoma"]
    labels = {"nevus": 0, "wart": 0, "melanoma": 1, "carcinoma": 1}
    table = read(directory, manifest(label=classes), labels=labels)
    assert table.frame["label"].tolist() == [labels[name] for name in classes]


def test_a_left_out_class_is_counted_and_the_rest_keep_their_pixels(directory):
    classes = ["benign", "keratosis", "malignant", "keratosis", "benign", "malignant"]
    table = read(directory, manifest(label=classes), exclude=["keratosis", "absent"])
    assert table.excluded == {"keratosis": 2}
    assert red(table) == [0, 2, 4, 5]
    assert table.frame["label"].tolist() == [0, 1, 0, 1]
    assert "left out: 2 keratosis" in str(table)


def test_a_class_without_a_label_is_refused_by_name_with_its_count(directory):
    classes = ["benign", "malignant", "nevus", "nevus", "wart", "nevus"]
    with pytest.raises(UserError, match=r"^data\.labels: .*: nevus \(3\), wart \(1\)\. .*data\.labels\.nevus=0"):
        read(directory, manifest(label=classes))


def test_a_class_that_no_image_has_is_refused(directory):
    with pytest.raises(UserError, match=r"^data\.labels: no image has label 1 \(class malignant\)"):
        read(directory, manifest(label="benign"))


def test_images_whose_label_is_missing_are_refused_unless_left_out(directory):
    frame = manifest(label=["benign", "malignant", None, "benign", "malignant", None])
    with pytest.raises(UserError, match=r"unlabelled \(2\)"):
        read(directory, frame)
    assert red(read(directory, frame, exclude=["unlabelled"])) == [0, 1, 3, 4]


def test_numbers_as_class_names_stay_whole_numbers_where_one_is_missing(directory):
    frame = manifest(label=[0, 1, 0, 1, 0, None])
    table = read(directory, frame, labels={"0": 0, "1": 1}, exclude=["unlabelled"])
    assert table.frame["label"].tolist() == [0, 1, 0, 1, 0]


def test_a_metadata_column_called_class_does_not_stand_in_for_the_label(directory):
    table = read(directory, manifest(**{"class": "skin"}))
    assert table.frame["label"].tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("column", ["scan", "image_id"])
def test_the_image_column_asked_for_beats_one_called_file(directory, column):
    frame = manifest(**{column: manifest()["file"]}).assign(file="elsewhere.jpg")
    assert red(read(directory, frame, image_column=column)) == list(range(6))


@pytest.mark.parametrize("column", ["file", "image", "path", "filename", "image_id"])
def test_the_usual_names_of_an_image_column_are_found(directory, column):
    assert red(read(directory, manifest().rename(columns={"file": column}))) == list(range(6))


def test_the_label_column_can_be_named(directory):
    frame = manifest(dx=["malignant", "benign"] * 3)  # its own label column says the opposite
    assert read(directory, frame, label_column="dx").frame["label"].tolist() == [1, 0, 1, 0, 1, 0]


def test_ids_keep_their_leading_zeros(directory):
    ids = ["007", "010", "011", "012", "013", "014"]
    assert read(directory, manifest(image_id=ids)).frame["image_id"].tolist() == ids


def test_images_named_by_id_alone_are_found_by_it(directory):
    frame = manifest(image_id=[str(number) for number in range(6)]).drop(columns="file")
    table = read(directory, frame)
    assert table.frame["image_id"].tolist() == ["0", "1", "2", "3", "4", "5"]
    assert red(table) == [0, 1, 2, 3, 4, 5]


def test_what_the_table_keeps_for_itself_a_manifest_cannot_overwrite(directory):
    table = read(directory, manifest(position=7, sha256="stale", path="nowhere"))
    assert red(table) == list(range(6))
    files = [directory / "images" / f"{number}.jpg" for number in range(6)]
    assert table.frame["sha256"].tolist() == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def test_a_missing_file_is_left_to_preparation_which_names_it(directory):
    (directory / "images" / "3.jpg").unlink()
    table = read(directory, manifest())
    assert len(table.frame) == 6
    assert "No such file" in table.frame["sha256"][3]


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (manifest().drop(columns="file"), {}, r"data\.image_column: .* no column 'file' or .* It has: label"),
        (manifest(), {"image_column": "scan"}, r"data\.image_column: .* no column 'scan'\. It has: file, label"),
        (manifest(), {"label_column": "dx"}, r"data\.label_column: .* no column 'dx'\. It has: file, label"),
        (manifest(file=["images/0.jpg", *5 * [None]]), {}, r"data\.image_column: 5 rows of .* have no image"),
        (manifest(image_id=["a", "b", "c", "b", "e", "f"]), {}, r"data\.path: image ids must be unique; 1 .*: b"),
        (manifest(image_id=["a", "b", None, "d", "e", "f"]), {}, r"data\.path: 1 images have no image_id"),
        (pd.DataFrame(), {}, r"data\.manifest: .* is no CSV table"),
    ],
    ids=["no image column", "no such image column", "no label column", "no file name", "repeated id", "no id", "empty"],
)
def test_a_manifest_that_cannot_be_used_is_refused_by_what_it_lacks(directory, frame, options, message):
    with pytest.raises(UserError, match=f"^{message}"):
        read(directory, frame, **options)


def test_a_file_named_twice_is_two_images_with_an_id_each(directory):
    write_jpeg(directory / "images" / "0 (2).jpg", 200)
    files = [f"images/{name}.jpg" for name in ("0", "0 (2)", "1", "0", "1", "0")]
    table = read(
        directory, manifest(file=files, label=["benign", "malignant", "benign", "malignant", "benign", "benign"])
    )
    assert [name.removeprefix("images/") for name in table.frame["image_id"]] == [
        *("0", "0 (2)", "1", "0 (3)", "1 (2)", "0 (4)")
    ]
    assert red(table) == [0, 5, 1, 0, 1, 0]


def test_a_manifest_that_is_no_text_is_refused(directory):
    (directory / "manifest.csv").write_bytes((directory / "images" / "0.jpg").read_bytes())
    with pytest.raises(UserError, match=r"^data\.manifest: "):
        load(Data(name="folder", path=str(directory)), 0)


def test_another_manifest_of_the_same_directory_can_be_named(directory):
    manifest()[:4].to_csv(directory / "first.csv", index=False)
    assert len(load(Data(name="folder", path=str(directory), manifest="first.csv"), 0).frame) == 4


def test_a_real_folder_is_read_as_its_manifest_says(isic9):
    stated = pd.read_csv(isic9 / "manifest.csv")
    table = load(Data(name="folder", path=str(isic9), exclude=["premalignant"]), 0)
    assert len(stated) == 1_843
    assert table.excluded == {"premalignant": 129}
    assert table.counts() == {"benign": 870, "malignant": 844}
    kept = stated[stated["label"] != "premalignant"].reset_index(drop=True)
    assert table.frame["image_id"].tolist() == kept["image_id"].tolist()
    assert table.frame["sha256"].tolist() == kept["sha256"].tolist()
    assert table.frame["group"].tolist() == kept["group"].tolist()
    assert table.grouped_by == "group"


# Class folders


@pytest.fixture
def class_folders(tmp_path) -> Path:
    for shade, file in enumerate(["benign/a.jpg", "benign/deeper/b.JPG", "malignant/a.jpeg", "malignant/c.jpg"]):
        write_jpeg(tmp_path / file, 40 * shade)
    (tmp_path / "benign" / "notes.txt").write_text("no image")
    write_jpeg(tmp_path / "stray.jpg", 0)  # in no class
    return tmp_path


def test_without_a_manifest_each_folder_is_a_class(class_folders):
    table = load(Data(name="folder", path=str(class_folders)), 0)
    assert table.frame["image_id"].tolist() == ["benign/a", "benign/deeper/b", "malignant/a", "malignant/c"]
    assert table.frame["label"].tolist() == [0, 0, 1, 1]
    assert red(table) == [0, 1, 2, 3]
    assert table.grouped_by is None


@pytest.mark.parametrize(
    "names", [("Train", "Test"), ("training", "validation"), ("TRAIN", "valid"), ("train", "testing")]
)
def test_folders_of_a_given_split_are_no_classes_but_a_column(tmp_path, names):
    for shade, part in enumerate(names):
        for label in ("benign", "malignant"):
            write_jpeg(tmp_path / part / label / "a.jpg", 40 * shade)
    write_jpeg(tmp_path / names[0] / "stray.jpg", 0)  # in no class
    options = Data(name="folder", path=str(tmp_path))
    frame = load(options, 0).frame.set_index("image_id")
    other = "test" if "est" in names[1] else "val"
    for label, name in enumerate(("benign", "malignant")):
        assert frame.loc[f"{names[0]}/{name}/a", ["label", "given_split"]].tolist() == [label, "train"]
        assert frame.loc[f"{names[1]}/{name}/a", ["label", "given_split"]].tolist() == [label, other]
    aside = unused_files(load(options, 0))
    assert aside.rows["reason"].tolist() == ["in no class folder"]


def test_a_folder_called_train_beside_other_classes_is_a_class(class_folders):
    write_jpeg(class_folders / "train" / "deeper" / "d.jpg", 0)
    table = load(Data(name="folder", path=str(class_folders), exclude=["train"]), 0)
    assert table.excluded == {"train": 1}
    assert "given_split" not in table.frame


def test_a_class_folder_can_be_left_out(class_folders):
    write_jpeg(class_folders / "keratosis" / "d.jpg", 0)
    assert load(Data(name="folder", path=str(class_folders), exclude=["keratosis"]), 0).excluded == {"keratosis": 1}


def test_a_directory_without_images_is_refused_with_an_example(tmp_path):
    with pytest.raises(UserError, match=r"^data\.path: .* neither a manifest\.csv .*/benign/\*\.jpg"):
        load(Data(name="folder", path=str(tmp_path)), 0)


@pytest.mark.parametrize("around", ["archive (1)", "archive/Skin cancer ISIC"])
def test_a_set_in_the_only_folder_is_found_there(tmp_path, around):
    for name in ("train/benign/a.jpg", "train/malignant/b.jpg", "test/benign/c.jpg"):
        write_jpeg(tmp_path / around / name, 0)
    (tmp_path / "__MACOSX" / "x").mkdir(parents=True)
    (tmp_path / "LICENSE").write_text("CC0")
    options = Data(name="folder", path=str(tmp_path))
    table = load(options, 0)
    assert sorted(table.frame["image_id"]) == ["test/benign/c", "train/benign/a", "train/malignant/b"]
    assert unused_files(table) is None


def test_a_manifest_in_the_only_folder_is_found_there(directory):
    outside = directory.parent / "outside"
    outside.mkdir()
    manifest().to_csv(directory / "manifest.csv", index=False)
    directory.rename(outside / "été")
    assert red(load(Data(name="folder", path=str(outside)), 0)) == list(range(6))


@pytest.mark.parametrize("files", [["benign/more/a.jpg"], ["train/benign/a.jpg"]])
def test_the_only_class_is_not_taken_for_a_folder_around_the_set(tmp_path, files):
    for name in files:
        write_jpeg(tmp_path / name, 0)
    table = load(Data(name="folder", path=str(tmp_path)), 0, one_class=True)
    assert table.frame["image_id"].tolist() == [name.removesuffix(".jpg") for name in files]


def test_a_table_beside_folders_that_are_no_classes_is_named(tmp_path):
    write_jpeg(tmp_path / "HAM10000_images_part_1" / "a.jpg", 0)
    write_jpeg(tmp_path / "HAM10000_images_part_2" / "b.jpg", 0)
    (tmp_path / "HAM metadata.csv").write_text("image_id,dx\na,nv\nb,mel\n")
    with pytest.raises(UserError, match=r"^data\.manifest: .*'data\.manifest=\"HAM metadata\.csv\"'$"):
        load(Data(name="folder", path=str(tmp_path)), 0)


# Groups


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["patient_id"], "patient_id"),
        (["patient_id", "lesion_id"], "lesion_id"),
        (["lesion_id", "group"], "group"),
        (["lesion", "patient"], "lesion"),
        (["Subject ID"], "Subject ID"),
        (["ward"], None),
    ],
)
def test_a_column_of_lesions_or_patients_is_found_by_its_name(directory, columns, found):
    groups = {column: [f"{column} {number // 2}" for number in range(6)] for column in columns}
    table = read(directory, manifest(**groups))
    assert table.grouped_by == found
    assert table.frame["group"].nunique() == (6 if found is None else 3)
    if found:
        assert table.frame["group"].tolist() == groups[found]
        assert f"3 groups by {found}" in str(table)


def test_a_group_column_asked_for_beats_the_usual_ones(directory):
    table = read(directory, manifest(lesion_id=list("abcdef"), clinic=[1, 1, 2, 2, 3, 3]), group="clinic")
    assert table.grouped_by == "clinic"
    assert table.frame["group"].tolist() == ["1", "1", "2", "2", "3", "3"]


def test_grouping_can_be_switched_off(directory):
    table = read(directory, manifest(group="all the same"), group=None)
    assert table.grouped_by is None
    assert table.frame["group"].tolist() == table.frame["image_id"].tolist()


def test_a_group_column_that_is_not_there_is_refused(directory):
    with pytest.raises(UserError, match=r"^data\.split\.group: the data has no column 'patient'\. It has: .*label"):
        read(directory, manifest(), group="patient")


def test_an_image_without_a_lesion_is_a_group_of_its_own(directory):
    table = read(directory, manifest(lesion_id=["a", "a", None, None, "b", "b"]))
    assert table.frame["group"].tolist() == ["a", "a", "images/2", "images/3", "b", "b"]


# The digest


def test_the_digest_is_the_same_for_the_same_data(directory):
    assert read(directory, manifest()).digest == read(directory, manifest()).digest


@pytest.mark.parametrize(
    "changed",
    [
        manifest(label=["malignant", "benign"] * 3),
        manifest(group=["a", "a", "b", "b", "c", "c"]),
        manifest(image_id=list("abcdef")),
        manifest()[:5],
    ],
    ids=["labels", "groups", "ids", "fewer"],
)
def test_the_digest_changes_with_what_the_manifest_says(directory, changed):
    assert read(directory, manifest()).digest != read(directory, changed).digest


def test_the_digest_changes_with_an_image(directory):
    before = read(directory, manifest()).digest
    write_jpeg(directory / "images" / "2.jpg", 255)
    assert read(directory, manifest()).digest != before


# Limit


@pytest.fixture
def imbalanced() -> pd.DataFrame:
    """Forty images, one of them malignant."""
    files = [f"images/{number}.jpg" for number in range(40)]
    return pd.DataFrame({"file": files, "label": ["malignant", *39 * ["benign"]]})


def test_a_limit_keeps_the_rare_class_of_an_imbalanced_set(directory, imbalanced):
    assert read(directory, imbalanced, limit=20).counts() == {"benign": 19, "malignant": 1}


def test_a_limit_draws_the_same_images_for_the_same_seed_only(directory, imbalanced):
    drawn = [read(directory, imbalanced, seed, limit=20).frame["image_id"].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_limited_images_keep_the_order_of_the_source_and_their_pixels(directory):
    table = read(directory, manifest(), limit=4)
    positions = table.frame["position"].tolist()
    assert positions == sorted(positions)
    assert red(table) == positions
    assert table.frame.index.tolist() == [0, 1, 2, 3]
