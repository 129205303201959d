"""The server of docker-compose.yml, running: the main job tracked by it, and who is let in. Takes minutes."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import boto3
import botocore
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

pytestmark = pytest.mark.slow

MAIN_JOB = "-m skinexp.train -m model=scratch,mobilenet,efficientnet tracking=server"
SHORT = "experiment=smoke tracking.tensorboard=false"
COLLEAGUE = ("ann", "ann's own long password")
OTHER = ("ben", "ben's own long password")
SHIPPED = ("password1234", "password", "admin", "")  # passwords that MLflow, or who packs it, has given to the admin
API = "/api/2.0/mlflow"


@pytest.fixture(scope="module")
def people(server) -> None:
    """Accounts made by the admin, as docs/how-to/server.md says."""
    for name, password in (COLLEAGUE, OTHER):
        answer = server.ask(f"{API}/users/create", server.admin, json={"username": name, "password": password})
        assert answer.status_code == 200, answer.text


def client(server, account: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", account[0])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", account[1])
    return MlflowClient(server.url)


@pytest.fixture
def colleague(server, people, monkeypatch) -> MlflowClient:
    return client(server, COLLEAGUE, monkeypatch)


@dataclass(frozen=True)
class Job:
    """A sweep that has ended: what it printed, and its directory."""

    output: str
    directory: Path

    @property
    def parent(self) -> str:
        return json.loads((self.directory / "sweep.json").read_text())["parent"]

    def results(self) -> list[dict]:
        return [json.loads(file.read_text()) for file in sorted(self.directory.glob("*/result.json"))]


@pytest.fixture(scope="module")
def main_job(server, people, tmp_path_factory) -> Job:
    """The command that people type most, by somebody with an account."""
    place = tmp_path_factory.mktemp("train")
    account = {"MLFLOW_TRACKING_USERNAME": COLLEAGUE[0], "MLFLOW_TRACKING_PASSWORD": COLLEAGUE[1]}
    environment = os.environ | account | {"MLFLOW_TRACKING_URI": server.url}
    command = [sys.executable, *MAIN_JOB.split(), *SHORT.split()]
    ended = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    (directory,) = place.glob("multirun/*/*")
    return Job(output, directory)


class TestMainJob:
    def test_the_sweep_and_its_three_runs_are_finished(self, main_job, colleague):
        parent = colleague.get_run(main_job.parent)
        children = [colleague.get_run(result["run_id"]) for result in main_job.results()]
        assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * 4
        assert {run.data.tags["mlflow.parentRunId"] for run in children} == {main_job.parent}
        assert {run.data.params["model.name"] for run in children} == {"scratch", "mobilenet", "efficientnet"}

    def test_the_scores_are_those_on_the_disk(self, main_job, colleague):
        for result in main_job.results():
            kept = colleague.get_run(result["run_id"]).data.metrics
            scores = {name: value for name, value in result["metrics"].items() if value is not None}
            assert {name: kept[name] for name in scores} == pytest.approx(scores)

    def test_the_comparison_page_is_on_the_sweeps_run(self, main_job, colleague):
        assert "comparison.html" in files_of(colleague, main_job.parent)

    def test_files_lie_in_the_store(self, main_job, colleague, server):
        for result in main_job.results():
            run = colleague.get_run(result["run_id"])
            names = files_of(colleague, run.info.run_id)
            assert {"result.json", "predictions.parquet", "figures/roc.png"} <= names
            assert names <= stored(server, run)

    def test_the_password_is_in_nothing_that_it_left(self, main_job):
        left = [file.read_bytes() for file in main_job.directory.rglob("*") if file.is_file()]
        assert not [words for words in (main_job.output.encode(), *left) if COLLEAGUE[1].encode() in words]

    def test_what_is_downloaded_is_what_the_run_left(self, main_job, colleague, tmp_path):
        (first, *_) = main_job.results()
        copy = colleague.download_artifacts(first["run_id"], "predictions.parquet", str(tmp_path))
        assert Path(copy).read_bytes() == (main_job.directory / "0" / "predictions.parquet").read_bytes()


def files_of(mlflow: MlflowClient, run_id: str, folder: str | None = None) -> set[str]:
    """The paths of all artifacts of a run."""
    found: set[str] = set()
    for file in mlflow.list_artifacts(run_id, folder):
        found |= files_of(mlflow, run_id, file.path) if file.is_dir else {file.path}
    return found


def stored(server, run: Run) -> set[str]:
    """The paths of a run's files in the bucket."""
    prefix = f"{run.info.experiment_id}/{run.info.run_id}/artifacts/"
    pages = server.s3.get_paginator("list_objects_v2").paginate(Bucket="mlflow", Prefix=prefix)
    return {item["Key"].removeprefix(prefix) for page in pages for item in page["Contents"]}


