"""The command that people type most, as it is: all models on the default phantoms. Takes minutes."""

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def main_job(train):
    return train("-m model=scratch,mobilenet,efficientnet")[0]


def test_all_models_finish(main_job):
    assert main_job.code == 0
    assert main_job.parent.info.status == "FINISHED"


def test_each_model_tells_malignant_phantoms_from_benign_ones(main_job):
    for job in ("0", "1", "2"):
        # On 90 images an area has a standard error of about 0.06: chance seldom reaches 0.6.
        assert main_job.result(job)["metrics"]["test/roc_auc"] > 0.6


def test_the_default_job_needs_no_network_and_says_where_to_look(main_job):
    assert "Comparison page: multirun/" in main_job.output
