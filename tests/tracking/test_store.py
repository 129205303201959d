"""The store as a sweep and the comparison command use it: parent runs, looking runs up, fetching their files."""

import pytest

from skinexp import tracking
from skinexp.config import Tracking
from skinexp.errors import UserError
from skinexp.result import Result

NOWHERE = "http://127.0.0.1:1"  # a port that nothing listens on and no server may choose


def finish(options: Tracking, name: str, parent: str | None = None) -> str:
    with tracking.start(options, name, {}, {}, parent) as run:
        pass
    return run.id


def test_a_server_that_is_not_there_is_told_in_one_sentence_with_what_to_do():
    with pytest.raises(UserError) as caught, tracking.start(Tracking(uri=NOWHERE), "", {}, {}):
        pass
    assert str(caught.value) == (
        f"tracking.uri: {NOWHERE} cannot be used ([Errno 111] Connection refused). Start a server there, "
        "or track into a local file: tracking=local"
    )


def test_an_address_of_no_known_kind_is_told_in_one_sentence():
    with pytest.raises(UserError, match=r"^tracking\.uri: carrier-pigeon://roof cannot be used") as caught:
        tracking.open_parent(Tracking(uri="carrier-pigeon://roof"), "", {})
    assert len(str(caught.value).splitlines()) == 1


def test_a_directory_that_is_not_there_is_told_at_once(tmp_path):
    place = tmp_path / "nowhere"
    with pytest.raises(UserError, match=f"^tracking.uri: no such directory, or not writable: {place}$"):
        tracking.open_parent(Tracking(uri=f"sqlite:///{place}/mlflow.db"), "", {})


def test_a_parent_run_gets_what_the_sweep_found_and_its_status(options, client, tmp_path):
    page = tmp_path / "comparison.html"
    page.write_text("<!doctype html>")
    parent = tracking.open_parent(options, "model=scratch,mobilenet", {"sweep": "12-00-00", "git_sha": None})
    assert client.get_run(parent).info.status == "RUNNING"
    tracking.close_parent(options, parent, "FAILED", {"val/roc_auc": 0.75, "val/f1": float("nan")}, [page])
    run = client.get_run(parent)
    assert (run.info.run_name, run.info.status) == ("model=scratch,mobilenet", "FAILED")
    assert run.data.metrics == {"val/roc_auc": 0.75}
    assert run.data.tags["sweep"] == "12-00-00"
    assert "git_sha" not in run.data.tags
    assert [file.path for file in client.list_artifacts(parent)] == ["comparison.html"]


def test_a_sweep_is_found_with_its_children_in_the_order_in_which_they_began(options):
    parent = tracking.open_parent(options, "seed=0,1,2", {})
    children = tuple(finish(options, f"seed={seed}", parent) for seed in range(3))
    finish(options, "of no sweep")
    found = tracking.find(options, parent)
    assert (found.id, found.name, found.children) == (parent, "seed=0,1,2", children)


def test_a_single_run_is_found_without_children(options):
    run = finish(options, "seed=1")
    assert tracking.find(options, run).children == ()


def test_a_run_that_is_not_there_is_told_by_its_name(options, server):
    with pytest.raises(UserError, match=f"^0123: neither a directory nor a run in {server}$"):
        tracking.find(options, "0123")


def test_looking_a_run_up_creates_no_store(tmp_path):
    store = tmp_path / "mlflow.db"
    with pytest.raises(UserError, match=r"^0123: neither a directory nor a run in .*, which is not there$"):
        tracking.find(Tracking(uri=f"sqlite:///{store}"), "0123")
    assert not store.exists()


def test_a_sweep_that_never_began_leaves_no_run(options, client):
    parent = tracking.open_parent(options, "model=scratch,resnet", {})
    tracking.discard_parent(options, parent)
    assert client.get_run(parent).info.lifecycle_stage == "deleted"


def test_the_files_of_a_run_are_fetched(options, tmp_path):
    with tracking.start(options, "", {}, {}) as run, Result(tmp_path, name="seed=1"):
        pass
    run.run_directory(tmp_path)
    copy = tracking.download(options, run.id)
    assert (copy / "result.json").read_bytes() == (tmp_path / "result.json").read_bytes()
