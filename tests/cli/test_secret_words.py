"""Secrets on the command line do not get as far as the files that Hydra writes."""

import pytest

from skinexp.cli.secret_words import without_secrets
from skinexp.core.errors import UserError


def test_the_password_of_the_store_leaves_the_words_and_the_variable_of_its_address():
    environment = {"MLFLOW_TRACKING_URI": "http://b:other@host"}
    words = without_secrets(["seed=1", "++tracking.uri=http://a:secret@host:5000"], environment)
    assert words == ["seed=1", "++tracking.uri=http://a:***@host:5000"]
    assert environment == {
        "MLFLOW_TRACKING_URI": "http://b:***@host",
        "MLFLOW_TRACKING_USERNAME": "a",
        "MLFLOW_TRACKING_PASSWORD": "secret",
    }


@pytest.mark.parametrize(
    "word",
    [
        "data.path=s3://KEY:secret@bucket",
        "data.path=hf_secretsecretsecretsecret",
        "tracking.experiment=http://a:secret@host",
        "+hydra.job.env_set.HF_TOKEN=secret",
        "hydra.job.env_set={AWS_SECRET_ACCESS_KEY: secret}",
        "hydra.job.env_copy=[MLFLOW_TRACKING_PASSWORD]",
        "--config-dir=https://a:secret@host",
    ],
)
def test_another_secret_is_refused_and_not_repeated_in_the_sentence(word):
    with pytest.raises(UserError) as refused:
        without_secrets([word], {})
    assert "secret" not in str(refused.value).replace("secret_words", "")
    assert "environment" in str(refused.value) or "shell" in str(refused.value)


def test_other_variables_of_jobs_and_other_words_stay():
    words = ["hydra.job.env_set.OMP_NUM_THREADS=1", "tracking.uri=http://host:5000", "data.path=/x/a@b", "-m"]
    assert without_secrets(words, {}) == words
