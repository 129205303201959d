"""What a run reports: in result.json and in the outbox, from one call, and how it ended, whatever happens."""

import errno
import json
import logging
import math
import os

import pytest

from skinexp.config.schema import Tracking
from skinexp.core.atomic_files import replace_text
from skinexp.core.errors import UserError
from skinexp.core.run_files import RESERVE, RESULT
from skinexp.core.terminal import LogFile
from skinexp.runs import run_log as run_log_module
from skinexp.runs.health_summary import HealthSummary
from skinexp.runs.provenance import GitState
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import AuditSummary, EvaluatedRun, ModelSummary, ShiftSummary, read_summary
from skinexp.tracking import TrackedRun
from skinexp.tracking.outbox import Outbox


def strictly(directory):
    """What the file says to a reader that knows JSON alone."""

    def refuse(word: str):
        raise ValueError(f"{word} is not JSON")

    return json.loads((directory / RESULT).read_text(), parse_constant=refuse)


class NoUploader:
    """Stands in for the process that delivers the outbox."""

    run_id, experiment_id = "the-run", "1"

    def wake(self) -> None: ...

    def end(self) -> None: ...

    def refusal(self) -> str:
        return ""


@pytest.fixture
def tracked(tmp_path, monkeypatch):
    """Opens a log that is tracked into an outbox that nobody delivers."""

    def start(options, directory, name, tags, parent, resume):
        outbox = Outbox(directory)
        outbox.create()
        outbox.append("run", key="key", name=name, tags=dict(tags), parent=parent)
        return TrackedRun(options, outbox, "key", fresh=True)

    monkeypatch.setattr(run_log_module, "start", start)
    monkeypatch.setattr("skinexp.tracking.tracked_run.UploaderProcess", lambda place, options: NoUploader())
    return RunLog(tmp_path, "seed=1")


def records(directory, kind):
    return [record for record, _ in Outbox(directory).read() if record["kind"] == kind]


def test_a_run_that_goes_on_is_running(tmp_path):
    with RunLog(tmp_path, "seed=1"):
        written = strictly(tmp_path)
    assert (written["status"], written["error"], written["name"], written["seconds"]) == ("running", None, "seed=1", {})


def test_a_run_that_ends_well_is_finished_with_what_was_added(tmp_path):
    with RunLog(tmp_path) as run_log:
        run_log.add(metrics={"test/roc_auc": 0.5}, phases=("head", "fine_tune"))
    written = strictly(tmp_path)
    assert (written["status"], written["error"]) == ("finished", None)
    assert written["metrics"] == {"test/roc_auc": 0.5}
    assert written["phases"] == ["head", "fine_tune"]
    assert read_summary(tmp_path) == run_log.summary


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("the loss is no number"), "failed"), (SystemExit(3), "failed"), (KeyboardInterrupt(), "killed")],
)
def test_a_run_that_ends_badly_says_how_and_the_error_goes_on(tmp_path, error, status):
    run_log = RunLog(tmp_path)
    run_log.add(best_epoch=3)
    with pytest.raises(type(error)), run_log:
        raise error
    written = strictly(tmp_path)
    assert written["status"] == status
    assert written["error"] == f"{type(error).__name__}: {error}"
    assert written["best_epoch"] == 3


def test_what_is_no_number_becomes_null(tmp_path):
    with RunLog(tmp_path) as run_log:
        run_log.add(metrics={"test/precision": math.nan, "test/loss": math.inf})
    assert strictly(tmp_path)["metrics"] == {"test/precision": None, "test/loss": None}


def test_a_fact_that_the_summary_does_not_know_is_refused(tmp_path):
    with pytest.raises(TypeError, match="best_epcoh"):
        RunLog(tmp_path).add(best_epcoh=3)


def test_seconds_are_reported_by_stage_and_in_total_also_if_a_stage_fails(tmp_path):
    run_log = RunLog(tmp_path)
    with run_log.stage("data"):
        pass
    with pytest.raises(ValueError, match="in vain"), run_log, run_log.stage("training"):
        raise ValueError("in vain")
    written = strictly(tmp_path)
    assert list(written["seconds"]) == ["data", "training", "total"]
    assert written["seconds"]["total"] >= written["seconds"]["training"] >= 0
    assert written["stage"] == "training"


