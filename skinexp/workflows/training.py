"""The training workflow, one noun a line: dataset, batches, network, training, predictions, evaluation, verdict, ..."""

import dataclasses
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from skinexp import health, training
from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.data.pipeline import Batches
from skinexp.data.table import Table
from skinexp.evaluation import Calibrator, EvaluationOptions, TestEvaluation, evaluate
from skinexp.evaluation.domain_shift import Reference
from skinexp.explain.maps import Explanations, explain
from skinexp.models.archive import replace_metadata, save_model
from skinexp.models.classifier import Classifier
from skinexp.models.prediction import Predictions, predict
from skinexp.models.training_statistics import training_statistics
from skinexp.report.figures import run_figures, style
from skinexp.report.figures.learning_curves import learning_curves
from skinexp.runs.health_summary import HealthSummary
from skinexp.runs.job import Job
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ModelSummary
from skinexp.training import Training
from skinexp.workflows.audit_outputs import write_audit_outputs
from skinexp.workflows.dataset import Dataset, load_dataset
from skinexp.workflows.dataset_outputs import dataset_figures, log_dataset, summarise_dataset
from skinexp.workflows.evaluation_outputs import write_evaluation
from skinexp.workflows.later_stages import LaterStages
from skinexp.workflows.training_steps import STANDARD_STEPS, TrainingSteps

log = logging.getLogger(__name__)

Draw = Callable[[], dict[str, Figure]]  # returns figures by file name


def run(config: Config, job: Job, run_log: RunLog, steps: TrainingSteps = STANDARD_STEPS) -> float:
    """Trains one network on one data set, evaluates it, and records the results.

    Args:
        config: the experiment, with the settings that the machine decides.
        job: the run's directory, and whether it continues what the directory holds.
        run_log: of the run; the caller closes it, also if this raises.
        steps: the functions that load, prepare, build and train; the fault benchmark replaces some.

    Returns:
        The score named by `config.objective`.

    Raises:
        StageError: if the network was trained, but could not be saved or has no scores.
    """
    if not job.resumed:
        training.forget(job.directory)
    run_log.confirm()
    run = _Training(config, job.directory, run_log, steps)
    dataset = load_dataset(config, run_log.stage, steps.load, steps.prepare)
    batches = run.batches(dataset)
    classifier = run.network()
    doctor = run.preflight(classifier, dataset, batches)
    trained = run.training(classifier, batches, doctor)
    return _AfterTraining(run, dataset, batches, classifier, doctor, trained).run()


@dataclass(frozen=True)
class _Training:
    """The steps of the workflow, each of which leaves its result in the run's directory and in its log."""

    config: Config
    directory: Path
    run_log: RunLog
    steps: TrainingSteps

    def batches(self, dataset: Dataset) -> Batches:
        config, prepared = self.config, dataset.prepared
        with self.run_log.stage("split"):
            write_audit_outputs(dataset, config, self.directory, self.run_log)
            self.run_log.add(**summarise_dataset(prepared))
            log_dataset(self.run_log, prepared, config.data.path)
            frame, size = prepared.table.frame, config.optim.batch_size
            return self.steps.make_batches(prepared.images, frame, config.augment, size, config.seed)

    def network(self) -> Classifier:
        with self.run_log.stage("build"):
            classifier = self.steps.build_model(self.config.model, self.config.data.preprocess.size)
            classifier.network.jit_compile = self.config.compute.jit_compile  # for predictions; phases set their own
            self.run_log.add(model=ModelSummary(self.config.model.name, classifier.parameters))
            return classifier

    def preflight(self, classifier: Classifier, dataset: Dataset, batches: Batches) -> health.Doctor:
        with self.run_log.stage("training"):  # which needs these features anyway
            features = training.precompute_validation_features(classifier, batches, self.config)
        with self.run_log.stage("preflight"):
            doctor = health.Doctor(classifier, dataset.prepared, batches, self.config, self.directory)
            doctor.preflight(features)
            return doctor

    def training(self, classifier: Classifier, batches: Batches, doctor: health.Doctor) -> Training:
        with self.run_log.stage("training"), self._diagnosed(doctor):
            epoch, watch = self.run_log.epoch, doctor.watch
            trained = self.steps.fit(classifier, batches, self.config, self.directory, on_epoch=epoch, watch=watch)
            self.run_log.add(best_epoch=trained.best_epoch, epochs=len(trained.history), phases=trained.phases)
            return trained

    @contextmanager
    def _diagnosed(self, doctor: health.Doctor) -> Iterator[None]:
        """Records why a training lost its loss."""
        try:
            yield
        except training.NonFiniteLoss as error:
            if verdict := doctor.broken(error.rows, error):
                self.record_verdict(verdict, doctor)
                self.run_log.file(doctor.file)
            raise

    def record_verdict(self, verdict: health.Verdict, doctor: health.Doctor) -> None:
        after = len(doctor.observations.epochs) + 1  # the step behind those of the epochs
        self.run_log.add(step=after, health=HealthSummary(**verdict.summary() | doctor.numbers()))
        log.info("Health    %s: %s", verdict.verdict, verdict.sentence)


