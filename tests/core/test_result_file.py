"""result.json as other processes read and mark it."""

import json
import math
import threading

import pytest

from skinexp.core import result_file
from skinexp.core.result_file import mark_interrupted, read_result, status_of
from skinexp.core.run_files import RESULT
from skinexp.core.strict_json import to_strict_json, write_json


def test_what_is_no_number_becomes_null():
    values = {"test/precision": math.nan, "test/loss": math.inf, "test/recall": [0.0, -math.inf]}
    assert to_strict_json(values) == {"test/precision": None, "test/loss": None, "test/recall": [0.0, None]}


def test_keys_become_words():
    assert to_strict_json({0.5: (1, 2.0)}) == {"0.5": [1, 2.0]}


def test_a_directory_without_a_run_reads_as_nothing(tmp_path):
    assert read_result(tmp_path) == {}


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "finished"), (RuntimeError("lost"), "failed"), (SystemExit(3), "failed"), (KeyboardInterrupt(), "killed")],
)
def test_the_status_follows_from_what_ended_the_run(error, status):
    assert status_of(error) == status


def test_what_a_run_has_said_of_its_end_stays(tmp_path):
    write_json(tmp_path / RESULT, {"status": "finished", "error": None})
    mark_interrupted(tmp_path, "killed")
    assert read_result(tmp_path)["status"] == "finished"


def test_of_two_that_mark_a_killed_run_at_once_the_one_who_knows_why_is_believed(tmp_path, monkeypatch):
    write_json(tmp_path / RESULT, {"status": "running", "error": None})  # and the system kills the process
    knows = threading.Thread(target=mark_interrupted, args=(tmp_path, "killed", "memory ran out"))

    def slowly(directory):
        values = read(directory)
        if not knows.ident:
            knows.start()
            knows.join(0.5)  # by when it has written, unless it waits
        return values

    read = result_file.read_result
    monkeypatch.setattr(result_file, "read_result", slowly)
    mark_interrupted(tmp_path, "killed")
    knows.join()
    assert json.loads((tmp_path / RESULT).read_text())["error"] == "memory ran out"
