"""Runs and their uploaders, real processes, while the tracking server is well, gone, hung, broken or forbidding."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient

from skinexp import sync, tracking
from skinexp.config.schema import Tracking
from skinexp.core.errors import UserError
from skinexp.core.python_command import python_command
from skinexp.tracking.outbox import Outbox

PATIENCE = 120  # seconds for what must happen on a busy machine


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


def start(uri: str, place: Path, resume: bool = False, **options: object) -> tracking.TrackedRun:
    given = Tracking(uri=uri, system_metrics=False, **{"wait": 60.0, **options})
    return tracking.start(given, place, "seed=1", {"model": "scratch"}, resume=resume)


def epoch(number: int) -> dict[str, float | int]:
    return {"epoch": number, "seconds": 1.0, "lr": 0.001, "train/loss": 1 / number, "val/loss": 2 / number}


def steps(client: MlflowClient, run_id: str, metric: str = "val/loss") -> list[int]:
    return [point.step for point in client.get_metric_history(run_id, metric)]


@contextmanager
def answering(status: int | None) -> Iterator[str]:
    """Address of a server that gives every request this answer; None: none at all."""
    silence = threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if status is None:
                silence.wait(PATIENCE)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            silence.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's clients of this test soon give up on a server, but not on one of a busy machine."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def test_a_run_is_there_while_it_goes_on(server, client, tmp_path):
    run = start(server, tmp_path)
    run.confirm()
    run.epoch(epoch(1))
    until(lambda: steps(client, run.id) == [1])
    assert client.get_run(run.id).info.status == "RUNNING"
    run.close("finished", None)
    assert client.get_run(run.id).info.status == "FINISHED"


def test_a_run_that_is_taken_back_is_deleted(server, client, tmp_path):
    run = start(server, tmp_path)
    run.confirm()
    run.discard()
    assert client.get_run(run.id).info.lifecycle_stage == "deleted"
    assert not Outbox(tmp_path)


KILLED = """
import sys, time
from pathlib import Path
from skinexp import tracking
from skinexp.config.schema import Tracking
run = tracking.start(Tracking(uri=sys.argv[1], system_metrics=False), Path(sys.argv[2]), "seed=1", {})
run.confirm()
run.metrics({"val/loss": 0.5}, step=1)
print(run.id, flush=True)
time.sleep(600)
"""


def test_a_run_whose_process_was_killed_is_killed_in_the_store_too_and_goes_on_as_the_same_run(
    server, client, tmp_path
):
    process = subprocess.Popen([sys.executable, "-c", KILLED, server, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    run_id = process.stdout.readline().strip()
    process.kill()
    process.communicate()
    until(lambda: client.get_run(run_id).info.status == "KILLED")
    assert steps(client, run_id) == [1]

    run = start(server, tmp_path, resume=True)
    run.confirm()
    assert run.id == run_id
    until(lambda: client.get_run(run_id).info.status == "RUNNING")
    for number in (1, 2):  # the first was logged before
        run.epoch(epoch(number))
    run.close("finished", None)
    assert client.get_run(run_id).info.status == "FINISHED"
    assert steps(client, run_id) == [1, 2]


def test_two_processes_do_not_write_one_run(server, tmp_path):
    run = start(server, tmp_path)
    with pytest.raises(UserError, match="another process is working on this run"):
        start(server, tmp_path, resume=True)
    run.close("finished", None)


def test_a_run_in_the_directory_of_one_that_is_at_work_is_refused_before_it_deletes_a_record(tmp_path, soon):
    run = start("http://127.0.0.1:1", tmp_path, required=False, wait=0.0)
    records = (tmp_path / "outbox" / "records.jsonl").read_text()
    with pytest.raises(UserError, match="another process is working on this run"):
        start("http://127.0.0.1:1", tmp_path)
    assert (tmp_path / "outbox" / "records.jsonl").read_text() == records
    run.discard()


def test_a_directory_with_an_undelivered_run_is_not_written_over(tmp_path, soon):
    run = start("http://127.0.0.1:1", tmp_path, required=False, wait=0.0)
    run.close("finished", None)
    remedy = f"holds a run that was not delivered. Deliver it ({python_command()} -m skinexp.sync {tmp_path})"
    with pytest.raises(UserError, match=re.escape(remedy)):
        start("http://127.0.0.1:1", tmp_path)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "does not accept these credentials. Set MLFLOW_TRACKING_USERNAME"),
        (500, "cannot be used"),
        (None, "cannot be used"),
    ],
)
def test_a_store_that_cannot_be_used_is_refused_at_the_start_in_a_sentence(status, words, tmp_path, soon):
    with answering(status) as uri:
        run = start(uri, tmp_path)
        with pytest.raises(UserError, match=words) as caught:
            run.confirm()
    assert str(caught.value).startswith(f"tracking.uri: {uri} ")
    assert str(caught.value).endswith("tracking.required=false")
    assert len(str(caught.value).splitlines()) == 1
    assert not Outbox(tmp_path)


@pytest.mark.parametrize(
    "status", [401, pytest.param(500, marks=pytest.mark.slow), pytest.param(None, marks=pytest.mark.slow)]
)
def test_where_it_is_not_required_a_run_goes_on_and_delivers_later(
    status, server, client, tmp_path, soon, caplog, monkeypatch
):
    with answering(status) as uri:
        run = start(uri, tmp_path, required=False, wait=1.0)
        run.confirm()
        for number in (1, 2):
            run.epoch(epoch(number))
        until(lambda: f"Tracking  tracking.uri: {uri} " in caplog.text)
        run.close("finished", None)
    assert run.id is None
    assert "records are not delivered" in caplog.text
    assert f"python -m skinexp.sync {tmp_path}" in caplog.text

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    assert sync.sync([tmp_path], server) == 0
    run_id = Outbox(tmp_path).delivered().run_id
    assert client.get_run(run_id).info.status == "FINISHED"
    assert steps(client, run_id) == [1, 2]
    assert sync.sync([tmp_path], server) == 0  # and changes nothing
    assert steps(client, run_id) == [1, 2]


def test_delivering_everything_twice_changes_nothing(server, client, tmp_path):
    run = start(server, tmp_path)
    run.params({"seed": 0})
    for number in (1, 2):
        run.epoch(epoch(number))
    run.close("finished", None)
    before = client.get_run(run.id)
    state = Outbox(tmp_path).delivered()
    state.offset = 0
    Outbox(tmp_path).note(state)
    assert sync.sync([tmp_path]) == 0
    after = client.get_run(run.id)
    assert (after.data.to_dictionary(), after.info.status) == (before.data.to_dictionary(), before.info.status)
    assert steps(client, run.id) == [1, 2]
    assert len(client.search_runs([run.experiment_id], f"tags.`skinexp.key` = '{run.key}'")) == 1


def test_a_run_whose_creation_was_not_answered_is_found_again(server, client, tmp_path):
    run = start(server, tmp_path)
    run.confirm()
    run.close("finished", None)
    state = Outbox(tmp_path).delivered()
    state.offset, state.run_id = 0, None  # the answer was lost
    Outbox(tmp_path).note(state)
    assert sync.sync([tmp_path]) == 0
    assert Outbox(tmp_path).delivered().run_id == run.id


def test_sync_buries_a_run_whose_machine_stopped(server, client, tmp_path):
    run = start(server, tmp_path)
    run.confirm()
    run._uploader.kill()  # no courier was left to say so
    run._outbox.writer.release()
    (tmp_path / "result.json").write_text('{"status": "running"}')
    assert sync.sync([tmp_path]) == 0
    assert client.get_run(run.id).info.status == "KILLED"
    assert '"killed"' in (tmp_path / "result.json").read_text()


def test_sync_refuses_a_directory_without_runs(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        sync.main([str(tmp_path)])
    assert caught.value.code == 2
    assert capsys.readouterr().err.strip() == f"{tmp_path}: no run or sweep of skinexp is in this directory"


def test_sync_says_what_is_left_where_the_store_is_still_gone(tmp_path, soon, capsys):
    run = start("http://127.0.0.1:1", tmp_path, required=False, wait=0.0)
    run.close("finished", None)
    with pytest.raises(SystemExit) as caught:
        sync.main([str(tmp_path)])
    assert caught.value.code == 1
    assert "2 records are not delivered. tracking.uri: http://127.0.0.1:1 cannot be used" in capsys.readouterr().out


WRITER = """
import sys
from pathlib import Path
from skinexp import tracking
from skinexp.config.schema import Tracking
place = Path(sys.argv[2])
place.mkdir()
run = tracking.start(Tracking(uri=sys.argv[1], system_metrics=False, wait=300.0), place, place.name, {})
run.confirm()
run.params({f"option_{number}": number for number in range(120)})
for epoch in range(1, 31):
    run.metrics({f"val/metric_{number}": epoch + number / 10 for number in range(10)}, step=epoch)
