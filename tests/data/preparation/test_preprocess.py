import contextlib
import dataclasses
import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from skinexp.config import schema
from skinexp.data import phantom
from skinexp.data.preparation import preprocess

PHOTOGRAPHS = Path(__file__).parents[3] / "../shared/data/isic9/images"

pictures = arrays.arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90), st.just(3)))


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ramp(mode: str = "RGB", height: int = 20, width: int = 30) -> Image.Image:
    levels = np.linspace(0, 255, height * width).reshape(height, width).astype(np.uint8)
    return Image.fromarray(np.stack([levels, levels[::-1], levels[:, ::-1]], axis=2)).convert(mode)


def is_close(actual: np.ndarray, expected: np.ndarray, tolerance: int) -> bool:
    return actual.shape == expected.shape and bool(np.abs(actual.astype(int) - expected).max() <= tolerance)


class TestDecode:
    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
    def test_a_lossless_file_gives_its_pixels(self, kind):
        pixels = preprocess.decode(encoded(ramp(), kind))
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, np.asarray(ramp()))

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
    def test_a_lossy_file_gives_nearly_its_pixels(self, kind):
        flat = Image.new("RGB", (32, 24), (180, 120, 90))
        assert is_close(preprocess.decode(encoded(flat, kind, quality=95)), np.asarray(flat), 4)

    @pytest.mark.parametrize("mode", ["1", "L"])
    def test_grey_becomes_three_equal_channels(self, mode):
        pixels = preprocess.decode(encoded(ramp(mode), "PNG"))
        np.testing.assert_array_equal(pixels, np.asarray(ramp(mode).convert("RGB")))
        assert np.ptp(pixels, axis=2).max() == 0

    def test_a_palette_is_looked_up(self):
        image = ramp().quantize(16)
        np.testing.assert_array_equal(preprocess.decode(encoded(image, "PNG")), np.asarray(image.convert("RGB")))

    def test_the_inks_of_a_cmyk_file_become_colours(self):
        image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow ink: red
        assert is_close(preprocess.decode(encoded(image, "JPEG", quality=95)), np.full((16, 16, 3), (255, 0, 0)), 6)

    def test_sixteen_bit_grey_is_scaled_not_clipped(self):
        levels = np.array([[0, 257 * 10, 257 * 200, 65_535]], np.uint16)
        pixels = preprocess.decode(encoded(Image.fromarray(levels), "PNG"))
        np.testing.assert_array_equal(pixels[..., 0], [[0, 10, 200, 255]])

    def test_sixteen_bit_colour_is_scaled_not_clipped(self):
        blue_green_red = np.full((4, 4, 3), (257 * 50, 257 * 100, 257 * 200), np.uint16)
        pixels = preprocess.decode(cv2.imencode(".png", blue_green_red)[1].tobytes())
        np.testing.assert_array_equal(pixels, np.full((4, 4, 3), (200, 100, 50)))

    def test_what_is_transparent_becomes_white(self):
        image = Image.new("RGBA", (4, 4), (200, 0, 0, 255))
        image.putpixel((0, 0), (0, 0, 0, 0))
        pixels = preprocess.decode(encoded(image, "PNG"))
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[1, 1].tolist() == [200, 0, 0]

    def test_a_transparent_palette_entry_becomes_white(self):
        image = Image.new("P", (4, 4), 0)
        image.putpalette([200, 0, 0, 0, 0, 200])
        image.putpixel((0, 0), 1)
        pixels = preprocess.decode(encoded(image, "PNG", transparency=bytes([255, 0])))
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[1, 1].tolist() == [200, 0, 0]

    @pytest.mark.parametrize(
        ("orientation", "upright"),
        [
            (1, lambda stored: stored),
            (2, lambda stored: stored[:, ::-1]),
            (3, lambda stored: np.rot90(stored, 2)),
            (6, lambda stored: np.rot90(stored, -1)),
            (8, lambda stored: np.rot90(stored)),
        ],
    )
    def test_a_picture_is_turned_as_exif_says(self, orientation, upright):
        exif = Image.Exif()
        exif[0x0112] = orientation
        pixels = preprocess.decode(encoded(ramp(), "PNG", exif=exif))
        np.testing.assert_array_equal(pixels, upright(np.asarray(ramp())))

    @pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "MPO"])
    def test_of_several_frames_the_first_counts(self, kind):
        frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
        pixels = preprocess.decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert is_close(pixels, np.full((16, 16, 3), (255, 0, 0)), 8)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "empty"),
            (b"image_id,label\n1,benign\n", "not an image"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
            (encoded(ramp(), "JPEG")[:-300], "truncated"),
            (encoded(ramp(), "PNG")[:-200], "truncated"),
            (encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "mode F"),
            (encoded(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF"), "mode I"),
        ],
    )
    def test_what_is_no_usable_image_is_refused_with_the_reason(self, data, reason, tmp_path):
        file = tmp_path / "picture.jpg"
        file.write_bytes(data)
        with pytest.raises(preprocess.ImageError, match=reason):
            preprocess.decode(file.read_bytes())

    @pytest.mark.parametrize("limit", [500, 100])  # Pillow warns above its limit and fails above twice the limit
    def test_more_pixels_than_pillow_allows_are_refused(self, limit, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(preprocess.ImageError, match=f"more than {limit} pixels"):
            preprocess.decode(encoded(ramp(height=20, width=30), "PNG"))

    @pytest.mark.parametrize(
        ("side", "expected"),
        [(2_000, (800, 1_000)), (401, (800, 1_000)), (400, (400, 500)), (150, (200, 250)), (1, (100, 125))],
    )
    def test_a_large_jpeg_comes_in_a_fraction_of_its_size_where_that_suffices(self, side, expected):
        picture = phantom.render(0, 1, schema.Phantom(size=1_000)).image[:800]
        data = encoded(Image.fromarray(picture), "JPEG", quality=95)
        pixels = preprocess.decode(data, side)
        assert pixels.shape[:2] == expected
        whole = preprocess.resized(preprocess.decode(data), *expected)
        assert np.abs(pixels.astype(int) - whole).mean() < 1

    def test_a_fraction_of_a_picture_is_turned_too(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        picture = ramp(height=160, width=320)
        pixels = preprocess.decode(encoded(picture, "JPEG", quality=95, exif=exif), 80)
        upright = preprocess.resized(np.rot90(np.asarray(picture), -1), 160, 80)
        assert pixels.shape == upright.shape
        assert np.abs(pixels.astype(int) - upright).mean() < 3

    def test_other_formats_come_whole(self):
        assert preprocess.decode(encoded(ramp(height=160, width=320), "PNG"), 40).shape == (160, 320, 3)

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"]), st.data())
    def test_damaged_bytes_give_a_picture_or_an_image_error_and_no_warning(self, kind, data):
        damaged = bytearray(encoded(ramp(), kind))
        for _ in range(data.draw(st.integers(1, 6))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with contextlib.suppress(preprocess.ImageError):
                assert preprocess.decode(bytes(damaged)).shape[2] == 3


def kept(image: np.ndarray) -> np.ndarray:
    mask = np.zeros(image.shape[:2], bool)
    mask[preprocess.border_box(image)] = True
    return mask


def framed(kind: str, size: int = 128) -> list[phantom.Phantom]:
    options = schema.Phantom(size=size, border=1.0, hair=0.3)
    indices = [index for index in range(120) if phantom.factors(0, index, options).frame == kind]
    return [phantom.render(0, index, options) for index in indices]


def skin(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.clip(np.array([215, 170, 160]) + rng.normal(0, 4, (height, width, 3)), 0, 255).astype(np.uint8)


BLACK_PIGMENT = (45, 30, 28)


class TestBorder:
    def test_a_black_frame_is_cropped_to_the_picture(self):
        for drawn in framed("box"):
            box, picture = kept(drawn.image), ~drawn.frame
            assert (box & picture).sum() / (box | picture).sum() > 0.95

    def test_a_larger_photograph_is_cropped_as_exactly(self):
        image = np.zeros((600, 900, 3), np.uint8)
        image[40:560, 100:820] = skin(520, 720)
        box, picture = kept(image), image.any(axis=2)
        assert (box & picture).sum() / (box | picture).sum() > 0.98

    @pytest.mark.parametrize("kind", ["round", "vignette"])
    def test_a_round_field_of_view_loses_most_of_its_black_and_keeps_most_of_its_picture(self, kind):
        drawn = framed(kind)
        black_before = [one.frame.mean() for one in drawn]
        black_after = [one.frame[kept(one.image)].mean() for one in drawn]
        picture_kept = [kept(one.image)[~one.frame].mean() for one in drawn]
        assert np.mean(black_after) < np.mean(black_before) / 2
        assert min(picture_kept) > 0.65

    @pytest.mark.parametrize("kind", phantom.FRAMES)
    def test_a_crop_does_not_cut_into_the_lesion(self, kind):
        for drawn in framed(kind):
            visible = drawn.lesion & ~drawn.frame
            assert (kept(drawn.image) & visible).sum() / visible.sum() > 0.95

    def test_a_picture_without_border_stays_whole(self):
        options = schema.Phantom(size=128, border=0.0)
        for index in range(60):
            assert kept(phantom.render(1, index, options).image).all()

    def test_a_dark_lesion_that_fills_the_picture_stays_whole(self):
        image = skin(120, 160)
        y, x = np.mgrid[:120, :160]
        image[np.hypot((y - 60) / 68, (x - 80) / 90) < 1] = BLACK_PIGMENT  # skin is left in the corners only
        assert kept(image).all()

    @pytest.mark.parametrize("share", [0.3, 0.45, 0.55, 0.8])
    def test_a_black_lesion_that_enters_from_one_side_is_not_taken_for_a_frame(self, share):
        image = skin(120, 160)
        y = np.arange(120)
        edge = 160 * share + 12 * np.sin(y / 9) + 20 * np.cos(y / 38 - 1.6)
        image[np.arange(160)[None] < edge[:, None]] = BLACK_PIGMENT
        lesion = image[..., 0] == BLACK_PIGMENT[0]
        assert (kept(image) & lesion).sum() / lesion.sum() > 0.95

    @pytest.mark.parametrize("level", [0, 128, 255])
    def test_a_picture_of_one_colour_stays_whole(self, level):
        assert kept(np.full((40, 50, 3), level, np.uint8)).all()

    def test_a_picture_that_is_mostly_frame_is_left_alone(self):
        image = np.zeros((100, 100, 3), np.uint8)
        image[30:70, 30:70] = skin(40, 40)
        assert kept(image).all()

    @settings(max_examples=60, deadline=None)
    @given(pictures, st.integers(0, 30), st.integers(0, 30))
    def test_no_crop_takes_more_than_half(self, image, above, left):
        image = np.pad(image, ((above, 3), (left, 5), (0, 0)))
        # Rounding to whole pixels of the picture may cost a line on each side of a tiny one.
        height, width = image.shape[:2]
        assert kept(image).mean() >= 0.5 - 2 / height - 2 / width


def hairy(size: int, count: int = 40) -> list[tuple[phantom.Phantom, phantom.Phantom]]:
    """Phantoms with dark hair and nothing else, each with the same one without."""
    options = schema.Phantom(size=size, hair=1.0, light_hair=0.0, border=0.0, ruler=0.0, gel=0.0, ink=0.0, jpeg=0.0)
    shaven = dataclasses.replace(options, hair=0.0)
    return [(phantom.render(4, index, options), phantom.render(4, index, shaven)) for index in range(count)]


def widened(mask: np.ndarray) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


class TestHair:
    @pytest.mark.parametrize("size", [96, 224, 450])  # the smaller, the more of it is fainter than a pixel
    def test_most_hair_is_found_and_most_that_is_found_is_hair(self, size):
        found = correct = hair = recovered = 0
        for drawn, _ in hairy(size):
            mask = preprocess.hair_mask(drawn.image)
            found, correct = found + mask.sum(), correct + (mask & widened(drawn.hair)).sum()
            hair, recovered = hair + drawn.hair.sum(), recovered + (widened(mask) & drawn.hair).sum()
        assert recovered / hair > 0.7
        assert correct / found > 0.85

    @pytest.mark.parametrize("size", [96, 224])
    def test_network_dots_and_streaks_are_mostly_spared(self, size):
        assert np.mean([preprocess.hair_mask(shaven.image).mean() for _, shaven in hairy(size)]) < 0.02

    def test_removal_brings_the_picture_close_to_the_one_without_hair(self):
        before = after = 0.0
        for drawn, shaven in hairy(160):
            before += np.abs(drawn.image.astype(int) - shaven.image).mean()
            after += np.abs(preprocess.remove_hair(drawn.image).astype(int) - shaven.image).mean()
        assert after < before / 2.5

    @pytest.mark.parametrize("size", [96, 224])
    def test_removal_while_shrinking_is_better_than_removal_afterwards(self, size):
        while_shrinking = afterwards = nothing = 0.0
        for drawn, shaven in hairy(2 * size, 20):
            truth = preprocess.resized(shaven.image, size, size).astype(int)
            plain = preprocess.resized(drawn.image, size, size)
            while_shrinking += np.abs(preprocess.remove_hair(drawn.image, size, size) - truth).mean()
            afterwards += np.abs(preprocess.remove_hair(plain) - truth).mean()
            nothing += np.abs(plain - truth).mean()
        assert while_shrinking < afterwards
        assert while_shrinking < nothing / 2.5

    def test_removal_from_white_skin_makes_no_dark_spots(self):
        image = np.full((301, 401, 3), 255, np.uint8)
        cv2.line(image, (0, 20), (400, 290), (90, 70, 60), 3)
        for height, width in [(301, 401), (150, 200), (97, 97), (101, 340)]:
            assert (preprocess.remove_hair(image, height, width) >= 254).all()

    def test_ever_so_many_specks_are_no_hair(self):
        image = skin(1_300, 1_300)
        image[::4, ::4] = 40  # more than sixteen bits can count
        mask = preprocess.hair_mask(image)
        assert (image[..., 0] < 60).sum() > 2**16
        assert not mask.any()

    def test_removal_touches_nothing_beside_the_hair(self):
        for drawn, _ in hairy(96, 5):
            changed = (preprocess.remove_hair(drawn.image) != drawn.image).any(axis=2)
            assert not (changed & ~widened(preprocess.hair_mask(drawn.image))).any()

    def test_removal_leaves_its_argument_alone(self):
        drawn, _ = hairy(96, 1)[0]
        before = drawn.image.copy()
        preprocess.remove_hair(drawn.image)
        np.testing.assert_array_equal(drawn.image, before)

    @pytest.mark.parametrize("size", [120, 240, 480, 960])
    def test_a_hair_is_found_in_any_resolution_and_a_ring_of_dots_in_none(self, size):
        image = skin(size, size)
        hair, dots = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
        curve = [(round(size * (0.1 + 0.8 * t)), round(size * (0.2 + 0.15 * t * t))) for t in np.linspace(0, 1, 30)]
        cv2.polylines(hair, [np.array(curve)], False, 1, max(1, round(0.012 * size)))
        for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
            centre = round(size * (0.5 + 0.15 * np.cos(angle))), round(size * (0.65 + 0.15 * np.sin(angle)))
            cv2.circle(dots, centre, max(1, round(0.012 * size)), 1, -1)
        image[(hair > 0) | (dots > 0)] = (60, 40, 35)
        mask = preprocess.hair_mask(image)
        assert mask[hair > 0].mean() > 0.9
        assert not mask[dots > 0].any()

    def test_light_skin_without_hair_has_no_mask(self):
        assert not preprocess.hair_mask(skin(200, 200)).any()


class TestColour:
    def test_a_grey_scene_under_tinted_light_becomes_grey(self):
        scene = np.random.default_rng(0).integers(20, 200, (50, 60, 1))
        tinted = (scene * np.array([1.0, 0.8, 0.6])).round().astype(np.uint8)
        assert np.ptp(preprocess.shades_of_gray(tinted).astype(int), axis=2).max() <= 3

    @pytest.mark.parametrize("p", [1, 6])
    def test_it_is_the_published_formula(self, p):
        image = np.random.default_rng(1).integers(0, 120, (40, 30, 3)).astype(np.uint8)
        light = np.mean((image / 255.0) ** p, axis=(0, 1)) ** (1 / p)
        direction = light / np.linalg.norm(light)
        expected = np.clip(image / (direction * np.sqrt(3)), 0, 255)
        assert np.abs(preprocess.shades_of_gray(image, p) - expected).max() <= 0.5 + 1e-6

    def test_a_picture_without_blue_stays_as_it_is(self):
        image = skin(20, 20) * np.array([1, 1, 0], np.uint8)
        np.testing.assert_array_equal(preprocess.shades_of_gray(image), image)


EVERYTHING = schema.Preprocess(size=48, crop_border=True, remove_hair=True, colour_constancy=True)
NOTHING = schema.Preprocess(size=48, crop_border=False, remove_hair=False, colour_constancy=False)


class TestApply:
    @settings(max_examples=60, deadline=None)
    @given(pictures, st.booleans(), st.booleans(), st.booleans(), st.integers(32, 70))
    def test_any_picture_becomes_a_square_of_the_size_asked_for(self, image, crop, hair, colour, size):
        options = schema.Preprocess(size=size, crop_border=crop, remove_hair=hair, colour_constancy=colour)
        prepared = preprocess.apply(image, options)
        assert prepared.shape == (size, size, 3)
        assert prepared.dtype == np.uint8

    def test_it_is_the_last_stage(self):
        image = phantom.render(0, 0, schema.Phantom(size=130, hair=1.0, border=1.0)).image
        stages = preprocess.stages(image, EVERYTHING)
        assert list(stages) == ["original", "border cropped", "hair removed", "colour constancy", "prepared"]
        np.testing.assert_array_equal(preprocess.apply(image, EVERYTHING), stages["prepared"])
        np.testing.assert_array_equal(stages["original"], image)

    def test_a_step_that_is_off_is_no_stage(self):
        assert list(preprocess.stages(skin(50, 60), NOTHING)) == ["original", "prepared"]

    def test_a_picture_of_the_right_size_passes_unchanged(self):
        image = skin(48, 48)
        np.testing.assert_array_equal(preprocess.apply(image, NOTHING), image)

    def test_the_picture_is_stretched_not_cut(self):
        image = np.zeros((60, 240, 3), np.uint8)
        image[:, :60] = 200  # its left quarter
        prepared = preprocess.apply(image, NOTHING)
        assert (prepared[:, :12] > 180).all()
        assert (prepared[:, 13:] < 20).all()

    def test_shrinking_averages(self):
        stripes = np.zeros((480, 480, 3), np.uint8)
        stripes[:, ::2] = 200
        assert is_close(preprocess.apply(stripes, NOTHING), np.full((48, 48, 3), 100), 1)

    def test_large_and_small_copies_of_a_photograph_are_prepared_alike(self):
        options = schema.Preprocess(size=64)
        large = phantom.render(0, 3, schema.Phantom(size=512, hair=1.0)).image
        small = cv2.resize(large, (160, 160), interpolation=cv2.INTER_AREA)
        difference = preprocess.apply(large, options).astype(int) - preprocess.apply(small, options)
        assert np.abs(difference).mean() < 4

    @pytest.mark.parametrize("size", [32, 96])
    def test_a_jpeg_decoded_in_a_fraction_of_its_size_is_prepared_alike(self, size):
        options = schema.Preprocess(size=size, remove_hair=False)
        for index in range(12):
            drawn = phantom.render(2, index, schema.Phantom(size=900, border=0.7, hair=0.3)).image
            data = encoded(Image.fromarray(drawn), "JPEG", quality=92)
            whole, part = preprocess.decode(data), preprocess.decode(data, preprocess.draft_side(size))
            assert part.shape[0] < whole.shape[0]
            boxes = [
                [edge / len(image) for lines in preprocess.border_box(image) for edge in (lines.start, lines.stop)]
                for image in (whole, part)
            ]
            np.testing.assert_allclose(*boxes, atol=0.01)
            difference = preprocess.apply(whole, options).astype(int) - preprocess.apply(part, options)
            assert np.abs(difference).mean() < 1

    @pytest.mark.parametrize("side", [449, 450, 451, 640, 1_001])
    def test_a_picture_of_any_size_keeps_its_place(self, side):
        image = np.zeros((side, side, 3), np.uint8)
        image[side // 2 :, side // 2 :] = 200
        prepared = preprocess.apply(image, dataclasses.replace(NOTHING, remove_hair=True))
        assert is_close(prepared[:23, :23], np.zeros((23, 23, 3)), 0)
        assert is_close(prepared[25:, 25:], np.full((23, 23, 3), 200), 0)

    @pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="the photographs of ../shared/data/isic9 are not here")
    def test_real_photographs_keep_half_of_their_area_and_most_of_their_pixels(self):
        for file in sorted(PHOTOGRAPHS.glob("*.jpg"))[::40]:
            image = preprocess.decode(file.read_bytes())
            assert kept(image).mean() >= 0.5
            assert preprocess.hair_mask(image).mean() < 0.4
            assert preprocess.apply(image, EVERYTHING).shape == (48, 48, 3)
