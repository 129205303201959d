"""The outbox as a file: what survives a kill in the middle of a line, a full disk, and a second life."""

import errno
import os
from pathlib import Path

import pytest

from skinexp.core.errors import UserError
from skinexp.tracking.outbox import Delivered, Outbox, find


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    box = Outbox(tmp_path)
    box.create()
    return box


def kinds(outbox: Outbox, offset: int = 0) -> list[str]:
    return [record["kind"] for record, _ in outbox.read(offset)]


def records_file(outbox: Outbox) -> Path:
    return outbox.directory / "records.jsonl"


def test_an_outbox_without_a_record_is_empty(outbox):
    assert not outbox
    assert (kinds(outbox), outbox.left, outbox.closed) == ([], 0, False)


def test_records_are_read_in_the_order_in_which_they_were_written(outbox):
    outbox.append("run", key="0123")
    outbox.append("metrics", values={"val/loss": 0.5}, step=1)
    assert [record for record, _ in outbox.read()] == [
        {"kind": "run", "key": "0123"},
        {"kind": "metrics", "values": {"val/loss": 0.5}, "step": 1},
    ]


def test_reading_goes_on_behind_an_offset(outbox):
    for kind in ("run", "params", "status"):
        outbox.append(kind)
    offsets = [offset for _, offset in outbox.read()]
    assert kinds(outbox, offsets[0]) == ["params", "status"]
    assert kinds(outbox, offsets[-1]) == []


def test_a_line_that_is_still_being_written_is_not_read(outbox):
    outbox.append("run")
    with records_file(outbox).open("ab") as stream:
        stream.write(b'{"kind": "metr')
    assert kinds(outbox) == ["run"]


def test_a_line_that_was_cut_off_costs_none_that_follow(outbox):
    outbox.append("run")
    with records_file(outbox).open("ab") as stream:
        stream.write(b'{"kind": "metr')
    outbox.append("status")
    assert kinds(outbox) == ["run", "status"]


@pytest.mark.parametrize(
    ("written", "closed"),
    [
        (["run"], False),
        (["run", "metrics"], False),
        (["run", "status"], True),
        (["run", "status", "file"], True),
        (["run", "status", "resumed"], False),
        (["run", "status", "resumed", "metrics", "status"], True),
    ],
)
def test_a_run_is_closed_when_its_state_was_said_last(outbox, written, closed):
    for kind in written:
        outbox.append(kind)
    assert outbox.closed is closed


def test_what_is_not_delivered_is_left(outbox):
    for kind in ("run", "params", "status"):
        outbox.append(kind)
    offsets = [offset for _, offset in outbox.read()]
    outbox.note(Delivered(offset=offsets[0], checked=offsets[0], run_id="abc"))
    assert outbox.left == 2
    assert outbox.delivered() == Delivered(offset=offsets[0], checked=offsets[0], run_id="abc")


def test_a_full_disk_is_told_in_a_sentence_and_costs_nothing_that_was_written(outbox, monkeypatch):
    outbox.append("run")

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(UserError, match="the disk is full, so nothing more can be tracked"):
            outbox.append("metrics")
    outbox.append("status")
    assert kinds(outbox) == ["run", "status"]


def test_a_sweep_comes_before_its_runs(tmp_path):
    for place in (tmp_path / "1", tmp_path / "0", tmp_path):
        box = Outbox(place)
        box.create()
        box.append("run")
    Outbox(tmp_path / "2").create()  # which never wrote anything
    assert [box.place for box in find(tmp_path)] == [tmp_path, tmp_path / "0", tmp_path / "1"]
