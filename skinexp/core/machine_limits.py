"""What the machine must allow before a command begins: a clock that is set, and enough processes and open files.

Each of these would end a command later, after hours, in a library's own words.
"""

import os
import time

import psutil

from skinexp.core.errors import UserError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

EARLIEST_YEAR = 1980  # that a model's file, which is a ZIP archive, can be dated
OPEN_FILES = 128  # of one process: libraries, figures, the store, and pipes to other processes
THREADS, THREADS_PER_CORE = 64, 4  # that a run and its uploader start, beside what the user's programs have
MANY_THREADS = 4096  # a limit that needs no look at what runs: that takes a while on a machine with many programs


def require_machine() -> None:
    """Refuses a machine on which no run can come to its end.

    Raises:
        UserError: with the limit, and how to raise it.
    """
    _require_clock()
    if resource is not None:
        _require_open_files()
        _require_threads()


def _require_clock() -> None:
    today = time.localtime()
    if today.tm_year < EARLIEST_YEAR:
        raise UserError(
            f"the clock of this machine says {time.strftime('%Y-%m-%d', today)}: the file of a network cannot be dated "
            f"before {EARLIEST_YEAR}. Set the clock, then run the command again"
        )


def _require_open_files() -> None:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < OPEN_FILES:
        raise UserError(
            f"the limit of open files is too low: a run needs {OPEN_FILES}. Raise it in this shell: ulimit -n 1024. "
            f"Received: {allowed}"
        )


def _require_threads() -> None:
    """Compares the limit, which counts threads, with those of all programs of the user; root has no limit."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    needed = THREADS + THREADS_PER_CORE * (os.cpu_count() or 1)
    if allowed == resource.RLIM_INFINITY or os.getuid() == 0 or allowed >= MANY_THREADS:
        return
    if (used := _threads_of_user()) + needed > allowed:
        raise UserError(
            f"the limit of processes is too low: a run starts about {needed} threads, and the programs of this user "
            f"have {used:,}. Raise it in this shell: ulimit -u {used + 2 * needed}. Received: {allowed}"
        )


def _threads_of_user() -> int:
    running = psutil.process_iter(["uids", "num_threads"])
    owned = [process.info for process in running if process.info["uids"] and process.info["uids"].real == os.getuid()]
    return sum(info["num_threads"] or 0 for info in owned)
