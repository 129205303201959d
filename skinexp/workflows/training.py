"""The training workflow, one noun a line: dataset, batches, network, doctor, training, and the stages behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from skinexp import health, training
from skinexp.config.schema import Config
from skinexp.data.pipeline import Batches
from skinexp.models.classifier import Classifier
from skinexp.runs.job import Job
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import ModelSummary
from skinexp.training import Training
from skinexp.workflows.after_training import AfterTraining
from skinexp.workflows.audit_outputs import write_audit_outputs
from skinexp.workflows.dataset import Dataset, all_facts, load_dataset
from skinexp.workflows.dataset_outputs import log_dataset, summarise_dataset
from skinexp.workflows.health_outputs import record_verdict
from skinexp.workflows.training_steps import STANDARD_STEPS, TrainingSteps


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
    return AfterTraining(config, run_log, dataset, batches, classifier, doctor, trained).run()


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
            self.run_log.add(**summarise_dataset(prepared, all_facts(dataset, config), dataset.sampling))
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
                record_verdict(verdict, doctor, self.run_log)
                self.run_log.file(doctor.file)
            raise
