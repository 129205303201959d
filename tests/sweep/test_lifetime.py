from skinexp.sweep.lifetime import job_directories


def test_jobs_come_in_the_order_in_which_they_were_launched(tmp_path):
    for number in (10, 2, 0):
        (tmp_path / str(number) / ".hydra").mkdir(parents=True)
    assert [job.name for job in job_directories(tmp_path)] == ["0", "2", "10"]


def test_directories_that_hold_no_job_are_passed_over(tmp_path):
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    (tmp_path / "figures").mkdir()
    assert [job.name for job in job_directories(tmp_path)] == ["0"]


def test_jobs_in_named_directories_come_after_numbered_ones(tmp_path):
    for name in ("model=scratch", "1"):
        (tmp_path / name / ".hydra").mkdir(parents=True)
    assert [job.name for job in job_directories(tmp_path)] == ["1", "model=scratch"]
