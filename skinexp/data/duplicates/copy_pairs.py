"""Pairs of images that show the same photograph, and the clusters that they form."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

COLUMNS = ("first", "second", "kind", "relation", "score")
SAME_FILE, SAME_PIXELS, NEAR = KINDS = ("same file", "same pixels", "near-duplicate")

Pair = tuple[int, int, str, str, float]


def table(pairs: Iterable[Pair]) -> pd.DataFrame:
    """Returns pairs as a table with the columns of `COLUMNS`, sorted; `first` is less than `second`."""
    frame = pd.DataFrame(sorted(pairs), columns=list(COLUMNS))
    return frame.astype({"first": "int64", "second": "int64", "kind": "str", "relation": "str", "score": "float64"})


def repeats(digests: Sequence[str | None], kind: str) -> list[Pair]:
    """Returns pairs of positions whose digests are equal: each later position with the first, not all with all.

    Args:
        digests: one per position; None if a position has no digest.
        kind: of the pairs, one of `KINDS`.
    """
    first: dict[str, int] = {}
    return [
        (earlier, position, kind, kind, 1.0)
        for position, digest in enumerate(digests)
        if digest is not None and (earlier := first.setdefault(digest, position)) != position
    ]


def clusters(count: int, pairs: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Returns the cluster of each image: images that a chain of pairs connects have the same label.

    Args:
        count: number of images of the set.
        pairs: positions in the columns `first` and `second`.

    Returns:
        (count,) labels from 0 on, in the order in which clusters first appear; an image without a pair has its own.
    """
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    links = coo_matrix((np.ones(len(pairs), np.int8), (first, second)), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    _, seen, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(seen))[inverse].astype(np.int64)
