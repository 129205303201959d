"""Files of more than 8 bits a channel: all are scaled by what the values of the whole set fill, and the run says so."""

import io
import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from skinexp.config.schema import Data, Preprocess
from skinexp.data import image_readers
from skinexp.data.audit import Findings, audit
from skinexp.data.facts import table_facts
from skinexp.data.leaky_copies import add_leaky_copies
from skinexp.data.preparation import image_cache, preprocess
from skinexp.data.preparation.pixel_depth import bits_for
from skinexp.data.preparation.pixel_range import is_deep
from skinexp.data.sources import source_range
from skinexp.data.sources.registry import load
from skinexp.report.pages import data_card

GREY = np.linspace(0, 255, 64 * 64).reshape(64, 64).round().astype(np.uint16)
COLOUR = np.dstack([GREY, GREY[::-1], GREY.T])


def options(place: Path, **more) -> Data:
    return Data(
        name="folder",
        path=str(place / "set"),
        cache=str(place / "cache"),
        workers=1,
        preprocess=Preprocess(size=64, crop_border=False, remove_hair=False),
        **more,
    )


def encoded(values: np.ndarray, suffix: str) -> bytes:
    """Returns a file of 16 bits; OpenCV writes colours in the order blue, green, red."""
    return cv2.imencode(suffix, values[..., ::-1] if values.ndim == 3 else values)[1].tobytes()


