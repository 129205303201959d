"""Hundreds of bad files: each is used or listed with its reason, memory stays bounded, and nothing crashes."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skinexp.config.schema import Data, Phantom, Preprocess
from skinexp.core.errors import UserError
from skinexp.data import image_readers
from skinexp.data.audit import audit
from skinexp.data.phantom import render
from skinexp.data.preparation import image_cache, preprocess
from skinexp.data.sources import registry
from skinexp.data.sources.listing import printable
from tests.data.mutations import LISTED, USED, encoded, write_all

PICTURES = 6  # pictures at Pillow's limit of pixels: decoding, converting and resizing hold a few copies of one


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [render(3, index, Phantom(size=64)).image for index in range(12)]


@pytest.fixture(scope="module")
def bad(tmp_path_factory, pictures) -> tuple[Path, dict[str, str]]:
    """Class folders: good benign pictures, and malignant files of every kind."""
    directory = tmp_path_factory.mktemp("bad")
    for name in ("benign", "malignant"):
        (directory / name).mkdir()
    for number, picture in enumerate(pictures):
        (directory / "benign" / f"good-{number}.png").write_bytes(encoded(picture))
    return directory, write_all(directory / "malignant", pictures)


def options_for(directory: Path, cache: Path, **more) -> Data:
    usual = {"workers": 1, "on_bad_image": "skip", "preprocess": Preprocess(size=32)}
    return Data(name="folder", path=str(directory), cache=str(cache), **(usual | more))


@pytest.fixture(scope="module")
def prepared(bad, tmp_path_factory) -> image_cache.Prepared:
    options = options_for(bad[0], tmp_path_factory.mktemp("cache"))
    return image_cache.prepare(registry.load(options, seed=0), options)


@pytest.fixture(scope="module")
def found(bad, tmp_path_factory):
    options = options_for(bad[0], tmp_path_factory.mktemp("cache"))
    return audit(registry.load(options, seed=0), options)


def paths(bad: tuple[Path, dict[str, str]], *fates: str) -> set[str]:
    return {printable(str(bad[0] / "malignant" / name)) for name, fate in bad[1].items() if fate in fates}


def test_there_are_more_than_three_hundred(bad):
    assert len(bad[1]) > 300


def test_preparation_uses_or_lists_each_file_with_a_reason(bad, prepared):
    used, listed = set(prepared.table.frame["path"]), set(prepared.bad)
    assert paths(bad, USED) <= used
    assert paths(bad, LISTED) - {str(bad[0] / "malignant" / "around")} <= listed
    assert not used & listed
    everything = paths(bad, USED, LISTED, "either") - {str(bad[0] / "malignant" / "around")}
    assert everything <= used | listed
    assert all(reason.strip() and "\n" not in reason for reason in prepared.bad.values())


def test_what_is_used_has_pixels_of_its_own(prepared):
    frame = prepared.table.frame
    assert prepared.images.shape[1:] == (32, 32, 3)
    flat = [prepared.images[row].std() == 0 for row in frame["row"]]
    wholly_flat = frame.loc[flat, "path"].map(lambda path: Path(path).name)
    known = ("constant", "flat", "1x1", "bomb", "16", "palette", "wild", "cut", "scrambled")
    assert [name for name in wholly_flat if not any(word in name for word in known)] == []


def test_the_audit_agrees_with_the_preparation(bad, prepared, found):
    unusable = found.named("unusable").rows.set_index("path")["reason"]
    assert set(unusable.index) == set(prepared.bad)
    aside = found.named("left_aside").rows
    assert str(bad[0] / "malignant" / "around") in set(aside["path"])


def test_the_audit_names_what_is_odd(found):
    assert {path.rsplit("/")[-1] for path in found.named("constant").rows["path"]} >= {
        "constant-0.png", "constant-127.png", "constant-255.png", "flat-8000x8000.png"
    }  # fmt: skip
    assert "1x1.png" in {path.rsplit("/")[-1] for path in found.named("tiny").rows["path"]}
    assert found.named("wrong_suffix").count >= 18
    assert found.named("turned_by_exif").count >= 7
    assert found.named("animated").count >= 3
    assert {"L", "CMYK"} & set(found.named("odd_mode").rows["detail"])


def test_what_is_found_can_be_written_as_json_and_csv(found, tmp_path):
    text = json.dumps(found.to_dict())
    text.encode("utf-8")
    assert "broken-\\\\xff\\\\xfe" in text
    for finding in found:
        finding.rows.to_csv(tmp_path / "rows.csv")


@pytest.mark.parametrize("name", ["exif-6.jpg", "mode-CMYK.jpg", "mode-I16.png", "jpeg-named.png"])
def test_a_changed_file_shows_the_picture_that_it_was_made_from(bad, pictures, name):
    pixels = preprocess.decode((bad[0] / "malignant" / name).read_bytes()).astype(float)
    originals = [picture.astype(float) for picture in pictures]
    if name.startswith("exif"):  # 6: turned by a quarter, clockwise
        originals = [np.rot90(picture[:, :40], -1) for picture in originals]
    if "I16" in name:
        originals = [np.repeat((picture @ [0.299, 0.587, 0.114])[..., None], 3, axis=2) for picture in originals]
    assert min(np.abs(pixels - picture).mean() for picture in originals) < 8


def test_a_file_that_may_not_be_read_is_listed_as_such(bad, tmp_path, pictures, monkeypatch):
    for number, picture in enumerate(pictures[:4]):
        for name in ("benign", "malignant"):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{number}.png").write_bytes(encoded(picture))
    opened = Path.open

    def refused(path: Path, *arguments, **more):
        if path.name == "2.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refused)
    options = options_for(tmp_path, tmp_path / "cache")
    table = registry.load(options, seed=0)
    assert set(image_cache.prepare(table, options).bad.values()) == {"Permission denied"}
    assert audit(table, options).named("unusable").rows["reason"].tolist() == ["Permission denied"] * 2


def test_directories_pipes_and_very_large_files_are_no_images(tmp_path, monkeypatch):
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "large.png").write_bytes(bytes(100))
    monkeypatch.setattr(image_readers, "LARGEST_FILE", 99)
    for name, reason in (("folder", "a directory"), ("pipe", "not a regular file"), ("large", "larger than")):
        with pytest.raises(OSError, match=reason):
            image_readers.read_file(tmp_path / f"{name}.png")


def test_a_manifest_that_names_what_cannot_be_is_listed_row_by_row(tmp_path, pictures):
    names = ["good.png", ".", "a" * 5000 + ".png", "/dev/zero", "../" * 60 + "etc/hostname", "7"]
    (tmp_path / "good.png").write_bytes(encoded(pictures[0]))
    (tmp_path / "good-2.png").write_bytes(encoded(pictures[1]))
    rows = "".join(f"{name},malignant\n" for name in names)
    (tmp_path / "manifest.csv").write_text(f"file,label\n{rows}good-2.png,benign\n")
    options = options_for(tmp_path, tmp_path / "cache")
    prepared = image_cache.prepare(registry.load(options, seed=0), options)
    assert sorted(prepared.table.frame["image_id"]) == ["good", "good-2"]
    assert len(prepared.bad) == len(names) - 1


def test_bad_files_stop_a_run_that_does_not_skip_them_with_all_of_the_first_named(bad, tmp_path):
    options = options_for(bad[0], tmp_path, on_bad_image="fail")
    with pytest.raises(UserError, match=r"(?s)^data\.on_bad_image: \d+ of \d+ images cannot be used:.*and \d+ more"):
        image_cache.prepare(registry.load(options, seed=0), options)


MEASURED = """
import re, sys
from pathlib import Path
from PIL import Image
from skinexp.config.schema import Data, Preprocess
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.data.audit import audit

def peak():
    return int(re.search("VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

usual = dict(workers=1, on_bad_image="skip", preprocess=Preprocess(size=32))
options = Data(name="folder", path=sys.argv[1], cache=sys.argv[2], **usual)
table = registry.load(options, seed=0)
before = peak()
image_cache.prepare(table, options)
audit(table, options)
print((peak() - before) / (3 * Image.MAX_IMAGE_PIXELS))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read as Linux tells it")
def test_memory_stays_bounded(bad, tmp_path):
    command = [sys.executable, "-c", MEASURED, str(bad[0]), str(tmp_path)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert float(finished.stdout.split()[-1]) < PICTURES
