"""The door of a command that does one thing, begun anew each time: help, what it refuses, Ctrl-C and mistakes."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from skinexp.config import config_errors
from skinexp.config.schema import Config
from skinexp.core import invocation
from skinexp.core.errors import UserError, told

TRAINING_ONLY = ("-m", "--multirun", "hydra.mode", "resume")  # what such a command has no use for


@dataclass(frozen=True)
class Door:
    """A command beside the training that Hydra configures.

    Attributes:
        command: as it is typed.
        help: what `--help` prints.
        whole: the schema of its configuration.
        single: what one call is, for who asks for several: "An audit is one look, begun anew".
    """

    command: str
    help: str
    whole: type[Config]
    single: str

    def enter(self, compose_and_run: Callable[[], None]) -> None:
        """The command. Exit codes: 0, 1 (it failed), 2 (a mistake in the command), 130 (stopped by Ctrl-C)."""
        words = sys.argv[1:]
        if {"--help", "-h"} & set(words):
            print(self.help)
            return
        os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra prints its errors itself, in many lines
        with told():
            self._refuse(words)
            try:
                compose_and_run()
            except KeyboardInterrupt:
                invocation.stop_at_once("Stopped.")
            except Exception as error:
                if not config_errors.is_mistake(error):
                    raise
                raise UserError(config_errors.explain(error, self.whole, self.command)) from error
        sys.exit(invocation.current().exit_code)

    def _refuse(self, words: list[str]) -> None:
        for word in words:
            if word.lstrip("+").partition("=")[0] in TRAINING_ONLY:
                raise UserError(f"{word}: belongs to {config_errors.TRAIN}. {self.single}")
