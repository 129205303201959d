"""The share of a machine for each of several jobs that run at once: its GPU and its CPU cores."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import joblib


@dataclass(frozen=True)
class Places:
    """The places for jobs that run at once.

    Attributes:
        count: how many there are.
        cards: GPUs, as CUDA_VISIBLE_DEVICES names them.
    """

    count: int
    cards: Sequence[str] = ()

    def gpu_variables(self, place: int) -> dict[str, str]:
        """Returns the environment that gives a job its GPU, if there are several, and shares it if jobs must."""
        own = {"CUDA_VISIBLE_DEVICES": self.cards[place % len(self.cards)]} if len(self.cards) > 1 else {}
        shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} if self.cards and self.count > len(self.cards) else {}
        return own | shared

    def cores(self, place: int) -> tuple[int, ...]:
        """Returns the CPU cores of one place; empty: all of them.

        Each place has as many, or one that others have too if there are more places than cores.
        """
        if self.count == 1 or not hasattr(os, "sched_getaffinity"):
            return ()
        cores = sorted(os.sched_getaffinity(0))[: joblib.cpu_count()]
        return tuple(cores[place :: self.count]) or (cores[place % len(cores)],)