def test_the_seconds_of_a_stage_are_those_of_all_its_parts(tmp_path):
    run_log = RunLog(tmp_path)
    run_log.add(seconds={"training": 3.0})
    with run_log.stage("training"):
        pass
    assert 3.0 <= run_log.summary.seconds["training"] < 4.0


def test_no_half_written_file_stays(tmp_path):
    with RunLog(tmp_path) as run_log:
        run_log.add(config={"values": list(range(1_000))})
    assert [file.name for file in tmp_path.iterdir()] == [RESULT]


def test_what_cannot_be_written_leaves_the_last_file_whole(tmp_path):
    run_log = RunLog(tmp_path, "kept")
    run_log.save()
    run_log.add(calibration={"odd": object()})
    with pytest.raises(TypeError, match="not JSON serializable"):
        run_log.save()
    assert strictly(tmp_path)["name"] == "kept"


def test_an_ending_is_called_when_the_file_says_how_the_run_ended(tmp_path):
    statuses = []
    run_log = RunLog(tmp_path)
    run_log.at_end(lambda: statuses.append(strictly(tmp_path)["status"]))
    with pytest.raises(KeyboardInterrupt), run_log:
        raise KeyboardInterrupt
    assert statuses == ["killed"]


def test_one_call_reports_a_fact_to_the_file_and_to_the_outbox(tracked, tmp_path):
    with tracked as run_log:
        run_log.add(git=GitState("0123", False))
        run_log.track(Tracking(), {"sweep": None})
        run_log.add(config={"seed": 1, "compute": {"backend": "jax"}})
        run_log.add(metrics={"test/roc_auc": 0.9, "test/precision": math.nan}, data_digest="abc")
        run_log.add(audit=AuditSummary("quick", "ok", {"linked": 2}), model=ModelSummary("scratch", 5))
        run_log.add(step=4, health=HealthSummary("ok", probe_auc=0.8))
    (opening,) = records(tmp_path, "run")
    assert (opening["name"], opening["tags"]["git_sha"]) == ("seed=1", "0123")
    (params,) = records(tmp_path, "params")
    assert params["values"] == {"seed": "1", "compute.backend": "jax"}
    tags = {name: value for record in records(tmp_path, "tags") for name, value in record["values"].items()}
    assert tags == {"data_digest": "abc", "audit": "ok", "model": "scratch", "health": "ok", "health_cause": "none"}
    points = [(record["values"], record["step"]) for record in records(tmp_path, "metrics")]
    assert points == [({"test/roc_auc": 0.9}, None), ({"audit/linked": 2.0}, None), ({"health/probe_auc": 0.8}, 4)]
    written = strictly(tmp_path)
    assert written["config"]["compute"]["backend"] == "jax"
    assert written["metrics"]["test/roc_auc"] == 0.9
    assert written["health"]["probe_auc"] == 0.8


def test_what_is_reported_before_a_run_is_tracked_is_in_the_file_alone(tracked, tmp_path):
    with tracked as run_log:
        run_log.add(config={"compute": {"backend": "auto"}})  # what was typed: it is not settled yet
        run_log.track(Tracking(), {})
        run_log.add(config={"compute": {"backend": "jax"}})
    assert [record["values"] for record in records(tmp_path, "params")] == [{"compute.backend": "jax"}]


def test_an_evaluation_is_tagged_with_its_run_and_its_shift_is_a_metric(tracked, tmp_path):
    with tracked as run_log:
        run_log.add(evaluates=EvaluatedRun(None, "seed=1", "outputs/1"))
        run_log.track(Tracking(), {})
        run_log.add(shift=ShiftSummary(far=0.5, median_distance=1.5))
    assert records(tmp_path, "run")[0]["tags"]["evaluates"] == "outputs/1"
    assert records(tmp_path, "metrics")[0]["values"] == {"shift/far": 0.5, "shift/median_distance": 1.5}


