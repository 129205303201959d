"""The style of figures: one typeface, one palette, one resolution; and their encoding as PNG.

Figures are built from `matplotlib.figure.Figure` alone. Nothing here touches pyplot, whose open figures are shared by a
whole process and are never freed in a long sweep.
"""

import io
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

INK = "#262626"  # text and axes
QUIET = "#8a8a8a"  # reference lines and notes
GRID = "#e6e6e6"
PIXELS_PER_INCH = 160

# Okabe and Ito's palette, which remains distinct in the common colour deficiencies; its yellow is too pale for a line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (9, 2)))

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure on every machine
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in a run's name is a dollar
    "text.usetex": False,  # a matplotlibrc in the working directory starts no LaTeX
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.7,
    "lines.markersize": 5,
    "lines.solid_capstyle": "round",
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}

# Decorates the functions that draw: the caller's own matplotlib settings neither leak in nor are changed.
styled = matplotlib.rc_context(STYLE)


class Look(NamedTuple):
    """The style of one run: colour, marker and dashes, so that runs differ without colour as well."""

    colour: str
    marker: str
    dashes: Any


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Returns a look for each run, in order. The three lists differ in length, so the first 385 runs all differ."""
    each = zip(cycle(COLOURS), cycle(MARKERS), cycle(DASHES), strict=False)
    return dict(zip(names, map(Look._make, islice(each, len(names))), strict=True))


@styled
def new_figure(width: float, height: float, layout: Literal["constrained", "compressed"] = "constrained") -> Figure:
    """Returns an empty figure, its size in inches, whose parts do not overlap; "compressed" is for grids of images."""
    return Figure(figsize=(width, height), dpi=PIXELS_PER_INCH, layout=layout)


@styled
def legend_outside(
    figure: Figure, place: Literal["outside upper left", "outside lower center"], entries: Mapping[str, Artist]
) -> None:
    """Adds a legend outside of all axes, and as much height as it takes.

    It has as many columns as fit, and breaks a name that is wider than the figure.
    """
    size, sample = STYLE["legend.fontsize"], 0.55  # inches of the line beside a name, and of the gap to the next column
    names = [wrapped(name, figure.get_figwidth() - sample, size) for name in entries]
    widths = [text_width(name, size) + sample for name in names]
    columns = next(
        count
        for count in range(len(names), 0, -1)
        if count == 1 or sum(max(column) for column in np.array_split(widths, count)) < figure.get_figwidth()
    )
    figure.legend(list(entries.values()), names, loc=place, ncols=columns)
    lines = max(sum(name.count("\n") + 1 for name in column) for column in np.array_split(names, columns))
    figure.set_figheight(figure.get_figheight() + 1.6 * size / 72 * lines)


def text_width(text: str, size: float) -> float:
    """Returns the width of the widest line of a text in inches; its size is in points."""
    return max(_line_width(line, size) for line in text.split("\n"))


@cache
def _line_width(line: str, size: float) -> float:
    points, _, _ = text_to_path.get_text_width_height_descent(line, FontProperties(size=size), ismath=False)
    return points / 72


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines at spaces, and between the parts of `model.input_scaling=contract`."""

    wordsep_re = re.compile(r"(\s+)|(?<=[=.])(?=[A-Za-z])")


def wrapped(text: str, width: float, size: float) -> str:
    """Returns the text in lines of at most `width` inches, broken after spaces, commas, = and dots.

    Args:
        text: one or several lines.
        width: in inches.
        size: of the letters, in points.
    """
    return "\n".join(_wrapped_line(line, width, size) for line in text.split("\n"))


def _wrapped_line(line: str, width: float, size: float) -> str:
    if text_width(line, size) <= width:
        return line
    spaced = re.sub(r",(?=\S)", ", ", line)
    at_most = math.ceil(1.5 * len(spaced) * width / text_width(spaced, size))  # letters differ in width
    narrower = (_Wrapper(characters).fill(spaced) for characters in range(at_most, 0, -1))
    return next((lines for lines in narrower if text_width(lines, size) <= width), line)


@styled
def png(figure: Figure) -> bytes:
    """Returns the figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PIXELS_PER_INCH)
    return buffer.getvalue()


def save(figure: Figure, path: Path | str) -> None:
    """Writes the figure as a PNG file, and creates its directory if it is absent."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(figure))
