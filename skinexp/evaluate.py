"""Evaluates a trained model on other images, with its own preprocessing and operating threshold."""

import argparse
import os
import sys
from pathlib import Path

from skinexp.cli import help_text
from skinexp.cli.command import asks_for_help
from skinexp.cli.secret_words import without_secrets
from skinexp.core import invocation
from skinexp.core.credentials import keep_password
from skinexp.core.errors import UserError, exit_on_user_error
from skinexp.core.python_command import skinexp_command


def main(arguments: list[str] | None = None) -> None:
    """Runs the command. Exit codes: 0, 1 (it failed), 2 (a mistake in the command), 130 (stopped by Ctrl-C)."""
    words = sys.argv[1:] if arguments is None else arguments
    if asks_for_help(words):
        print(help_text.render("evaluate"))
        return
    options = _parser().parse_intermixed_args(words)
    from skinexp.workflows import external_validation_job

    with exit_on_user_error():
        if options.pool and not options.multirun:
            raise UserError("--pool: pools several external sets; name them with -m: data.path=A,B")
        if options.run is None or ("=" in options.run and not Path(options.run).exists()):
            raise UserError(
                "evaluate: name a run by its directory or its MLflow id, then the images. "
                f"See {skinexp_command('evaluate')} --help"
            )
        overrides = without_secrets(options.overrides, os.environ)
        try:
            if options.multirun:
                from skinexp.workflows import external_sets  # later than a mistake: it brings pandas

                external_sets.run(options.run, overrides, options.output, options.uri, options.pool)
            else:
                external_validation_job.run(options.run, overrides, options.output, options.uri)
        except KeyboardInterrupt:
            invocation.stop_at_once("Stopped.")
    sys.exit(invocation.current().exit_code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=skinexp_command("evaluate"), description=__doc__, add_help=False)
    parser.add_argument("run", nargs="?")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("--pool", action="store_true")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--uri", type=keep_password)
    return parser


if __name__ == "__main__":
    main()
