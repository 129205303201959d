"""The record of a run: each call writes a fact to result.json and to the outbox, from which it reaches MLflow.

with RunLog(directory, name="seed=1") as log:
    log.add(config=asdict(config))
    log.track(config.tracking)
    with log.stage("evaluation"):
        log.add(metrics={"test/roc_auc": 0.93})
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skinexp.config.schema import Tracking
from skinexp.core import run_files
from skinexp.core.errors import UserError, disk_full_as_user_error, sentence_of
from skinexp.core.result_file import read_result, status_of
from skinexp.core.strict_json import write_json
from skinexp.runs import tracked_facts
from skinexp.runs.run_summary import RunSummary
from skinexp.tracking import TrackedRun, Untracked, start

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

log = logging.getLogger(__name__)

Ending = Callable[[], None]

RESERVED = 64 * 1024  # bytes that a run keeps free for the account of its end, on a disk that fills up meanwhile


class RunLog:
    """Records what a run reports, and how it ended, also if it fails or is stopped.

    A context manager around the run. What is reported before `track` is in result.json alone.

    Attributes:
        directory: the run's.
    """

    def __init__(self, directory: Path, name: str | None = None, overrides: Sequence[str] = ()):
        self.directory = directory
        self._summary = RunSummary(status="running", name=name, overrides=tuple(overrides))
        self._tracked: TrackedRun = Untracked()
        self._tags: dict[str, Any] = {}
        self._endings: list[Ending] = []
        self._start = time.perf_counter()
        self._reserve, self._lacked = directory / run_files.RESERVE, False

    def __enter__(self) -> "RunLog":
        with suppress(ValueError):  # result.json of another program
            self._lacked = bool(read_result(self.directory).get("failures"))  # the attempt that is resumed, if any
        self.save()
        with disk_full_as_user_error(self.directory, "run the command again"):
            self._reserve.write_bytes(os.urandom(RESERVED))  # zeros might be kept without taking room
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._reserve.unlink(missing_ok=True)
        self.add(status=status_of(error))
        if error is not None:
            self.add(error=f"{type(error).__name__}: {error}")
        self._add_seconds("total", time.perf_counter() - self._start)
        self.save()
        try:
            if self._lacked and not self._summary.failures:
                self._tracked.tags({"failed_stages": "none"})
            self._tracked.close(self._summary.status, error, self.directory / run_files.RESULT)
        except Exception as failure:  # the run has ended as it has, whatever becomes of its record in the store
            self.add_failure("tracking", failure)
            self.save()
        for ending in self._endings:
            ending()

    @property
    def summary(self) -> RunSummary:
        """What the run has reported so far."""
        return self._summary

    def track(
        self, options: Tracking, tags: Mapping[str, Any], parent: str | None = None, resume: bool = False
    ) -> None:
        """Starts to track the run: from now on, what it reports is written to its outbox as well.

        Args:
            options: where the run is tracked.
            tags: beside those that follow from the summary; one that is None is left out.
            parent: key of the sweep's run, or of the run whose network is evaluated.
            resume: whether to continue the run that the directory holds.

        Raises:
            UserError: if another process writes to the directory, or a run there is not delivered yet.
        """
        self._tags = tracked_facts.tags(self._summary)
        name = self._summary.name or self.directory.name
        self._tracked = start(options, self.directory, name, self._tags | dict(tags), parent, resume)

    def add(self, step: int | None = None, **fields: Any) -> None:
        """Reports facts: fields of `RunSummary`, which replace those of that name.

        Args:
            step: of the metrics that follow from them; None: they belong to the whole run.
            fields: values by the names of the fields.
        """
        self._summary = replace(self._summary, **fields)
        reported = RunSummary(**fields)
        if reported.config:
            self._tracked.params(reported.config)
        if values := tracked_facts.metrics(reported):
            self._tracked.metrics(values, step)
        tags = tracked_facts.tags(reported)
        if new := {name: value for name, value in tags.items() if self._tags.get(name) != value}:
            self._tracked.tags(new)
            self._tags |= new

    def add_failure(self, stage: str, error: Exception) -> None:
        """Reports that a stage behind the training failed, with its traceback in the log file; the run goes on.

        Args:
            stage: its name; the first error of a stage is kept.
            error: what it raised.
        """
        logging.getLogger().error("%s failed", stage, exc_info=error)  # the root logger writes to the log file alone
        failures = {**self._summary.failures}
        failures.setdefault(stage, sentence_of(error))
        with suppress(UserError, OSError):  # the outbox may be what failed; the summary has the failure all the same
            self.add(failures=failures)

    def epoch(self, values: Mapping[str, Any]) -> None:
        """Reports one epoch; the training writes it to history.csv, and goes on if it cannot be tracked."""
        try:
            self._tracked.epoch(values)
        except Exception as error:
            self.add_failure("tracking", error)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Reports that a stage has begun, and adds the seconds spent inside to it; it may have several parts."""
        began = time.perf_counter()
        self.add(stage=name)
        with suppress(UserError):  # a full disk: the stage itself finds out whether it needs room
            self.save()  # so that result.json of a run that was killed names the stage
        try:
            yield
        finally:
            self._add_seconds(name, time.perf_counter() - began)

    def confirm(self) -> None:
        """Waits until the store has the run if `tracking.required` is set, and reports the ids that it has there.

        Raises:
            UserError: if the store cannot be used.
        """
        self._tracked.confirm()
        self._add_ids()

    def await_answer(self) -> None:
        """Waits until the store has the run or refuses it, and reports the ids that it has there."""
        self._tracked.await_answer()
        self._add_ids()

    def dataset(self, frame: "pd.DataFrame", source: str | None, name: str, digest: str, context: str) -> None:
        """Reports which images were used for what, see `TrackedRun.dataset`."""
        self._tracked.dataset(frame, source, name, digest, context)

    def file(self, path: Path) -> None:
        """Logs a file of the run's directory."""
        self._tracked.file(path)

    def run_directory(self) -> None:
        """Logs the files that the run left in its directory."""
        self._tracked.run_directory()

    def model(self, network: Any, example: "np.ndarray", answer: "np.ndarray") -> None:
        """Logs the trained network, see `TrackedRun.model`."""
        self._tracked.model(network, example, answer)

    def at_end(self, ending: Ending) -> None:
        """Calls a function after result.json says how the run ended, and the run is closed in the store."""
        self._endings.append(ending)

    def save(self) -> None:
        """Writes result.json whole or not at all.

        Raises:
            UserError: if the disk is full.
        """
        with disk_full_as_user_error(self.directory, "run the command again"):
            write_json(self.directory / run_files.RESULT, self._summary.to_dict())

    def _add_ids(self) -> None:
        self.add(run_id=self._tracked.id, experiment_id=self._tracked.experiment_id)

    def _add_seconds(self, name: str, seconds: float) -> None:
        spent = self._summary.seconds
        self.add(seconds={**spent, name: round(spent.get(name, 0.0) + seconds, 3)})
