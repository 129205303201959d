"""Only what the store has is delivered: behind proxies that refuse or lie, in stores that were deleted or moved."""

import json
import shlex
import shutil
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient, experiments, runs
from mlflow.entities import Run
from mlflow.models import Model
from mlflow.tracking._tracking_service import utils

from skinexp import sync
from skinexp.tracking.accepted import original_tags
from skinexp.tracking.delivery import Delivery
from skinexp.tracking.mlflow_store import KEY_TAG
from skinexp.tracking.outbox import Outbox
from skinexp.tracking.store_errors import Unavailable
from skinexp.tracking.uploader import Uploader
from tests.tracking.proxies import proxy

LARGE = 20_000  # bytes of a file that a proxy refuses


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that does not reply is given up at once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of MLflow without runs, which takes seconds to make."""
    file = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def database(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it in the working directory, which is empty."""
    place = tmp_path / "stores"
    place.mkdir()
    monkeypatch.chdir(place)
    return Path(shutil.copy(empty_database, place / "mlflow.db"))


Written = Callable[..., Outbox]


@pytest.fixture
def written(tmp_path: Path, server: str) -> Written:
    """Writes the outbox of a run that has ended: params, epochs, a file, a model, and what a test adds."""

    def write(*records: dict, name: str = "seed=1", uri: str = server, experiment: str = "delivery", **more: str):
        outbox = Outbox(tmp_path / "a run")
        (outbox.directory / "model").mkdir(parents=True)
        (outbox.place / "scores.csv").write_text("x" * LARGE)
        Model().save(str(outbox.directory / "model" / "MLmodel"))
        opening = {"key": uuid.uuid4().hex, "uri": uri, "experiment": experiment, "name": name, "parent": None}
        outbox.append("run", **(opening | more), tags={"model": "scratch"}, time=1)
        outbox.append("params", values={"seed": "0", "optim.lr": "0.1"})
        for step in (1, 2):
            outbox.append("metrics", values={"val/loss": 1 / step, "val/auc": 0.5}, step=step, time=step)
        outbox.append("file", path="scores.csv")
        outbox.append("model", path="outbox/model", scores={})
        for record in records:
            outbox.append(**record)
        outbox.append("status", status="FINISHED", time=9)
        return outbox

    return write


def stored(outbox: Outbox, uri: str) -> Run:
    return MlflowClient(uri).get_run(outbox.delivered().run_id)


def forget_addresses() -> None:
    """MLflow remembers through which address it reached a run's files, for the whole process."""
    utils._artifact_repos_cache.clear()


def is_complete(outbox: Outbox, uri: str) -> bool:
    """Whether the store has all that `written` writes."""
    forget_addresses()
    client, run = MlflowClient(uri), stored(outbox, uri)
    outputs = run.outputs.model_outputs
    return (
        len(outputs) == 1
        and run.info.status == "FINISHED"
        and {"seed": "0", "optim.lr": "0.1"}.items() <= run.data.params.items()
        and [point.step for point in client.get_metric_history(run.info.run_id, "val/loss")] == [1, 2]
        and [(file.path, file.file_size) for file in client.list_artifacts(run.info.run_id)] == [("scores.csv", LARGE)]
        and [file.path for file in client.list_logged_model_artifacts(outputs[0].model_id)] == ["MLmodel"]
    )


def synced(outbox: Outbox, capsys: pytest.CaptureFixture[str], uri: str | None = None) -> str:
    """What the command prints, behind the run's name; the exit code says whether something is left."""
    forget_addresses()
    left = sync.sync([outbox.place], uri)
    assert left == (1 if outbox.left else 0)
    return capsys.readouterr().out.strip().partition(": ")[2]


