"""Opens a sweep's parent run before its first job; the command closes it after the last.

Hydra's own hook for the end of a multirun is not used: it is not called where a job was stopped, and an error in it
becomes a warning.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from skinexp.core.errors import exit_on_user_error
from skinexp.sweep import resume

if TYPE_CHECKING:
    from skinexp.sweep.sweep_run import Sweep

running: "Sweep | None" = None  # the sweep that this process started and has not closed


class SweepCallback(Callback):
    """Hydra calls it around a multirun; single runs pass it by."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Creates the sweep's directory, its manifest and its parent run."""
        from skinexp.sweep import sweep_run

        global running
        directory = Path(config.hydra.sweep.dir).resolve()
        with exit_on_user_error():  # Hydra turns errors of callbacks into warnings, but lets an exit pass
            running = sweep_run.begin(directory, config, again=directory == resume.asked)
        resume.place = directory


def close(status: str) -> None:
    """Closes the sweep of this process, if one is open: as `finished` (or failed, where a job failed) or `killed`."""
    global running
    if running is None:
        return
    from skinexp.sweep import sweep_run

    sweep, running = running, None
    sweep_run.end(sweep, status)
