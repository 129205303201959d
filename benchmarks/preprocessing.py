"""Claim: the settings of hair removal and border cropping are those that harm a lesion least, on phantoms.

    python benchmarks/preprocessing.py [--phantoms 60] [--docs docs/concepts/phantoms.md]

Phantoms are drawn with a disturbance and without it, so that the truth is known to the pixel. Each setting of
`skinexp/data/preparation/preprocess.py` is tried beside the others, one changed at a time. Five minutes on one core.
"""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from unittest import mock

import cv2
import documents
import numpy as np
from hair_removal import enlarged, near_twice, widened
from measure import Goal, Row, figure, report

from skinexp.config import schema
from skinexp.data import phantom
from skinexp.data.phantom.planes import Canvas, Grid
from skinexp.data.preparation import preprocess

SIDE, FINALS = 450, (224, 64)  # pixels a side of the drawn picture, and of what becomes of it
SEED = 11
CLEAN = schema.Phantom(size=SIDE, hair=0.0, light_hair=0.0, border=0.0, ruler=0.0, gel=0.0, ink=0.0, jpeg=0.0)
MARK = "preprocessing"  # about the tables in the docs

HAIR_SETTINGS: tuple[Mapping[str, float], ...] = (
    {},
    *({"HAIR_WIDTH": value} for value in (0.014, 0.018, 0.022, 0.03)),
    *({"HAIR_CONTRAST": value} for value in (14, 22, 28, 34)),
    *({"HAIR_LENGTH": value} for value in (0.05, 0.08, 0.12)),
    *({"HAIR_SLENDERNESS": value} for value in (0.08, 0.12, 0.18)),
    *({"HAIR_SIDE": value} for value in (64, 224)),
    {"HAIR_WIDTH": 0.022, "HAIR_CONTRAST": 22, "HAIR_SIDE": 64},  # what they were before this was measured
)
BORDER_SETTINGS: tuple[Mapping[str, float], ...] = (
    {},
    *({"BLACKNESS": value} for value in (0.2, 0.28, 0.36, 0.44)),
)
ENOUGH = 0.75  # of the dark hair must be found, thick or not
THICK = 0.012  # of the side: wider than the hair of phantoms, as some people's is


@dataclass(frozen=True)
class Hair:
    """What a setting makes of pictures; errors are mean absolute differences in grey levels from those without hair."""

    recall: float  # share of dark hair's pixels that is painted over
    precision: float  # share of the pixels found that is hair, or lies beside it
    thick: float  # share of thick dark hair's pixels that is painted over
    light: float  # share of light hair's pixels that is painted over
    ruler: float  # share of the marks' pixels that is painted over
    hairy: float  # error in the lesion of pictures with dark hair
    bald: float  # and of pictures that never had any: structures taken for hair
    left: float  # error in the lesion where the hair is left


@dataclass(frozen=True)
class Border:
    """How a crop fits the part of pictures that is lit, and what it costs."""

    overlap: float  # intersection over union of the crop and what is lit
    untouched: float  # the same where nothing is cropped
    border: float  # share of the border that is left
    lesion: float  # share of the lesion, where it can be seen, that is lost
    cut: float  # share of pictures without a border that lose anything


@contextmanager
def settings(changed: Mapping[str, float]) -> Iterator[None]:
    """Preprocessing with other constants."""
    with ExitStack() as stack:
        for name, value in changed.items():
            stack.enter_context(mock.patch.object(preprocess, name, value))
        yield


def without_defaults(tried: tuple[Mapping[str, float], ...]) -> list[Mapping[str, float]]:
    """The settings that are tried, once each: what is the default stands first, as no change."""
    return [one for one in tried if not one or any(getattr(preprocess, name) != value for name, value in one.items())]


def found(picture: np.ndarray, final: int) -> np.ndarray:
    """What is taken for hair on the way to the final size, in the pixels of the picture."""
    return enlarged(preprocess.hair_mask(near_twice(picture, final)), SIDE)


def prepared(picture: np.ndarray, final: int, is_on: bool = True) -> np.ndarray:
    """The picture at its final size."""
    options = schema.Preprocess(size=final, crop_border=False, remove_hair=is_on)
    return preprocess.apply(picture, options).astype(int)


