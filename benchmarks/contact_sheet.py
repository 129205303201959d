"""Phantoms to look at, beside photographs where they are at hand.

    python benchmarks/contact_sheet.py                                          # docs/images/phantoms.png
    python benchmarks/contact_sheet.py --photographs DIRECTORY --out SHEET.png  # photographs below them
    python benchmarks/contact_sheet.py --cells 110 --out SHEET.png data.phantom.photographs=11 data.phantom.hair=1

It measures nothing. Photographs may not be ours to publish: the sheet in docs/ shows none.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from skinexp.config import compose, schema
from skinexp.data import phantom
from skinexp.data.preparation import preprocess

SIDE, GAP, COLUMNS = 128, 4, 11  # pixels of a cell, pixels between cells, cells a row
SEED = 2


def options_of(overrides: list[str]) -> schema.Phantom:
    """The options of phantoms that a training with these overrides would draw."""
    return compose([*overrides, f"data.phantom.size={SIDE}"]).data.phantom


def photographs(directory: Path, count: int) -> list[np.ndarray]:
    """Some of a directory's photographs, cut to a square."""
    files = sorted(directory.rglob("*.jpg"))
    cells = []
    for place in np.random.default_rng(SEED).permutation(len(files))[:count]:
        picture = preprocess.decode(files[place].read_bytes())
        side = min(picture.shape[:2])
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        cells.append(preprocess.resized(picture[top : top + side, left : left + side], SIDE, SIDE))
    return cells


def sheet(cells: list[np.ndarray]) -> np.ndarray:
    """Pictures in rows, on white."""
    framed = [cv2.copyMakeBorder(cell, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=(255, 255, 255)) for cell in cells]
    framed += [np.full_like(framed[0], 255)] * (-len(framed) % COLUMNS)
    rows = [np.hstack(framed[start : start + COLUMNS]) for start in range(0, len(framed), COLUMNS)]
    return np.vstack(rows)[:-GAP, :-GAP]


def main() -> None:
    """Draws the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="as of a training: data.phantom.KEY=VALUE")
    parser.add_argument("--cells", type=int, default=3 * COLUMNS, help="phantoms")
    parser.add_argument(
        "--photographs", type=Path, help="a directory of photographs (JPEG), as many of which are added"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "images" / "phantoms.png")
    arguments = parser.parse_args()
    options = options_of(arguments.overrides)
    cells = [phantom.render(SEED, index, options).image for index in range(arguments.cells)]
    if arguments.photographs:
        cells += photographs(arguments.photographs, arguments.cells)
    cv2.imwrite(str(arguments.out), cv2.cvtColor(sheet(cells), cv2.COLOR_RGB2BGR))
    print(arguments.out)


if __name__ == "__main__":
    main()
