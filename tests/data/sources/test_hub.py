"""Data sets of the Hugging Face hub's shape, read from real parquet files."""

import hashlib
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import datasets
import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from skinexp.config.schema import Data, Split
from skinexp.core.errors import UserError
from skinexp.data.preparation import image_cache
from skinexp.data.sources.hub import open_dataset
from skinexp.data.sources.registry import load
from skinexp.data.table import Table

STRINGS = datasets.Value("string")
CLASSES = datasets.ClassLabel(names=["benign", "malignant"])


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What `datasets` converts goes away with the test."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def encoded(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 100, 100)).save(file, "JPEG")
    return file.getvalue()


def write(directory: Path, labels: list, kind=CLASSES, features: dict | None = None, **columns: list) -> Path:
    """A data set directory whose images differ in their red channel."""
    directory.mkdir()
    images = [{"bytes": encoded(40 * number), "path": None} for number in range(len(labels))]
    schema = datasets.Features({"image": datasets.Image(), "label": kind} | (features or {}))
    dataset = datasets.Dataset.from_dict({"image": images, "label": labels} | columns, features=schema)
    dataset.to_parquet(str(directory / "train-00000-of-00001.parquet"))
    return directory


def read(directory: Path, group: str | None = "auto", **options) -> Table:
    return load(Data(name="hub", path=str(directory), split=Split(group=group), **options), 0)


@pytest.mark.parametrize(
    ("kind", "labels"),
    [(CLASSES, [0, 1, 1, 0]), (STRINGS, ["benign", "malignant", "malignant", "benign"])],
    ids=["class numbers", "strings"],
)
def test_labels_come_from_the_names_of_the_classes(tmp_path, kind, labels):
    table = read(write(tmp_path / "lesions", labels, kind))
    assert table.frame["label"].tolist() == [0, 1, 1, 0]
    assert table.name == "lesions"


def test_numbers_as_labels_are_named_by_themselves(tmp_path):
    directory = write(tmp_path / "lesions", [0, 1, 1, None], datasets.Value("int64"))
    table = read(directory, labels={"0": 0, "1": 1}, exclude=["unlabelled"])
    assert table.frame["label"].tolist() == [0, 1, 1]
    assert table.excluded == {"unlabelled": 1}


@pytest.mark.parametrize("missing", [None, -1])
def test_an_image_without_a_class_is_refused_unless_left_out(tmp_path, missing):
    directory = write(tmp_path / "lesions", [0, 1, missing, 1])
    with pytest.raises(UserError, match=r"^data\.labels: .*unlabelled \(1\)"):
        read(directory)
    assert read(directory, exclude=["unlabelled"]).frame["position"].tolist() == [0, 1, 3]


def test_each_row_reads_the_bytes_of_its_own_image(tmp_path):
    table = read(write(tmp_path / "lesions", [0, 1, 1, 0]))
    for number, row in table.frame.iterrows():
        assert table.reader(row["position"]) == encoded(40 * number)
        assert row["sha256"] == hashlib.sha256(encoded(40 * number)).hexdigest()
        assert row["path"].endswith(f"lesions[{number}]")


def test_a_reader_can_be_sent_to_another_process(tmp_path):
    reader = read(write(tmp_path / "lesions", [0, 1])).reader
    assert pickle.loads(pickle.dumps(reader))(1) == encoded(40)


def test_other_columns_are_kept_and_lesions_found(tmp_path):
    more = {"lesion_id": ["a", "b", None, "a"], "age": [30.0, 40.0, 50.0, None], "image_id": list("wxyz")}
    kinds = {"lesion_id": STRINGS, "age": datasets.Value("float32"), "image_id": STRINGS}
    directory = write(tmp_path / "lesions", [0, 1, 1, 0], features=kinds, **more)
    table = read(directory)
    assert table.grouped_by == "lesion_id"
    assert table.frame["group"].tolist() == ["a", "b", "y", "a"]
    assert table.frame["image_id"].tolist() == list("wxyz")
    assert table.frame["age"].tolist()[:3] == [30, 40, 50]
    assert read(directory, group=None).frame["group"].tolist() == list("wxyz")


def test_images_without_an_id_are_numbered(tmp_path):
    assert read(write(tmp_path / "lesions", [0, 1])).frame["image_id"].tolist() == ["000000", "000001"]