@pytest.mark.parametrize("status", [403, 404])
def test_a_wrong_address_takes_no_record(status, written, server, capsys):
    outbox = written()
    with proxy(server, lambda *_: status) as wrong:
        said = synced(outbox, capsys, f"{wrong.address}/wrong")
    assert said.startswith(
        f"7 records are not delivered. tracking.uri: {wrong.address}/wrong cannot be used (HTTP {status}"
    )
    assert "correct" in said
    assert synced(outbox, capsys) == "7 records delivered"
    assert is_complete(outbox, server)
    assert synced(outbox, capsys) == "all records were delivered before"


@pytest.mark.parametrize("status", [404, 429, 502])
def test_a_proxy_that_has_no_server_for_a_while_costs_nothing(status, written, server):
    outbox = written()
    with proxy(server, lambda *_: status) as ingress:
        delivery = Delivery(outbox, ingress.address)
        with pytest.raises(Unavailable):
            delivery.deliver()
        ingress.rule = lambda *_: None
        assert delivery.deliver() == 7
    assert is_complete(outbox, server)


REFUSED: dict[str, Callable[[str, str, int], bool]] = {
    "metrics and params": lambda method, path, size: path.endswith("log-batch"),
    "file scores.csv": lambda method, path, size: method == "PUT" and size == LARGE,
    "the model": lambda method, path, size: method == "PUT" and "/models/" in path,
}


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("metrics and params", 200),
        ("metrics and params", 403),
        ("file scores.csv", 200),
        ("file scores.csv", 500),
        ("the model", 404),
        ("the model", 413),
    ],
)
def test_what_is_refused_stays_and_the_rest_of_the_run_is_delivered(what, status, written, server, capsys):
    outbox = written()
    with proxy(server, lambda *request: status if REFUSED[what](*request) else None) as ingress:
        said = synced(outbox, capsys, ingress.address)
        assert stored(outbox, server).info.status == "FINISHED"
        assert not is_complete(outbox, server)
        assert outbox.left == (3 if what == "metrics and params" else 1)
        assert ("does not have it" if status == 200 else f"HTTP {status}") in said
        if outbox.left == 1:
            assert f". {what}: " in said
            assert said.startswith("6 records delivered; 1 record is not delivered to ")
        (command,) = said.splitlines()
        ingress.rule = lambda *_: None
        words = shlex.split(command.partition("To deliver")[2].partition(": ")[2])  # pasted
        with pytest.raises(SystemExit) as ended:
            sync.main(words[words.index("skinexp.sync") + 1 :])
        assert ended.value.code == 0
    assert is_complete(outbox, server)


def test_an_uploader_repeats_what_a_proxy_did_not_pass_on_for_a_while(written, server, capsys):
    outbox, refused = written(), iter((404, 502))

    def ingress(method: str, path: str, size: int) -> int | None:
        return next(refused, None) if method == "PUT" else None

    with proxy(server, ingress) as began:
        Uploader(Delivery(outbox, began.address)).finish(wait=60.0)
    assert len(began.answered) == 2
    assert f'"run_id": "{outbox.delivered().run_id}"' in capsys.readouterr().out
    assert is_complete(outbox, server)


def test_a_proxy_that_refuses_the_size_of_a_batch_gets_smaller_ones(written, server, capsys):
    outbox = written({"kind": "params", "values": {f"option_{number}": "x" * 1000 for number in range(50)}})
    with proxy(server, lambda method, path, size: 413 if "log-batch" in path and size > 10_000 else None) as ingress:
        assert synced(outbox, capsys, ingress.address) == "8 records delivered"
        assert ingress.answered
    assert len(stored(outbox, server).data.params) == 52


NAMES = {
    "data.labels.melanoma (in situ)": "1",
    "data.labels.nävus": "0",
    "data.labels.Spitz/Reed": "0",
    "data.labels./": "0",
    "data.labels.a//b": "0",
    "../x": "0",
    "data.labels." + "long " * 100: "1",
    "data.labels.C&A, 50 %": "\0\udce9",
    "data.labels.😀": "1",
    "text": "y" * 9_000,
}


