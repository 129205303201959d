"""A program that a command starts ends with the command, whatever ends that."""

import signal
import subprocess
import sys

import psutil
import pytest

from skinexp.core.child_processes import environment

PATIENCE = 120  # seconds for a process on a busy machine
GUARD = [sys.executable, "-P", "-m", "skinexp.core.guard"]


def started(program: str) -> subprocess.Popen[bytes]:
    """A guarded program of Python, which has printed its process id."""
    command = [*GUARD, sys.executable, "-u", "-c", f"import os; print(os.getpid()); {program}"]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), start_new_session=True
    )


def test_a_guarded_program_ends_with_the_parent_pipe():
    with started("import time; time.sleep(600)") as guard:
        assert guard.stdout is not None
        assert guard.stdin is not None
        program = psutil.Process(int(guard.stdout.readline()))
        guard.stdin.close()
        assert guard.wait(PATIENCE) == -signal.SIGTERM % 256
        assert not program.is_running()


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_the_programs(code):
    with started(f"raise SystemExit({code})") as guard:
        assert guard.wait(PATIENCE) == code
