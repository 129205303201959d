"""The state of one command from its start to its exit code: the directory that it resumes, its place, its failures."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from filelock import BaseFileLock

from skinexp.core.errors import MISTAKEN, StageError, UserError

log = logging.getLogger(__name__)

FAILED, INTERRUPTED = 1, 130  # exit codes: something broke; stopped from outside, as shells have it


@dataclass
class Invocation:
    """The state of one command.

    Attributes:
        resumed: directory that the command resumes; None: it begins anew.
        place: directory of the current run or sweep, for the advice when the command is stopped.
        exit_codes: of the jobs of this process that failed.
        held: locks of the directories that the command works in; they end with the process.
    """

    resumed: Path | None = None
    place: Path | None = None
    exit_codes: list[int] = field(default_factory=list)
    held: list[BaseFileLock] = field(default_factory=list)
    _endings: list[Callable[[str], None]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0, or the most severe exit code of the jobs: a failure (1) before a mistake (2)."""
        return min(self.exit_codes, default=0)

    def at_end(self, ending: Callable[[str], None]) -> None:
        """Registers a function that is called once when the command ends, with `finished`, `failed` or `killed`."""
        self._endings.append(ending)

    def end(self, status: str) -> None:
        """Calls the registered functions; a second call has no effect."""
        while self._endings:
            self._endings.pop()(status)


_current = Invocation()


def current() -> Invocation:
    """Returns the command of this process: Hydra calls jobs and callbacks without arguments."""
    return _current


def begin(resumed: Path | None = None) -> Invocation:
    """Begins a command in this process."""
    global _current
    _current = Invocation(resumed)
    return _current


def exit_code_of(error: str) -> int:
    """Returns the exit code of a run that did not finish, from the error in its result.json."""
    return MISTAKEN if error.startswith(UserError.__name__) else FAILED


@contextmanager
def log_failure(file: Path) -> Iterator[None]:
    """Logs an error instead of raising it: the terminal shows one sentence, the log file holds the traceback.

    The error determines the exit code of the command.
    """
    try:
        yield
    except UserError as error:
        log.error("%s", error)
        current().exit_codes.append(MISTAKEN)
    except Exception as error:
        named = "" if isinstance(error, StageError) else f"{type(error).__name__}: "
        log.error("%s%s (the traceback is in %s)", named, error, file.name)
        logging.getLogger().error("", exc_info=True)  # the root logger writes to the log file alone
        current().exit_codes.append(FAILED)


def stop_at_once(words: str) -> NoReturn:
    """Ends the process after Ctrl-C without cleanup, because interrupted threads would print errors otherwise."""
    print(words, file=sys.stderr)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(INTERRUPTED)
