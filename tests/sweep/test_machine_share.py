"""How jobs that run at once share out a machine."""

import os

import pytest

from skinexp.sweep import machine_share
from skinexp.sweep.machine_share import Places


@pytest.fixture
def cores(monkeypatch):
    """A machine of so many cores."""

    def set_cores(count: int) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(count)), raising=False)
        monkeypatch.setattr(machine_share.joblib, "cpu_count", lambda: count)

    return set_cores


def test_one_job_at_a_time_has_all_cores(cores):
    cores(4)
    assert Places(1).cores(0) == ()  # not limited


def test_jobs_that_run_at_once_have_cores_of_their_own(cores):
    cores(8)
    shares = [Places(3).cores(slot) for slot in range(3)]
    assert sorted(core for share in shares for core in share) == list(range(8))
    assert {len(share) for share in shares} == {2, 3}


def test_more_jobs_than_cores_take_one_each_in_turn(cores):
    cores(2)
    assert [Places(4).cores(slot) for slot in range(4)] == [(0,), (1,), (0,), (1,)]


def test_each_job_has_a_gpu_of_its_own_where_there_are_several():
    given = [Places(2, ["0", "GPU-5a1b"]).gpu_variables(slot) for slot in range(2)]
    assert given == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "GPU-5a1b"}]


def test_jobs_that_share_a_gpu_do_not_take_all_of_its_memory():
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert Places(3, ["0", "1"]).gpu_variables(2) == {"CUDA_VISIBLE_DEVICES": "0"} | shared
    assert Places(2, ["0"]).gpu_variables(1) == shared


@pytest.mark.parametrize("cards", [[], ["0"]])
def test_one_job_at_a_time_takes_what_there_is(cards):
    assert Places(1, cards).gpu_variables(0) == {}
