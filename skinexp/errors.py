"""The one kind of error that is the user's to mend."""

import errno

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of an OSError on a full disk, which becomes a UserError


class UserError(ValueError):
    """A mistake in what was asked for, in one sentence: which key or file, what was wrong, what to do.

    Commands print the sentence without a traceback and exit with code 2. Any other error is a failure of the run:
    its traceback goes to train.log, and the exit code is 1.
    """
