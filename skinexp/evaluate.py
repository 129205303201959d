"""Tests a finished model on other images, with the preprocessing and the threshold that it was trained with."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skinexp.config import evaluation_config
from skinexp.config.schema import Config, Tracking
from skinexp.core import invocation
from skinexp.core.errors import UserError, told
from skinexp.runs import lookup
from skinexp.runs.lookup import Finished
from skinexp.runs.result import FILE, Result, load

if TYPE_CHECKING:
    from skinexp import tracking
    from skinexp.data.table import Table

COMMAND = "python -m skinexp.evaluate"
HELP = f"""\
{__doc__}

  {COMMAND} RUN data=OPTION [data.KEY=VALUE ...]

RUN is the directory of a run, or the id of an MLflow run whose model was logged. All images are tested, none is
trained on. How images are prepared and from which probability on they are called malignant is in the model's file.

Which images
  data=folder data.path=DIRECTORY    a manifest.csv (file, label, ...), or one sub-folder a class; one class is enough
  data=hub data.path=OWNER/NAME      a data set of the Hugging Face hub, or a local directory of that shape
  data=phantom seed=1                generated ones, of another seed than the training's
  +data.labels.nevus=0               a class of other images that the training did not have
  data.exclude=[keratosis]           a class that is left out
  data.split.group=patient_id        the column that says which images are of one person

For whom the answers are meant
  evaluate.prevalence=0.02           share of malignant lesions there, for predictive values (default: the run's own)

Options
  --output DIRECTORY    where to write (default: evaluations/DATE/TIME)
  --uri URI             MLflow store in which an id is looked up (default: {Tracking.uri})

What it leaves there
  predictions.parquet, result.json, figures/, classification_report_*.csv; in MLflow, a run below the one whose model
  it is. The terminal shows the scores beside those on the run's own test images, and how far the new images are from
  the training images. Several models on the same images: python -m skinexp.compare evaluations/DATE/TIME ...
"""


def main(arguments: list[str] | None = None) -> None:
    """The command. Exit codes: 0, 1 (it failed), 2 (a mistake in the command), 130 (stopped by Ctrl-C)."""
    words = sys.argv[1:] if arguments is None else arguments
    if {"--help", "-h"} & set(words):
        print(HELP)
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"
    options = _parser().parse_intermixed_args(words)

    with told():
        if options.run is None or "=" in options.run:
            raise UserError(
                f"evaluate: name a run by its directory or its MLflow id, then the images. See {COMMAND} --help"
            )
        try:
            evaluate(options.run, options.overrides, options.output, options.uri)
        except KeyboardInterrupt:
            invocation.stop_at_once("Stopped.")
    sys.exit(invocation.current().exit_code)


def evaluate(name: str, overrides: list[str], output: Path | None = None, uri: str | None = None) -> Path:
    """Tests a run's model on the images that the overrides name, and tells the terminal.

    Returns:
        The directory that holds the predictions and the scores.

    Raises:
        UserError: where the run has no model, or no images are named that it can be tested on.
    """
    config = evaluation_config.composed(overrides)
    run = lookup.find(name, uri)
    config.data = replace(config.data, preprocess=run.preprocess)
    config = evaluation_config.with_prevalence(config, overrides, run.result)

    from skinexp.core.terminal import libraries_write_to
    from skinexp.data.sources import registry

    table = registry.load(config.data, config.seed, one_class=True)
    directory = _directory(output)
    log = directory / "evaluate.log"
    with _logging_to(log), invocation.log_failure(log), libraries_write_to(log):
        _run(run, config, table, directory, overrides)
    if load(directory).get("status") == "finished":
        _show_next_steps(directory, run)
    return directory


def _run(run: Finished, config: Config, table: "Table", directory: Path, overrides: list[str]) -> None:
    from skinexp.runs import provenance

    name = f"{run.name} on {table.name}"
    git = asdict(provenance.git_state())
    with Result(directory, name=name, overrides=overrides) as result:
        settings = evaluation_config.settings(config, run.result)
        result.add(command=provenance.command_line(), git=git, config=settings, model=run.result.get("model"))
        result.add(evaluates={"run_id": run.run_id, "name": run.name, "run": run.named})
        tags = {"evaluates": run.run_id or run.named, "model": run.model, "mlflow.source.name": "skinexp.evaluate"}
        record = _record(run, directory, name, tags | {f"git_{item}": value for item, value in git.items()})
        result.at_end(record.close)

        from skinexp import compute

        like_the_run = evaluation_config.like_the_run(config, run.result)
        chosen = compute.configure(like_the_run)  # before anything else imports Keras
        result.add(compute=asdict(chosen))

        from skinexp.workflows import external_validation

        external_validation.run(run, table, config, directory, result, record)
        record.await_answer()
        result.add(run_id=record.id, experiment_id=record.experiment_id)


def _record(run: Finished, directory: Path, name: str, tags: Mapping[str, Any]) -> "tracking.Run":
    from skinexp import tracking

    if run.tracking is None:
        return tracking.Untracked()
    return tracking.start(run.tracking, directory, name, tags, parent=run.key)


def _directory(output: Path | None) -> Path:
    """A new directory, or the one that was asked for."""
    if output is not None:
        if (output / FILE).exists():
            raise UserError(f"--output: {output} holds a run or an evaluation already. Name another directory")
        output.mkdir(parents=True, exist_ok=True)
        return output.resolve()
    now = datetime.now()
    base = Path("evaluations") / f"{now:%Y-%m-%d}"
    for number in range(1, 1000):
        directory = base / (f"{now:%H-%M-%S}" + (f"-{number}" if number > 1 else ""))
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            continue
        return directory.resolve()
    raise UserError(f"{base}: too many evaluations began in this second. Name a directory: --output")


@contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    """The story on the terminal, everything in a file, as Hydra sets it up for a training."""
    from skinexp.core.terminal import Handler

    ours, root = logging.getLogger("skinexp"), logging.getLogger()
    terminal, whole = Handler(), logging.FileHandler(file)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    whole.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    ours.setLevel(logging.DEBUG)
    root.setLevel(logging.INFO)
    ours.addHandler(terminal)
    root.addHandler(whole)
    try:
        yield
    finally:
        ours.removeHandler(terminal)
        root.removeHandler(whole)
        whole.close()


def _show_next_steps(directory: Path, run: Finished) -> None:
    from skinexp.core.terminal import console, from_here
    from skinexp.report.console import run_table

    what = "Predictions, figures and result.json"
    if run.tracking is not None:
        run_table.show_next_steps(directory, run.tracking.uri, what)
    else:
        console.print(f"{what}: {from_here(directory)}", markup=False, soft_wrap=True)
        console.print("MLflow: nothing, as the run itself was not tracked", markup=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__, add_help=False)
    parser.add_argument("run", nargs="?")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--uri")
    return parser


if __name__ == "__main__":
    main()
