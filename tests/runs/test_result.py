import json
import math
import threading

import pytest

from skinexp.runs import result
from skinexp.runs.result import FILE, Result, plain, status_of


def strictly(directory):
    """What the file says to a reader that knows JSON alone."""

    def refuse(word: str):
        raise ValueError(f"{word} is not JSON")

    return json.loads((directory / FILE).read_text(), parse_constant=refuse)


def test_a_run_that_goes_on_is_running(tmp_path):
    with Result(tmp_path, name="seed=1"):
        assert strictly(tmp_path) == {"status": "running", "error": None, "name": "seed=1", "seconds": {}}


def test_a_run_that_ends_well_is_finished_with_what_was_added(tmp_path):
    with Result(tmp_path) as run:
        run.add(metrics={"test/roc_auc": 0.5}, phases=("head", "fine_tune"))
    written = strictly(tmp_path)
    assert (written["status"], written["error"]) == ("finished", None)
    assert written["metrics"] == {"test/roc_auc": 0.5}
    assert written["phases"] == ["head", "fine_tune"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("the loss is no number"), "failed"), (SystemExit(3), "failed"), (KeyboardInterrupt(), "killed")],
)
def test_a_run_that_ends_badly_says_how_and_the_error_goes_on(tmp_path, error, status):
    run = Result(tmp_path)
    run.add(best_epoch=3)
    with pytest.raises(type(error)), run:
        raise error
    written = strictly(tmp_path)
    assert written["status"] == status == status_of(error)
    assert written["error"] == f"{type(error).__name__}: {error}"
    assert written["best_epoch"] == 3


def test_what_is_no_number_becomes_null(tmp_path):
    with Result(tmp_path) as run:
        run.add(metrics={"test/precision": math.nan, "test/loss": math.inf, "test/recall": [0.0, -math.inf]})
    assert strictly(tmp_path)["metrics"] == {"test/precision": None, "test/loss": None, "test/recall": [0.0, None]}


def test_keys_become_words():
    assert plain({0.5: (1, 2.0)}) == {"0.5": [1, 2.0]}


def test_seconds_are_told_by_stage_and_in_total_also_where_a_stage_fails(tmp_path):
    run = Result(tmp_path)
    with run.stage("data"):
        pass
    with pytest.raises(ValueError, match="in vain"), run, run.stage("training"):
        raise ValueError("in vain")
    seconds = strictly(tmp_path)["seconds"]
    assert list(seconds) == ["data", "training", "total"]
    assert seconds["total"] >= seconds["training"] >= 0


def test_the_seconds_of_a_stage_are_those_of_all_its_parts(tmp_path):
    run = Result(tmp_path)
    run.values["seconds"]["training"] = 3.0
    with run.stage("training"):
        pass
    assert 3.0 <= strictly(tmp_path)["seconds"]["training"] <= run.values["seconds"]["training"] < 4.0


def test_no_half_written_file_stays(tmp_path):
    with Result(tmp_path) as run:
        run.add(values=list(range(1_000)))
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_what_cannot_be_written_leaves_the_last_file_whole(tmp_path):
    run = Result(tmp_path, name="kept")
    run.save()
    run.add(odd=object())
    with pytest.raises(TypeError, match="not JSON serializable"):
        run.save()
    assert strictly(tmp_path)["name"] == "kept"


def test_a_receiver_is_handed_the_file_when_it_says_how_the_run_ended(tmp_path):
    statuses = []
    run = Result(tmp_path)
    run.at_end(lambda status, error, file: statuses.append(json.loads(file.read_text())["status"]))
    with pytest.raises(KeyboardInterrupt), run:
        raise KeyboardInterrupt
    assert statuses == ["killed"]


def test_a_run_is_read_back(tmp_path):
    with Result(tmp_path) as run:
        run.add(name="seed=1")
    assert result.load(tmp_path) == strictly(tmp_path)


def test_a_directory_without_a_run_reads_as_nothing(tmp_path):
    assert result.load(tmp_path) == {}


def test_of_two_that_say_at_once_how_a_killed_run_ended_the_one_who_knows_why_is_believed(tmp_path, monkeypatch):
    Result(tmp_path).save()  # and the system kills the process
    knows = threading.Thread(target=result.mark, args=(tmp_path, "killed", "memory ran out"))

    def slowly(directory):
        values = load(directory)
        if not knows.ident:
            knows.start()
            knows.join(0.5)  # by when it has written, unless it waits
        return values

    load = result.load
    monkeypatch.setattr(result, "load", slowly)
    result.mark(tmp_path, "killed")
    knows.join()
    assert strictly(tmp_path)["error"] == "memory ran out"
