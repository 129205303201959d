"""MLflow's variables of the environment: followed, or named in one line with the key that follows them."""

import pytest

from skinexp.config.schema import Tracking
from skinexp.tracking.environment import overridden

LOCAL = Tracking()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (
            {"MLFLOW_TRACKING_URI": "http://ann:secret@host"},
            "MLFLOW_TRACKING_URI=http://ann:***@host (to follow it: track",
        ),
        ({"MLFLOW_EXPERIMENT_NAME": "moles"}, "MLFLOW_EXPERIMENT_NAME=moles (to follow it: tracking.experiment=moles)"),
        ({"MLFLOW_EXPERIMENT_ID": "3"}, "MLFLOW_EXPERIMENT_ID=3"),
        ({"MLFLOW_RUN_ID": "0123"}, "MLFLOW_RUN_ID=0123 (each run is a new one)"),
    ],
)
def test_a_variable_that_says_something_else_is_named(environment, words):
    line = overridden(LOCAL, environment)
    assert line.startswith("this run goes to experiment skinexp of sqlite:///mlflow.db. Not used: ")
    assert words in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"MLFLOW_TRACKING_URI": "", "MLFLOW_RUN_ID": ""},
        {"MLFLOW_TRACKING_URI": LOCAL.uri, "MLFLOW_EXPERIMENT_NAME": LOCAL.experiment},
        {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "secret", "MLFLOW_TRACKING_TOKEN": "secret"},
    ],
)
def test_variables_that_a_run_follows_are_not_named(environment):
    assert overridden(LOCAL, environment) == ""
