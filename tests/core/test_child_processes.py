"""A child ends with its parent, however that one ended."""

import os
import pickle
import signal
import subprocess
import sys

import pytest

from skinexp.core.child_processes import environment

PATIENCE = 120  # seconds for a process on a busy machine
FOLLOWS = """
import os, time
from skinexp.core import child_processes
def on_object(found): 1 / found
child_processes.follow_objects(on_object, on_end=lambda: os._exit(3))
while True: time.sleep(1)
"""
LOSES_INTERRUPTS = """
import os, signal, time
from skinexp.core import child_processes
def interrupt(number, frame): raise KeyboardInterrupt
signal.signal(signal.SIGTERM, interrupt)
child_processes.end_within(1)
while True:
    try: os.kill(os.getpid(), signal.SIGTERM), time.sleep(1)
    except BaseException: pass
"""


def exit_code(program: str, received: bytes = b"") -> int:
    """How a child ends whose parent was killed when it had written so much."""
    command = [sys.executable, "-c", program]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
    child.communicate(received, timeout=PATIENCE)
    return child.returncode


WHOLE = pickle.dumps([b"chunk" * 100_000])
RECEIVED = {
    "nothing": b"",
    "a byte": WHOLE[:1],
    "a part": WHOLE[:100],
    "almost all": WHOLE[:-1],
    "one that is no chunk": pickle.dumps("x"),
    "one that it fails on": pickle.dumps(0),
    "no pickle": b"no",
}


@pytest.mark.parametrize("received", RECEIVED.values(), ids=RECEIVED)
def test_a_child_whose_parent_was_killed_ends_wherever_the_last_object_stops(received):
    assert exit_code(FOLLOWS, received) == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows has no alarm")
def test_a_child_that_loses_the_interrupt_is_ended_by_the_system():
    assert exit_code(LOSES_INTERRUPTS) == -signal.SIGALRM
