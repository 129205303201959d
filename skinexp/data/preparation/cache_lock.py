"""A lock for one entry of the cache: one job fills it, and others wait until it is filled."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from skinexp.core.errors import NO_ROOM, UserError
from skinexp.core.writable import why_unwritable

log = logging.getLogger(__name__)

PREPARED, FEATURES, LOCKS = FOLDERS = ("prepared", "features", "locks")  # of the cache


@contextmanager
def cache_lock(cache: Path, key: str, activity: str) -> Iterator[None]:
    """Holds the lock of a cache entry. Waits until no other job holds it; the system frees it if a job is killed.

    Args:
        cache: the directory of the cache.
        key: of the entry.
        activity: what a job does while it holds the lock, for the message to those who wait.

    Raises:
        UserError: if the cache cannot be written, here or while the lock is held.
    """
    with unwritable_as_user_error(cache):
        file = cache / LOCKS / f"{key}.lock"
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


@contextmanager
def unwritable_as_user_error(cache: Path) -> Iterator[None]:
    """Raises a UserError in place of the system's refusal to write into the cache; a full disk is another matter.

    Args:
        cache: the directory of the cache.
    """
    try:
        yield
    except NotImplementedError as error:  # what the lock raises
        raise _unwritable(cache, "its file system has no locks") from error
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        place = Path(str(error.filename or cache))
        if not _is_in_the_way(place, cache):
            raise
        raise _unwritable(place, error.strerror or str(error)) from error


def _is_in_the_way(place: Path, cache: Path) -> bool:
    """Returns whether a path is in the cache, or is a directory above it that may not exist yet."""
    return place.absolute().is_relative_to(cache.absolute()) or cache.absolute().is_relative_to(place.absolute())


def _unwritable(place: Path, reason: str) -> UserError:
    return UserError(
        f"data.cache: {place} cannot be written ({reason}), and the cache does not hold, undamaged, what this run "
        "needs. Make it writable, or name another directory: data.cache=<directory>"
    )


def disk_error(place: Path) -> UserError:
    """Returns the refusal of a disk that does not hold what was written to it."""
    return UserError(
        f"data.cache: {place} does not hold what was written to it just now. Its disk may be damaged: name a directory "
        "on another one, data.cache=<directory>"
    )


def require_usable(cache: Path) -> None:
    """Refuses a place that cannot be a cache, before anything slow; one that is read-only may be filled already.

    Args:
        cache: the directory of the cache; it may be absent.

    Raises:
        UserError: if it is a file, cannot be made, or is empty and cannot be written.
    """
    for place in (cache / name for name in FOLDERS):
        if os.path.lexists(place) and not place.is_dir():
            raise _unwritable(place, "it is a file")
    reason = why_unwritable(cache)
    if reason and not any((cache / name).is_dir() for name in FOLDERS):
        raise _unwritable(cache, reason)
