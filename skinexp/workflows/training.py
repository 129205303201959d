"""The story of a run, one noun a line: table, images, findings, splits, model, training, predictions, scores, maps."""

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skinexp import health, models, tracking, training
from skinexp.config.schema import Config
from skinexp.core.atomic_files import write_tables
from skinexp.data import pipeline
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.evaluation import EvaluationOptions, TestEvaluation, evaluate
from skinexp.explain.maps import explain
from skinexp.models.archive import save_model
from skinexp.models.prediction import predict
from skinexp.models.training_statistics import training_statistics
from skinexp.report.figures import run_figures, style
from skinexp.runs.job import Job
from skinexp.runs.result import EVIDENCE, Result
from skinexp.workflows import audit_outputs, dataset, dataset_outputs

log = logging.getLogger(__name__)


def run(config: Config, job: Job, result: Result, record: tracking.Run) -> float:
    """Trains one model on one data set and writes down everything that a reader needs to judge it.

    Args:
        result: collects what became of the run; the caller writes it, also where this raises.
        record: the run as it is tracked; the caller closes it.

    Returns:
        The score named by `config.objective`.
    """
    directory = job.directory
    if not job.resumed:
        training.forget(directory)  # of whatever this directory held before
    record.confirm()
    result.add(run_id=record.id, experiment_id=record.experiment_id)
    record.params(dataclasses.asdict(config))
    loaded = dataset.load_dataset(config, result.stage, registry.load, image_cache.prepare)
    prepared, frame = loaded.prepared, loaded.prepared.table.frame
    with result.stage("split"):
        audit_outputs.write_audit_outputs(loaded, config, directory, result, record)
        batches = pipeline.batches(prepared.images, frame, config.augment, config.optim.batch_size, config.seed)
        result.add(**dataset_outputs.summarise_dataset(prepared))
        dataset_outputs.log_dataset(record, prepared, config.data.path)
    with result.stage("build"):
        classifier = models.build(config.model, config.data.preprocess.size)
        classifier.network.jit_compile = config.compute.jit_compile  # for predictions; training says it itself
        result.add(model={"name": config.model.name, "parameters": classifier.parameters})
    with result.stage("training"):
        foreseen = training.precompute_validation_features(classifier, batches, config)  # the doctor may look at it too
    with result.stage("preflight"):
        doctor = health.Doctor(classifier, prepared, batches, config, directory)
        doctor.preflight(foreseen)
    with result.stage("training"), _diagnosed(doctor, result, record):
        trained = training.fit(classifier, batches, config, directory, on_epoch=record.epoch, watch=doctor.watch)
        trained.history.to_csv(directory / "history.csv", index=False)
        result.add(best_epoch=trained.best_epoch, epochs=len(trained.history), phases=trained.phases)
    with result.stage("evaluation"):
        predicted = predict(classifier, batches, frame)
        predictions = predicted.table
        predictions.to_parquet(directory / "predictions.parquet", index=False)
        options = EvaluationOptions(**dataclasses.asdict(config.evaluate), seed=config.seed)
        evaluation = evaluate(predictions, options)
        metrics, calibration = evaluation.metrics, evaluation.calibrator.to_dict()
        result.add(metrics=metrics, thresholds=evaluation.thresholds, calibration=calibration)
        record.metrics(metrics)
        _write_reports(evaluation, directory)
        write_tables(evaluation.tables, directory / EVIDENCE)
    with result.stage("diagnosis"):
        if verdict := doctor.conclude(trained.history, trained.best_epoch, predicted):
            _tell(verdict, doctor, result, record)
    with result.stage("explanation"):
        maps = explain(classifier, evaluation.decisions, batches.test, config.explain)
    with result.stage("figures"):
        figures = run_figures.result_figures(config.model.name, trained.history, evaluation)
        figures |= dataset_outputs.dataset_figures(prepared, batches.train, config)
        if maps is not None:
            maps.shared.save(directory / "gradcam.npz")
            shown = maps.outcomes
            figures["gradcam"] = run_figures.outcome_sheet(
                config.model.name, shown.rows, shown.images, shown.heats, meaningless=verdict and verdict.meaningless
            )
        for name, figure in figures.items():
            style.save(figure, directory / "figures" / f"{name}.png")
    with result.stage("model"):
        seen = training_statistics(batches, predicted, frame, config.seed)
        save_model(classifier.network, directory / "model.keras", _needed_to_serve(config, evaluation), seen)
    with result.stage("tracking"):
        record.run_directory()
        if config.tracking.model:
            first = predictions.loc[predictions["split"] == "test", ["logit"]].head(1)
            record.model(classifier.network, batches.test.read([0]), first.to_numpy())
    return metrics[config.objective]


def forget_training(status: str, error: BaseException | None, file: Path) -> None:
    """Removes what only an interrupted run needs."""
    training.forget(file.parent)


@contextmanager
def _diagnosed(doctor: health.Doctor, result: Result, record: tracking.Run) -> Iterator[None]:
    """Asks the doctor why, where a training loses its loss."""
    try:
        yield
    except training.NonFiniteLoss as error:
        if verdict := doctor.broken(error.rows, error):
            _tell(verdict, doctor, result, record)
            record.file(doctor.file)
        raise


def _tell(verdict: health.Verdict, doctor: health.Doctor, result: Result, record: tracking.Run) -> None:
    """What the doctor says, wherever a person may look."""
    numbers = doctor.numbers()
    result.add(health=verdict.summary() | numbers)
    after = len(doctor.chart.epochs) + 1  # behind the curves of the epochs
    record.metrics({f"health/{name}": value for name, value in numbers.items()}, step=after)
    record.tags({"health": verdict.verdict, "health_cause": verdict.cause.name if verdict.cause else "none"})
    log.info("Health    %s: %s", verdict.verdict, verdict.sentence)


def _write_reports(evaluation: TestEvaluation, directory: Path) -> None:
    for threshold, report in evaluation.reports.items():
        report.to_csv(directory / f"classification_report_{threshold}.csv", index_label="class")


def _needed_to_serve(config: Config, evaluation: TestEvaluation) -> dict[str, object]:
    """What turns a new photograph into a class, apart from the network."""
    return {
        "preprocess": dataclasses.asdict(config.data.preprocess),
        "calibration": evaluation.calibrator.to_dict(),
        "threshold": evaluation.operating_threshold,  # of the calibrated probability
        "classes": ["benign", "malignant"],
    }
