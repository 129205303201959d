"""Claim: images are prepared at no less than 80 % of the speed of plain OpenCV loops, in memory that does not grow.

    python benchmarks/preparing.py [--images DIRECTORY] [--size 224] [--workers 2] [--memory 500 4000]

Each contestant decodes, crops the black border, removes hair and resizes the same JPEG files in the same number of
processes, and leaves one .npy file; the plain ones are what somebody would write in an afternoon. The floor is decoding
and resizing alone. Without `--images`, generated pictures of 450 and of 180 px are drawn. `--memory 1000 100000` shows
the peak at a hundred thousand (files are repeated); `--memory` alone leaves it out. Starting processes and putting the
file on the disk are in the time. Two minutes on two cores.
"""

import argparse
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import photographs
from measure import Goal, Row, at_least, in_fresh_process, in_turns, medians, peak_memory, report

from skinexp.config.schema import Data, Preprocess
from skinexp.data.image_readers import FileReader
from skinexp.data.preparation import image_cache
from skinexp.data.table import Table

SIDES = (450, 180)  # of the pictures that are drawn
DRAWN = 100  # of each
CHUNK = 16  # images a task of the plain loops
FLAT = 1.1  # times the memory of the smaller number of images that the larger may take

AFTER = "plain OpenCV, hair removed after resizing"
BEFORE = "plain OpenCV, hair removed before resizing"
LEFT = "plain OpenCV, hair left"
FLOOR = "decoding and resizing alone"


