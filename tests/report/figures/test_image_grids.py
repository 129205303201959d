"""Sheets of images, as a reader sees them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinexp.report.figures.image_grids import (
    augmentation_sheet,
    gradcam_comparison,
    gradcam_sheet,
    overlay,
    preprocessing_sheet,
)
from skinexp.report.figures.run_figures import outcome_sheet
from skinexp.report.figures.style import png, save

LESIONS = Path(__file__).parents[3] / "../shared/data/isic9/images"
SIZE = 40


@pytest.fixture
def images():
    """Four images of noise."""
    return np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture
def heats():
    """Four maps, with highest values of 1, 2, 3 and 4 logits."""
    ramp = np.linspace(0, 1, SIZE)
    return np.stack([peak * np.outer(ramp, ramp) for peak in (1.0, 2.0, 3.0, 4.0)])


def shown(panel):
    """The image that a panel shows."""
    return np.asarray(panel.images[0].get_array())


def coloured(pixels):
    """Where pixels are not grey."""
    return np.ptp(pixels.astype(int), axis=-1) > 2


def test_an_augmented_image_stands_below_its_original(images):
    augmented = images[:, :, ::-1].astype(np.float32)

    figure = augmentation_sheet(images[:3], augmented[:3])

    assert [figure.axes[0].get_ylabel(), figure.axes[3].get_ylabel()] == ["original", "augmented"]
    for column in range(3):
        np.testing.assert_array_equal(shown(figure.axes[column]), images[column])
        np.testing.assert_array_equal(shown(figure.axes[3 + column]), images[column, :, ::-1])


def test_augmented_pixels_outside_of_the_range_are_clipped_instead_of_wrapped(images):
    figure = augmentation_sheet(images[:1], images[:1].astype(np.float32) + 300)

    assert shown(figure.axes[1]).min() == 255


def test_preprocessing_stages_are_columns_with_their_sizes(images):
    photograph = np.zeros((60, 80, 3), dtype=np.uint8)
    rows = [{"original": photograph, "hair mask": photograph[..., 0], "resized": images[0]}] * 2

    figure = preprocessing_sheet(rows, ["ISIC_1", "ISIC_2"])

    assert [panel.get_title() for panel in figure.axes[:3]] == ["original", "hair mask", "resized"]
    assert [panel.get_xlabel() for panel in figure.axes[:3]] == ["80 x 60", "80 x 60", "40 x 40"]
    assert [figure.axes[0].get_ylabel(), figure.axes[3].get_ylabel()] == ["ISIC_1", "ISIC_2"]
    assert png(figure).startswith(b"\x89PNG")


def test_a_row_may_lack_a_stage(images):
    figure = preprocessing_sheet([{"original": images[0], "cropped": images[1]}, {"original": images[2]}], ["a", "b"])

    assert len(figure.axes[3].images) == 0


def test_an_overlay_is_grey_where_there_is_no_heat_and_coloured_where_there_is(images):
    heat = np.zeros((SIZE, SIZE))
    heat[:, SIZE // 2 :] = 1.0

    pixels = overlay(images[0], heat, top=1.0)

    assert not coloured(pixels)[:, : SIZE // 2].any()
    assert coloured(pixels)[:, SIZE // 2 :].all()


def test_maps_of_a_sheet_are_on_one_scale(images, heats):
    figure = gradcam_sheet(images, heats, ["a", "b", "c", "d"], "Grad-CAM")

    bar = figure.axes[-1]
    assert bar.get_ylim() == (0, 4)
    assert bar.get_ylabel() == "evidence, in units of the logit"
    for panel, image, heat in zip(figure.axes, images, heats, strict=False):
        np.testing.assert_array_equal(shown(panel)[:, :SIZE], image)
        np.testing.assert_array_equal(shown(panel)[:, -SIZE:], overlay(image, heat, top=4.0))


def test_a_sheet_has_its_title_and_captions(images, heats):
    figure = gradcam_sheet(images, heats, ["a", "b", "c", "ISIC_4\nmissed"], "mobilenet: what speaks for malignant")

    assert figure.get_suptitle() == "mobilenet: what speaks for malignant"
    assert [panel.get_xlabel() for panel in figure.axes[:4]] == ["a", "b", "c", "ISIC_4\nmissed"]


def test_a_map_of_zeros_or_of_nan_is_named_and_drawn_in_grey(images, heats):
    heats[1] = 0
    heats[2] = np.nan
    heats[3, 0, 0] = np.inf

    figure = gradcam_sheet(images, heats, ["a", "b", "c", "d"], "Grad-CAM")

    captions = [panel.get_xlabel() for panel in figure.axes[:4]]
    assert captions == ["a", "b\nmap zero everywhere", "c\nmap not finite", "d\nmap not finite"]
    assert not coloured(shown(figure.axes[1])[:, -SIZE:]).any()
    assert not coloured(shown(figure.axes[2])[:, -SIZE:]).any()
    assert figure.axes[-1].get_ylim() == (0, 4)
    assert png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_sheet_without_any_heat_has_a_finite_scale(images, value):
    figure = gradcam_sheet(images, np.full((4, SIZE, SIZE), value), ["a", "b", "c", "d"], "collapsed")

    assert np.isfinite(figure.axes[-1].get_ylim()).all()
    assert png(figure).startswith(b"\x89PNG")


def test_a_comparison_has_a_row_an_image_a_column_a_run_and_a_scale_a_run(images, heats):
    runs = {"scratch": heats, "mobilenet": 10 * heats}

    figure = gradcam_comparison(images, runs, ["a", "b", "c", "d"])

    panels = np.array(figure.axes[:15]).reshape(5, 3)
    assert [panel.get_title() for panel in panels[0]] == ["image", "scratch", "mobilenet"]
    assert [panel.get_ylabel() for panel in panels[:4, 0]] == ["a", "b", "c", "d"]
    assert [bar.get_xlim() for bar in panels[4, 1:]] == [(0, 4), (0, 40)]
    assert "each run on a scale of its own" in figure.get_supxlabel()
    for row in range(4):
        np.testing.assert_array_equal(shown(panels[row, 0]), images[row])
        np.testing.assert_array_equal(shown(panels[row, 1]), overlay(images[row], heats[row], top=4.0))
        np.testing.assert_array_equal(shown(panels[row, 2]), shown(panels[row, 1]))


def test_a_dead_run_is_named_in_the_comparison(images, heats):
    figure = gradcam_comparison(images[:1], {"well": heats[:1], "dead": 0 * heats[:1]}, ["a"])

    assert [text.get_text() for text in figure.axes[2].texts] == ["map zero everywhere"]
    assert png(figure).startswith(b"\x89PNG")


def test_maps_without_meaning_are_replaced_by_the_reason(images, heats):
    figure = gradcam_sheet(images, heats, ["a", "b", "c", "d"], "Grad-CAM", meaningless="collapsed: no meaning")

    assert len(figure.axes) == 4  # and no colour bar
    for panel, image in zip(figure.axes, images, strict=True):
        np.testing.assert_array_equal(shown(panel)[:, :SIZE], image)
        assert not coloured(shown(panel)[:, -SIZE:]).any()
        assert [" ".join(text.get_text().split()) for text in panel.texts] == ["collapsed: no meaning"]
    assert png(figure).startswith(b"\x89PNG")


def test_a_run_whose_maps_mean_nothing_has_no_heat_beside_those_whose_maps_do(images, heats):
    runs = {"well": heats, "collapsed": np.full_like(heats, np.nan)}

    figure = gradcam_comparison(images, runs, ["a", "b", "c", "d"], meaningless={"collapsed": "collapsed: no meaning"})

    panels = np.array(figure.axes).reshape(5, 3)
    for row in range(4):
        np.testing.assert_array_equal(shown(panels[row, 1]), overlay(images[row], heats[row], top=4.0))
        assert not coloured(shown(panels[row, 2])).any()
        assert shown(panels[row, 2]).min() > shown(panels[row, 1]).min()
        assert [" ".join(text.get_text().split()) for text in panels[row, 2].texts] == ["collapsed: no meaning"]
    assert panels[4, 1].collections or panels[4, 1].images
    assert not panels[4, 2].collections
    assert png(figure).startswith(b"\x89PNG")


def test_the_sheet_of_a_collapsed_run_says_so_where_it_is_told(images, heats):
    rows = pd.DataFrame(
        {"outcome": "missed", "image_id": list("abcd"), "calibrated": 0.5, "explained": 1}, index=range(4)
    )

    plain, marked = (outcome_sheet("efficientnet", rows, images, heats, reason) for reason in (None, "no meaning"))

    assert [len(figure.axes) for figure in (plain, marked)] == [5, 4]
    assert marked.axes[0].texts[0].get_text() == "no meaning"


def test_what_does_not_match_is_refused(images, heats):
    with pytest.raises(ValueError, match=r"captions: .* Received: 4 images and 1 captions"):
        gradcam_sheet(images, heats, ["a"], "Grad-CAM")
    with pytest.raises(ValueError, match=r"heats: .* Received: maps of shape \(4, 7, 7\)"):
        gradcam_sheet(images, heats[:, :7, :7], ["a", "b", "c", "d"], "Grad-CAM")
    with pytest.raises(ValueError, match="mobilenet: one map for each image"):
        gradcam_comparison(images, {"mobilenet": heats[:2]}, ["a", "b", "c", "d"])
    with pytest.raises(ValueError, match=r"originals, augmented: .* Received: 4 and 2"):
        augmentation_sheet(images, images[:2])


@pytest.mark.skipif(not LESIONS.is_dir(), reason="the shared photographs of lesions are not on this machine")
def test_a_sheet_of_real_lesions_is_written_as_a_picture(tmp_path):
    paths = sorted(LESIONS.glob("*.jpg"))[:8]
    photographs = np.stack([np.asarray(Image.open(path).convert("RGB").resize((96, 96))) for path in paths])
    heats = photographs[..., 0] / 255.0

    save(gradcam_sheet(photographs, heats, [path.stem for path in paths], "Grad-CAM"), tmp_path / "figures" / "cam.png")

    with Image.open(tmp_path / "figures" / "cam.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1_000
