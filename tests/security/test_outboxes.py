"""Delivery of a stranger's outbox: no file of the user is sent to the store that it names, or changed."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from skinexp import sync
from skinexp.core.errors import UserError
from skinexp.tracking import uploader
from skinexp.tracking.outbox import Outbox, OutsideRun
from tests.security import records

STORE = "http://127.0.0.1:1"


@pytest.fixture
def home(tmp_path) -> Path:
    """Files of the user, beside the directory that was sent."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "id_rsa").write_text("secret")
    return tmp_path / "home"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../home/id_rsa", "figures/../../home", "key", "folder", "outbox/../.."]
)
def test_a_record_that_names_a_file_elsewhere_is_not_sent(path, home, tmp_path):
    sent = records.outbox(tmp_path / "sent", STORE)
    (sent / "key").symlink_to(home / "id_rsa")
    (sent / "folder").mkdir()
    (sent / "folder" / "keys").symlink_to(home)
    with pytest.raises(OutsideRun, match="leads out of the run's directory"):
        Outbox(sent).path_of({"kind": "file", "path": path})


def test_files_of_the_run_are_found_by_another_name_of_its_directory_too(tmp_path):
    records.outbox(tmp_path / "disk" / "sent", STORE)
    (tmp_path / "sent").symlink_to(tmp_path / "disk" / "sent")
    record = {"kind": "file", "path": "outbox/records.jsonl"}
    assert Outbox(tmp_path / "sent").path_of(record) == tmp_path / "sent" / "outbox" / "records.jsonl"


def test_a_refused_file_is_held_with_its_reason_and_costs_no_other(home, tmp_path):
    from skinexp.tracking.delivery import Delivery

    delivered: list[str] = []
    delivery = Delivery(Outbox(records.outbox(tmp_path / "sent", STORE)), STORE)
    delivery._client = SimpleNamespace(log_artifact=lambda run, path: delivered.append(path))
    held = delivery._attempt([{"kind": "file", "path": "../home/id_rsa"}], 0, 1)
    assert held is not None
    assert held.why.startswith("../home/id_rsa: ")
    assert not held.again
    assert delivery._attempt([{"kind": "file", "path": "outbox/records.jsonl"}], 1, 2) is None
    assert delivered == [str(tmp_path / "sent" / "outbox" / "records.jsonl")]


@pytest.mark.parametrize("path", ["/etc/passwd", "../home/id_rsa"])
def test_a_record_of_a_file_elsewhere_is_left_with_its_reason_not_skipped(path, home, tmp_path):
    from skinexp.tracking.inventory import Inventory

    box = Outbox(records.outbox(tmp_path / "sent", STORE))
    box.append("file", path=path)
    assert [record["path"] for record, _ in box.read() if record["kind"] == "file"][-1] == path
    inventory = Inventory(SimpleNamespace(), box, box.delivered())
    assert not inventory.has({"kind": "file", "path": path})  # so that it is attempted, and held


@pytest.mark.parametrize("settings", ["", "hydra: [", "a: &a [*a]", "hydra: {runtime: {cwd: 5}}"])
def test_a_damaged_record_of_the_working_directory_leaves_the_present_one(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sent = records.outbox(tmp_path / "sent", "sqlite:///mlflow.db")
    records_file = sent / "outbox" / "records.jsonl"
    opening = json.loads(records_file.read_text().splitlines()[0])
    del opening["cwd"]  # as earlier versions wrote it
    records_file.write_text(json.dumps(opening) + "\n")
    (sent / ".hydra").mkdir(exist_ok=True)
    (sent / ".hydra" / "hydra.yaml").write_text(settings)
    assert Outbox(sent).store == f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.parametrize("name", ["outbox/courier.log", "outbox/writer.lock", "result.json"])
def test_a_link_through_which_a_delivery_would_change_files_of_the_user_is_refused(name, home, tmp_path):
    sent = records.outbox(tmp_path / "sent", STORE)
    (sent / name).symlink_to(home / "id_rsa")
    with pytest.raises(UserError, match=f"sync: .*{name} is a link that leads out of the directory"):
        sync.sync([sent])
    assert (home / "id_rsa").read_text() == "secret"


def test_an_uploader_that_is_held_up_says_that_its_run_was_killed_and_ends(tmp_path, monkeypatch):
    sent = records.outbox(tmp_path / "sent", STORE)
    records_file = sent / "outbox" / "records.jsonl"
    records_file.write_text(records_file.read_text().splitlines()[0] + "\n")  # the run has no end
    ended: list[int] = []
    monkeypatch.setattr(uploader.os, "_exit", ended.append)
    uploader._give_up_after(0, Outbox(sent))
    assert ended == [1]
    assert [record.get("status") for record, _ in Outbox(sent).read()] == [None, "KILLED"]


def test_a_driver_that_would_load_code_is_not_taken_from_a_record(tmp_path):
    sent = records.outbox(tmp_path / "sent", "mysql://host/db?charset=utf8&plugin_dir=/tmp/x")
    with pytest.raises(UserError, match="has the parameter plugin_dir"):
        _ = Outbox(sent).store


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_on_which_a_delivery_would_wait_for_ever_is_refused(tmp_path):
    sent = records.outbox(tmp_path / "sent", STORE)
    os.mkfifo(sent / "outbox" / "courier.log")
    with pytest.raises(UserError, match=r"sync: .*courier\.log is neither a file nor a folder"):
        sync.sync([sent])
