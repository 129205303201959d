"""Approximate nearest-neighbour search among windows of images, at a cost that grows little faster than the set.

Vectors are sorted into cells around centres. An image is compared with the vectors in the cells nearest to it. The
number of cells grows with the set, so that their size stays the same. Centres are found in two steps, a coarse one
and a fine one, as in inverted-file indices (Jégou, Douze & Schmid, IEEE TPAMI 33, 2011).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix

from skinexp.data.duplicates.views import Floats

Half = npt.NDArray[np.float16]
Integers = npt.NDArray[np.int64]

PER_CELL = 150  # images
VISITED = 5  # cells, of each image
COARSE_VISITED = 3
ITERATIONS = 4  # of k-means
SAMPLE = 16  # vectors a centre that k-means sees
BLOCK = 2**21  # distances at a time


def nearest(
    queries: Half, candidates: Half, most: int, farthest: float, done: Callable[[int, int], None] | None = None
) -> tuple[Integers, Integers]:
    """Returns, for each image, the other images that have the most similar windows.

    Args:
        queries: (n, d) one query vector per image.
        candidates: (n, w, d) the vectors of w windows per image, among which the queries search.
        most: largest number of images per query.
        farthest: largest distance.
        done: is called with the number of cells that have been searched, and the number of all.

    Returns:
        Two arrays of positions, the lower of a pair and the higher; no pair twice.
    """
    if not len(queries):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    cells = _Cells(queries, max(1, len(queries) // PER_CELL))
    homes = _grouped(cells.of(candidates.reshape(-1, candidates.shape[-1]), 1)[:, 0], cells.count)
    visits = _grouped(cells.of(queries, VISITED).ravel(), cells.count)
    found = []
    for number, (visitors, entries) in enumerate(zip(visits, homes, strict=True)):
        found.append(_within(queries, candidates, visitors // VISITED, entries, most, farthest))
        if done:
            done(number + 1, cells.count)
    one, other, distance = (np.concatenate(each) for each in zip(*found, strict=True))
    return _best(one, other, distance, most)


class _Cells:
    """Cells around centres in two levels, coarse and fine."""

    def __init__(self, vectors: Half, count: int) -> None:
        chosen = np.random.default_rng(0).permutation(len(vectors))[: SAMPLE * count]
        sample = vectors[np.sort(chosen)].astype(np.float32)
        self.coarse = _centres(sample, round(count**0.5))
        home = _closest(_products(sample, self.coarse), 1)[:, 0]
        members = [sample[home == number] for number in range(len(self.coarse))]
        fine = [_centres(each, max(1, round(count * len(each) / len(sample)))) for each in members]
        self.widest = max(map(len, fine))
        self.starts = np.cumsum([0, *map(len, fine)])
        self.count = int(self.starts[-1])
        self.fine = fine

    def of(self, vectors: Half, most: int) -> Integers:
        """Returns (n, most) numbers of the nearest cells, -1 if there are fewer."""
        near = min(COARSE_VISITED, len(self.coarse))
        block = max(1, BLOCK // max(len(self.coarse), near * self.widest))
        found = np.full((len(vectors), most), -1)
        for start in range(0, len(vectors), block):
            rows = slice(start, start + block)
            numbers = self._of(vectors[rows].astype(np.float32), most, near)
            found[rows, : numbers.shape[1]] = numbers
        return found

    def _of(self, vectors: Floats, most: int, near: int) -> Integers:
        coarse = _closest(_products(vectors, self.coarse), near)
        distances = np.full((len(vectors), near, self.widest), np.inf, np.float32)
        for number, centres in enumerate(self.fine):
            rows, slots = np.nonzero(coarse == number)
            distances[rows, slots, : len(centres)] = _products(vectors[rows], centres)
        flat = distances.reshape(len(vectors), -1)
        places = _closest(flat, min(most, flat.shape[1]))
        numbers = self.starts[np.take_along_axis(coarse, places // self.widest, axis=1)] + places % self.widest
        return np.where(np.isfinite(np.take_along_axis(flat, places, axis=1)), numbers, -1)


def _centres(vectors: Floats, count: int) -> Floats:
    """Returns k-means centres; the first are vectors, and one that loses all of its vectors is not moved."""
    centres = vectors[np.random.default_rng(1).permutation(len(vectors))[:count]]
    for _ in range(ITERATIONS if len(centres) > 1 else 0):
        home = _closest(_products(vectors, centres), 1)[:, 0]
        members = coo_matrix((np.ones(len(home), np.float32), (home, np.arange(len(home)))), (len(centres), len(home)))
        counts = np.bincount(home, minlength=len(centres))[:, None]
        centres = np.where(counts > 0, members.tocsr() @ vectors / np.maximum(counts, 1), centres).astype(np.float32)
    return centres


def _products(vectors: Floats, centres: Floats) -> Floats:
    """Returns squared distances, without the squared length of the vector itself."""
    return np.asarray((centres**2).sum(axis=1) - 2 * (vectors @ centres.T))


def _closest(distances: Floats, most: int) -> Integers:
    """Returns (n, most) columns of the smallest values in each row, in no order."""
    if most == 1:
        return distances.argmin(axis=1)[:, None]
    if most >= distances.shape[1]:
        return np.tile(np.arange(distances.shape[1]), (len(distances), 1))
    return np.argpartition(distances, most - 1, axis=1)[:, :most]


def _grouped(numbers: Integers, count: int) -> list[Integers]:
    """Returns, for each number from 0 to count - 1, its positions in order."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.searchsorted(numbers[order], np.arange(count)))[1:]


