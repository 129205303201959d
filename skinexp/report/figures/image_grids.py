"""Grids of images: augmented and preprocessed images, and Grad-CAM maps."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from skinexp.report.figures.style import INK, QUIET, new_figure, styled, wrapped

CELL = 1.6  # inches a side of an image
LABEL = 1.5  # inches for the words beside a row
LINE = 0.16  # inches that a line of caption takes
PAIRS_A_ROW = 4
HEAT_LABEL = "evidence, in units of the logit"
FAINT = 0.45  # of the contrast of an image whose map means nothing


@styled
def augmentation_sheet(originals: NDArray[Any], augmented: NDArray[Any]) -> Figure:
    """Draws training images above, and below each its augmented version in one epoch.

    Args:
        originals: (n, height, width, 3) pixels 0..255; three pairs make a good sheet.
        augmented: the same images after augmentation, of the same shape.

    Returns:
        A figure of two rows.

    Raises:
        ValueError: if there are no images, or not as many of one as of the other.
    """
    if len(originals) == 0 or len(originals) != len(augmented):
        raise ValueError(
            "originals, augmented: as many of one as of the other, and one at least. "
            f"Received: {len(originals)} and {len(augmented)}"
        )
    cell = 1.4 * CELL
    figure = new_figure(cell * len(originals) + 0.3, 2 * cell + 0.1, layout="compressed")
    panels = figure.subplots(2, len(originals), squeeze=False)
    for row, images in zip(panels, (originals, augmented), strict=True):
        for panel, image in zip(row, images, strict=True):
            _draw(panel, image)
    panels[0, 0].set_ylabel("original", fontweight="bold")
    panels[1, 0].set_ylabel("augmented", fontweight="bold")
    return figure


@styled
def preprocessing_sheet(rows: Sequence[Mapping[str, NDArray[Any]]], captions: Sequence[str]) -> Figure:
    """Draws the result of each preprocessing step on some images: one row per image, a column per step.

    Args:
        rows: for each image its stages in order, name -> pixels 0..255 of shape (height, width, 3), or a mask of
            shape (height, width) whose values above 0 are shown white. Stages may differ in size; a row may lack some.
        captions: for each image the words beside its row.

    Returns:
        A figure. The size in pixels stands below each stage.

    Raises:
        ValueError: if there are no images, or not as many captions as rows.
    """
    _check_captions(len(rows), captions)
    stages = list(dict.fromkeys(stage for row in rows for stage in row))
    widths = [max(_aspect(row[stage]) for row in rows if stage in row) for stage in stages]
    figure = new_figure(CELL * sum(widths) + LABEL, (CELL + LINE) * len(rows) + 0.3, layout="compressed")
    panels = figure.subplots(len(rows), len(stages), squeeze=False, width_ratios=widths)
    for row, images, caption in zip(panels, rows, captions, strict=True):
        _label(row[0], caption)
        for panel, stage in zip(row, stages, strict=True):
            if stage in images:
                _draw(panel, images[stage])
                height, width = images[stage].shape[:2]
                panel.set_xlabel(f"{width} x {height}", fontsize=7, color=QUIET, labelpad=2)
            else:
                _clear(panel)
    for panel, stage in zip(panels[0], stages, strict=True):
        panel.set_title(wrapped(stage, CELL - 0.1, 9), fontsize=9, loc="center")
    return figure


@styled
def gradcam_sheet(
    images: NDArray[Any], heats: NDArray[Any], captions: Sequence[str], title: str, meaningless: str | None = None
) -> Figure:
    """Draws images, and beside each its Grad-CAM map, on one scale for the whole sheet.

    One scale, because a map that is scaled to its own maximum looks equally hot whether the model found almost no
    evidence or a melanoma. Only evidence has colour: the image below it is grey.

    Args:
        images: (n, s, s, 3) uint8.
        heats: (n, s, s) maps, 0 or more, in units of the logit. A map that is zero everywhere, or not finite, is
            drawn without colour, with a note.
        captions: for each image the words below it.
        title: above the sheet.
        meaningless: why the maps mean nothing; it then stands in their place. None if they mean something.

    Returns:
        A figure with a colour bar, unless the maps mean nothing.

    Raises:
        ValueError: if there are no images, or shapes or captions do not match.
    """
    _check_captions(len(images), captions)
    _check_heats(images, heats, "heats")
    top = _top(heats)
    columns = min(len(images), PAIRS_A_ROW)
    rows = math.ceil(len(images) / columns)
    noted = captions if meaningless else map(_noted, captions, heats)
    notes = [wrapped(note, 2 * CELL - 0.1, 8) for note in noted]
    note_height = LINE * max(note.count("\n") + 1 for note in notes) + 0.05
    width = 2 * CELL * columns + 0.9
    title = wrapped(title, width - 0.1, 12)
    title_height = 0.2 * (title.count("\n") + 1) + 0.1
    figure = new_figure(width, (CELL + note_height) * rows + title_height, layout="compressed")
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat[len(images) :]:
        _clear(panel)
    for panel, image, heat, note in zip(panels.flat, images, heats, notes, strict=False):
        gap = np.full((len(image), len(image) // 40 + 1, 3), 255, dtype=np.uint8)
        _draw(panel, np.hstack([image, gap, _faint(image) if meaningless else overlay(image, heat, top)]))
        panel.set_xlabel(note, fontsize=8, labelpad=3)
        if meaningless:
            _mark(panel, meaningless, across=0.75)
    figure.suptitle(title, x=0.01, ha="left")
    if meaningless:
        return figure
    bar = _draw_colour_bar(figure, top, ax=panels.ravel().tolist(), aspect=30, pad=0.015)
    bar.set_label(HEAT_LABEL, fontsize=8)
    return figure


@styled
def gradcam_comparison(
    images: NDArray[Any],
    heats_by_run: Mapping[str, NDArray[Any]],
    captions: Sequence[str],
    meaningless: Mapping[str, str] | None = None,
) -> Figure:
    """Draws the Grad-CAM maps of several runs on the same images: one row per image, one column and scale per run.

    Args:
        images: (n, s, s, 3) uint8.
        heats_by_run: for each run its (n, s, s) maps of these images, 0 or more, in units of the logit.
        captions: for each image the words beside its row.
        meaningless: for each run whose maps mean nothing the reason, which then stands in their place.

    Returns:
        A figure with a colour bar below each run whose maps have a meaning: logits of different runs are not on one
        scale.

    Raises:
        ValueError: if there are no images or runs, or shapes or captions do not match.
    """
    _check_captions(len(images), captions)
    if not heats_by_run:
        raise ValueError("heats_by_run: give the maps of one run at least. Received: none")
    names = [wrapped(run, CELL - 0.1, 10) for run in heats_by_run]
    heights = [*[CELL] * len(images), 0.09]  # the last row holds the colour bars
    head = LINE * max(name.count("\n") + 1 for name in names)
    figure = new_figure(CELL * (1 + len(names)) + LABEL, sum(heights) + head + 0.7, layout="compressed")
    panels = figure.subplots(len(heights), 1 + len(names), squeeze=False, height_ratios=heights)
    panels[0, 0].set_title("image", fontsize=9, loc="center")
    _clear(panels[-1, 0])
    for panel, image, caption in zip(panels[:-1, 0], images, captions, strict=True):
        _draw(panel, image)
        _label(panel, caption)
    for column, name, (run, heats) in zip(panels[:, 1:].T, names, heats_by_run.items(), strict=True):
        _check_heats(images, heats, run)
        top = _top(heats)
        column[0].set_title(name, fontsize=9, loc="center")
        if reason := (meaningless or {}).get(run):
            for panel, image in zip(column[:-1], images, strict=True):
                _draw(panel, _faint(image))
                _mark(panel, reason, across=0.5)
            _clear(column[-1])
            continue
        for panel, image, heat in zip(column[:-1], images, heats, strict=True):
            _draw_map(panel, image, heat, top)
        _draw_colour_bar(figure, top, cax=column[-1], orientation="horizontal")
    figure.supxlabel(f"{HEAT_LABEL}; each run on a scale of its own", fontsize=8)
    return figure


def _draw_map(panel: Axes, image: NDArray[Any], heat: NDArray[Any], top: float) -> None:
    """Draws one map of a comparison, and in it what is wrong with it."""
    _draw(panel, overlay(image, heat, top))
    if note := _noted("", heat):
        panel.text(0.5, 0.04, note, transform=panel.transAxes, ha="center", fontsize=7, backgroundcolor="white")


def overlay(image: NDArray[Any], heat: NDArray[Any], top: float) -> NDArray[np.uint8]:
    """Returns the image in grey with its heat in colour.

    Args:
        image: (s, s, 3) pixels 0..255.
        heat: (s, s) map; what is not finite, or below 0, is left without colour.
        top: heat of the strongest colour, above 0.

    Returns:
        (s, s, 3) pixels.
    """
    luma = _pixels(image) @ np.array([0.299, 0.587, 0.114]) / 255  # ITU-R BT.601
    grey = 0.25 + 0.75 * luma  # no black, in which a low heat would not be seen
    share = np.clip(np.where(np.isfinite(heat), heat, 0) / top, 0, 1)
    return np.round(255 * _blend(grey, share)).astype(np.uint8)


def _faint(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Returns the image in a pale grey that is not mistaken for a map."""
    grey = overlay(image, np.zeros(image.shape[:2]), top=1.0)
    return _pixels(255 - FAINT * (255.0 - grey))


