"""Opens a sweep's parent run before its first job and closes it after its last."""

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

running: Path | None = None  # directory of the sweep that this process started and has not closed


class SweepCallback(Callback):
    """Hydra calls it around a multirun; single runs pass it by."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Creates the sweep's directory, its manifest and its parent run."""
        from skinexp.sweep import lifetime

        global running
        running = Path(config.hydra.sweep.dir).resolve()
        lifetime.begin(running, config)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Compares the jobs and closes the parent run."""
        close("finished")


def close(status: str) -> None:
    """Closes the sweep of this process, if one is open: as `finished` (or failed, where a job failed) or `killed`."""
    from skinexp.sweep import lifetime

    global running
    if running is not None:
        directory, running = running, None
        lifetime.end(directory, status)
