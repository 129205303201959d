"""The frame of the training command around its jobs: help, resuming, signals, sweeps and exit codes."""

import os
import signal
import sys
from collections.abc import Callable

from omegaconf import DictConfig

from skinexp.cli import help_text
from skinexp.cli.command import asks_for_help, call_hydra
from skinexp.cli.secret_words import without_secrets
from skinexp.config.compose import SCHEMAS, mistakes_as_user_errors, register
from skinexp.core import invocation
from skinexp.core.child_processes import environment
from skinexp.core.errors import exit_on_user_error
from skinexp.core.invocation import Invocation
from skinexp.sweep import resume

SCHEMA = SCHEMAS["config"]


def run_training(task: Callable[[DictConfig], float]) -> None:
    """Runs the training command of `sys.argv` and ends the process with its exit code.

    Args:
        task: trains one job; a function at the top of a module, so that processes of a sweep can import it.
    """
    if asks_for_help(sys.argv[1:]):
        print(help_text.render())
        return
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # or `uv run` lets Ray's jobs write into a copy of here
    register(SCHEMA)
    with exit_on_user_error():
        command = invocation.begin(resume.read_arguments())
        sys.argv[1:] = without_secrets(sys.argv[1:], os.environ)
        os.environ.update(environment())  # a launcher may start Python in the directory that a record names
        _run_jobs(task, command)
    sys.exit(command.exit_code)


def _run_jobs(task: Callable[[DictConfig], float], command: Invocation) -> None:
    """Runs the run or the sweep; always closes a sweep."""
    try:
        with mistakes_as_user_errors(SCHEMA):
            call_hydra(task, "config")
        command.end("finished")
    except KeyboardInterrupt:
        command.end("killed")
        invocation.stop_at_once(resume.advice(command.place))
    except Exception:
        command.end("failed")
        raise


def _interrupt(signal_number: int, frame: object) -> None:
    raise KeyboardInterrupt
