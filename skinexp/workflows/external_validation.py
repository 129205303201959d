"""The external validation workflow: predictions, scores, shift and figures of a trained model on other images."""

import dataclasses
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.comparison.diagnosis_scores import diagnosis_sentences
from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.data.facts import table_facts
from skinexp.data.pipeline import Images
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.table import Table
from skinexp.evaluation import EvaluationOptions, Interval, OperatingPoint, TestEvaluation, domain_shift, evaluate
from skinexp.models.archive import load_reference
from skinexp.models.prediction import Predictions
from skinexp.models.predictor import load_predictor
from skinexp.models.training_statistics import colour_statistics, image_fingerprints
from skinexp.report.console import external_validation_table
from skinexp.report.figures import run_figures, style
from skinexp.runs.lookup import TrainedRun
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ShiftSummary
from skinexp.workflows import dataset, dataset_outputs, evaluation_outputs
from skinexp.workflows.later_stages import LaterStages

log = logging.getLogger(__name__)


def run(run: TrainedRun, table: Table, config: Config, directory: Path, run_log: RunLog) -> None:
    """Predicts all images of a table with a trained network, evaluates it on them, and records the results.

    Args:
        run: the run whose network is evaluated.
        table: the images.
        config: its data with the preprocessing that the network was trained with; for the scores, its prevalence
            and risk threshold.
        directory: to write into.
        run_log: of the external validation.
    """
    dataset.log_table(table)
    with run_log.stage("prepare"):
        prepared = dataset.prepare_test_set(table, config.data)
        run_log.add(**dataset_outputs.summarise_dataset(prepared, table_facts(prepared.table)))
        dataset_outputs.log_dataset(run_log, prepared, config.data.path)
    with run_log.stage("evaluation"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # a sentence says so below
        point = OperatingPoint(run.threshold, run.calibrator, run.validation_prevalence)
        predictor = load_predictor(run.model_file, run.preprocess, point)
        predicted = predictor.predict_table(prepared.images, prepared.table.frame)
        predicted.table.to_parquet(directory / run_files.PREDICTIONS, index=False, write_page_checksum=True)
        options = EvaluationOptions(**dataclasses.asdict(config.evaluate))
        evaluation = evaluate(predicted.table, options, predictor.operating_point)
        evaluation_outputs.write_evaluation(evaluation, directory, run_log)
    later = LaterStages(run_log)
    sentences = external_validation_table.undefined(prepared.table.counts())
    sentences += later.attempt("domain shift", _report_shift, run, prepared, predicted, run_log) or []
    run_log.add(sentences=tuple(sentences))
    later.attempt("figures", _draw_figures, f"{run.model} on {table.name}", evaluation, directory)
    later.attempt("tracking", run_log.run_directory)
    images = len(prepared.table.frame)
    external_validation_table.show(table.name, images, evaluation.metrics, run.threshold, run.summary.metrics)
    for sentence in [*sentences, *_worst_diagnoses(run.model, evaluation)]:
        log.info("%s", sentence)


def _worst_diagnoses(name: str, evaluation: TestEvaluation) -> list[str]:
    """Returns on which diagnoses the network is worst; a comparison of evaluations says so itself."""
    scores = evaluation.tables["scores"].set_index("score")[["estimate", "low", "high"]]
    intervals = {str(score): Interval(*map(float, row)) for score, row in scores.iterrows()}
    return diagnosis_sentences(name, evaluation.tables["diagnoses"], intervals)


def _report_shift(run: TrainedRun, prepared: Prepared, predicted: Predictions, run_log: RunLog) -> list[str]:
    """Records how far the images are from the training images, and returns it in sentences."""
    shift = _domain_shift(run, prepared, predicted)
    run_log.add(shift=shift and ShiftSummary(**shift))
    return external_validation_table.sentences(shift)


def _domain_shift(run: TrainedRun, prepared: Prepared, predicted: Predictions) -> dict[str, Any] | None:
    """Returns how far the images are from the training images; None if that is unknown."""
    reference = load_reference(run.model_file)
    if reference is None or not np.isfinite(predicted.features).all():
        return None
    frame = prepared.table.frame
    images = Images(prepared.images, frame["row"].to_numpy(), frame["label"].to_numpy())
    colours, fingerprints = colour_statistics(images), image_fingerprints(frame["sha256"])
    return dataclasses.asdict(domain_shift.shift(reference, predicted.features, colours, fingerprints))


def _draw_figures(name: str, evaluation: TestEvaluation, directory: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for file, figure in run_figures.test_figures(name, evaluation).items():
            style.save(figure, directory / run_files.FIGURES / f"{file}.png")
