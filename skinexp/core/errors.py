"""The error of a mistake that the user can correct."""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of an OSError on a full disk, which becomes a UserError
LISTED = 20  # lines of a list in a message
MISTAKEN = 2  # exit code of a command that met a UserError


class UserError(ValueError):
    """A mistake in a command, its options or its data, as one sentence: which key or file, what is wrong, what to do.

    Commands print the sentence without a traceback and exit with code 2. Any other error is a failure of the run:
    its traceback goes to train.log, and the exit code is 1.
    """


class StageError(RuntimeError):
    """A stage behind the training that failed, as a whole sentence: what is missing, and why."""


def is_disk_full(error: BaseException) -> bool:
    """Returns whether a disk without room caused an error, in whatever type a library puts it."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return True
    return any(os.strerror(number) in str(error) for number in NO_ROOM)


@contextmanager
def disk_full_as_user_error(directory: Path, remedy: str) -> Iterator[None]:
    """Raises a UserError in place of any other error that a disk without room causes.

    Args:
        directory: on the disk, which the message names.
        remedy: what to do once there is room, for example `resume with resume=DIRECTORY`.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, UserError) or not is_disk_full(error):
            raise
        raise UserError(f"{directory}: the disk is full. Free some space, then {remedy}") from error


def sentence_of(error: BaseException) -> str:
    """Returns an error in one line: the sentence of a UserError, the type and the text of another one."""
    if is_disk_full(error) or (error.__cause__ is not None and is_disk_full(error.__cause__)):
        return "the disk is full"
    if isinstance(error, UserError):
        return str(error)
    return f"{type(error).__name__}: {error}".strip().partition("\n")[0].removesuffix(":")


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Prints a UserError as its sentence on stderr and ends the process with exit code 2."""
    try:
        yield
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(MISTAKEN)


def listed(items: Sequence[str]) -> str:
    """Returns indented lines for a message: the first items, and the number of further ones."""
    lines = [f"  {item}" for item in items[:LISTED]]
    return "\n".join([*lines, f"  and {len(items) - LISTED} more"] if len(items) > LISTED else lines)