def test_names_that_mlflow_refuses_are_escaped_and_their_originals_are_tags(written, server, capsys):
    outbox = written(
        {"kind": "params", "values": NAMES},
        {"kind": "metrics", "values": {"test/recall/melanoma (in situ)": 0.5}, "step": None, "time": 3},
        {"kind": "tags", "values": {"a (b)": "c"}},
    )
    assert synced(outbox, capsys) == "10 records delivered"
    assert is_complete(outbox, server)
    data = stored(outbox, server).data
    assert len(data.params) == 2 + len(NAMES)
    assert data.params["data.labels.melanoma _x0028_in situ_x0029_"] == "1"
    assert data.tags["skinexp.name.data.labels.melanoma _x0028_in situ_x0029_"] == "data.labels.melanoma (in situ)"
    assert data.params["data.labels.Spitz/Reed"] == "0"
    assert data.params["data.labels.C_x0026_A_x002C_ 50 _x0025_"] == r"\x00\udce9"
    assert data.params["text"].endswith("... (the first of 9000 characters)")
    assert data.metrics["test/recall/melanoma _x0028_in situ_x0029_"] == 0.5
    assert (data.tags["a _x0028_b_x0029_"], data.tags["skinexp.name.a _x0028_b_x0029_"]) == ("c", "a (b)")
    originals = {value for name, value in data.tags.items() if name.startswith("skinexp.name.")}
    assert {name for name in NAMES if name not in data.params} <= originals
    assert original_tags({name: name for name in data.params}) == {}


def test_one_param_that_the_store_refuses_costs_itself_only(written, server, capsys):
    outbox = written({"kind": "params", "values": {"seed": "1", "model.name": "scratch"}})
    said = synced(outbox, capsys)
    assert said.startswith("7 records delivered; 1 record is not delivered to ")
    assert "param seed: " in said
    assert "Changing param values is not allowed" in said
    assert stored(outbox, server).data.params["model.name"] == "scratch"
    assert is_complete(outbox, server)


def test_a_server_that_takes_fewer_characters_gets_the_strictest_form(written, server, capsys):
    def windows(method: str, path: str, size: int) -> int | None:
        return 400 if "log-batch" in path and size > 2_000 else None

    outbox = written({"kind": "params", "values": {"a:b": "1", "text": "y" * 5_000}})
    with proxy(server, windows) as ingress:
        assert synced(outbox, capsys, ingress.address) == "8 records delivered"
    params = stored(outbox, server).data.params
    assert params["a:b"] == "1"
    assert params["text"].endswith("(the first of 5000 characters)")


def test_a_name_that_is_too_long_for_a_database_is_kept_as_a_tag(written, server, capsys):
    outbox = written(name="data.labels={" + "nevus: 0, " * 50 + "}")
    assert synced(outbox, capsys) == "7 records delivered"
    run = stored(outbox, server)
    assert len(run.info.run_name) == 250
    assert run.data.tags["skinexp.run_name"] == outbox.opening["name"]


def test_a_file_or_folder_that_is_gone_is_named_and_costs_no_other_record(written, server, capsys):
    outbox = written({"kind": "file", "path": "gone.csv"}, {"kind": "folder", "path": "figures"})
    said = synced(outbox, capsys)
    assert said.startswith("7 records delivered; 2 records are not delivered to ")
    assert f"file gone.csv: {outbox.place}/gone.csv: there is no such file any more" in said
    assert f"folder figures: {outbox.place}/figures: there is no such file any more" in said
    (outbox.place / "gone.csv").write_text("back")
    (outbox.place / "figures" / "deep").mkdir(parents=True)
    (outbox.place / "figures" / "deep" / "roc.png").write_text("back")
    assert synced(outbox, capsys) == "2 records delivered"


def test_a_run_that_was_taken_back_leaves_nothing(written, server, client, capsys):
    outbox = written()
    outbox.append("delete")
    assert synced(outbox, capsys) == "8 records delivered"
    assert client.get_run(outbox.delivered().run_id).info.lifecycle_stage == "deleted"


