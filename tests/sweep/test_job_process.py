"""How jobs that run at once share out a machine."""

import os

import pytest

from skinexp.sweep import job_process


@pytest.fixture
def cores(monkeypatch):
    """A machine of so many cores."""

    def set_cores(count: int) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(count)), raising=False)
        monkeypatch.setattr(job_process.joblib, "cpu_count", lambda: count)

    return set_cores


def test_one_job_at_a_time_has_all_cores(cores):
    cores(4)
    assert job_process._share(0, slots=1) == ()  # not limited


def test_jobs_that_run_at_once_have_cores_of_their_own(cores):
    cores(8)
    shares = [job_process._share(slot, slots=3) for slot in range(3)]
    assert sorted(core for share in shares for core in share) == list(range(8))
    assert {len(share) for share in shares} == {2, 3}


def test_more_jobs_than_cores_take_one_each_in_turn(cores):
    cores(2)
    assert [job_process._share(slot, slots=4) for slot in range(4)] == [(0,), (1,), (0,), (1,)]


def test_each_job_has_a_gpu_of_its_own_where_there_are_several():
    given = [job_process._gpu(slot, slots=2, cards=["0", "GPU-5a1b"]) for slot in range(2)]
    assert given == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "GPU-5a1b"}]


def test_jobs_that_share_a_gpu_do_not_take_all_of_its_memory():
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert job_process._gpu(2, slots=3, cards=["0", "1"]) == {"CUDA_VISIBLE_DEVICES": "0"} | shared
    assert job_process._gpu(1, slots=2, cards=["0"]) == shared


@pytest.mark.parametrize("cards", [[], ["0"]])
def test_one_job_at_a_time_takes_what_there_is(cards):
    assert job_process._gpu(0, slots=1, cards=cards) == {}
