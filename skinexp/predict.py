"""Predicts photographs that need no label: probability, class and logit of each, with a trained model."""

import argparse
import os
import sys
from pathlib import Path

from skinexp.cli import help_text
from skinexp.cli.command import asks_for_help
from skinexp.core import invocation
from skinexp.core.credentials import keep_password
from skinexp.core.errors import UserError, exit_on_user_error
from skinexp.core.python_command import skinexp_command


def main(arguments: list[str] | None = None) -> None:
    """Runs the command. Exit codes: 0, 1 (it failed), 2 (a mistake in the command), 130 (stopped by Ctrl-C)."""
    words = sys.argv[1:] if arguments is None else arguments
    if asks_for_help(words):
        print(help_text.render("predict"))
        return
    options = _parser().parse_intermixed_args(words)
    from skinexp.workflows import predicting

    with exit_on_user_error():
        if not options.images:
            raise UserError(f"predict: name a run, then at least one image. See {skinexp_command('predict')} --help")
        try:
            predicting.run(options.run, options.images, options.output, options.batch_size, options.uri)
        except BrokenPipeError:  # `| head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            invocation.stop_at_once("Stopped.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=skinexp_command("predict"), description=__doc__, add_help=False)
    parser.add_argument("run", nargs="?")
    parser.add_argument("images", nargs="*")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--batch-size", type=_positive, default=32)
    parser.add_argument("--uri", type=keep_password)
    return parser


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Received: {text}")
    return number


if __name__ == "__main__":
    main()
