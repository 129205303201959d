"""A printed command starts the Python that printed it."""

import shlex
import subprocess
import sys

from skinexp.core.python_command import python_command


def test_below_uv_it_is_uv_that_starts_python(monkeypatch):
    monkeypatch.setenv("UV", "/usr/bin/uv")
    assert python_command() == "uv run python"


def test_without_uv_the_words_start_this_interpreter(monkeypatch):
    monkeypatch.delenv("UV", raising=False)
    command = [*shlex.split(python_command()), "-c", "import sys; print(sys.prefix)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == sys.prefix
