"""Damaged caches: what is cached is checked, and what is damaged is made again, with one line that says so."""

import dataclasses
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinexp.config.schema import Data, Preprocess
from skinexp.core.errors import UserError
from skinexp.core.sealed_arrays import read_sealed, seal
from skinexp.data.preparation import image_cache
from skinexp.data.preparation.cache_lock import cache_lock, require_usable
from skinexp.data.preparation.resumable_cache import CHUNK
from skinexp.data.sources import registry
from skinexp.data.sources.source_range import CACHE as RANGES
from tests.security.damage import WAYS, Damage, cut, flip, flip_first, flip_middle, lengthen

COUNT = CHUNK + 4  # images: two chunks
BROKEN = 3  # which is no image


@pytest.fixture
def options(tmp_path) -> Data:
    """A folder of grey noise of 16 bits a channel, one of whose files is no image."""
    directory = tmp_path / "photographs"
    directory.mkdir()
    rng = np.random.default_rng(0)
    files = [f"{number:03d}.png" for number in range(COUNT)]
    for file in files:
        Image.fromarray(rng.integers(0, 4096, (20, 22), dtype=np.uint16)).save(directory / file)
    (directory / files[BROKEN]).write_bytes(b"once a photograph")
    labels = [("benign", "malignant")[number % 2] for number in range(COUNT)]
    pd.DataFrame({"file": files, "label": labels}).to_csv(directory / "manifest.csv", index=False)
    cache = str(tmp_path / "cache")
    small = Preprocess(size=16, remove_hair=False, crop_border=False)
    return Data("folder", str(directory), cache=cache, workers=1, on_bad_image="skip", preprocess=small)


def prepared(options: Data) -> image_cache.Prepared:
    return image_cache.prepare(registry.load(options, 0), options)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("Damaged")]


def assert_equal(found: image_cache.Prepared, expected: image_cache.Prepared) -> None:
    np.testing.assert_array_equal(found.images, expected.images)
    pd.testing.assert_frame_equal(found.table.frame, expected.table.frame)
    assert found.bad == expected.bad


# Prepared images

HARMLESS = {("progress.jsonl", lengthen)}  # a line that nobody finished is one of a kill, and stands for nothing


@pytest.mark.parametrize("damage", WAYS)
@pytest.mark.parametrize("name", ["images.npy", "progress.jsonl"])
def test_damaged_prepared_images_are_prepared_again_and_that_is_said(name, damage: Damage, options, caplog):
    expected = prepared(dataclasses.replace(options, cache=f"{options.cache} of nothing"))
    first = prepared(options)
    damage(first.directory / name)
    assert_equal(prepared(options), expected)
    assert len(warnings(caplog)) == ((name, damage) not in HARMLESS)
    assert all(f"prepared images in {first.directory}: " in line for line in warnings(caplog))
    caplog.clear()
    assert_equal(prepared(options), expected)  # and the cache is whole again
    assert warnings(caplog) == []


def test_only_damaged_images_are_prepared_again(options, caplog):
    file = prepared(options).directory / "images.npy"
    flip(file, file.stat().st_size - 1)
    prepared(options)
    assert warnings(caplog) == [f"Damaged   prepared images in {file.parent}: 4 of {COUNT} are prepared again"]


def test_an_image_is_not_taken_for_a_broken_one_nor_a_broken_one_for_an_image(options):
    expected = prepared(options)
    progress = expected.directory / "progress.jsonl"
    progress.write_text(progress.read_text().replace(f'"{BROKEN}": ', f'"{BROKEN + 1}": '))
    assert_equal(prepared(options), expected)


def test_files_of_another_cache_are_not_taken_for_those_of_this_one(options):
    expected = prepared(options)
    other = prepared(dataclasses.replace(options, preprocess=dataclasses.replace(options.preprocess, size=17)))
    constant = dataclasses.replace(options.preprocess, colour_constancy=True)  # of the same size
    alike = prepared(dataclasses.replace(options, preprocess=constant))
    for cache in (other, alike):
        shutil.rmtree(expected.directory)
        shutil.copytree(cache.directory, expected.directory)
        assert_equal(prepared(options), expected)


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_something_else_under_the_name_of_a_cache_is_replaced(kind, options):
    expected = prepared(options)
    shutil.rmtree(expected.directory)
    if kind == "file":
        expected.directory.write_text("?")
    else:
        expected.directory.symlink_to("nowhere")
    assert_equal(prepared(options), expected)


def test_a_repair_that_was_stopped_goes_on(options, caplog):
    expected = prepared(options)
    cut(expected.directory / "images.npy")
    table = registry.load(options, 0)

    def stopping(position: int) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        image_cache.prepare(dataclasses.replace(table, reader=stopping), options)
    assert_equal(prepared(options), expected)
    assert [entry.name for entry in expected.directory.parent.iterdir()] == [expected.directory.name]


# The range of values


