"""Plants faults into real, small trainings. Reports which of them the doctor names, and its false alarms."""

import argparse
import os
from pathlib import Path

from skinexp.core.errors import exit_on_user_error
from skinexp.core.python_command import skinexp_command
from skinexp.core.terminal import libraries_write_to


def main() -> None:
    """Runs the command `python -m skinexp.zoo`.

    Exit codes: 0 (all cases right), 1 (a fault was missed, or a false alarm), 2 (a mistake in the options).
    """
    options = _parser().parse_args()
    if (options.photographs is None) != (options.weights is None):
        _parser().error("--photographs and --weights must be given together")
    with exit_on_user_error(), libraries_write_to(Path(os.devnull)):
        from skinexp.zoo.run_all import run_all  # only now: --help must not wait for Keras

        right = run_all(options.photographs, options.weights, options.only, options.output, options.markdown)
    raise SystemExit(0 if right else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=skinexp_command("zoo"), description=__doc__)
    parser.add_argument(
        "--photographs",
        type=Path,
        metavar="DIRECTORY",
        help="real images with a manifest.csv; without this option, only cases on generated images are run",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="DIRECTORY", help="pretrained weights; required with --photographs"
    )
    parser.add_argument("--only", metavar="WORDS", help="run only cases whose name contains these words")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write all outcomes to this file, as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser


if __name__ == "__main__":
    main()