def write(place: Path, *files: tuple[str, np.ndarray]) -> None:
    for name, values in files:
        file = place / "set" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(values, file.suffix))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_values_of_any_depth_become_the_picture_that_they_show(tmp_path, suffix, values, bits):
    shown = values if values.ndim == 3 else np.dstack([values] * 3)
    deep = (values.astype(np.uint32) * (2**bits - 1) // 255).astype(np.uint16)
    write(tmp_path, (f"benign/a{suffix}", deep), (f"malignant/b{suffix}", deep[::-1]))
    table = load(options(tmp_path), 0)
    assert (table.pixel_range.bits, table.pixel_range.largest) == (bits, 2**bits - 1)
    prepared = image_cache.prepare(table, options(tmp_path))
    np.testing.assert_allclose(prepared.images[0].astype(int), shown, atol=1)
    np.testing.assert_allclose(prepared.images[1].astype(int), shown[::-1], atol=1)


def test_one_range_for_the_whole_set_keeps_dark_images_darker(tmp_path):
    write(tmp_path, ("benign/dark.png", GREY * 2), ("benign/bright.png", GREY * 16), ("malignant/a.png", GREY * 8))
    prepared = image_cache.prepare(load(options(tmp_path), 0), options(tmp_path))
    brightest = dict(zip(prepared.table.frame["image_id"], prepared.images.max(axis=(1, 2, 3)), strict=True))
    assert brightest == {"benign/bright": 254, "benign/dark": 32, "malignant/a": 127}


def test_the_largest_value_of_excluded_classes_and_unreadable_files_does_not_count(tmp_path):
    write(tmp_path, ("benign/a.png", GREY * 4), ("malignant/b.png", GREY * 4), ("other/c.png", GREY * 256))
    (tmp_path / "set" / "benign" / "cut.png").write_bytes(encoded(GREY * 256, ".png")[:200])
    assert load(options(tmp_path, exclude=["other"]), 0).pixel_range.bits == 10


def test_the_range_can_be_set_and_brighter_values_are_white(tmp_path):
    burnt = GREY * 16
    burnt[:4, :8] = 65_535  # written into the picture
    write(tmp_path, ("benign/a.png", burnt), ("malignant/b.png", GREY * 16))
    assert load(options(tmp_path), 0).pixel_range.bits == 16
    table = load(options(tmp_path, pixel_bits=12), 0)
    assert "as data.pixel_bits says" in table.pixel_range.sentence
    pixels = image_cache.read(table.reader, 0)
    assert (pixels[:4, :8] == 255).all()
    assert pixels[-1, -1, 0] == 254


def test_sets_of_8_bits_have_no_range_and_keep_their_cache(tmp_path):
    write(tmp_path, ("benign/a.png", GREY.astype(np.uint8)), ("malignant/b.jpg", COLOUR.astype(np.uint8)))
    table = load(options(tmp_path), 0)
    assert table.pixel_range is None
    assert not isinstance(table.reader, image_readers.RangeReader)
    ours = image_cache.prepare(table, options(tmp_path)).directory
    set_to_12 = options(tmp_path, pixel_bits=12)
    assert image_cache.prepare(load(set_to_12, 0), set_to_12).directory == ours


def test_another_range_is_another_cache(tmp_path):
    write(tmp_path, ("benign/a.png", GREY * 16), ("malignant/b.png", GREY * 16))
    found = [options(tmp_path, pixel_bits=bits) for bits in (None, 12, 14, 16)]
    first, same, other, full = (image_cache.prepare(load(option, 0), option) for option in found)
    assert first.directory == same.directory
    assert len({first.directory, other.directory, full.directory}) == 3
    assert first.images.max() == 254
    assert full.images.max() == 16


def test_the_largest_value_is_looked_for_once(tmp_path, monkeypatch):
    write(tmp_path, ("benign/a.png", GREY * 16), ("malignant/b.png", GREY * 16))
    before = load(options(tmp_path), 0).pixel_range
    monkeypatch.setattr(source_range, "largest_value", None)
    assert load(options(tmp_path), 0).pixel_range == before


def test_copies_and_workers_scale_alike(tmp_path):
    write(tmp_path, ("benign/a.png", GREY * 16), ("malignant/b.png", GREY * 16))
    table = load(options(tmp_path), 0)
    part = pickle.loads(pickle.dumps(image_readers.part(table.reader, [1])))
    np.testing.assert_array_equal(part(1), table.reader(1))
    copied = add_leaky_copies(table, 1, 0, grouped=True)
    assert image_cache.read(copied.reader, 1).max() > 200


def test_the_orientation_and_the_opacity_of_deep_files_count(tmp_path):
    exif = Image.Exif()
    exif[preprocess.ORIENTATION] = 6
    stream = io.BytesIO()
    Image.fromarray(GREY * 16).save(stream, "PNG", exif=exif)
    turned = preprocess.decode(stream.getvalue(), bits=12)
    np.testing.assert_allclose(turned[..., 0].astype(int), np.rot90(GREY, -1), atol=1)
    opacity = np.full((64, 64), 65_535, np.uint16)
    opacity[:, :32] = 0
    see_through = cv2.imencode(".png", np.dstack([COLOUR * 16, opacity]))[1].tobytes()
    pixels = preprocess.decode(see_through, bits=12)
    assert (pixels[:, :32] == 255).all()
    np.testing.assert_allclose(pixels[:, 32:].astype(int), COLOUR[:, 32:, ::-1], atol=1)


def test_log_and_card_say_the_rule_and_its_result(tmp_path, caplog):
    from skinexp.workflows.dataset import load_table

    write(tmp_path, ("benign/a.png", GREY * 16), ("malignant/b.png", GREY * 16))
    with caplog.at_level("INFO", logger="skinexp"):
        table = load_table(options(tmp_path), 0)
    sentence = table.pixel_range.sentence
    assert sentence == (
        "2 files store more than 8 bits a channel, read as 12 bits (4,095 is white): the fewest of 8, 10, 12, 14, 16 "
        "that hold the data set's largest value, 4,080"
    )
    assert f"Range     {sentence}" in caplog.messages
    about = data_card.About("x", "y", table_facts(table), {})
    assert sentence in data_card.render(table, Findings("off", 2), {}, about)


def test_the_full_audit_sees_format_and_depth_of_deep_files(tmp_path):
    write(tmp_path, ("benign/a.png", GREY * 16), ("malignant/b.png", GREY[::-1] * 16))
    findings = audit(load(options(tmp_path), 0), options(tmp_path))
    assert findings.named("odd_mode").rows["detail"].tolist() == ["I;16", "I;16"]
    assert findings.named("dark") is None
    wrong = options(tmp_path, pixel_bits=16)
    dark = audit(load(wrong, 0), wrong).named("dark")
    assert dark.count == 2
    assert "data.pixel_bits=12" in dark.sentence


@pytest.mark.parametrize(("largest", "bits"), [(0, 8), (255, 8), (256, 10), (4_095, 12), (4_096, 14), (65_535, 16)])
def test_the_fewest_bits_that_hold_a_value_are_taken(largest, bits):
    assert bits_for(largest) == bits


def test_a_file_alone_is_scaled_by_its_own_values():
    assert preprocess.decode(encoded(GREY * 16, ".png")).max() == 254
    assert preprocess.decode(encoded(GREY * 257, ".png")).max() == 255


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_files_of_8_bits_are_not_deep(kind):
    stream = io.BytesIO()
    Image.fromarray(COLOUR.astype(np.uint8)).save(stream, kind)
    assert not is_deep(stream)
    assert not is_deep(io.BytesIO(b""))
    assert not is_deep(io.BytesIO(b"II*\x00 and no more"))


def test_a_table_can_do_without_a_range(tmp_path):
    write(tmp_path, ("benign/a.png", GREY * 16), ("malignant/b.png", GREY * 16))
    table = replace(load(options(tmp_path), 0), pixel_range=None)
    assert image_cache.read(table.reader, 0).max() == 254
