"""Tracking of runs: the outbox, its uploader, and the only code that uses MLflow."""

import os

from skinexp.tracking.tracked_run import TrackedRun, start
from skinexp.tracking.untracked import Untracked

__all__ = ["TrackedRun", "Untracked", "start"]

SETTINGS = {  # of MLflow, which reads some of them when it is imported
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # who delivers tries again by itself
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the summary says where to look
    "MLFLOW_DISABLE_TELEMETRY": "true",  # no telemetry about patients' images by default
    "GIT_PYTHON_REFRESH": "quiet",
}
for variable, value in SETTINGS.items():
    os.environ.setdefault(variable, value)
