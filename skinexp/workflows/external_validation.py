"""The external validation workflow: predictions, scores, shift and figures of a trained model on other images."""

import dataclasses
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from skinexp.comparison.diagnosis_scores import diagnosis_sentences
from skinexp.config.schema import Config, Data
from skinexp.core import run_files
from skinexp.data.audit import Findings
from skinexp.data.facts import table_facts
from skinexp.data.pipeline import Images
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.sampling import sampling_of
from skinexp.data.table import Table
from skinexp.evaluation import EvaluationOptions, Interval, OperatingPoint, TestEvaluation, domain_shift, evaluate
from skinexp.models.archive import load_reference
from skinexp.models.prediction import Predictions
from skinexp.models.predictor import load_predictor
from skinexp.models.training_statistics import colour_statistics, image_fingerprints
from skinexp.report.checklist.checklist import write_run_checklist
from skinexp.report.console import external_validation_table
from skinexp.report.figures import run_figures, style
from skinexp.report.pages.data_card import UNAUDITED
from skinexp.runs.lookup import TrainedRun
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ShiftSummary
from skinexp.workflows import audit_outputs, dataset, dataset_outputs, evaluation_outputs
from skinexp.workflows.later_stages import LaterStages
from skinexp.workflows.training_copies import find_training_copies

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
        sampling = sampling_of(prepared.table, config.evaluate.sampling)
        facts = table_facts(prepared.table) | dataset.sampling_facts(sampling)
        dataset.log_facts(dataset.sampling_facts(sampling))
        run_log.add(**dataset_outputs.summarise_dataset(prepared, facts, sampling))
        no_audit = Findings(UNAUDITED, len(prepared.table.frame))
        audit_outputs.write_card(prepared.table, no_audit, config, directory, facts, prepared.bad)
        dataset_outputs.log_dataset(run_log, prepared, config.data.path)
    with run_log.stage("evaluation"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # a sentence says so below
        point = OperatingPoint(run.threshold, run.calibrator, run.validation_prevalence)
        predictor = load_predictor(run.model_file, run.preprocess, point)
        predicted = predictor.predict_table(prepared.images, prepared.table.frame)
        predicted.table.to_parquet(directory / run_files.PREDICTIONS, index=False, write_page_checksum=True)
        options = EvaluationOptions(**dataclasses.asdict(config.evaluate) | {"sampling": sampling.design})
        evaluation = evaluate(predicted.table, options, predictor.operating_point)
        evaluation_outputs.write_evaluation(evaluation, directory, run_log)
    later = LaterStages(run_log)
    sentences = external_validation_table.undefined(prepared.table.counts())
    sentences += later.attempt("domain shift", _report_shift, run, prepared, predicted, config.data, run_log) or []
    run_log.add(sentences=tuple(sentences))
    later.attempt("figures", _draw_figures, f"{run.model} on {table.name}", evaluation, directory)
    run_log.save()  # what the checklist points to in result.json
    later.attempt("checklist", write_run_checklist, directory)
    later.attempt("tracking", run_log.run_directory)
    images = len(prepared.table.frame)
    limits = evaluation.tables["scores"].set_index("score")[["low", "high"]]
    intervals = {str(score): (float(low), float(high)) for score, low, high in limits.itertuples()}
    external_validation_table.show(
        table.name, images, evaluation.metrics, run.threshold, run.summary.metrics, intervals
    )
    for sentence in [*sentences, *_worst_diagnoses(run.model, evaluation)]:
        log.info("%s", sentence)


def _worst_diagnoses(name: str, evaluation: TestEvaluation) -> list[str]:
    """Returns on which diagnoses the network is worst; a comparison of evaluations says so itself."""
    scores = evaluation.tables["scores"].set_index("score")[["estimate", "low", "high"]]
    intervals = {str(score): Interval(*map(float, row)) for score, row in scores.iterrows()}
    return diagnosis_sentences(name, evaluation.tables["diagnoses"], intervals)


def _report_shift(
    run: TrainedRun, prepared: Prepared, predicted: Predictions, options: Data, run_log: RunLog
) -> list[str]:
    """Records how far the images are from the training images, and returns it in sentences."""
    shift, limitation = _domain_shift(run, prepared, predicted, options)
    run_log.add(shift=shift and ShiftSummary(**shift))
    return external_validation_table.sentences(shift) + ([limitation] if limitation else [])


def _domain_shift(
    run: TrainedRun, prepared: Prepared, predicted: Predictions, options: Data
) -> tuple[dict[str, Any] | None, str]:
    """Returns how far the images are from the training images (None if that is unknown), and what was not searched."""
    reference = load_reference(run.model_file)
    if reference is None or not np.isfinite(predicted.features).all():
        return None, ""
    frame = prepared.table.frame
    images = Images(prepared.images, frame["row"].to_numpy(), frame["label"].to_numpy())
    colours, fingerprints = colour_statistics(images), image_fingerprints(frame["sha256"])
    shift = domain_shift.shift(reference, predicted.features, colours, fingerprints)
    copies = find_training_copies(run, reference, prepared, options)
    return dataclasses.asdict(dataclasses.replace(shift, seen=copies.images)), copies.limitation


def _draw_figures(name: str, evaluation: TestEvaluation, directory: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for file, figure in run_figures.test_figures(name, evaluation).items():
            style.save(figure, directory / run_files.FIGURES / f"{file}.png")