def _mark(panel: Axes, reason: str, across: float) -> None:
    """Writes words in the middle of a panel, in place of a map."""
    box = {"facecolor": "white", "edgecolor": INK, "linewidth": 0.6, "boxstyle": "square,pad=0.35"}
    text = panel.text(across, 0.5, wrapped(reason, CELL - 0.4, 8), transform=panel.transAxes, fontsize=8, bbox=box)
    text.set(ha="center", va="center")


def _blend(grey: NDArray[Any] | float, share: NDArray[Any]) -> NDArray[Any]:
    """Returns the colours of heat (0..1 of the scale) over grey; opacity grows with the heat."""
    opacity = (0.9 * share**0.6)[..., None]
    return (1 - opacity) * np.broadcast_to(grey, share.shape)[..., None] + opacity * matplotlib.colormaps["plasma"](
        share
    )[..., :3]


def _draw_colour_bar(figure: Figure, top: float, **place: Any) -> Colorbar:
    """Draws a colour bar with the colours as they appear over a medium grey."""
    colours = ListedColormap(_blend(0.6, np.linspace(0, 1, 256)))
    ticks, names = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]), FuncFormatter(lambda heat, _: f"{heat:.3g}")
    bar = figure.colorbar(ScalarMappable(Normalize(0, top), colours), ticks=ticks, format=names, **place)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7)
    return bar


