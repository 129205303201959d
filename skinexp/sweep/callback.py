"""Opening of a sweep's parent run before its first job; the command closes it after the last.

Hydra's own hook for the end of a multirun is not used: it is not called if a job was stopped, and an error in it
becomes a warning.
"""

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from skinexp.core import invocation
from skinexp.core.errors import exit_on_user_error


class SweepCallback(Callback):
    """The callbacks of a multirun, which Hydra does not call for single runs."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Creates the sweep's directory, its manifest and its parent run."""
        from skinexp.sweep import sweep_run

        command = invocation.current()
        directory = Path(config.hydra.sweep.dir).resolve()
        with exit_on_user_error():  # Hydra turns errors of callbacks into warnings, but lets an exit pass
            sweep = sweep_run.begin(directory, config, again=directory == command.resumed)
        command.at_end(lambda status: sweep_run.end(sweep, status, command))
        command.place = directory
