"""What a message recommends fits the kind of the store: a server, a file, a folder, a database, or no address."""

import sqlite3
from pathlib import Path

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE

from skinexp.tracking import mlflow_store
from skinexp.tracking.store_address import absolute, kind_of, shown_uri
from skinexp.tracking.store_errors import as_command_line, explain, http_status, is_temporary, reason


def explained(uri: str) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011  what connecting raises is explained
        mlflow_store.connect(uri, "skinexp")
    sentence = explain(uri, caught.value)
    assert len(sentence.splitlines()) == 1
    assert sentence.startswith("tracking.uri: ")
    return sentence


def version(file: Path, name: str) -> None:
    with sqlite3.connect(file) as database:
        database.execute("create table alembic_version (version_num varchar(32))")
        database.execute("create table experiments (experiment_id integer)")
        database.execute(f"insert into alembic_version values ('{name}')")
    database.close()


@pytest.mark.filterwarnings("ignore::Warning")  # of SQLAlchemy and Alembic, about these files
@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "is empty. Name a server"),
        ("localhost:5000", "Use tracking.uri=http://localhost:5000"),
        ("127.0.0.1:5000/", "Use tracking.uri=http://127.0.0.1:5000/"),
        ("sqlite:///:memory:", "is a store in memory, which ends with the process"),
        ("sqlite:mlflow.db", "Write three slashes before the file's name: tracking.uri=sqlite:///mlflow.db"),
        ("sqlite:///text.db", "The file is not an SQLite database: use another file"),
        ("sqlite:///newer.db", "A newer MLflow made the file: install that version, or use another file"),
        ("sqlite:///folder.db", "not a file, or not writable: "),
        ("mlruns", "Use a database: tracking.uri=sqlite:///mlflow.db. To take over the runs of a folder"),
        ("carrier://roof", "Name a file (tracking.uri=sqlite:///mlflow.db) or a server"),
        ("http:/127.0.0.1:5000", "Write the address as http://HOST:5000, or track"),
    ],
)
def test_each_kind_of_store_has_its_own_advice(uri, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("text.db").write_text("this is no database " * 50)
    Path("folder.db").mkdir()
    version(Path("newer.db"), "ffffffffffff")
    sentence = explained(uri)
    assert words in sentence
    assert "Start a server" not in sentence


def plain(status: int) -> MlflowException:
    """As MLflow reports a reply that is not its server's, with an HTTP status that it has no name for."""
    return MlflowException(
        f"API request to endpoint /api failed with error code {status} != 200. Response body: '<html>'"
    )


def of_a_file(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


@pytest.mark.parametrize(
    ("status", "soon"), [(400, False), (401, False), (403, False), (413, False), (404, True), (429, True), (502, True)]
)
def test_a_status_says_whether_the_same_request_may_succeed_soon(status, soon):
    for error in (plain(status), of_a_file(status)):
        assert http_status(error) == status
        assert is_temporary(error) is soon
        assert reason(error) == f"HTTP {status}"


def test_a_store_that_does_not_reply_has_no_status():
    silent = MlflowException("API request to http://x/api failed with exception HTTPConnectionPool(host='x')")
    assert http_status(silent) is None
    assert is_temporary(silent)
    assert is_temporary(ConnectionResetError())


def test_mlflows_own_reply_is_quoted():
    assert reason(MlflowException("RESOURCE: no permission.", PERMISSION_DENIED)) == "no permission"
    assert http_status(MlflowException("locked", TEMPORARILY_UNAVAILABLE)) == 503


def test_a_locked_file_is_named_with_what_to_do():
    error = sqlite3.OperationalError("database is locked")
    assert explain("sqlite:///mlflow.db", error) == (
        "tracking.uri: sqlite:///mlflow.db cannot be used (database is locked). Another program uses the file: close "
        "it, or use another file: tracking.uri=sqlite:///NAME.db"
    )


def test_a_command_with_the_option_uri_recommends_it():
    sentence = as_command_line(explain("http://host/wrong", plain(404)))
    assert sentence.endswith(
        "There is no MLflow server at this address: correct it, or name another store: --uri ADDRESS"
    )
    assert as_command_line(explain("carrier://roof", ValueError())).endswith(
        "Name a file (--uri sqlite:///mlflow.db) or a server (--uri http://HOST:5000)"
    )


def test_a_page_to_log_in_is_no_server_of_mlflow():
    page = (
        "API request to endpoint was successful but the response body was not in a valid JSON format. Response body: '<"
    )
    assert explain("http://host", MlflowException(page + "html>" * 1000)) == (
        "tracking.uri: http://host cannot be used (the reply is not one of MLflow, but perhaps a page to log in). "
        "There is no MLflow server at this address: correct it, or track into a local file: tracking=local"
    )


def test_databricks_asks_for_its_own_credentials():
    sentence = explain("databricks", plain(401))
    assert "Log in to Databricks (DATABRICKS_HOST and DATABRICKS_TOKEN)" in sentence


def test_a_password_in_an_address_is_not_shown():
    assert shown_uri("postgresql://ann:secret@db/mlflow") == "postgresql://ann:***@db/mlflow"
    assert "secret" not in explain("http://ann:secret@host", plain(500))
    assert kind_of("postgresql+psycopg2://ann:secret@db/mlflow") == "database"


def test_an_address_means_the_same_in_every_directory_and_follows_a_move(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("http://host:5000", tmp_path) == "http://host:5000"
    assert absolute("sqlite:////a/b.db", tmp_path) == "sqlite:////a/b.db"
    assert absolute("mlruns", tmp_path) == f"{tmp_path}/mlruns"
    assert absolute("file:///mlruns", tmp_path) == "file:///mlruns"
    assert absolute("sqlite:///b.db", tmp_path / "gone") == f"sqlite:///{tmp_path}/gone/b.db"
    Path("b.db").touch()
    assert absolute("sqlite:///b.db", tmp_path / "gone") == f"sqlite:///{tmp_path}/b.db"
