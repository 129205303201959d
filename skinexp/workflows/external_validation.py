"""The story of an external test, one noun a line: model, images, predictions, scores, distance, figures."""

import dataclasses
import logging
import warnings
from pathlib import Path

import keras
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.core.atomic_files import write_tables
from skinexp.data.pipeline import Images
from skinexp.data.preparation import image_cache
from skinexp.data.table import Table
from skinexp.evaluation import domain_shift, judge
from skinexp.evaluation.external import evaluate_external
from skinexp.models.archive import load_reference
from skinexp.models.prediction import predict_all
from skinexp.models.training_statistics import looks, names
from skinexp.report.console import external_validation_table
from skinexp.report.figures import run_figures, style
from skinexp.runs.lookup import TrainedRun
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ShiftSummary, ThresholdSummary
from skinexp.workflows import dataset

log = logging.getLogger(__name__)

BATCH = 32  # images asked about at a time; answers do not depend on it


def run(run: TrainedRun, table: Table, config: Config, directory: Path, run_log: RunLog) -> None:
    """Asks a finished network about all images of a table, and writes down what a reader needs to judge it there.

    Args:
        config: its data with the preprocessing that the network was trained with, its prevalence for the scores.
        directory: to write into.
    """
    log.info("Data      %s", table)
    with run_log.stage("prepare"):
        prepared = image_cache.prepare(table, config.data)
        frame = prepared.table.frame
        frame["split"] = "test"  # all of them: nothing is trained here
        run_log.add(**dataset.describe(prepared))
        dataset.record(run_log, prepared, config.data.path)
    with run_log.stage("evaluation"):
        network = keras.saving.load_model(run.model_file, compile=False)
        predicted = predict_all(network, prepared.images, frame, BATCH)
        predicted.table.to_parquet(directory / run_files.PREDICTIONS, index=False)
        options = config.evaluate
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)  # a sentence says so below
            scores = evaluate_external(predicted.table, run.threshold, run.calibrator)
            proof = judge(
                predicted.table, run.threshold, run.calibrator, options.prevalence, resamples=options.resamples
            )
        metrics = proof.metrics | scores.metrics
        thresholds = ThresholdSummary(half=0.5, chosen=run.threshold)
        run_log.add(metrics=metrics, thresholds=thresholds, calibration=run.calibrator.to_dict())
        write_tables(proof.tables(), directory / run_files.EVIDENCE)
        for name, report in scores.reports.items():
            report.to_csv(directory / run_files.classification_report(name), index_label="class")
    with run_log.stage("domain shift"):
        shift = None
        if reference := load_reference(run.model_file):
            images = Images(prepared.images, frame["row"].to_numpy(), frame["label"].to_numpy())
            found = domain_shift.shift(reference, predicted.features, looks(images), names(frame["sha256"]))
            shift = dataclasses.asdict(found)
        said = external_validation_table.undefined(prepared.table.counts()) + external_validation_table.sentences(shift)
        run_log.add(shift=shift and ShiftSummary(**shift), sentences=tuple(said))
    with run_log.stage("figures"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        name = f"{run.model} on {table.name}"
        for file, figure in run_figures.test_figures(name, predicted.table, run.threshold, run.calibrator).items():
            style.save(figure, directory / run_files.FIGURES / f"{file}.png")
    with run_log.stage("tracking"):
        run_log.run_directory()
    external_validation_table.show(table.name, len(frame), metrics, run.threshold, run.summary.metrics)
    for sentence in said:
        log.info("%s", sentence)
