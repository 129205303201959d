"""Prepared images: the same as one by one, and found again in the cache."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinexp.config.schema import Augment, Data, Phantom, Preprocess
from skinexp.core.errors import LISTED, UserError
from skinexp.data import pipeline
from skinexp.data.preparation import image_cache, preprocess
from skinexp.data.sources import registry
from skinexp.data.table import Table

SMALL = Preprocess(size=32)


def write_jpegs(directory: Path, count: int, side: int = 48) -> None:
    """Smooth coloured noise; odd numbers are malignant."""
    rng = np.random.default_rng(0)
    directory.mkdir(exist_ok=True)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(40, 256, (6, 8, 3), dtype=np.uint8))
        coarse.resize((side + 8, side), Image.Resampling.BILINEAR).save(directory / f"{number:03d}.jpg")
    files = [f"{number:03d}.jpg" for number in range(count)]
    labels = [("benign", "malignant")[number % 2] for number in range(count)]
    pd.DataFrame({"file": files, "label": labels}).to_csv(directory / "manifest.csv", index=False)


@pytest.fixture
def options(tmp_path) -> Data:
    write_jpegs(tmp_path / "photographs", 8)
    cache = str(tmp_path / "cache")
    return Data(name="folder", path=str(tmp_path / "photographs"), cache=cache, workers=1, preprocess=SMALL)


@pytest.fixture
def table(options) -> Table:
    return registry.load(options, 0)


def one_by_one(options: Data) -> np.ndarray:
    """Each file of the folder decoded and preprocessed by itself."""
    files = sorted(Path(options.path).glob("*.jpg"))
    return np.stack([preprocess.apply(preprocess.decode(file.read_bytes()), options.preprocess) for file in files])


def reading(table: Table, reader: Callable[[int], bytes]) -> Table:
    return dataclasses.replace(table, reader=reader)


def entries(options: Data) -> list[Path]:
    return sorted((Path(options.cache) / "prepared").iterdir())


# What is prepared


@pytest.mark.parametrize(
    "changes", [{}, {"crop_border": False, "remove_hair": False, "colour_constancy": True, "size": 40}]
)
def test_prepared_images_equal_those_preprocessed_one_by_one(options, table, changes):
    options = dataclasses.replace(options, preprocess=dataclasses.replace(SMALL, **changes))
    prepared = image_cache.prepare(table, options)
    np.testing.assert_array_equal(prepared.images, one_by_one(options))
    assert prepared.images.dtype == np.uint8
    assert prepared.table.frame["image_id"].tolist() == table.frame["image_id"].tolist()
    assert prepared.bad == {}


def test_prepared_images_stay_on_disk_and_are_not_changed_by_who_reads_them(options, table):
    images = image_cache.prepare(table, options).images
    assert isinstance(images, np.memmap)
    before = images[0].copy()
    images[0] = 255 - before
    np.testing.assert_array_equal(image_cache.prepare(table, options).images[0], before)


def test_real_photographs_are_prepared_as_one_by_one(isic9, options):
    options = dataclasses.replace(options, path=str(isic9), exclude=["premalignant"], limit=20)
    table = registry.load(options, 0)
    images = image_cache.prepare(table, options).images
    for row, file in enumerate(table.frame["path"]):
        expected = preprocess.apply(preprocess.decode(Path(file).read_bytes()), SMALL)
        np.testing.assert_array_equal(images[row], expected)


def test_a_set_of_the_hub_is_prepared_by_several_processes(ham10000, options):
    options = dataclasses.replace(
        options, name="hub", path=str(ham10000), limit=image_cache.FEWEST_FOR_PROCESSES, workers=2
    )
    table = registry.load(options, 0)
    images = image_cache.prepare(table, options).images
    for row in (0, 17, len(images) - 1):
        original = image_cache.read(table.reader, table.frame["position"][row])
        np.testing.assert_array_equal(images[row], preprocess.apply(original, SMALL))


def test_phantoms_are_prepared_without_a_file(options):
    options = dataclasses.replace(options, name="phantom", phantom=Phantom(images=40, size=48))
    table = registry.load(options, 0)
    images = image_cache.prepare(table, options).images
    np.testing.assert_array_equal(images[7], preprocess.apply(table.reader(7), SMALL))


def test_several_processes_prepare_the_same_images_in_the_same_order(options, tmp_path):
    write_jpegs(tmp_path / "photographs", image_cache.FEWEST_FOR_PROCESSES + 5, side=36)
    broken = tmp_path / "photographs" / "100.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    options = dataclasses.replace(options, on_bad_image="skip")
    table = registry.load(options, 0)
    alone, together = (
        image_cache.prepare(
            table, dataclasses.replace(options, workers=workers, cache=str(tmp_path / f"cache {workers}"))
        )
        for workers in (1, 2)
    )
    assert len(together.table.frame) == image_cache.FEWEST_FOR_PROCESSES + 4
    np.testing.assert_array_equal(together.images, alone.images)
    pd.testing.assert_frame_equal(together.table.frame, alone.table.frame)
    assert together.bad == alone.bad
    assert list(together.bad) == [str(broken)]


# The cache


def test_a_second_preparation_reads_the_cache(options, table):
    def refuse(position: int) -> bytes:
        raise AssertionError("an image was read again")

    first = image_cache.prepare(table, options)
    before = (first.directory / "images.npy").stat().st_mtime_ns
    again = image_cache.prepare(reading(table, refuse), options)
    assert again.directory == first.directory
    assert (again.directory / "images.npy").stat().st_mtime_ns == before
    np.testing.assert_array_equal(again.images, first.images)
    pd.testing.assert_frame_equal(again.table.frame, first.table.frame)


def test_every_preprocessing_option_is_part_of_the_key(options, table):
    values = {"crop_border": False, "remove_hair": False, "size": 33, "colour_constancy": True}
    assert set(values) == {item.name for item in dataclasses.fields(Preprocess)}
    changed = [dataclasses.replace(SMALL, **{name: value}) for name, value in values.items()]
    keys = {
        image_cache.prepare(table, dataclasses.replace(options, preprocess=item)).directory
        for item in [SMALL, *changed]
    }
    assert len(keys) == 1 + len(values)


def test_a_changed_image_is_prepared_again(options, table):
    first = image_cache.prepare(table, options)
    Image.new("RGB", (20, 20), "white").save(Path(options.path) / "003.jpg")
    again = image_cache.prepare(registry.load(options, 0), options)
    assert again.directory != first.directory
    np.testing.assert_array_equal(again.images, one_by_one(options))


def test_other_labels_share_the_prepared_images(options, table):
    first = image_cache.prepare(table, options)
    swapped = dataclasses.replace(table, frame=table.frame.assign(label=1 - table.frame["label"]))
    assert image_cache.prepare(swapped, options).directory == first.directory


def test_the_same_images_in_another_order_are_prepared_in_that_order(options, table):
    image_cache.prepare(table, options)
    reversed_table = dataclasses.replace(table, frame=table.frame[::-1].reset_index(drop=True))
    np.testing.assert_array_equal(image_cache.prepare(reversed_table, options).images, one_by_one(options)[::-1])


# Bad images


@pytest.fixture
def damaged(options) -> dict[str, str]:
    """Four files that are no images, by path, with the reason to be given."""
    directory = Path(options.path)
    truncated, text, missing, empty = (directory / f"{number:03d}.jpg" for number in (1, 2, 5, 6))
    truncated.write_bytes(truncated.read_bytes()[:300])
    text.write_text("once a photograph")
    missing.unlink()
    empty.write_bytes(b"")
    reasons = {truncated: "truncated", text: "not an image", missing: "No such file", empty: "empty"}
    return {str(file): reason for file, reason in reasons.items()}


def test_images_that_cannot_be_read_are_listed_by_path_and_reason(options, damaged):
    with pytest.raises(UserError, match=r"^data\.on_bad_image: 4 of 8 images cannot be used") as refusal:
        image_cache.prepare(registry.load(options, 0), options)
    lines = str(refusal.value).splitlines()
    for path, reason in damaged.items():
        assert any(path in line and reason in line for line in lines)
    assert "data.on_bad_image=skip" in lines[-1]


def test_images_that_cannot_be_read_are_refused_from_the_cache_too(options, damaged):
    for _ in range(2):
        with pytest.raises(UserError, match="4 of 8"):
            image_cache.prepare(registry.load(options, 0), options)
    assert len(entries(options)) == 1


def test_skipped_images_leave_every_row_with_its_own_pixels_and_label(options, damaged, caplog):
    intact = [0, 3, 4, 7]
    originals = [preprocess.decode((Path(options.path) / f"{number:03d}.jpg").read_bytes()) for number in intact]
    options = dataclasses.replace(options, on_bad_image="skip")
    prepared = image_cache.prepare(registry.load(options, 0), options)
    frame = prepared.table.frame
    assert set(prepared.bad) == set(damaged)
    assert frame["image_id"].tolist() == [f"{number:03d}" for number in intact]
    assert frame["label"].tolist() == [number % 2 for number in intact]
    for row, original in zip(frame["row"], originals, strict=True):
        np.testing.assert_array_equal(prepared.images[row], preprocess.apply(original, SMALL))
    assert "Left out 4 of 8 images" in caplog.text


def test_skipped_images_reach_no_batch(options, damaged):
    options = dataclasses.replace(options, on_bad_image="skip")
    prepared = image_cache.prepare(registry.load(options, 0), options)
    frame = prepared.table.frame.assign(split=["train", "train", "val", "test"])
    batches = pipeline.batches(prepared.images, frame, Augment(), 2, 0)
    assert all(part.read(np.arange(len(part))).any(axis=(1, 2, 3)).all() for part in (batches.val, batches.test))
    for (images, _), _ in batches.train.dataset().as_numpy_iterator():
        assert images.any(axis=(1, 2, 3)).all()


def test_of_many_bad_images_the_first_are_listed_and_the_rest_counted(options):
    write_jpegs(Path(options.path), LISTED + 6)
    for file in sorted(Path(options.path).glob("*.jpg"))[1:]:
        file.write_bytes(b"")
    with pytest.raises(UserError, match=r"and 5 more") as refusal:
        image_cache.prepare(registry.load(options, 0), options)
    assert str(refusal.value).count("the file is empty") == LISTED