def _within(
    queries: Half, candidates: Half, images: Integers, entries: Integers, most: int, farthest: float
) -> tuple[Integers, Integers, Floats]:
    """Returns pairs in one cell: images that search it and images with a window in it, with their distance."""
    if not len(entries) or not len(images):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    owners, first = np.unique(entries // candidates.shape[1], return_index=True)  # entries are in order
    vectors = candidates.reshape(-1, candidates.shape[-1])[entries].astype(np.float32)
    lengths = (vectors**2).sum(axis=1)
    found = []
    for start in range(0, len(images), max(1, BLOCK // len(entries))):
        block = images[start : start + max(1, BLOCK // len(entries))]
        seen = queries[block].astype(np.float32)
        distances = np.minimum.reduceat(lengths - 2 * (seen @ vectors.T), first, axis=1)
        distances += (seen**2).sum(axis=1)[:, None]
        distances[block[:, None] == owners] = np.inf
        columns = _closest(distances, most)
        distances = np.take_along_axis(distances, columns, axis=1)
        rows, places = np.nonzero(distances <= farthest**2)
        found.append((block[rows], owners[columns[rows, places]], distances[rows, places]))
    one, other, distance = (np.concatenate(each) for each in zip(*found, strict=True))
    return one, other, distance


def _best(one: Integers, other: Integers, distance: Floats, most: int) -> tuple[Integers, Integers]:
    """Returns the nearest `most` of each image, each pair once, at its smaller distance."""
    order = np.lexsort((distance, other, one))
    order = order[
        np.diff(one[order] * (other.max(initial=0) + 1) + other[order], prepend=-1) != 0
    ]  # of many windows, one
    order = order[np.lexsort((distance[order], one[order]))]
    starts = np.flatnonzero(np.diff(one[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    order = order[rank < most]
    low, high = np.minimum(one[order], other[order]), np.maximum(one[order], other[order])
    nearer_first = np.lexsort((distance[order], high, low))
    pair = np.stack([low, high])[:, nearer_first]
    kept = order[nearer_first][(np.diff(pair, prepend=-1) != 0).any(axis=0)]
    return np.minimum(one[kept], other[kept]), np.maximum(one[kept], other[kept])
