"""Compares finished runs: one page, one table. Takes directories of sweeps or runs, ids of MLflow runs, a search."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from skinexp.config.schema import Tracking
from skinexp.core.errors import UserError, exit_on_user_error
from skinexp.runs.result import FILE

if TYPE_CHECKING:
    from skinexp.runs.run_summary import RunRecord


def main(arguments: list[str] | None = None) -> None:
    """The command `python -m skinexp.compare`. Exit codes: 0, 2 (a mistake in the command)."""
    options = _parser().parse_args(arguments)
    with exit_on_user_error():
        if not options.runs and options.where is None:
            _parser().error("name at least one run, or search for some with --where")
        compare(options.runs, options.uri, options.output, options.where)


def compare(runs: list[str], uri: str, output: Path | None, where: str | None = None) -> Path:
    """Writes comparison.html, .csv and .json, and shows the scores on the terminal.

    Args:
        runs: directories, or ids of MLflow runs; a sweep stands for all its runs. A run named twice is there once.
        uri: the store in which ids are looked up.
        where: a filter in the language of MLflow's search, whose runs follow those that were named.
        output: directory to write into; None: the sweep's where one sweep is all, else `comparison/`.

    Returns:
        The page.

    Raises:
        UserError: where something named is not there, or a search finds nothing.
    """
    from skinexp.report.console import run_table  # later than --help: these bring matplotlib
    from skinexp.report.pages import comparison_files
    from skinexp.runs.run_summary import load

    found = [pair for run in runs for pair in _find(run, Tracking(uri=uri))]
    if where is not None:
        found += _search(where, Tracking(uri=uri))
    records = _each_once([load(directory, name) for directory, name in found])
    is_sweep = len(runs) == 1 and where is None and (Path(runs[0]) / "sweep.json").is_file()
    page = comparison_files.compare(records, output or Path(runs[0] if is_sweep else "comparison"))
    run_table.show(records)
    run_table.show_next_steps(page, uri)
    return page


def _each_once(records: "list[RunRecord]") -> "list[RunRecord]":
    """The records, without those of a run that is there already: compared with itself it would count as another."""
    taken: set[object] = set()
    once = []
    for record in records:
        own = {record.directory.resolve(), record.find("run_id")} - {None}
        if not own & taken:
            once.append(record)
        taken |= own
    return once


def _find(run: str, options: Tracking) -> list[tuple[Path, str | None]]:
    """The directory of each run meant, with its name where the directory does not say it."""
    directory = Path(run)
    if (directory / FILE).is_file():
        return [(directory, None)]
    if directory.is_dir():
        from skinexp.sweep.sweep_run import job_directories

        if jobs := job_directories(directory):
            return [(job, None) for job in jobs]
        raise UserError(f"{run}: holds neither a run ({FILE}) nor runs of a sweep")
    from skinexp.tracking import mlflow_store

    stored = mlflow_store.find(options, run)
    ids = stored.children or (stored.id,)
    return [(mlflow_store.download(options, run_id), None) for run_id in ids]


def _search(where: str, options: Tracking) -> list[tuple[Path, str | None]]:
    from skinexp.tracking import mlflow_store

    return [(mlflow_store.download(options, run_id), None) for run_id in mlflow_store.search(options, where)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m skinexp.compare", description=__doc__)
    parser.add_argument("runs", nargs="*", help="sweep directories, run directories, or ids of MLflow runs")
    example = "tags.sweep = '12-30-00' and metrics.`test/roc_auc` > 0.8"
    where_help = f'also the runs that this filter finds, in the language of MLflow\'s search: "{example}"'
    parser.add_argument("--where", metavar="FILTER", help=where_help)
    uri_help = "MLflow store in which ids are looked up and runs are searched (default: %(default)s)"
    parser.add_argument("--uri", default=Tracking.uri, help=uri_help)
    parser.add_argument("--output", type=Path, help="directory for the page (default: the sweep's, or comparison/)")
    return parser


if __name__ == "__main__":
    main()
