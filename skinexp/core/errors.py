"""The error of a mistake that the user can correct."""

import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of an OSError on a full disk, which becomes a UserError
LISTED = 20  # lines of a list in a message
MISTAKEN = 2  # exit code of a command that met a UserError


class UserError(ValueError):
    """A mistake in a command, its options or its data, as one sentence: which key or file, what is wrong, what to do.

    Commands print the sentence without a traceback and exit with code 2. Any other error is a failure of the run:
    its traceback goes to train.log, and the exit code is 1.
    """


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
