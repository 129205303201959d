"""A sweep whose tracking server is not there: Hydra would turn the callback's error into a warning and go on."""

import subprocess
import sys


def test_a_sweep_without_its_server_ends_in_one_sentence_before_the_first_job(tmp_path):
    arguments = ["-m", "experiment=smoke", "seed=0,1", "tracking=server", "tracking.uri=http://127.0.0.1:1"]
    command = [sys.executable, "-m", "skinexp.train", *arguments]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 2
    (line,) = (finished.stdout + finished.stderr).splitlines()
    assert line.startswith("tracking.uri: http://127.0.0.1:1 cannot be used")
    assert not list(tmp_path.rglob("train.log"))
