"""A lock for one entry of the cache: one job fills it, and others wait until it is filled."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)


@contextmanager
def cache_lock(cache: Path, key: str, activity: str) -> Iterator[None]:
    """Holds the lock of a cache entry. Waits until no other job holds it; the system frees it if a job is killed.

    Args:
        cache: the directory of the cache.
        key: of the entry.
        activity: what a job does while it holds the lock, for the message to those who wait.
    """
    file = cache / "locks" / f"{key}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.info("Waiting   for another job, which %s", activity)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