def _top(heats: NDArray[Any]) -> float:
    """Returns the highest finite heat of a scale; 1 if there is none, to avoid a division by 0."""
    finite = heats[np.isfinite(heats)]
    return float(finite.max()) if finite.size and finite.max() > 0 else 1.0


def _noted(caption: str, heat: NDArray[Any]) -> str:
    if not np.isfinite(heat).all():
        return f"{caption}\nmap not finite".strip()
    return caption if (heat > 0).any() else f"{caption}\nmap zero everywhere".strip()


def _draw(panel: Axes, image: NDArray[Any]) -> None:
    if image.ndim == 2:
        panel.imshow(image > 0, cmap="gray", vmin=0, vmax=1)
    else:
        panel.imshow(_pixels(image))
    _clear(panel)


def _clear(panel: Axes) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.grid(False)
    panel.spines[:].set_visible(False)


def _label(panel: Axes, caption: str) -> None:
    panel.set_ylabel(wrapped(caption, LABEL - 0.1, 8), fontsize=8, rotation=0, ha="right", va="center", labelpad=4)


def _aspect(image: NDArray[Any]) -> float:
    height, width = image.shape[:2]
    return width / height


def _pixels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Returns pixels of any type, 0..255, as uint8; augmentation returns floats."""
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _check_captions(images: int, captions: Sequence[str]) -> None:
    if images == 0 or images != len(captions):
        raise ValueError(
            "captions: one for each image, and one image at least. "
            f"Received: {images} images and {len(captions)} captions"
        )


def _check_heats(images: NDArray[Any], heats: NDArray[Any], name: str) -> None:
    if heats.shape != images.shape[:3]:
        raise ValueError(
            f"{name}: one map for each image, of the image's size. "
            f"Received: maps of shape {heats.shape} for images of shape {images.shape}"
        )