class TestWhoIsLetIn:
    @pytest.mark.parametrize("path", ["/", "/signup", f"{API}/experiments/get?experiment_id=0"])
    def test_a_stranger_is_refused(self, server, path):
        assert server.ask(path).status_code == 401

    def test_a_stranger_reads_and_writes_no_file(self, server):
        path = "/api/2.0/mlflow-artifacts/artifacts"
        assert server.ask(f"{path}?path=").status_code == 401
        assert server.ask(f"{path}/0/stranger.txt", data=b"x").status_code == 401

    def test_the_first_admin_is_the_one_of_the_settings(self, server):
        assert server.ask(f"{API}/users/list", server.admin).status_code == 200

    @pytest.mark.parametrize("password", SHIPPED)
    def test_no_password_that_anybody_knows_is_the_admins(self, server, password):
        assert server.ask("/", ("admin", password)).status_code == 401

    def test_a_short_password_is_refused(self, server):
        answer = server.ask(f"{API}/users/create", server.admin, json={"username": "eve", "password": "short"})
        assert (answer.status_code, "at least 12 characters" in answer.text) == (400, True)

    def test_only_the_admin_makes_accounts(self, server, people):
        new = {"username": "eve", "password": "eve's own long password"}
        assert server.ask(f"{API}/users/create", COLLEAGUE, json=new).status_code == 403

    def test_colleagues_add_to_each_others_experiments_and_delete_nothing_there(self, server, people, monkeypatch):
        experiment = client(server, COLLEAGUE, monkeypatch).create_experiment("shared")
        other = client(server, OTHER, monkeypatch)
        run = other.create_run(experiment)
        other.log_text(run.info.run_id, "by somebody else", "note.txt")
        assert stored(server, run) == {"note.txt"}
        answer = server.ask(f"{API}/experiments/delete", OTHER, json={"experiment_id": experiment})
        assert answer.status_code == 403

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:5000", "localhost.evil.example"])
    def test_a_page_that_calls_this_machine_by_another_name_is_refused(self, server, host):
        answer = server.ask("/", server.admin, {"Host": host})
        assert (answer.status_code, "Invalid Host header" in answer.text) == (403, True)

    @pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:8080", "mlflow.example.org"])
    def test_this_machine_is_called_by_its_names(self, server, host):
        assert server.ask("/", server.admin, {"Host": host}).status_code == 200

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://mlflow.example.org"])
    def test_a_page_from_elsewhere_changes_nothing(self, server, origin):
        answer = server.ask(f"{API}/experiments/create", server.admin, {"Origin": origin}, json={"name": "evil"})
        assert (answer.status_code, answer.text) == (403, "Cross-origin request blocked")

    @pytest.mark.parametrize("origin", ["http://localhost:5000", "https://mlflow.example.org"])
    def test_the_servers_own_pages_do(self, server, origin):
        new = {"name": f"made at {origin}"}
        assert server.ask(f"{API}/experiments/create", server.admin, {"Origin": origin}, json=new).status_code == 200

    def test_the_health_check_needs_no_password(self, server):
        assert server.ask("/health").text == "OK"

    def test_the_store_asks_for_its_key(self, server):
        nobody = botocore.config.Config(signature_version=botocore.UNSIGNED)
        stranger = boto3.client("s3", endpoint_url=server.s3.meta.endpoint_url, region_name="us-east-1", config=nobody)
        with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
            stranger.list_objects_v2(Bucket="mlflow")
