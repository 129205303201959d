"""A process that runs the command of another program, and ends it when the parent ends, for any reason.

    python -m skinexp.core.guard WORD ...

It is for programs that do not read the parent pipe; it has to lead the process group, with its parent pipe as its
standard input.
"""

import os
import signal
import subprocess
import sys
import time

from skinexp.core.child_processes import follow_parent

PATIENCE = 10  # seconds that the program may take to end


def main(words: list[str]) -> None:
    """Runs the command and ends with its exit code; SIGTERM is the command's business."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    follow_parent(lambda: None, on_end=_end_group)
    sys.exit(process.wait())


def _end_group() -> None:
    os.killpg(os.getpgrp(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