def test_a_folder_of_images_by_class_is_a_data_set_too(tmp_path):
    for number, name in enumerate(["benign", "malignant", "malignant"]):
        file = tmp_path / "lesions" / "train" / name / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(40 * number))
    table = read(tmp_path / "lesions")
    assert table.frame["label"].tolist() == [0, 1, 1]
    assert [table.reader(position) for position in range(3)] == [encoded(0), encoded(40), encoded(80)]


def test_several_parts_are_read_as_a_given_split(tmp_path):
    directory = write(tmp_path / "lesions", [0, 1, 1, 0])
    held = write(tmp_path / "held out", [1, 0])
    (held / "train-00000-of-00001.parquet").rename(directory / "validation-00000-of-00001.parquet")
    table = read(directory, hub_split="train+validation")
    assert table.frame["label"].tolist() == [0, 1, 1, 0, 1, 0]
    assert table.frame["given_split"].tolist() == [*4 * ["train"], *2 * ["val"]]
    assert table.reader(5) == encoded(40)
    assert read(directory, hub_split="train[:2]+train[3:]").frame["given_split"].tolist() == 3 * ["train"]
    assert "given_split" not in read(directory).frame


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hub_split": "test"}, r"data\.hub_split: .* has no part 'test'"),
        ({"label_column": "dx"}, r"data\.label_column: .* no column 'dx'\. It has: image, label"),
        ({"image_column": "photograph"}, r"data\.image_column: .* no column 'photograph'\. It has: image, label"),
        ({"image_column": "label"}, r"data\.image_column: column 'label' of .* holds no images"),
        ({"labels": {"benign": 0, "melanoma": 1}}, r"data\.labels: classes without a label: malignant \(2\)"),
    ],
    ids=["part", "label column", "image column", "no images", "class"],
)
def test_what_a_data_set_lacks_is_refused_by_key(tmp_path, options, message):
    directory = write(tmp_path / "lesions", [0, 1, 1, 0])
    with pytest.raises(UserError, match=f"^{message}"):
        read(directory, **options)


@pytest.mark.parametrize("content", [None, b"no parquet"])
def test_a_directory_that_is_no_data_set_is_refused(tmp_path, content):
    directory = tmp_path / "lesions"
    directory.mkdir()
    if content:
        (directory / "train.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"^data\.path: .*lesions could not be read as a data set \(part 'train'\)"):
        open_dataset(str(directory), "train")


def test_a_hub_name_without_network_ends_in_one_message_that_says_what_to_do(tmp_path):
    command = [
        sys.executable,
        "-c",
        "from skinexp.data.sources.hub import open_dataset; open_dataset('owner/name', 'train')",
    ]
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("skinexp.core.errors.UserError: data.path: the Hugging Face hub cannot be reached")
    assert "'owner/name'" in last
    assert "data=hub data.path=<directory>" in last


def test_images_of_16_bits_have_one_range(tmp_path):
    deep = np.linspace(0, 4_000, 64).reshape(8, 8).astype(np.uint16)
    images = [{"bytes": cv2.imencode(".png", deep // part)[1].tobytes(), "path": None} for part in (1, 2)]
    schema = datasets.Features({"image": datasets.Image(), "label": CLASSES})
    directory = tmp_path / "lesions"
    directory.mkdir()
    dataset = datasets.Dataset.from_dict({"image": images, "label": [0, 1]}, features=schema)
    dataset.to_parquet(str(directory / "train-00000-of-00001.parquet"))
    table = read(directory, cache=str(tmp_path / "prepared"))
    assert (table.pixel_range.bits, table.pixel_range.largest) == (12, 4_000)
    assert [image_cache.read(table.reader, position).max() for position in (0, 1)] == [249, 125]


def test_a_real_data_set_is_read_as_its_parquet_file_says(ham10000):
    (file,) = (ham10000 / "data").glob("*.parquet")
    stated = pyarrow.parquet.read_table(file).to_pandas()
    table = read(ham10000)
    assert table.counts() == {"benign": 8_061, "malignant": 1_627}
    np.testing.assert_array_equal(table.frame["label"], stated["label"])
    assert table.grouped_by == "lesion_id"
    assert table.frame["group"].tolist() == stated["lesion_id"].tolist()
    assert table.frame["image_id"].tolist() == stated["image_id"].tolist()
    assert image_cache.read(table.reader, 4_321).shape == (75, 100, 3)
    assert table.reader(4_321) == stated["image"][4_321]["bytes"]