(place / "result.json").write_text("{}")
run.file(place / "result.json")
run.close("finished", None)
print(run.id)
"""


@pytest.mark.slow
def test_eight_writers_share_one_new_sqlite_store_and_nothing_is_missing(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, uri, str(tmp_path / str(number))],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(8)
    ]
    said = [writer.communicate()[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 8, said
    client = MlflowClient(uri)
    for number, words in enumerate(said):
        (run_id,) = words.split()  # and nothing else was printed
        run = client.get_run(run_id)
        assert run.info.status == "FINISHED"
        assert len(run.data.params) == 120
        for metric in range(10):
            points = client.get_metric_history(run_id, f"val/metric_{metric}")
            assert [(point.step, point.value) for point in points] == [(e, e + metric / 10) for e in range(1, 31)]
        assert [file.path for file in client.list_artifacts(run_id)] == ["result.json"]
        log = (tmp_path / str(number) / "outbox" / "courier.log").read_text()
        assert "locked" not in log


def test_sync_names_a_cause_once(tmp_path, soon, capsys):
    for name in ("a", "b"):
        outbox = Outbox(tmp_path / name)
        outbox.create()
        outbox.append(
            "run", key=name, uri="http://127.0.0.1:1", experiment="x", name=name, parent=None, tags={}, time=1
        )
        outbox.append("status", status="FINISHED", time=2)
    assert sync.sync([tmp_path]) == 2
    first, second = capsys.readouterr().out.splitlines()
    assert "2 records are not delivered. tracking.uri: http://127.0.0.1:1 cannot be used" in first
    assert second.endswith("b: 2 records are not delivered, for the same reason")


def test_a_server_that_is_killed_and_started_again_misses_nothing(own_server, tmp_path, soon, caplog):
    run = start(own_server.address, tmp_path)
    run.confirm()
    run.epoch(epoch(1))
    client = MlflowClient(own_server.address)
    until(lambda: steps(client, run.id) == [1])
    own_server.kill()
    for number in range(2, 40):  # waiting for a server that is gone would never end
        run.epoch(epoch(number))
    assert Outbox(tmp_path).left >= 38
    until(lambda: "The run's records stay in its outbox and are delivered later" in caplog.text)
    own_server.start()
    run.close("finished", None)
    assert steps(client, run.id) == list(range(1, 40))
    assert client.get_run(run.id).info.status == "FINISHED"
    assert not Outbox(tmp_path).left


def test_a_courier_ends_with_its_run_whatever_is_left(tmp_path, soon):
    run = start("http://127.0.0.1:1", tmp_path, required=False, wait=1.0)
    uploader = run._uploader._process.pid
    run.close("killed", KeyboardInterrupt())
    with pytest.raises(ProcessLookupError):
        os.kill(uploader, signal.SIGCONT)
