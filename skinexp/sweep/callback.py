"""Hydra's hooks at the start of a command, before it writes a file: the directory, and a sweep's parent run.

Hydra's own hook for the end of a multirun is not used: it is not called if a job was stopped, and an error in it
becomes a warning.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from skinexp.config.compose import mistakes_as_user_errors
from skinexp.config.schema import Config
from skinexp.core import invocation
from skinexp.core.errors import UserError, exit_on_user_error


class DirectoryCallback(Callback):
    """The hooks of a command; an error in them ends it."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Locks the directory of a single run."""
        from skinexp.sweep import directories, store_password

        with _errors_end_the_command():
            directories.take(config, "run", invocation.current())
            store_password.take_password(config)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Locks the directory of a sweep, and creates its manifest and its parent run."""
        from skinexp.sweep import directories, early_checks, store_password, sweep_run

        command = invocation.current()
        with _errors_end_the_command():
            store_password.take_password(config)
            early_checks.refuse_values(config)
            directories.refuse_jobs_outside(config)
            directory = directories.take(config, "sweep", command)
            sweep = sweep_run.begin(directory, config, again=directory == command.resumed)
        command.at_end(lambda status: sweep_run.end(sweep, status, command))
        command.place = directory


@contextmanager
def _errors_end_the_command() -> Iterator[None]:
    """Exits if a hook fails: Hydra would turn the error into a warning and go on, but lets an exit pass."""
    with exit_on_user_error():
        try:
            with mistakes_as_user_errors(Config):
                yield
        except UserError:
            raise
        except Exception:
            traceback.print_exc()
            sys.exit(invocation.FAILED)
