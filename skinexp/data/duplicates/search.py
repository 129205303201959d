"""The search for copies: equal files, equal pixels, then pairs that vectors propose and a comparison confirms."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from skinexp.data.duplicates import search_limits
from skinexp.data.duplicates.agreement import Picture, compare
from skinexp.data.duplicates.copy_pairs import NEAR, SAME_FILE, SAME_PIXELS, Pair, repeats, table
from skinexp.data.duplicates.nearest import Half, nearest
from skinexp.data.duplicates.relation import relation, swapped
from skinexp.data.duplicates.vectors import WIDTH, whitening
from skinexp.data.duplicates.views import Floats, Pixels, describe, resized, windows

T = TypeVar("T")
Read = Callable[[int], Pixels | None]
Progress = Callable[[str, int, int], None]  # what is being done, how many are done, of how many

SIDE = 96  # pixels of the grey copies that are compared
SAMPLE = 2_000  # images that say how much a set's images differ
CHUNK = 256  # items handed to the threads at a time
IN_MEMORY = 2**28  # bytes of grey copies; more of them lie in a temporary file


def find_duplicates(
    read: Read,
    sha256: Sequence[str],
    workers: int | None = None,
    progress: Progress | None = None,
    quick: bool = False,
) -> pd.DataFrame:
    """Finds pairs of images that show the same photograph.

    Images with equal bytes or pixels are paired with the first of them only, and only that one is compared with the
    rest of the set. `clusters` joins them all.

    Args:
        read: returns the (height, width, 3) uint8 RGB pixels at a position, or None if they cannot be read. It is
            called once for each position, from several threads at a time.
        sha256: SHA-256 of the file of each image.
        workers: number of threads; None: one per core.
        progress: is called with the stage, the number of images that are done, and the number of all.
        quick: whether to leave out crops and zooms, and to search less widely for other changes.

    Returns:
        One row per pair, with the columns of `COLUMNS`: `first` < `second` are positions in the given order; `kind` is
        one of `KINDS`; `relation` describes the change from the first to the second; `score` (0..1) is the agreement of
        their details.
    """
    tell = progress or (lambda stage, done, count: None)
    same_file = repeats(sha256, SAME_FILE)
    left = np.setdiff1d(np.arange(len(sha256)), [pair[1] for pair in same_file])
    with _threads(workers) as threads:
        seen = _look(read, left, not quick, threads, tell)
        same_pixels = repeats(seen.digests, SAME_PIXELS)
        readable = np.flatnonzero([digest is not None for digest in seen.digests])
        alone = np.setdiff1d(readable, [pair[1] for pair in same_pixels])
        near = list(_near(seen, alone, quick, threads, tell))
    placed = [
        (int(left[one]), int(left[other]), kind, words, score)
        for one, other, kind, words, score in [*same_pixels, *near]
    ]
    return table([*same_file, *placed])


@contextmanager
def _threads(workers: int | None) -> Iterator[ThreadPoolExecutor]:
    """Opens a pool of threads; meanwhile, OpenCV and BLAS use one thread each."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1), ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as threads:
            yield threads
    finally:
        cv2.setNumThreads(before)


@dataclass(frozen=True)
class _Seen:
    """What the search keeps of n images; rows of images that cannot be read have no meaning."""

    digests: list[str | None]  # of the pixels
    shapes: npt.NDArray[np.int64]  # (n, 2) height and width
    grey: npt.NDArray[np.uint8]  # (n, SIDE, SIDE)
    vectors: Half  # (n, windows, WIDTH)

    def picture(self, row: int) -> Picture:
        height, width = self.shapes[row]
        return Picture(self.grey[row].astype(np.float32), int(height), int(width))


