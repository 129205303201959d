"""The uploader from the run's side: starts it, hears what it says, and lets it finish."""

import json
import logging
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from skinexp.config.schema import Tracking
from skinexp.core import child_processes
from skinexp.core.run_files import OUTBOX, UPLOADER_LOG

log = logging.getLogger(__name__)

ANSWER = 180  # seconds until a store's first answer, the import of MLflow included
MARGIN = 5  # seconds that an uploader may take to end beyond the wait that it was given


class UploaderProcess:
    """An uploader process; see `skinexp.tracking.uploader`."""

    run_id: str | None = None
    experiment_id: str | None = None

    def __init__(self, directory: Path, options: Tracking):
        self._answered, self._refusal = threading.Event(), ""
        self._uri, self._wait = options.uri, options.wait
        self._log = directory / OUTBOX / UPLOADER_LOG
        self._quiet = False  # whether trouble was told
        command = [sys.executable, "-m", "skinexp.tracking.uploader", str(directory), options.uri, str(options.wait)]
        command += ["--system-metrics"] if options.system_metrics else []
        with self._log.open("ab") as complaints:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=child_processes.environment(),
                start_new_session=True,  # a signal to this process's group is this process's business
            )
        self._listener = threading.Thread(target=self._listen, args=(options.required,), daemon=True)
        self._listener.start()

    def refusal(self) -> str:
        """Waits for the store's first answer; why it cannot be used, or nothing."""
        self._answered.wait(ANSWER)
        if self.run_id:
            return ""
        complaints = self._log.read_text(errors="replace").splitlines() or ["it does not answer"]
        return self._refusal or f"tracking.uri: {self._uri} cannot be used ({complaints[-1]}). Start a server there"

    def wake(self) -> None:
        """Says that there is something to deliver."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError, ValueError):
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()

    def end(self) -> None:
        """Lets the uploader deliver what is left, as long as it may take."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(self._wait + MARGIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._tidy()

    def kill(self) -> None:
        """Ends the uploader, whatever it does."""
        self._process.kill()
        self._tidy()

    def _tidy(self) -> None:
        self._process.wait()
        self._listener.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def _listen(self, required: bool) -> None:
        stream = self._process.stdout
        for line in stream if stream is not None else ():
            said = json.loads(line)
            if "run_id" in said:
                self.run_id, self.experiment_id = said["run_id"], said["experiment_id"]
                if self._quiet:
                    log.info("Tracking  the store answers again")
                self._quiet = False
            else:
                self._refusal = said["trouble"]
                if (self._answered.is_set() or not required) and not self._quiet:
                    log.warning("Tracking  %s. Records are kept in the outbox and delivered later", said["trouble"])
                    self._quiet = True
            self._answered.set()
        self._answered.set()