def with_thick_hair(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture under three thick hairs, and where they are."""
    canvas, step = Canvas(Grid(SIDE)), np.linspace(-1, 1, 9)
    curves = np.stack([np.stack([step, 0.3 * step**2 + height], axis=1) for height in (-0.8, -0.1, 0.5)])
    canvas.ribbons(curves, np.full(curves.shape[:2], THICK), np.ones(3))
    cover = canvas.averaged()
    return (picture * (1 - 0.8 * cover[..., None])).astype(np.uint8), cover > 0.5


class Drawn:
    """The same phantoms: bare, with dark hair, with light hair, with the marks of a ruler."""

    def __init__(self, count: int) -> None:
        self.bare = [phantom.render(SEED, index, CLEAN) for index in range(count)]
        self.dark, self.light, self.ruled = (
            [phantom.render(SEED, index, replace(CLEAN, **shares)) for index in range(count)]
            for shares in ({"hair": 1.0}, {"hair": 1.0, "light_hair": 1.0}, {"ruler": 1.0})
        )

    def hair(self, final: int) -> Hair:
        """What the present settings do."""
        each = [self._hair(index, final) for index in range(len(self.bare))]
        return Hair(*np.nanmean(np.array([astuple(one) for one in each]), axis=0).tolist())

    def _hair(self, index: int, final: int) -> Hair:
        bare, dark, light, ruled = (part[index] for part in (self.bare, self.dark, self.light, self.ruled))
        mask, truth = found(dark.image, final), prepared(bare.image, final, is_on=False)
        lesion = cv2.resize(bare.lesion.astype(np.float32), (final, final), interpolation=cv2.INTER_AREA) > 0.5

        def painted(picture: np.ndarray, hidden: np.ndarray) -> float:
            return float(widened(found(picture, final), 2)[hidden].mean()) if hidden.any() else np.nan

        def error(picture: np.ndarray, is_on: bool = True) -> float:
            return float(np.abs(prepared(picture, final, is_on) - truth).mean(axis=2)[lesion].mean())

        return Hair(
            recall=painted(dark.image, dark.hair),
            precision=float(widened(dark.hair, 2)[mask].mean()) if mask.any() else np.nan,
            thick=painted(*with_thick_hair(bare.image)),
            light=painted(light.image, light.hair),
            ruler=painted(ruled.image, ruled.ruler),
            hairy=error(dark.image),
            bald=error(bare.image),
            left=error(dark.image, is_on=False),
        )


def framed(count: int, kind: str | None = None) -> list[phantom.Phantom]:
    """Phantoms with a border, of one kind where it is named; hair and all else as usual."""
    options = schema.Phantom(size=SIDE, border=1.0)
    indices = [index for index in range(20 * count) if kind in (None, phantom.factors(SEED, index, options).frame)]
    return [phantom.render(SEED, index, options) for index in indices[:count]]


def border(framed: list[phantom.Phantom], whole: list[phantom.Phantom]) -> Border:
    """What the present settings make of pictures with a border and of others without."""

    def kept(picture: np.ndarray) -> np.ndarray:
        mask = np.zeros(picture.shape[:2], bool)
        mask[preprocess.border_box(picture)] = True
        return mask

    rows = []
    for one in framed:
        box, lit = kept(one.image), ~one.frame
        seen = one.lesion & lit
        lost = (seen & ~box).sum() / seen.sum()
        rows.append(((box & lit).sum() / (box | lit).sum(), lit.mean(), box[one.frame].mean(), lost))
    cut = np.mean([not kept(one.image).all() for one in whole])
    return Border(*np.mean(rows, axis=0).tolist(), float(cut))


def named(changed: Mapping[str, float]) -> str:
    """A setting in words."""
    return ", ".join(f"`{name}` {value:g}" for name, value in changed.items()) or "**default**"


def tables(hair: Mapping[tuple[int, str], Hair], borders: Mapping[str, Border], kinds: Mapping[str, Border]) -> str:
    """Everything as Markdown."""
    head = (
        "dark hair found",
        "correctly",
        "thick hair found",
        "light hair found",
        "ruler found",
        "lesion, hairy",
        "lesion, bald",
        "no removal",
    )
    lines = [f"| to | setting | {' | '.join(head)} |", "|---|---|" + "---:|" * len(head)]
    for (final, name), one in hair.items():
        shares = [f"{value:.2f}" for value in astuple(one)[:5]]
        errors = [f"{value:.2f}" for value in astuple(one)[5:]]
        lines.append(f"| {final} px | {name} | {' | '.join(shares + errors)} |")
    head = ("overlap", "if nothing is cropped", "border left", "lesion lost", "cut without a border")
    lines += ["", f"| border | {' | '.join(head)} |", "|---|" + "---:|" * len(head)]
    for name, frame in {**borders, **{f"default, {kind}": one for kind, one in kinds.items()}}.items():
        shares = [f"{value:.3f}" if place < 2 else f"{value:.1%}" for place, value in enumerate(astuple(frame))]
        lines.append(f"| {name} | {' | '.join(shares)} |")
    return "\n".join(lines)


def goals(hair: Mapping[tuple[int, str], Hair], borders: Mapping[str, Border]) -> list[Goal]:
    """That no other setting which finds enough hair harms a lesion less, and none fits the border better."""
    wrong: dict[str, list[float]] = {}
    for (_, name), one in hair.items():
        if min(one.recall, one.thick) >= ENOUGH:
            wrong.setdefault(name, []).append((one.hairy + one.bald) / 2)
    means = {name: float(np.mean(values)) for name, values in wrong.items() if len(values) == len(FINALS)}
    ours, default = named({}), borders[named({})]
    closest = max(borders, key=lambda name: borders[name].overlap)
    return [
        Goal(
            "Hair removal on phantoms: error in the lesion, mean of pictures with hair and without, of settings that "
            f"find {ENOUGH:.0%} of hair",
            "within 10 % of the best setting",
            f"{figure(means.get(ours, np.nan))} grey levels",
            means.get(ours, np.inf) <= 1.1 * min(means.values(), default=0),
            "; ".join(f"{name}: {figure(means[name])}" for name in sorted(means, key=means.__getitem__)[:3]),
        ),
        Goal(
            "Border cropping on phantoms: intersection over union of the crop and what is lit",
            "within 0.01 of the best setting",
            f"{default.overlap:.3f}",
            default.overlap >= borders[closest].overlap - 0.01,
            f"{closest}: {borders[closest].overlap:.3f}; nothing cropped: {default.untouched:.3f}",
        ),
    ]


def main() -> None:
    """Measures, prints, keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=60)
    parser.add_argument("--docs", type=Path, help="the document whose tables are replaced")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    drawn = Drawn(options.phantoms)
    hair: dict[tuple[int, str], Hair] = {}
    for final in FINALS:
        for changed in without_defaults(HAIR_SETTINGS):
            with settings(changed):
                hair[final, named(changed)] = one = drawn.hair(final)
            print(f"  to {final} px, {named(changed)}: {np.round(astuple(one), 2).tolist()}", flush=True)
    around = framed(2 * options.phantoms)
    borders: dict[str, Border] = {}
    for changed in without_defaults(BORDER_SETTINGS):
        with settings(changed):
            borders[named(changed)] = border(around, drawn.dark)
        print(f"  {named(changed)}: {np.round(astuple(borders[named(changed)]), 3).tolist()}", flush=True)
    kinds = {kind: border(framed(options.phantoms // 3, kind), drawn.dark) for kind in phantom.FRAMES}
    text = tables(hair, borders, kinds)
    print(f"\n{text}")
    if options.docs:
        documents.replace(options.docs, MARK, text)
    report(
        __file__,
        "Error in the lesion by settings of hair removal, and fit of the crop, on phantoms.",
        [Row(f"to {final} px, {name}", round(one.hairy, 3), "grey levels") for (final, name), one in hair.items()],
        goals=goals(hair, borders),
        hair={f"{final} px, {name}": asdict(one) for (final, name), one in hair.items()},
        border={name: asdict(one) for name, one in borders.items()},
        border_by_kind={kind: asdict(one) for kind, one in kinds.items()},
    )


if __name__ == "__main__":
    main()
