"""Files that are exchanged between listing and reading them: no pixels are kept under the checksum of others."""

import dataclasses
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skinexp.config.schema import Data, Preprocess
from skinexp.core.errors import UserError
from skinexp.data import audit
from skinexp.data.image_readers import CheckedReader, part
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry, source_range
from skinexp.data.table import Table


def picture(seed: int, bits: int = 8) -> bytes:
    stream = io.BytesIO()
    values = np.random.default_rng(seed).integers(0, 2**bits, (24, 24, 3) if bits == 8 else (24, 24))
    Image.fromarray(values.astype(np.uint8 if bits == 8 else np.uint16)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def options(tmp_path) -> Data:
    for number in range(8):
        file = tmp_path / "set" / ("benign", "malignant")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(number))
    cache = str(tmp_path / "cache")
    return Data("folder", str(tmp_path / "set"), cache=cache, workers=1, preprocess=Preprocess(size=16))


@pytest.fixture
def table(options) -> Table:
    return registry.load(options, 0)


def exchange(table: Table, row: int, content: bytes) -> Path:
    file = Path(table.frame["path"][row])
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("content", [picture(99), b"", b"no image", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_an_exchanged_file_is_refused_and_its_pixels_are_kept_under_no_key(content, policy, options, table):
    options = dataclasses.replace(options, on_bad_image=policy)
    whole = Path(table.frame["path"][5]).read_bytes()
    file = exchange(table, 5, content)
    with pytest.raises(UserError, match=rf"^data\.path: {file} has changed since the images were listed.*again"):
        image_cache.prepare(table, options)
    file.write_bytes(whole)
    again = image_cache.prepare(registry.load(options, 0), options)
    elsewhere = dataclasses.replace(options, cache=f"{options.cache} elsewhere")
    np.testing.assert_array_equal(again.images, image_cache.prepare(table, elsewhere).images)


def test_a_file_that_is_gone_is_no_bad_image_of_its_checksum(options, table):
    options = dataclasses.replace(options, on_bad_image="skip")
    Path(table.frame["path"][2]).unlink()
    with pytest.raises(UserError, match=r"has changed since the images were listed: .*[Nn]o such file"):
        image_cache.prepare(table, options)


def test_a_file_that_could_not_be_read_when_it_was_listed_is_not_read_later(options):
    options = dataclasses.replace(options, on_bad_image="skip")
    file = Path(options.path) / "benign" / "0.png"
    file.unlink()
    file.symlink_to("not there yet")
    table = registry.load(options, 0)
    assert list(image_cache.prepare(table, options).bad) == [str(file)]
    file.unlink()
    file.write_bytes(picture(0))
    with pytest.raises(UserError, match="has changed"):
        image_cache.prepare(table, dataclasses.replace(options, cache=f"{options.cache} elsewhere"))


def test_the_part_of_a_reader_that_a_process_gets_refuses_an_exchanged_file_too(table):
    exchange(table, 7, picture(99))
    reader = pickle.loads(pickle.dumps(part(table.reader, [6, 7])))
    reader(6)
    with pytest.raises(UserError, match="has changed"):
        reader(7)


def test_copies_of_an_exchanged_file_are_refused(options):
    options = dataclasses.replace(options, augmented_copies=1)
    table = registry.load(options, 0)
    exchange(table, 0, picture(99))
    with pytest.raises(UserError, match="has changed"):
        image_cache.prepare(table, options)


def test_an_audit_does_not_describe_an_exchanged_file(options, table):
    exchange(table, 3, picture(99))
    with pytest.raises(UserError, match="has changed"):
        audit.audit(table, options)


def test_the_range_of_an_exchanged_file_is_kept_under_no_key(options, monkeypatch):
    for number in range(8):
        (Path(options.path) / ("benign", "malignant")[number % 2] / f"{number}.png").write_bytes(picture(number, 12))
    real = source_range.largest_value

    def exchanging(reads, threads):
        (Path(options.path) / "benign" / "0.png").write_bytes(picture(0, 16))
        return real(reads, threads)

    with monkeypatch.context() as patch:
        patch.setattr(source_range, "largest_value", exchanging)
        with pytest.raises(UserError, match="has changed"):
            registry.load(options, 0)
    assert not list(Path(options.cache).glob("pixel_ranges/*"))
    assert registry.load(options, 0).pixel_range.bits == 16


def test_images_of_the_hub_are_checked_alike():
    reader = CheckedReader(lambda position: b"other bytes", {0: ("0" * 64, "set[0]")})
    with pytest.raises(UserError, match=r"^data\.path: set\[0\] has changed"):
        reader(0)
