"""Compares finished runs on one page and in one table: directories, ids of MLflow runs, or runs found by a search."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from skinexp.config.schema import Tracking
from skinexp.core import run_files
from skinexp.core.credentials import keep_password
from skinexp.core.errors import UserError, exit_on_user_error
from skinexp.core.links import refuse_links_out_of
from skinexp.core.python_command import skinexp_command
from skinexp.core.writable import why_unwritable

if TYPE_CHECKING:
    from skinexp.runs.run_outputs import RunOutputs


def main(arguments: list[str] | None = None) -> None:
    """Runs the command `python -m skinexp.compare`. Exit codes: 0, 2 (a mistake in the command)."""
    options = _parser().parse_args(arguments)
    with exit_on_user_error():
        if not options.runs and options.where is None:
            _parser().error("name at least one run, or search for runs with --where")
        compare(options.runs, options.uri, options.output, options.where)


def compare(runs: list[str], uri: str, output: Path | None, where: str | None = None) -> Path:
    """Writes comparison.html, .csv and .json, and prints the scores.

    Args:
        runs: directories, or ids of MLflow runs; a sweep stands for all its runs. A run that is named twice is compared
            once.
        uri: the store in which ids are looked up.
        output: directory to write into; None: the sweep's if `runs` is a single sweep, else `comparison/`.
        where: a filter in the language of MLflow's search; its runs follow those that were named.

    Returns:
        The page.

    Raises:
        UserError: if a named run does not exist, a search finds nothing, `output` is the directory of another run or
            cannot be written, or a link leads out of the sweep's.
    """
    from skinexp.comparison.analyse import analyse  # later than --help: these bring matplotlib
    from skinexp.report.console import run_table
    from skinexp.report.pages import comparison_files
    from skinexp.runs import lookup, written_files
    from skinexp.runs.run_outputs import read_outputs

    is_sweep = len(runs) == 1 and where is None and (Path(runs[0]) / run_files.SWEEP).is_file()
    directory = output or Path(runs[0] if is_sweep else "comparison")
    if written_files.is_written_by_skinexp(directory) and not (is_sweep and directory.samefile(runs[0])):
        raise UserError(
            f"--output: {directory} holds a run or a sweep, whose own files the comparison of these runs would replace "
            "or join. Name another directory"
        )
    if is_sweep:
        refuse_links_out_of(directory.resolve(), "compare")
    if reason := why_unwritable(directory):
        raise UserError(f"--output: {directory} cannot be written: {reason}. Name another directory")
    records = _each_once([read_outputs(directory) for directory in lookup.locate_runs(runs, uri, where)])
    comparison = analyse(records)
    page = comparison_files.write_comparison(comparison, directory)
    run_table.show(comparison.folds, comparison)
    run_table.show_next_steps(page, uri)
    return page


def _each_once(records: "list[RunOutputs]") -> "list[RunOutputs]":
    """Returns the records without repetitions of a run, which would be compared with itself."""
    taken: set[object] = set()
    once = []
    for record in records:
        own = {record.directory.resolve(), record.summary.run_id} - {None}
        if not own & taken:
            once.append(record)
        taken |= own
    return once


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=skinexp_command("compare"), description=__doc__)
    parser.add_argument("runs", nargs="*", help="sweep directories, run directories, or ids of MLflow runs")
    example = "tags.sweep = '12-30-00' and metrics.`test/roc_auc` > 0.8"
    where_help = f'also the runs that this filter finds, in the language of MLflow\'s search: "{example}"'
    parser.add_argument("--where", metavar="FILTER", help=where_help)
    uri_help = "MLflow store in which ids are looked up and runs are searched (default: %(default)s)"
    parser.add_argument("--uri", type=keep_password, default=Tracking.uri, help=uri_help)
    parser.add_argument("--output", type=Path, help="directory for the page (default: the sweep's, or comparison/)")
    return parser


if __name__ == "__main__":
    main()
