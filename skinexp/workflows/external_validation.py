"""The story of an external test, one noun a line: model, images, predictions, scores, distance, figures."""

import dataclasses
import logging
import warnings
from pathlib import Path

import keras
from sklearn.exceptions import UndefinedMetricWarning

from skinexp import tracking
from skinexp.config.schema import Config
from skinexp.core.atomic_files import write_tables
from skinexp.data.pipeline import Images
from skinexp.data.table import Table
from skinexp.evaluation import EvaluationOptions, OperatingPoint, domain_shift, evaluate
from skinexp.models.archive import load_reference
from skinexp.models.prediction import predict_all
from skinexp.models.training_statistics import colour_statistics, image_fingerprints
from skinexp.report.console import external_validation_table
from skinexp.report.figures import run_figures, style
from skinexp.runs.lookup import Finished
from skinexp.runs.result import EVIDENCE, Result
from skinexp.workflows import dataset, dataset_outputs

log = logging.getLogger(__name__)

BATCH = 32  # images asked about at a time; answers do not depend on it


def run(run: Finished, table: Table, config: Config, directory: Path, result: Result, record: tracking.Run) -> None:
    """Asks a finished network about all images of a table, and writes down what a reader needs to judge it there.

    Args:
        config: its data with the preprocessing that the network was trained with, its prevalence for the scores.
        directory: to write into.
    """
    log.info("Data      %s", table)
    with result.stage("prepare"):
        prepared = dataset.prepare_test_set(table, config.data)
        frame = prepared.table.frame
        result.add(**dataset_outputs.summarise_dataset(prepared))
        dataset_outputs.log_dataset(record, prepared, config.data.path)
    with result.stage("evaluation"):
        network = keras.saving.load_model(run.directory / "model.keras", compile=False)
        predicted = predict_all(network, prepared.images, frame, BATCH)
        predicted.table.to_parquet(directory / "predictions.parquet", index=False)
        options = EvaluationOptions(**dataclasses.asdict(config.evaluate))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)  # a sentence says so below
            evaluation = evaluate(predicted.table, options, OperatingPoint(run.threshold, run.calibrator))
        metrics, calibration = evaluation.metrics, evaluation.calibrator.to_dict()
        result.add(metrics=metrics, thresholds=evaluation.thresholds, calibration=calibration)
        record.metrics(metrics)
        write_tables(evaluation.tables, directory / EVIDENCE)
        for name, report in evaluation.reports.items():
            report.to_csv(directory / f"classification_report_{name}.csv", index_label="class")
    with result.stage("domain shift"):
        shift = None
        if reference := load_reference(run.directory / "model.keras"):
            images = Images(prepared.images, frame["row"].to_numpy(), frame["label"].to_numpy())
            looks, names = colour_statistics(images), image_fingerprints(frame["sha256"])
            found = domain_shift.shift(reference, predicted.features, looks, names)
            shift = dataclasses.asdict(found)
            record.metrics({"shift/far": found.far, "shift/median_distance": found.median_distance})
        said = external_validation_table.undefined(prepared.table.counts()) + external_validation_table.sentences(shift)
        result.add(shift=shift, sentences=said)
    with result.stage("figures"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        name = f"{run.model} on {table.name}"
        for file, figure in run_figures.test_figures(name, evaluation).items():
            style.save(figure, directory / "figures" / f"{file}.png")
    with result.stage("tracking"):
        record.run_directory()
    external_validation_table.show(table.name, len(frame), metrics, run.threshold, run.result.get("metrics"))
    for sentence in said:
        log.info("%s", sentence)