@pytest.mark.parametrize("damage", WAYS)
def test_a_damaged_pixel_range_is_measured_again(damage: Damage, options, caplog):
    caplog.set_level(logging.INFO)
    expected = registry.load(options, 0).pixel_range
    assert expected.bits == 12
    (file,) = (Path(options.cache) / RANGES).iterdir()
    damage(file)
    assert registry.load(options, 0).pixel_range == expected


@pytest.mark.parametrize("largest", [65_535, "4095", 4095.5, None, True])
def test_another_number_in_the_file_of_a_pixel_range_is_no_range(largest, options, caplog):
    expected = registry.load(options, 0).pixel_range
    (file,) = (Path(options.cache) / RANGES).iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"largest": largest}))
    assert registry.load(options, 0).pixel_range == expected
    assert len(warnings(caplog)) == 1


# Arrays with a checksum, in which features are kept

SHAPE = (2, 5, 3)


@pytest.fixture
def sealed(tmp_path) -> Path:
    """An array with the checksum at its end."""
    file = tmp_path / "features.npy"
    array = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=SHAPE)
    array[:] = np.arange(array.size).reshape(SHAPE)
    array.flush()
    seal(file, "key")
    return file


def test_a_sealed_array_is_read_as_it_was_written_by_any_program(sealed):
    found = read_sealed(sealed, "key", SHAPE)
    np.testing.assert_array_equal(found, np.arange(found.size).reshape(SHAPE))
    np.testing.assert_array_equal(np.load(sealed, allow_pickle=False), found)
    assert isinstance(found, np.memmap)
    found[:] = 0  # a copy of this process
    assert read_sealed(sealed, "key", SHAPE).any()


@pytest.mark.parametrize("damage", WAYS)
def test_a_damaged_array_is_not_read(damage: Damage, sealed):
    damage(sealed)
    assert read_sealed(sealed, "key", SHAPE) is None


def test_any_flipped_byte_is_found(sealed):
    for position in range(sealed.stat().st_size):
        flip(sealed, position)
        assert read_sealed(sealed, "key", SHAPE) is None
        flip(sealed, position)
    assert read_sealed(sealed, "key", SHAPE) is not None


def test_the_array_of_another_key_or_shape_is_not_read(sealed):
    assert read_sealed(sealed, "another key", SHAPE) is None
    assert read_sealed(sealed, "key", (2, 3, 5)) is None


# Places that cannot be written


@pytest.fixture
def read_only(monkeypatch) -> Callable[[Path], None]:
    """Makes a directory read-only for this process, as a file system does that is mounted so: root is not stopped."""

    def seal_off(directory: Path) -> None:
        real = os.open

        def refused(path, flags, *arguments, **more):
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and Path(str(path)).is_relative_to(directory):
                raise OSError(30, os.strerror(30), str(path))
            return real(path, flags, *arguments, **more)

        monkeypatch.setattr(os, "open", refused)
        allowed = os.access
        monkeypatch.setattr(
            os,
            "access",
            lambda path, mode: not (mode & os.W_OK and Path(path).is_relative_to(directory)) and allowed(path, mode),
        )

    return seal_off


def test_a_read_only_cache_that_is_filled_serves(options, read_only):
    expected = prepared(options)
    read_only(Path(options.cache))
    require_usable(Path(options.cache))
    assert_equal(prepared(options), expected)


@pytest.mark.parametrize("damage", [flip_first, flip_middle])
def test_a_read_only_cache_that_is_damaged_is_refused_in_a_sentence(damage: Damage, options, read_only):
    damage(prepared(options).directory / "images.npy")
    read_only(Path(options.cache))
    with pytest.raises(UserError, match=r"^data\.cache: .* cannot be written \(Read-only file system\).* undamaged"):
        prepared(options)


def test_a_read_only_place_without_a_cache_is_refused_before_images_are_listed(tmp_path, read_only):
    read_only(tmp_path)
    with pytest.raises(UserError, match=r"^data\.cache: .* cannot be written"):
        require_usable(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["", "locks", "prepared", "features", "above"])
def test_a_file_where_a_directory_of_the_cache_is_meant_is_refused_at_once(name, tmp_path):
    cache = tmp_path / "cache"
    place = cache if name in ("", "above") else cache / name
    place.parent.mkdir(exist_ok=True)
    place.write_text("?")
    with pytest.raises(UserError, match=r"^data\.cache: .* \(.* is a file\).*data\.cache=<directory>$"):
        require_usable(cache / "below" if name == "above" else cache)


def test_a_lock_that_cannot_be_taken_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "locks" / "key.lock").mkdir(parents=True)
    with (
        pytest.raises(UserError, match=r"^data\.cache: .*key\.lock cannot be written"),
        cache_lock(tmp_path, "key", ""),
    ):
        pass


def test_a_full_disk_is_not_taken_for_a_read_only_one(tmp_path):
    with pytest.raises(OSError, match="No space left"), cache_lock(tmp_path, "key", ""):
        raise OSError(28, "No space left on device", str(tmp_path / "features"))