def plain(file: str, size: int, hair: str | None) -> np.ndarray:
    """One image as a notebook prepares it; hair is removed `before` resizing or `after` it."""
    image = cv2.imread(file)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    left, top, width, height = cv2.boundingRect(cv2.threshold(grey, 30, 255, cv2.THRESH_BINARY)[1])
    image = image[top : top + height, left : left + width]
    if hair == "before":
        image = dull_razor(image)
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    if hair == "after":
        image = dull_razor(image)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def dull_razor(image: np.ndarray) -> np.ndarray:
    """The lines that notebooks share."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    black_hat = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_CROSS, (9, 9)))
    mask = cv2.threshold(black_hat, 10, 255, cv2.THRESH_BINARY)[1]
    return cv2.inpaint(image, cv2.dilate(mask, np.ones((3, 3), np.uint8)), 1, cv2.INPAINT_TELEA)


def floor(file: str, size: int) -> np.ndarray:
    """Nothing but decoding and resizing."""
    image = cv2.resize(cv2.imread(file), (size, size), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def in_pool(function: Callable[[str], np.ndarray], files: Sequence[str], processes: int, directory: Path) -> None:
    """All files, as somebody would."""
    with multiprocessing.Pool(processes, cv2.setNumThreads, (1,)) as pool:
        images = pool.map(function, files, CHUNK)
    np.save(directory / "plain.npy", np.stack(images))


def prepare(table: Table, options: Data, directory: Path) -> None:
    """All files with skinexp, into a fresh cache."""
    image_cache.prepare(table, replace(options, cache=str(directory / "cache")))
    shutil.rmtree(directory / "cache")


def contestants(table: Table, options: Data, directory: Path) -> dict[str, Callable[[], None]]:
    """Who takes part, by name."""
    files, size, processes = table.frame["path"].tolist(), options.preprocess.size, options.workers
    hairy = replace(options, preprocess=replace(options.preprocess, remove_hair=False))
    loops = {
        AFTER: partial(plain, size=size, hair="after"),
        BEFORE: partial(plain, size=size, hair="before"),
        LEFT: partial(plain, size=size, hair=None),
        FLOOR: partial(floor, size=size),
    }
    return {
        "skinexp": partial(prepare, table, options, directory),
        "skinexp, hair left": partial(prepare, table, hairy, directory),
        **{name: partial(in_pool, loop, files, processes, directory) for name, loop in loops.items()},
    }


def table_of(directory: Path, count: int) -> Table:
    """So many images: the JPEG files of a directory, over and over."""
    files = sorted(directory.rglob("*.jpg"))
    numbers = np.arange(count) % len(files)
    paths = [str(files[number]) for number in numbers]
    frame = pd.DataFrame({"path": paths, "sha256": paths, "position": numbers})  # labels do not matter here
    return Table(
        directory.name, frame, FileReader(directory, tuple(str(file.relative_to(directory)) for file in files))
    )


def rates(directory: Path, kind: str, options: argparse.Namespace, place: Path) -> list[Row]:
    """Images a second of all contestants over one kind of picture."""
    print(f"{kind}: {options.count} images, {options.runs + 1} rounds", flush=True)
    taking_part = contestants(table_of(directory, options.count), data_of(options), place)
    seconds = medians(in_turns(taking_part, options.runs))
    return [Row(f"{name}, {kind}", options.count / value, "images a second") for name, value in seconds.items()]


def speed_goal(rows: Sequence[Row], kind: str) -> Goal:
    """What was asked for of the speed."""
    what = f"Preparing images ({kind}): decode, crop, remove hair, resize"
    beside = [f"{name}, {kind}" for name in (BEFORE, FLOOR)]
    return at_least(0.8, f"{AFTER}, {kind}", f"skinexp, {kind}", rows, what, beside)


def peak(directory: Path, place: Path, name: str, options: argparse.Namespace, count: int) -> float:
    """Peak megabytes of one contestant over so many images, beyond what the process held before."""
    contestant = contestants(table_of(directory, count), data_of(options), place)[name]
    with peak_memory() as memory:
        contestant()
    return memory.megabytes


def memory_goal(directory: Path, options: argparse.Namespace, place: Path) -> tuple[list[Row], Goal]:
    """Peak memory at several numbers of images, and what was asked for of it."""
    rows, peaks = [], {}
    for name in ("skinexp", LEFT):
        for count in options.memory:
            peaks[name, count] = in_fresh_process(peak, directory, place, name, options, count)
            rows.append(Row(f"peak memory, {name}, {count:,} images", peaks[name, count], "MB"))
            print(f"  {rows[-1].name}: {rows[-1]}", flush=True)
    few, many = (peaks["skinexp", count] for count in (min(options.memory), max(options.memory)))
    what = f"Memory of preparing {max(options.memory):,} images instead of {min(options.memory):,}"
    peers = "; ".join(f"{row.name.removeprefix('peak memory, ')}: {row}" for row in rows if LEFT in row.name)
    return rows, Goal(what, "no more", f"{many:.0f} MB instead of {few:.0f}", many <= FLAT * few, peers)


def data_of(options: argparse.Namespace) -> Data:
    """Options of skinexp."""
    return Data(workers=options.workers, preprocess=Preprocess(size=options.size))


def main() -> None:
    """Measures, prints, keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a directory of JPEG files")
    parser.add_argument("--size", type=int, default=224, help="pixels a side of the result")
    parser.add_argument("--count", type=int, default=800, help="images a contestant and round")
    parser.add_argument("--runs", type=int, default=3, help="rounds that count")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument(
        "--memory", type=int, nargs="*", default=(500, 4_000), help="numbers of images; none: no memory"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        if options.images:
            kinds = {options.images.name: options.images}
        else:
            kinds = {f"{side} px": photographs.draw(place / str(side), DRAWN, side) for side in SIDES}
        rows: list[Row] = []
        goals: list[Goal] = []
        for kind, directory in kinds.items():
            rows += rates(directory, kind, options, place)
            goals.append(speed_goal(rows, kind))
        if options.memory:
            measured, goal = memory_goal(directory, options, place)
            rows, goals = [*rows, *measured], [*goals, goal]
    claim = "Images prepared by as many processes, at least 0.8 times as fast as plain OpenCV loops; in flat memory."
    report(__file__, claim, rows, goals=goals, size=options.size, workers=options.workers, count=options.count)


if __name__ == "__main__":
    main()
