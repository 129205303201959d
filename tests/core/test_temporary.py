import os
import subprocess
import sys
from pathlib import Path

from skinexp.core.temporary import temporary_directory

MAKE = "from skinexp.core import temporary; d = temporary.temporary_directory(); (d / 'file').touch(); print(d)"


def ended(code: str, place: Path) -> Path:
    """The directory that a process made, which has ended."""
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, env=os.environ | {"TMPDIR": str(place)}, capture_output=True, text=True)
    return Path(process.stdout.strip())


def test_a_directory_ends_with_its_process(tmp_path):
    directory = ended(MAKE, tmp_path)
    assert directory.parent == tmp_path
    assert not directory.exists()


def test_that_of_a_killed_process_ends_with_the_next_ones_first(tmp_path, monkeypatch):
    killed = ended(f"{MAKE}; import os, sys; sys.stdout.flush(); os.kill(os.getpid(), 9)", tmp_path)
    assert (killed / "file").exists()
    (tmp_path / "skinexp-notes-of-mine").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine, second = temporary_directory(), temporary_directory()
    assert sorted(tmp_path.iterdir()) == sorted([mine, second, tmp_path / "skinexp-notes-of-mine"])
