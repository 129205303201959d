"""The frame of all commands that Hydra configures: help, refusals, Ctrl-C, mistakes and exit codes."""

import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from skinexp.cli import help_text
from skinexp.cli.flags import flags_first
from skinexp.cli.secret_words import without_secrets
from skinexp.config.compose import SCHEMAS, as_hydra_reads, mistakes_as_user_errors, register, to_config
from skinexp.config.conf_files import CONF
from skinexp.config.schema import Config
from skinexp.config.validation import check
from skinexp.core import invocation
from skinexp.core.errors import UserError, exit_on_user_error
from skinexp.core.python_command import skinexp_command
from skinexp.core.terminal import libraries_write_to
from skinexp.runs import provenance

Workflow = Callable[[Any, Path, dict[str, Any]], None]  # configuration, directory of results, provenance

TRAINING_ONLY = ("-m", "--multirun", "hydra.mode", "resume")  # words that only the training accepts


@dataclass(frozen=True)
class Command:
    """A command that composes one configuration and does one thing with it.

    Attributes:
        name: its module in skinexp, its file in conf/ and its help text in cli/help.
        workflow: what it does; called with the checked configuration (of `SCHEMAS[name]`), the directory to write
            into, and the provenance: the command as it was typed, and the state of git.
        one_call: a sentence for a person who asks for a sweep or for resuming: "An audit is a single run".
    """

    name: str
    workflow: Workflow
    one_call: str

    def run(self) -> None:
        """Runs the command and ends the process: 0, 1 (it failed), 2 (a mistake in the command), 130 (Ctrl-C)."""
        words = sys.argv[1:]
        if asks_for_help(words):
            print(help_text.render(self.name))
            return
        with exit_on_user_error():
            sys.argv[1:] = words = without_secrets(words, os.environ)
            self._refuse_what_only_the_training_accepts(words)
            schema = SCHEMAS[self.name]
            register(schema)
            try:
                with mistakes_as_user_errors(schema, self.name):
                    call_hydra(self._call_workflow, self.name)
            except KeyboardInterrupt:
                invocation.stop_at_once("Stopped.")
        sys.exit(invocation.current().exit_code)

    def _refuse_what_only_the_training_accepts(self, words: list[str]) -> None:
        for word in words:
            if word.lstrip("+").partition("=")[0] in TRAINING_ONLY:
                raise UserError(f"{word}: belongs to {skinexp_command('train')}. {self.one_call}")

    def _call_workflow(self, composed: DictConfig) -> None:
        from hydra.core.hydra_config import HydraConfig

        directory = Path(HydraConfig.get().runtime.output_dir).resolve()
        log_file = directory / f"{self.name}.log"
        with invocation.log_failure(log_file), libraries_write_to(log_file):
            config: Config = to_config(composed, SCHEMAS[self.name])
            check(config)
            about = {"command": provenance.command_line(), "git": asdict(provenance.git_state())}
            self.workflow(config, directory, about)


def asks_for_help(words: list[str]) -> bool:
    """Returns whether the words behind a command ask for its help text."""
    return bool({"--help", "-h"} & set(words))


def call_hydra(task: Callable[[DictConfig], Any], name: str) -> None:
    """Lets Hydra compose the configuration of `sys.argv`, and call a task with it; a sweep calls it once per job.

    Args:
        task: is called with the composed configuration.
        name: a file in conf/.
    """
    import hydra

    sys.argv[1:] = as_hydra_reads(flags_first(sys.argv[1:]), SCHEMAS[name])
    os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra prints its errors itself, in many lines
    hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(task)()
