"""Everything random derives from one seed, by name: a draw added in one room changes no other room's draws."""

import zlib

import numpy as np


def rng(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """The generator of one named stream, e.g. `rng(seed, "augment", epoch)`."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *numbers])
