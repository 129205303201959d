"""One call of the command `evaluate`: run, images, directory, record, backend, and then the external validation."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skinexp.config import evaluation_config
from skinexp.config.schema import Config
from skinexp.core import invocation, run_files
from skinexp.core.result_file import read_result
from skinexp.runs import lookup, ownership
from skinexp.runs.lookup import TrainedRun
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ComputeSummary, EvaluatedRun, ModelSummary

if TYPE_CHECKING:
    from skinexp.data.table import Table

log = logging.getLogger(__name__)


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
    trained = lookup.locate_run(name, uri)
    images = load_images(trained, config, overrides)
    directory = own_directory(output)
    evaluate_on(trained, images, directory)
    if read_result(directory).get("status") == "finished":
        _show_next_steps(directory, trained)
    return directory


@dataclass(frozen=True)
class ExternalImages:
    """Images that a network is tested on.

    Attributes:
        config: of the evaluation on them.
        table: the images, loaded.
        overrides: that name them.
    """

    config: Config
    table: "Table"
    overrides: list[str]


def load_images(trained: TrainedRun, config: Config, overrides: list[str]) -> ExternalImages:
    """Loads the images of an evaluation.

    Args:
        trained: the run that is evaluated.
        config: composed from the overrides.
        overrides: which images.

    Raises:
        UserError: if there are no usable images.
    """
    config = evaluation_config.match_run(config, overrides, trained.preprocess, _reported(trained))

    from skinexp.data.preparation.cache_lock import require_usable
    from skinexp.data.sources import registry

    require_usable(Path(config.data.cache))
    return ExternalImages(config, registry.load(config.data, config.data_seed, one_class=True), overrides)


def evaluate_on(trained: TrainedRun, images: ExternalImages, directory: Path) -> None:
    """Evaluates a run's model on images, and writes the log of that into the directory as well.

    Args:
        trained: the run.
        images: that were loaded.
        directory: to write into; this process holds its lock.
    """
    from skinexp.core import terminal

    log = directory / run_files.EVALUATE_LOG
    with terminal.messages_shown(log), invocation.log_failure(log), terminal.libraries_write_to(log):
        _validate(trained, images.config, images.table, directory, images.overrides)


def _validate(run: TrainedRun, config: Config, table: "Table", directory: Path, overrides: list[str]) -> None:
    from skinexp.runs import provenance

    trained = _reported(run)
    with RunLog(directory, f"{run.name} on {table.name}", overrides) as run_log:
        settings = evaluation_config.settings(config, trained)
        model = run.summary.model or ModelSummary(run.model)
        run_log.add(command=provenance.command_line(), git=provenance.git_state(), config=settings, model=model)
        run_log.add(evaluates=EvaluatedRun(run.run_id, run.name, run.named))
        if run.tracking is not None:
            run_log.track(run.tracking, {"mlflow.source.name": "skinexp.evaluate"}, run.key)

        from skinexp import compute

        choice = compute.configure(config)  # before anything else imports Keras
        used = settings | {"compute": asdict(choice.resolve(config).compute)}
        reasons = {"backend": "The network was trained on this data set."} | choice.reasons
        run_log.add(compute=ComputeSummary(**asdict(choice) | {"reasons": reasons}), config=used)

        from skinexp.workflows import external_validation

        external_validation.run(run, table, config, directory, run_log)
        run_log.await_answer()
    if run_log.summary.failures:
        log.error("Incomplete %s. The scores and the predictions are saved", run_log.summary.incomplete)
        invocation.current().exit_codes.append(invocation.FAILED)


def _reported(run: TrainedRun) -> dict[str, Any]:
    """Returns what a run reports, with its configuration as its command composed it."""
    return run.summary.to_dict() | {"config": run.summary.requested_config}


def own_directory(output: Path | None) -> Path:
    """Returns a new directory, or the given one, which is locked until the command ends."""
    if output is not None:
        directory = output.resolve()
        lock = ownership.take_directory(directory, "--output")
    else:
        now = datetime.now()
        named = Path("evaluations").resolve() / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S}"
        directory, lock = ownership.take_new_directory(named, "--output")
    invocation.current().held.append(lock)
    return directory


def _show_next_steps(directory: Path, run: TrainedRun) -> None:
    from skinexp.core.terminal import console, from_here
    from skinexp.report.console import run_table

    what = "Predictions, figures and result.json"
    if run.tracking is not None:
        run_table.show_next_steps(directory, run.tracking.uri, what)
    else:
        console.print(f"{what}: {from_here(directory)}", markup=False, soft_wrap=True)
        console.print("MLflow: not recorded, because the run itself was not tracked", markup=False, soft_wrap=True)
