"""The uploader process, as the run sees it: start, replies, end."""

import json
import logging
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from skinexp.config.schema import Tracking
from skinexp.core.child_processes import ChildProcess
from skinexp.core.run_files import OUTBOX, UPLOADER_LOG

log = logging.getLogger(__name__)

ANSWER = 180  # seconds until a store's first answer, the import of MLflow included
MARGIN = 5  # seconds that an uploader may take to end beyond the wait that it was given


class UploaderProcess:
    """The process that delivers a run's outbox; see `skinexp.tracking.uploader`."""

    run_id: str | None = None
    experiment_id: str | None = None

    def __init__(self, directory: Path, options: Tracking):
        self._answered, self._refusal = threading.Event(), ""
        self._uri, self._wait = options.uri, options.wait
        self._log = directory / OUTBOX / UPLOADER_LOG
        self._quiet = False  # whether trouble was reported
        flags = ["--system-metrics"] if options.system_metrics else []
        arguments = (str(directory), options.uri, str(options.wait), *flags)
        self._process = ChildProcess("skinexp.tracking.uploader", *arguments, errors=self._log)
        self._listener = threading.Thread(target=self._listen, args=(options.required,), daemon=True)
        self._listener.start()

    def refusal(self) -> str:
        """Waits for the store's first reply; returns why it cannot be used, or an empty text."""
        self._answered.wait(ANSWER)
        if self.run_id:
            return ""
        complaints = self._log.read_text(errors="replace").splitlines()
        if self._process.running or not complaints:  # then these lines are not about its end
            complaints = [f"it did not reply within {ANSWER} seconds"]
        return self._refusal or (
            f"tracking.uri: {self._uri} cannot be used ({complaints[-1]}). Track into a local file: tracking=local"
        )

    def wake(self) -> None:
        """Notifies the uploader that there is something to deliver."""
        with suppress(BrokenPipeError, ValueError):  # it has ended, or this run has
            self._process.send(b"\n")

    def end(self) -> None:
        """Waits up to `tracking.wait` seconds until the uploader has delivered the remaining records, and ends it."""
        self._process.end_input()
        try:
            self._process.wait(self._wait + MARGIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._close()

    def kill(self) -> None:
        """Kills the uploader."""
        self._process.kill()
        self._close()

    def _close(self) -> None:
        self._process.wait()
        self._listener.join()
        self._process.close()

    def _listen(self, required: bool) -> None:
        for line in self._process.answers:
            answer = json.loads(line)
            if "run_id" in answer:
                self.run_id, self.experiment_id = answer["run_id"], answer["experiment_id"]
                if self._quiet:
                    log.info("Tracking  the store is available again")
                self._quiet = False
            else:
                self._refusal = answer["trouble"]
                if (self._answered.is_set() or not required) and not self._quiet:
                    log.warning(
                        "Tracking  %s. The run's records stay in its outbox and are delivered later", answer["trouble"]
                    )
                    self._quiet = True
            self._answered.set()
        self._answered.set()
