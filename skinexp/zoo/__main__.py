"""Plants faults into real, tiny trainings: how many does the doctor name, and how often does it cry wolf?"""

import argparse
import os
from pathlib import Path

from skinexp.core.errors import exit_on_user_error
from skinexp.core.terminal import libraries_write_to


def main() -> None:
    """The command `python -m skinexp.zoo`. Exit codes: 0 (all right), 1 (a fault missed, or a false alarm), 2."""
    options = _parser().parse_args()
    if (options.photographs is None) != (options.weights is None):
        _parser().error("--photographs and --weights: give both, or neither")
    with exit_on_user_error(), libraries_write_to(Path(os.devnull)):
        from skinexp.zoo import visit  # later than --help: it brings Keras

        right = visit.visit(options.photographs, options.weights, options.only, options.output, options.markdown)
    raise SystemExit(0 if right else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m skinexp.zoo", description=__doc__)
    parser.add_argument(
        "--photographs", type=Path, help="directory of real images with a manifest.csv; else phantoms only"
    )
    parser.add_argument("--weights", type=Path, help="directory of pretrained weights; needed with --photographs")
    parser.add_argument("--only", help="cases whose name contains these words")
    parser.add_argument("--output", type=Path, help="file for the outcomes, as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser


if __name__ == "__main__":
    main()
