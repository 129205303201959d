"""One MLflow run: opened with its tags and params, fed while the work goes on, and closed with a true status."""

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from skinexp.config import Tracking
from skinexp.tracking.flat import flatten
from skinexp.tracking.store import PARENT_TAG, connect

log = logging.getLogger(__name__)

PARAMS_A_CALL = 100  # MLflow refuses more in one batch
FOLDERS = ("figures", ".hydra")  # of the run directory, those that are logged
KEPT_LOCAL = (".log", ".keras", ".part")  # the log is not finished; the model is logged as a model
REQUIREMENTS = (
    "keras",
    "tensorflow",
    "numpy",
)  # what a served model needs; given, because inferring them takes seconds


class Run:
    """An open MLflow run. Everything logged through it lands under its id."""

    def __init__(self, run_id: str, experiment_id: str):
        self.id = run_id
        self.experiment_id = experiment_id

    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        """Logs numbers in one call; what is no number is left out."""
        finite = {
            name: value for name, value in values.items() if isinstance(value, (int, float)) and np.isfinite(value)
        }
        mlflow.log_metrics(finite, step=step, run_id=self.id)

    def epoch(self, values: dict[str, Any]) -> None:
        """Logs one epoch's record: `train/` and `val/` metrics and the learning rate, in one call."""
        numbers = {name: value for name, value in values.items() if "/" in name}
        self.metrics(numbers | {"train/lr": values["lr"], "train/seconds": values["seconds"]}, step=values["epoch"])

    def tags(self, values: dict[str, Any]) -> None:
        mlflow.set_tags({name: str(value) for name, value in values.items() if value is not None})

    def run_directory(self, directory: Path) -> None:
        """Logs the files that a run left; what only the run itself needs stays behind."""
        for path in sorted(directory.iterdir()):
            if path.is_dir() and path.name in FOLDERS:
                mlflow.log_artifacts(str(path), path.name, run_id=self.id)
            elif path.is_file() and path.suffix not in KEPT_LOCAL:
                mlflow.log_artifact(str(path), run_id=self.id)

    def last_word(self, file: Path) -> None:
        """Logs a file after the run was closed; where the store is gone by then, the file stays local."""
        try:
            mlflow.log_artifact(str(file), run_id=self.id)
        except (MlflowException, OSError) as error:
            log.warning("%s is not on the MLflow run: %s", file.name, error)

    def dataset(self, frame: pd.DataFrame, source: str | None, name: str, digest: str, context: str) -> None:
        """Records which images were used for what.

        Args:
            frame: one row an image.
            source: directory or name that the images came from; None where they were generated.
            context: train, val or test.
        """
        data = mlflow.data.from_pandas(frame, source=source, targets="label", name=name, digest=digest)
        mlflow.log_input(data, context=context)

    def model(self, network: Any, example: np.ndarray, answer: np.ndarray) -> None:
        """Logs a Keras model with its signature.

        Args:
            example: (1, size, size, 3) pixels.
            answer: (1, 1) the logit that the network predicts for them.
        """
        signature = mlflow.models.infer_signature(example, answer)
        Model.log(
            artifact_path=None,
            name="model",
            flavor=KerasFlavor,
            model=network,
            signature=signature,
            input_example=example,
            validate_serving_input=False,  # takes seconds a run; the tests do it once
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        )


class KerasFlavor:
    """`mlflow.keras`, but for a mistake of MLflow 3.17: it writes the input example before it makes the directory."""

    __name__ = "keras"

    @staticmethod
    def save_model(path: str, validate_serving_input: bool, **arguments: Any) -> None:
        import mlflow.keras  # imports Keras, whose backend must be chosen before

        Path(path).mkdir(parents=True, exist_ok=True)
        mlflow.keras.save_model(path=path, **arguments)


@contextmanager
def start(
    options: Tracking, name: str, tags: dict[str, Any], params: dict[str, Any], parent: str | None = None
) -> Iterator[Run]:
    """Opens a run and closes it as FINISHED, FAILED (with the traceback as an artifact) or KILLED.

    Args:
        params: the resolved configuration, nested.
        parent: id of the sweep's run.

    Raises:
        UserError: where the tracking store cannot be used.
    """
    connect(options)
    os.environ.pop("MLFLOW_RUN_ID", None)  # it would beat the parent
    active = mlflow.start_run(
        run_name=name, tags={PARENT_TAG: parent} if parent else None, log_system_metrics=options.system_metrics
    )
    run = Run(active.info.run_id, active.info.experiment_id)
    try:
        run.tags(tags)
        items = list(flatten(params).items())
        for first in range(0, len(items), PARAMS_A_CALL):
            mlflow.log_params(dict(items[first : first + PARAMS_A_CALL]))
        yield run
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt)
        if not killed:
            _log_traceback(run)
        mlflow.end_run("KILLED" if killed else "FAILED")
        raise
    mlflow.end_run("FINISHED")


def _log_traceback(run: Run) -> None:
    mlflow.log_text("".join(traceback.format_exception(*sys.exc_info())), "traceback.txt", run_id=run.id)