def restored(sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the command in a sentence, in this process."""
    words = shlex.split(sentence[sentence.index("MLFLOW_TRACKING_URI=") :].replace("),", " ").replace(")", " "))
    variable, _, value = words[0].partition("=")
    with monkeypatch.context() as pasted:
        mlflow.set_tracking_uri(None)
        pasted.setenv(variable, value)
        group, *arguments = words[words.index("mlflow") + 1 :][:4]
        result = CliRunner().invoke({"experiments": experiments, "runs": runs}[group].commands, arguments)
    assert result.exit_code == 0, result.output


def test_an_experiment_that_was_deleted_is_restored_by_the_printed_command(
    written, server, client, capsys, monkeypatch
):
    experiment = client.create_experiment("deleted")
    client.delete_experiment(experiment)
    outbox = written(experiment="deleted")
    said = synced(outbox, capsys)
    assert said.startswith(
        f"7 records are not delivered. tracking.experiment: deleted was deleted in {server}. Restore it"
    )
    restored(said, monkeypatch)
    assert synced(outbox, capsys) == "7 records delivered"
    assert is_complete(outbox, server)
    assert len(client.search_runs([experiment])) == 1


@pytest.mark.parametrize("what", ["run", "experiment"])
def test_a_run_that_was_deleted_meanwhile_loses_nothing(what, written, server, client, capsys, monkeypatch):
    outbox = written(experiment=f"deleted with its {what}")
    records = (outbox.directory / "records.jsonl").read_bytes()
    lines = records.splitlines(keepends=True)
    (outbox.directory / "records.jsonl").write_bytes(lines[0] + lines[1])  # the run goes on
    delivery = Delivery(outbox, server)
    delivery.deliver()
    run = stored(outbox, server)
    if what == "run":
        client.delete_run(run.info.run_id)
    else:
        client.delete_experiment(run.info.experiment_id)
    (outbox.directory / "records.jsonl").write_bytes(records)
    with pytest.raises(Unavailable, match="was deleted in"):
        delivery.deliver()
    said = synced(outbox, capsys)
    restored(said, monkeypatch)
    assert outbox.left >= 5
    synced(outbox, capsys)
    assert is_complete(outbox, server)
    assert stored(outbox, server).info.run_id == run.info.run_id


def test_another_store_gets_the_whole_run(written, server, database, capsys):
    outbox = written()
    assert synced(outbox, capsys) == "7 records delivered"
    first = outbox.delivered().run_id
    assert synced(outbox, capsys, f"sqlite:///{database}") == "7 records delivered"
    assert is_complete(outbox, f"sqlite:///{database}")
    assert synced(outbox, capsys, server) == "7 records delivered"  # again: found by its key, and sent twice
    assert outbox.delivered().run_id == first


def test_a_result_that_was_written_before_the_delivery_gains_the_ids(written, server, capsys):
    outbox = written()
    result = outbox.place / "result.json"
    result.write_text(json.dumps({"status": "finished", "run_id": None, "experiment_id": None}))
    assert synced(outbox, capsys) == "7 records delivered"
    delivered = outbox.delivered()
    ids = {"run_id": delivered.run_id, "experiment_id": delivered.experiment_id}
    assert json.loads(result.read_text()) == {"status": "finished"} | ids
    before = result.stat().st_mtime_ns
    assert synced(outbox, capsys) == "all records were delivered before"
    assert result.stat().st_mtime_ns == before


def put_back(copy: Path, database: Path) -> None:
    """Writes the content of a backup into a database that other connections hold open."""
    with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(database)) as target:
        source.backup(target)


@pytest.mark.parametrize("records", [1, 3, 5])  # when the backup was made
def test_a_store_restored_from_a_backup_gets_what_it_has_lost(records, written, database, capsys, tmp_path):
    outbox, uri = written(uri=f"sqlite:///{database}"), f"sqlite:///{database}"
    file = outbox.directory / "records.jsonl"
    whole = file.read_bytes()
    file.write_bytes(b"".join(whole.splitlines(keepends=True)[:records]))
    Delivery(outbox, uri).deliver()
    shutil.copy(database, tmp_path / "backup.db")
    file.write_bytes(whole)
    synced(outbox, capsys)
    first = outbox.delivered().run_id
    put_back(tmp_path / "backup.db", database)
    assert stored(outbox, uri).info.status == "RUNNING"
    assert synced(outbox, capsys).endswith("delivered")
    assert is_complete(outbox, uri)
    assert outbox.delivered().run_id == first
    assert synced(outbox, capsys) == "all records were delivered before"


def test_a_job_becomes_a_child_of_the_run_that_replaces_its_sweeps(written, server, client, capsys, tmp_path):
    sweep = Outbox(tmp_path / "sweep")
    sweep.create()
    opening = {"uri": server, "experiment": "delivery", "name": "a sweep", "parent": None, "tags": {}, "time": 1}
    sweep.append("run", key="of the sweep", **opening)
    sweep.append("status", status="FINISHED", time=2)
    job = written(parent="of the sweep")
    synced(sweep, capsys)
    synced(job, capsys)
    gone = sweep.delivered().run_id
    client.set_tag(gone, KEY_TAG, "of nobody")  # the run of the sweep was removed for good
    assert synced(sweep, capsys) == "2 records delivered"
    assert synced(job, capsys) == "all records were delivered before"
    assert gone != stored(job, server).data.tags["mlflow.parentRunId"] == sweep.delivered().run_id
    assert is_complete(job, server)


def test_a_local_store_is_found_from_another_directory(written, database, capsys, monkeypatch, tmp_path):
    outbox = written(uri="sqlite:///mlflow.db", cwd=str(database.parent))
    monkeypatch.chdir(tmp_path)
    assert synced(outbox, capsys) == "7 records delivered"
    assert is_complete(outbox, f"sqlite:///{database}")
    assert not (tmp_path / "mlflow.db").exists()


def test_a_local_store_that_was_deleted_meanwhile_is_not_written_to(written, database, empty_database, capsys):
    outbox = written(uri=f"sqlite:///{database}")
    records = outbox.directory / "records.jsonl"
    whole = records.read_bytes()
    records.write_bytes(whole.splitlines(keepends=True)[0])
    delivery = Delivery(outbox, outbox.store)
    delivery.deliver()
    database.unlink()
    records.write_bytes(whole)
    with pytest.raises(Unavailable, match="was deleted or moved"):
        delivery.deliver()
    shutil.copy(empty_database, database.parent / "new.db")
    assert synced(outbox, capsys, f"sqlite:///{database.parent}/new.db") == "7 records delivered"


def test_what_an_earlier_version_threw_away_is_delivered(written, server, capsys):
    outbox = written()
    size = (outbox.directory / "records.jsonl").stat().st_size
    state = {"offset": size, "attempted": False, "run_id": None, "experiment_id": None, "model_ids": {}, "rejected": 7}
    (outbox.directory / "delivered.json").write_text(json.dumps(state))
    assert outbox.left == 7
    assert synced(outbox, capsys) == "7 records delivered"
    assert is_complete(outbox, server)


def test_a_kill_before_the_check_is_made_good(written, server, capsys):
    outbox = written()
    assert synced(outbox, capsys) == "7 records delivered"
    state = outbox.delivered()
    state.checked = 0
    outbox.note(state)
    assert outbox.left == 7  # sent, but not known to be there
    synced(outbox, capsys)
    assert outbox.left == 0


def test_asynchronous_logging_in_the_environment_changes_nothing(written, server, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    outbox = written()
    assert synced(outbox, capsys) == "7 records delivered"
    assert is_complete(outbox, server)


def test_a_job_whose_sweep_is_not_in_the_store_says_so(written, server, capsys):
    outbox = written()
    records = outbox.directory / "records.jsonl"
    records.write_text(records.read_text().replace('"parent": null', '"parent": "0123"'))
    said = synced(outbox, capsys)
    assert said.startswith("7 records are not delivered. ")
    assert "does not have the sweep or run that this run belongs to. Deliver that one first" in said