def test_the_ids_of_the_store_are_reported_when_it_answers(tracked, tmp_path):
    with tracked as run_log:
        run_log.track(Tracking(), {})
        run_log.confirm()
    assert (strictly(tmp_path)["run_id"], strictly(tmp_path)["experiment_id"]) == ("the-run", "1")


def test_the_outbox_is_closed_as_the_file_says(tracked, tmp_path):
    tracked.track(Tracking(), {})
    with pytest.raises(RuntimeError), tracked:
        raise RuntimeError("lost")
    assert [record["status"] for record in records(tmp_path, "status")] == ["FAILED"]
    assert [record["path"] for record in records(tmp_path, "file")] == ["traceback.txt", RESULT]
    assert strictly(tmp_path)["status"] == "failed"


# A disk that fills up, and stages that fail


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_room_is_kept_for_the_account_of_the_end_while_a_run_goes_on(tmp_path):
    with RunLog(tmp_path):
        assert (tmp_path / RESERVE).stat().st_size == 64 * 1024
    assert not (tmp_path / RESERVE).exists()


def test_a_disk_without_room_for_the_name_of_a_stage_does_not_end_the_run(tmp_path, monkeypatch):
    with RunLog(tmp_path) as run_log, monkeypatch.context() as patch:
        patch.setattr(run_log_module, "write_json", full)
        with run_log.stage("training"):
            pass
        with pytest.raises(UserError, match="the disk is full"):
            run_log.save()
    assert strictly(tmp_path)["stage"] == "training"


def test_a_failed_stage_is_in_result_json_the_log_and_a_tag_and_the_run_has_finished(tracked, tmp_path, caplog):
    with tracked:
        tracked.track(Tracking(), {})
        tracked.add_failure("figures", OverflowError("math range error"))
        tracked.add_failure("figures", ValueError("which follows from the first"))
        tracked.add_failure("tracking", full_disk())
    written = strictly(tmp_path)
    assert written["status"] == "finished"
    assert written["failures"] == {"figures": "OverflowError: math range error", "tracking": "the disk is full"}
    assert read_summary(tmp_path).incomplete == (
        "failed: figures (OverflowError: math range error); failed: tracking (the disk is full)"
    )
    assert records(tmp_path, "tags")[-1]["values"] == {"failed_stages": "figures, tracking"}
    assert "math range error" in caplog.text


def full_disk() -> UserError:
    error = UserError("outbox: no room")
    error.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return error


def test_a_record_that_cannot_be_closed_leaves_the_status_true(tracked, tmp_path, monkeypatch):
    ended = []
    with tracked:
        tracked.track(Tracking(), {})
        tracked.at_end(lambda: ended.append("called"))
        monkeypatch.setattr(TrackedRun, "close", full)
    assert (strictly(tmp_path)["status"], strictly(tmp_path)["failures"]) == (
        "finished",
        {"tracking": "the disk is full"},
    )
    assert ended == ["called"]


def test_a_half_written_file_gives_its_room_back(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_text(tmp_path / "a.txt", "text")
    assert not list(tmp_path.iterdir())


def test_a_log_file_on_a_full_disk_prints_no_traceback(tmp_path, capsys):
    handler = LogFile(tmp_path / "train.log")
    record = logging.LogRecord("name", logging.INFO, __file__, 1, "message", (), None)
    handler.setStream(Full()).close()
    handler.emit(record)
    assert capsys.readouterr().err == ""


class Full:
    """A stream on a full disk."""

    write = flush = staticmethod(full)

    def close(self) -> None: ...


def test_an_epoch_that_cannot_be_tracked_does_not_end_the_training(tracked, tmp_path, monkeypatch):
    with tracked:
        monkeypatch.setattr(TrackedRun, "epoch", full)
        tracked.epoch({"epoch": 1})
    assert strictly(tmp_path)["failures"] == {"tracking": "the disk is full"}


def test_a_run_that_lacks_nothing_any_more_says_so(tracked, tmp_path):
    (tmp_path / RESULT).write_text('{"status": "finished", "failures": {"figures": "OSError"}}')
    with tracked:
        tracked.track(Tracking(), {}, resume=True)
    assert "failures" not in strictly(tmp_path)
    assert records(tmp_path, "tags")[-1]["values"] == {"failed_stages": "none"}
