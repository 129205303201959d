"""One job at a time fills a place in the cache; others that need the same wait, and then find it filled."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)


@contextmanager
def alone(cache: Path, key: str, what: str) -> Iterator[None]:
    """Waits until no other job holds the lock of that key. The system frees the lock of a job that was killed.

    Args:
        what: the other job does meanwhile, for the person who waits.
    """
    file = cache / "locks" / f"{key}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.info("Waiting   for another job, which %s", what)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