def _look(
    read: Read, positions: npt.NDArray[np.int64], cuts: bool, threads: ThreadPoolExecutor, tell: Progress
) -> _Seen:
    """Reads each image once."""
    count, views = len(positions), len(windows(1, 1, cuts))
    seen = _Seen(
        [None] * count, np.zeros((count, 2), np.int64), _grey(count), np.zeros((count, views, WIDTH), np.float16)
    )

    def look(row: int) -> tuple[int, Floats | None]:
        image = read(int(positions[row]))
        if image is None:
            return row, None
        seen.digests[row] = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
        seen.shapes[row] = image.shape[:2]
        seen.grey[row] = resized(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), SIDE)
        return row, describe(image, cuts)

    sample = np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).astype(np.int64))
    waiting: dict[int, Floats] = {}  # until the sample is complete
    rest = np.setdiff1d(np.arange(count), sample)
    whiten = None
    for done, (row, described) in enumerate(_in_turn(threads, look, np.concatenate([sample, rest])), start=1):
        if described is not None:
            waiting[row] = described
        if done >= len(sample) and waiting:
            whiten = whiten or whitening(np.stack([vectors[0] for vectors in waiting.values()]))
            for place, vectors in waiting.items():
                seen.vectors[place] = whiten(vectors)
            waiting.clear()
        tell("looking at images", done, count)
    return seen


def _grey(count: int) -> npt.NDArray[np.uint8]:
    """(count, SIDE, SIDE) of room, in a file that goes away by itself where it is large."""
    shape = (count, SIDE, SIDE)
    if count * SIDE**2 <= IN_MEMORY:
        return np.zeros(shape, np.uint8)
    return np.memmap(tempfile.TemporaryFile(), np.uint8, "w+", shape=shape)


def _near(
    seen: _Seen, rows: npt.NDArray[np.int64], quick: bool, threads: ThreadPoolExecutor, tell: Progress
) -> Iterator[Pair]:
    """Pairs of rows that are proposed, and confirmed."""
    most = search_limits.QUICK_NEIGHBOURS if quick else search_limits.NEIGHBOURS
    farthest = search_limits.QUICK_FARTHEST if quick else search_limits.FARTHEST
    vectors = seen.vectors[rows] if len(rows) < len(seen.vectors) else seen.vectors
    one, other = nearest(vectors[:, 0], vectors, most, farthest, partial(tell, "proposing pairs"))
    pairs = list(zip(rows[one].tolist(), rows[other].tolist(), strict=True))

    def confirm(pair: tuple[int, int]) -> Pair | None:
        return _confirmed(seen, *pair, cuts=not quick)

    for done, confirmed in enumerate(_in_turn(threads, confirm, pairs)):
        if confirmed is not None:
            yield confirmed
        tell("comparing pairs", done + 1, len(pairs))


def _confirmed(seen: _Seen, first: int, second: int, cuts: bool) -> Pair | None:
    """The pair, where one of the two pictures lies on the other to the details."""
    pictures = seen.picture(first), seen.picture(second)
    distances = _distances(seen, first, second)
    for owner in np.argsort([each.min() for each in distances]):
        one, other = pictures[owner], pictures[1 - owner]
        window = windows(one.height, one.width, cuts)[int(distances[owner].argmin())]
        match = compare(one, window, other, windows(other.height, other.width, cuts)[0])
        if match is not None and match.convinces:
            match = match if owner == 0 else swapped(match)
            return first, second, NEAR, relation(*pictures, match), min(match.score, 1.0)
    return None


def _distances(seen: _Seen, first: int, second: int) -> tuple[Floats, Floats]:
    """From the first's windows to the second, and from the second's to the first."""
    one, other = seen.vectors[first].astype(np.float32), seen.vectors[second].astype(np.float32)
    return ((one - other[0]) ** 2).sum(axis=1), ((other - one[0]) ** 2).sum(axis=1)


def _in_turn(
    threads: ThreadPoolExecutor, function: Callable[[Any], T], items: Sequence[Any] | npt.NDArray[Any]
) -> Iterator[T]:
    """Yields results in order; at most a few hundred wait at a time."""
    for start in range(0, len(items), CHUNK):
        yield from threads.map(function, items[start : start + CHUNK])
