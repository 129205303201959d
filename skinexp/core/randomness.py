"""Random streams by name, all derived from one seed: a new draw in one stream changes no other stream."""

import zlib

import numpy as np


def rng(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """Returns the generator of one named stream, e.g. `rng(seed, "augment", epoch)`."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *numbers])
