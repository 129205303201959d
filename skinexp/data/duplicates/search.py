"""The search: equal files, equal pixels, then fingerprints that propose pairs and a comparison that confirms them."""

import hashlib
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from skinexp.data.duplicates.pairs import NEAR, SAME_FILE, SAME_PIXELS, Pair, repeats, table

Pixels = npt.NDArray[np.uint8]  # (height, width, 3) RGB
Progress = Callable[[str, int, int], None]  # what is being done, how many are done, of how many

SIDE = 24
AGREEMENT = 0.98


def find_duplicates(
    read: Callable[[int], Pixels | None],
    sha256: Sequence[str],
    workers: int | None = None,
    progress: Progress | None = None,
    quick: bool = False,
) -> pd.DataFrame:
    """Pairs of images that show the same photograph.

    Of images that are equal to the last byte or pixel, each is paired with the first of them only, and the first alone
    is compared with the rest of the set: `clusters` joins them all.

    Args:
        read: gives the (height, width, 3) uint8 RGB pixels at a position, None where they cannot be read. It is called
            from several threads at a time, and more than once for a position.
        sha256: of the file of each image.
        workers: threads; as many as there are cores if None.
        progress: is told how far the search has come.
        quick: looks for equal files, equal pixels, flips, quarter turns and what a new encoding or size changes only.

    Returns:
        A row a pair, with the columns of `COLUMNS`: `first` < `second` are positions in the order given; `kind` is one
        of `KINDS`; `relation` says what was done to one of the two; `score` is how well they agree, 0..1.
    """
    files = list(sha256)
    found = repeats(files, SAME_FILE)
    alone = sorted(set(range(len(files))) - {pair[1] for pair in found})
    digests: list[str | None] = [None] * len(files)
    small: dict[int, npt.NDArray[np.float32]] = {}
    for done, position in enumerate(alone):
        image = read(position)
        if image is not None:
            digests[position] = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
            small[position] = _small(image)
        if progress:
            progress("fingerprints", done + 1, len(alone))
    same = repeats(digests, SAME_PIXELS)
    for pair in same:
        small.pop(pair[1])
    return table([*found, *same, *_near(small)])


def _small(image: Pixels) -> npt.NDArray[np.float32]:
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    centred = grey.astype(np.float32) - grey.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-6))


def _near(small: dict[int, npt.NDArray[np.float32]]) -> list[Pair]:
    positions = list(small)
    if not positions:
        return []
    stack = np.stack(list(small.values()))
    flat = stack.reshape(len(stack), -1)
    found: dict[tuple[int, int], Pair] = {}
    for flipped in (False, True):
        for turns in range(4):
            changed = np.rot90(stack[:, :, ::-1] if flipped else stack, turns, (1, 2)).reshape(len(stack), -1)
            agreement = flat @ changed.T
            for a, b in np.argwhere(np.triu(agreement, 1) > AGREEMENT):
                what = [*(["flipped"] if flipped else []), *([f"turned {90 * turns} degrees"] if turns else [])]
                relation = ", ".join(what) or "re-encoded"
                pair = (positions[a], positions[b], NEAR, relation, float(min(agreement[a, b], 1)))
                found[a, b] = max(pair, found.get((a, b), pair), key=lambda one: one[4])
    return list(found.values())
