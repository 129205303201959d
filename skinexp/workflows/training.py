"""The training workflow, one noun a line: dataset, batches, network, training, predictions, evaluation, verdict, ..."""

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skinexp import health, training
from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.data.pipeline import Batches
from skinexp.data.table import Table
from skinexp.evaluation import EvaluationOptions, TestEvaluation, evaluate
from skinexp.explain.maps import Explanations, explain
from skinexp.models.archive import save_model
from skinexp.models.classifier import Classifier
from skinexp.models.prediction import Predictions, predict
from skinexp.models.training_statistics import training_statistics
from skinexp.report.figures import run_figures, style
from skinexp.runs.health_summary import HealthSummary
from skinexp.runs.job import Job
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ModelSummary
from skinexp.training import Training
from skinexp.workflows.audit_outputs import write_audit_outputs
from skinexp.workflows.dataset import Dataset, load_dataset
from skinexp.workflows.dataset_outputs import dataset_figures, log_dataset, summarise_dataset
from skinexp.workflows.evaluation_outputs import write_evaluation
from skinexp.workflows.training_steps import STANDARD_STEPS, TrainingSteps

log = logging.getLogger(__name__)


def run(config: Config, job: Job, run_log: RunLog, steps: TrainingSteps = STANDARD_STEPS) -> float:
    """Trains one network on one data set, evaluates it, and records the results.

    Args:
        config: the experiment, with the settings that the machine decides.
        job: the run's directory, and whether it continues what the directory holds.
        run_log: of the run; the caller closes it, also if this raises.
        steps: the functions that load, prepare, build and train; the fault benchmark replaces some.

    Returns:
        The score named by `config.objective`.
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
    predictions = run.predictions(classifier, batches, dataset)
    evaluation = run.evaluation(predictions)
    verdict = run.verdict(doctor, trained, predictions)
    maps = run.maps(classifier, batches, evaluation)
    run.figures(dataset, batches, trained, evaluation, maps, verdict)
    run.model_file(classifier, batches, dataset, predictions, evaluation)
    run.tracking(classifier, batches, predictions)
    return evaluation.metrics[config.objective]


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
            trained.history.to_csv(self.directory / run_files.HISTORY, index=False)
            self.run_log.add(best_epoch=trained.best_epoch, epochs=len(trained.history), phases=trained.phases)
            return trained

    def predictions(self, classifier: Classifier, batches: Batches, dataset: Dataset) -> Predictions:
        with self.run_log.stage("evaluation"):
            predictions = predict(classifier, batches, dataset.prepared.table.frame)
            predictions.table.to_parquet(self.directory / run_files.PREDICTIONS, index=False)
            return predictions

    def evaluation(self, predictions: Predictions) -> TestEvaluation:
        with self.run_log.stage("evaluation"):
            options = EvaluationOptions(**dataclasses.asdict(self.config.evaluate), seed=self.config.seed)
            evaluation = evaluate(predictions.table, options)
            write_evaluation(evaluation, self.directory, self.run_log)
            return evaluation

    def verdict(self, doctor: health.Doctor, trained: Training, predictions: Predictions) -> health.Verdict | None:
        with self.run_log.stage("diagnosis"):
            verdict = doctor.conclude(trained.history, trained.best_epoch, predictions)
            if verdict is not None:
                self._record_verdict(verdict, doctor)
            return verdict

    def maps(self, classifier: Classifier, batches: Batches, evaluation: TestEvaluation) -> Explanations | None:
        with self.run_log.stage("explanation"):
            maps = explain(classifier, evaluation.decisions, batches.test, self.config.explain)
            if maps is not None:
                maps.shared.save(self.directory / run_files.MAPS)
            return maps

    def figures(
        self,
        dataset: Dataset,
        batches: Batches,
        trained: Training,
        evaluation: TestEvaluation,
        maps: Explanations | None,
        verdict: health.Verdict | None,
    ) -> None:
        name = self.config.model.name
        with self.run_log.stage("figures"):
            figures = run_figures.result_figures(name, trained.history, evaluation)
            figures |= dataset_figures(dataset.prepared, batches.train, self.config)
            if maps is not None:
                shown, meaningless = maps.outcomes, verdict.meaningless if verdict else None
                figures["gradcam"] = run_figures.outcome_sheet(name, shown.rows, shown.images, shown.heats, meaningless)
            for file, figure in figures.items():
                style.save(figure, self.directory / run_files.FIGURES / f"{file}.png")

    def model_file(
        self,
        classifier: Classifier,
        batches: Batches,
        dataset: Dataset,
        predictions: Predictions,
        evaluation: TestEvaluation,
    ) -> None:
        with self.run_log.stage("model"):
            statistics = training_statistics(batches, predictions, dataset.prepared.table.frame, self.config.seed)
            needed = _needed_to_predict(self.config, dataset.prepared.table, evaluation)
            save_model(classifier.network, self.directory / run_files.MODEL, needed, statistics)

    def tracking(self, classifier: Classifier, batches: Batches, predictions: Predictions) -> None:
        with self.run_log.stage("tracking"):
            self.run_log.run_directory()
            if self.config.tracking.model:
                table = predictions.table
                first = table.loc[table["split"] == "test", ["logit"]].head(1)
                self.run_log.model(classifier.network, batches.test.read(np.array([0])), first.to_numpy())

    @contextmanager
    def _diagnosed(self, doctor: health.Doctor) -> Iterator[None]:
        """Records why a training lost its loss."""
        try:
            yield
        except training.NonFiniteLoss as error:
            if verdict := doctor.broken(error.rows, error):
                self._record_verdict(verdict, doctor)
                self.run_log.file(doctor.file)
            raise

    def _record_verdict(self, verdict: health.Verdict, doctor: health.Doctor) -> None:
        after = len(doctor.observations.epochs) + 1  # the step behind those of the epochs
        self.run_log.add(step=after, health=HealthSummary(**verdict.summary() | doctor.numbers()))
        log.info("Health    %s: %s", verdict.verdict, verdict.sentence)


def _needed_to_predict(config: Config, table: Table, evaluation: TestEvaluation) -> dict[str, object]:
    """Returns the metadata of the model file: preprocessing, pixel range, threshold, calibration and class names."""
    pixel_range = {"pixel_bits": table.pixel_range.bits} if table.pixel_range else {}
    return pixel_range | {
        "preprocess": dataclasses.asdict(config.data.preprocess),
        "calibration": evaluation.calibrator.to_dict(),
        "threshold": evaluation.operating_threshold,  # of the calibrated probability
        "classes": ["benign", "malignant"],
    }