@dataclass(frozen=True)
class _AfterTraining:
    """The stages behind the training, of which each may fail: what the others leave stays. The network comes first."""

    before: _Training
    dataset: Dataset
    batches: Batches
    classifier: Classifier
    doctor: health.Doctor
    trained: Training

    def run(self) -> float:
        """Runs all stages, and returns the score named by `objective`."""
        config, directory, run_log = self.before.config, self.before.directory, self.before.run_log
        later = LaterStages(run_log)
        later.attempt("model", self.save_network)
        later.attempt("history", self.trained.history.to_csv, directory / run_files.HISTORY, index=False)
        predictions = later.attempt("evaluation", self.predict)
        evaluation = verdict = maps = None
        if predictions is not None:
            later.attempt("evaluation", predictions.table.to_parquet, directory / run_files.PREDICTIONS, index=False)
            evaluation = later.attempt("evaluation", self.evaluate, predictions)
        if predictions is not None and evaluation is not None:
            later.attempt("evaluation", write_evaluation, evaluation, directory, run_log)
            statistics = later.attempt("training statistics", self.statistics, predictions)
            later.attempt("model", self.complete_model, evaluation, statistics)
        if predictions is not None:
            verdict = later.attempt("diagnosis", self.conclude, predictions)
        if evaluation is not None:
            maps = later.attempt("explanation", self.explain, evaluation)
        for draw in self.figures(evaluation, maps, verdict):
            later.attempt("figures", self.save_figures, draw)
        later.attempt("tracking", run_log.run_directory)
        if predictions is not None and config.tracking.model:
            later.attempt("tracking", self.track_model, predictions)
        later.require_results()
        return math.nan if evaluation is None else evaluation.metrics[config.objective]

    def save_network(self) -> None:
        save_model(
            self.classifier.network,
            self.model_file,
            _needed_to_predict(self.before.config, self.dataset.prepared.table, None),
        )

    def predict(self) -> Predictions:
        return predict(self.classifier, self.batches, self.dataset.prepared.table.frame)

    def evaluate(self, predictions: Predictions) -> TestEvaluation:
        config = self.before.config
        options = EvaluationOptions(**dataclasses.asdict(config.evaluate), seed=config.seed)
        return evaluate(predictions.table, options)

    def statistics(self, predictions: Predictions) -> Reference | None:
        frame = self.dataset.prepared.table.frame
        return training_statistics(self.batches, predictions, frame, self.before.config.seed)

    def complete_model(self, evaluation: TestEvaluation, statistics: Reference | None) -> None:
        if self.model_file.is_file():
            needed = _needed_to_predict(self.before.config, self.dataset.prepared.table, evaluation)
            replace_metadata(self.model_file, needed, statistics)

    def conclude(self, predictions: Predictions) -> health.Verdict | None:
        verdict = self.doctor.conclude(self.trained.history, self.trained.best_epoch, predictions)
        if verdict is not None:
            self.before.record_verdict(verdict, self.doctor)
        return verdict

    def explain(self, evaluation: TestEvaluation) -> Explanations | None:
        maps = explain(self.classifier, evaluation.decisions, self.batches.test, self.before.config.explain)
        if maps is not None:
            maps.shared.save(self.before.directory / run_files.MAPS)
        return maps

    def figures(
        self, evaluation: TestEvaluation | None, maps: Explanations | None, verdict: health.Verdict | None
    ) -> Iterator[Draw]:
        """Yields what draws the figures, as far as there is something to draw."""
        config = self.before.config
        name = config.model.name
        yield lambda: {"curves": learning_curves({name: self.trained.history})}
        if evaluation is not None:
            yield lambda: run_figures.test_figures(name, evaluation)
        yield lambda: dataset_figures(self.dataset.prepared, self.batches.train, config)
        if maps is not None:
            shown, meaningless = maps.outcomes, verdict.meaningless if verdict else None
            yield lambda: {
                "gradcam": run_figures.outcome_sheet(name, shown.rows, shown.images, shown.heats, meaningless)
            }

    def save_figures(self, draw: Draw) -> None:
        for file, figure in draw().items():
            style.save(figure, self.before.directory / run_files.FIGURES / f"{file}.png")

    def track_model(self, predictions: Predictions) -> None:
        table = predictions.table
        first = table.loc[table["split"] == "test", ["logit"]].head(1)
        self.before.run_log.model(self.classifier.network, self.batches.test.read(np.array([0])), first.to_numpy())

    @property
    def model_file(self) -> Path:
        """The file of the network."""
        return self.before.directory / run_files.MODEL


def _needed_to_predict(config: Config, table: Table, evaluation: TestEvaluation | None) -> dict[str, object]:
    """Returns the metadata of the model file: preprocessing, pixel range, threshold, calibration and class names.

    Args:
        config: the experiment.
        table: the images.
        evaluation: None before there is one: the network can be used without a threshold too.
    """
    calibrator = Calibrator() if evaluation is None else evaluation.calibrator
    pixel_range = {"pixel_bits": table.pixel_range.bits} if table.pixel_range else {}
    return pixel_range | {
        "preprocess": dataclasses.asdict(config.data.preprocess),
        "calibration": calibrator.to_dict(),
        "threshold": evaluation and evaluation.operating_threshold,  # of the calibrated probability
        "classes": ["benign", "malignant"],
    }
