"""One call of the command `evaluate`: run, images, directory, record, backend, and then the external validation."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skinexp.config import evaluation_config
from skinexp.config.schema import Config
from skinexp.core import invocation
from skinexp.core.errors import UserError
from skinexp.runs import lookup
from skinexp.runs.lookup import Finished
from skinexp.runs.result import FILE, Result, load

if TYPE_CHECKING:
    from skinexp import tracking
    from skinexp.data.table import Table


def run(name: str, overrides: list[str], output: Path | None = None, uri: str | None = None) -> Path:
    """Evaluates a run's model on the images that the overrides name, and reports the scores on the terminal.

    Args:
        name: the run's directory or its MLflow id.
        overrides: which images: `data=folder`, `data.path=DIRECTORY`, ...
        output: directory to write into; None: a new one in evaluations/.
        uri: MLflow store in which an id is looked up; None: the run's own, or the default one.

    Returns:
        The directory with the predictions and the scores.

    Raises:
        UserError: if the run has no model, or if the overrides name no usable images.
    """
    config = evaluation_config.compose_evaluation(overrides)
    trained = lookup.find(name, uri)
    config = evaluation_config.match_run(config, overrides, trained.preprocess, trained.result)

    from skinexp.core.terminal import libraries_write_to
    from skinexp.data.sources import registry

    table = registry.load(config.data, config.seed, one_class=True)
    directory = _directory(output)
    log = directory / "evaluate.log"
    with _logging_to(log), invocation.log_failure(log), libraries_write_to(log):
        _validate(trained, config, table, directory, overrides)
    if load(directory).get("status") == "finished":
        _show_next_steps(directory, trained)
    return directory


def _validate(run: Finished, config: Config, table: "Table", directory: Path, overrides: list[str]) -> None:
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

        chosen = compute.configure(config)  # before anything else imports Keras
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
    """Returns a new directory, or the one that was asked for."""
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
    """Logs messages of skinexp on the terminal and all messages in a file, as Hydra does for a training."""
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
