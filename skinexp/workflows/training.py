"""The story of a run, one noun a line: table, images, findings, splits, model, training, predictions, scores, maps."""

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skinexp import health, models, training
from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.core.atomic_files import write_tables
from skinexp.data import audit, pipeline
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.data.split import split
from skinexp.evaluation import Evaluation, Evidence, evaluate, evidence
from skinexp.explain.maps import explain
from skinexp.models.archive import save_model
from skinexp.models.prediction import predict
from skinexp.models.training_statistics import reference
from skinexp.report.figures import run_figures, style
from skinexp.runs.health_summary import HealthSummary
from skinexp.runs.job import Job
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ModelSummary, ThresholdSummary
from skinexp.workflows import audit_outputs, dataset

log = logging.getLogger(__name__)


def run(config: Config, job: Job, run_log: RunLog) -> float:
    """Trains one model on one data set and writes down everything that a reader needs to judge it.

    Args:
        run_log: takes what the run reports; the caller closes it, also if this raises.

    Returns:
        The score named by `config.objective`.
    """
    directory = job.directory
    if not job.resumed:
        training.forget(directory)  # of whatever this directory held before
    run_log.confirm()
    with run_log.stage("data"):
        table = registry.load(config.data, config.seed)
        log.info("Data      %s", table)
    with run_log.stage("prepare"):
        prepared = image_cache.prepare(table, config.data)
    with run_log.stage("audit"):
        findings = audit.audit_prepared(prepared, config.data)
        prepared, findings = audit.acted_on(prepared, findings, config.data)
    with run_log.stage("split"):
        frame = prepared.table.frame
        frame["split"] = split(frame, config.data.split, config.seed)
        audit_outputs.record(audit.of_split(findings, frame, config.data), prepared, config, directory, run_log)
        batches = pipeline.batches(prepared.images, frame, config.augment, config.optim.batch_size, config.seed)
        run_log.add(**dataset.describe(prepared))
        dataset.record(run_log, prepared, config.data.path)
    with run_log.stage("build"):
        classifier = models.build(config.model, config.data.preprocess.size)
        classifier.network.jit_compile = config.compute.jit_compile  # for predictions; training says it itself
        run_log.add(model=ModelSummary(config.model.name, classifier.parameters))
    with run_log.stage("training"):
        foreseen = training.foreseen(classifier, batches, config)  # the doctor may look at it too
    with run_log.stage("preflight"):
        doctor = health.Doctor(classifier, prepared, batches, config, directory)
        doctor.preflight(foreseen)
    with run_log.stage("training"), _diagnosed(doctor, run_log):
        trained = training.fit(classifier, batches, config, directory, on_epoch=run_log.epoch, watch=doctor.watch)
        trained.history.to_csv(directory / run_files.HISTORY, index=False)
        run_log.add(best_epoch=trained.best_epoch, epochs=len(trained.history), phases=trained.phases)
    with run_log.stage("evaluation"):
        predicted = predict(classifier, batches, frame)
        predictions = predicted.table
        predictions.to_parquet(directory / run_files.PREDICTIONS, index=False)
        scores = evaluate(predictions)
        options = config.evaluate
        proof = evidence(
            predictions, options.threshold, options.calibration, options.prevalence, config.seed, options.resamples
        )
        metrics = scores.metrics | proof.metrics
        thresholds = ThresholdSummary(half=0.5, youden=scores.threshold, chosen=proof.threshold)
        run_log.add(metrics=metrics, thresholds=thresholds, calibration=proof.calibrator.to_dict())
        _write_reports(scores, directory)
        write_tables(proof.tables(), directory / run_files.EVIDENCE)
    with run_log.stage("diagnosis"):
        if verdict := doctor.conclude(trained.history, trained.best_epoch, predicted):
            _tell(verdict, doctor, run_log)
    with run_log.stage("explanation"):
        maps = explain(classifier, predictions, batches.test, scores.threshold, config.explain)
    with run_log.stage("figures"):
        figures = run_figures.result_figures(
            config.model.name, trained.history, predictions, proof.threshold, proof.calibrator
        )
        figures |= dataset.sheets(prepared, batches.train, config)
        if maps is not None:
            maps.shared.save(directory / run_files.MAPS)
            shown = maps.outcomes
            figures["gradcam"] = run_figures.outcome_sheet(
                config.model.name, shown.rows, shown.images, shown.heats, meaningless=verdict and verdict.meaningless
            )
        for name, figure in figures.items():
            style.save(figure, directory / run_files.FIGURES / f"{name}.png")
    with run_log.stage("model"):
        seen = reference(batches, predicted, frame, config.seed)
        save_model(classifier.network, directory / run_files.MODEL, _needed_to_serve(config, proof), seen)
    with run_log.stage("tracking"):
        run_log.run_directory()
        if config.tracking.model:
            first = predictions.loc[predictions["split"] == "test", ["logit"]].head(1)
            run_log.model(classifier.network, batches.test.read([0]), first.to_numpy())
    return scores.metrics[config.objective]


@contextmanager
def _diagnosed(doctor: health.Doctor, run_log: RunLog) -> Iterator[None]:
    """Asks the doctor why, where a training loses its loss."""
    try:
        yield
    except training.NonFiniteLoss as error:
        if verdict := doctor.broken(error.records, error):
            _tell(verdict, doctor, run_log)
            run_log.file(doctor.file)
        raise


def _tell(verdict: health.Verdict, doctor: health.Doctor, run_log: RunLog) -> None:
    """What the doctor says, wherever a person may look."""
    after = len(doctor.chart.epochs) + 1  # behind the curves of the epochs
    run_log.add(step=after, health=HealthSummary(**verdict.summary() | doctor.numbers()))
    log.info("Health    %s: %s", verdict.verdict, verdict.sentence)


def _write_reports(scores: Evaluation, directory: Path) -> None:
    for threshold, report in scores.reports.items():
        report.to_csv(directory / run_files.classification_report(threshold), index_label="class")


def _needed_to_serve(config: Config, proof: Evidence) -> dict[str, object]:
    """What turns a new photograph into a class, apart from the network."""
    return {
        "preprocess": dataclasses.asdict(config.data.preprocess),
        "calibration": proof.calibrator.to_dict(),
        "threshold": proof.threshold,  # of the calibrated probability
        "classes": ["benign", "malignant"],
    }
