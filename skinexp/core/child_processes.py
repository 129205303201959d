"""Both ends of the pipes between this process and the Python processes that it starts.

A child imports the same packages as its parent, ignores Ctrl-C, and ends with its parent. Its standard input is the
parent pipe: the pipe's end means that the parent has ended, for any reason. Its replies go through its standard
output, which is kept for them: anything that a library prints there goes to standard error.

`multiprocessing` is not used: its processes import the parent's main module again, with all that it imports, and stay
behind when the parent is killed.
"""

import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from skinexp.core.errors import UserError

LIMITS = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)  # of an OSError, if a limit of the system is reached


def environment() -> dict[str, str]:
    """Returns the environment in which a child imports what this process would, and nothing of the working directory.

    The same holds for the processes that the child starts.
    """
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


class ChildProcess:
    """The parent's end: `python -m MODULE ARGUMENTS` with a pipe to its input and one from its output."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        errors: Path | None = None,
        variables: Mapping[str, str] | None = None,
        option: str = "",
    ) -> None:
        """Starts the process, outside this process's group: signals to the group are the parent's business.

        Args:
            errors: file that takes the child's standard error; None: this process's own.
            variables: environment variables that the child has beside the parent's.
            option: that makes do with fewer processes, such as `data.workers=1`, for the message.

        Raises:
            UserError: if the system starts no more processes.
        """
        with _limits_as_user_error(option), (errors or Path(os.devnull)).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],  # -P: nothing of the working directory is imported
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log if errors is not None else None,
                env=environment() | dict(variables or {}),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """Exit code; negative: the signal that ended it; None before the end."""
        return self._process.poll()

    @property
    def answers(self) -> IO[bytes]:
        """The child's replies, as a stream of bytes that ends with the child."""
        if self._process.stdout is None:
            raise RuntimeError("a child process without pipes")
        return self._process.stdout

    def send(self, data: bytes) -> None:
        """Writes to the child's input.

        Raises:
            BrokenPipeError: if the child has ended.
        """
        if self._process.stdin is None:
            raise RuntimeError("a child process without pipes")
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def end_input(self) -> None:
        """Closes the parent pipe; the child then ends by itself."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self, seconds: float | None = None) -> int:
        """Returns the exit code.

        Raises:
            subprocess.TimeoutExpired: if the child has not ended after so many seconds.
        """
        return self._process.wait(seconds)

    def kill(self) -> None:
        """Kills the child and waits for its end."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Closes both pipes."""
        self.end_input()
        with suppress(BrokenPipeError):
            self.answers.close()


@contextmanager
def _limits_as_user_error(option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in LIMITS:
            raise
        key, fewer = (f"{option.partition('=')[0]}: ", f", or use {option}") if option else ("", "")
        raise UserError(
            f"{key}the system starts no more processes: {error.strerror}. Raise its limits (ulimit -u for processes, "
            f"ulimit -n for open files){fewer}"
        ) from error


def open_answers() -> IO[bytes]:
    """Returns the stream of the child's replies; other output to standard output goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def ignore_interrupts() -> None:
    """Ignores Ctrl-C, which reaches all processes of the group; the parent handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def follow_parent(on_data: Callable[[], None], on_end: Callable[[], None]) -> None:
    """Calls `on_data`, in a thread, whenever the parent has written, and `on_end` when the parent has ended.

    `on_end` is called whatever happens: a process that no longer follows its parent would stay behind.
    """
    _in_thread(_bytes(), lambda data: on_data(), on_end)


def follow_objects(on_object: Callable[[Any], None], on_end: Callable[[], None]) -> None:
    """Calls `on_object`, in a thread, with each pickled object from the parent, and `on_end` when it has ended."""
    _in_thread(_objects(), on_object, on_end)


def end_within(seconds: int) -> None:
    """Ends this process after some seconds, if it is still there then, whatever holds it up.

    The operating system does it: Python code would not run while a library computes.
    """
    if hasattr(signal, "alarm"):  # not on Windows
        signal.alarm(seconds)


def receive_object() -> Any:
    """Returns the next pickled object that the parent sent."""
    return pickle.load(sys.stdin.buffer)


def _in_thread(messages: Iterator[Any], on_message: Callable[[Any], None], on_end: Callable[[], None]) -> None:
    def follow() -> None:
        try:
            for message in messages:
                on_message(message)
        finally:
            on_end()

    threading.Thread(target=follow, daemon=True).start()


def _bytes() -> Iterator[bytes]:
    while data := os.read(sys.stdin.fileno(), 4096):
        yield data


def _objects() -> Iterator[Any]:
    with suppress(EOFError, pickle.UnpicklingError):  # the parent was killed between objects, or within one
        while True:
            yield receive_object()
