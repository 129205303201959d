"""The stages behind a training: model file, predictions, evaluation, verdict, maps, figures, tracking.

Each of them may fail, and what the others leave stays (see `later_stages`). So the network is saved first.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from skinexp import health
from skinexp.config.schema import Config
from skinexp.core import run_files
from skinexp.data.pipeline import Batches
from skinexp.data.sampling import sampling_of
from skinexp.data.table import Table
from skinexp.evaluation import Calibrator, EvaluationOptions, TestEvaluation, evaluate
from skinexp.evaluation.domain_shift import Reference
from skinexp.explain.maps import Explanations, explain
from skinexp.models.archive import replace_metadata, save_model
from skinexp.models.classifier import Classifier
from skinexp.models.prediction import Predictions, predict
from skinexp.models.training_statistics import training_statistics
from skinexp.report.checklist.checklist import write_run_checklist
from skinexp.report.figures import run_figures, style
from skinexp.report.figures.learning_curves import learning_curves
from skinexp.runs.run_log import RunLog
from skinexp.training import Training
from skinexp.workflows.dataset import Dataset
from skinexp.workflows.dataset_outputs import dataset_figures
from skinexp.workflows.evaluation_outputs import write_evaluation
from skinexp.workflows.health_outputs import record_verdict
from skinexp.workflows.later_stages import LaterStages

Draw = Callable[[], dict[str, Figure]]  # returns figures by file name


@dataclass(frozen=True)
class AfterTraining:
    """A trained network, and what its stages need.

    Attributes:
        config: the experiment.
        run_log: of the run, in whose directory the stages leave their files.
        dataset: the images.
        batches: the three parts of the split.
        classifier: with the best weights.
        doctor: who watched the training.
        trained: the training's outcome.
    """

    config: Config
    run_log: RunLog
    dataset: Dataset
    batches: Batches
    classifier: Classifier
    doctor: health.Doctor
    trained: Training

    def run(self) -> float:
        """Runs all stages.

        Returns:
            The score named by `config.objective`.

        Raises:
            StageError: if the network could not be saved, or scores are missing.
        """
        stages = LaterStages(self.run_log)
        stages.attempt("model", self.save_network)
        stages.attempt("history", self.write_history)
        predictions = stages.attempt("evaluation", self.predict)
        stages.attempt_on(predictions, "evaluation", self.write_predictions)
        evaluation = stages.attempt_on(predictions, "evaluation", self.evaluate)
        stages.attempt_on(evaluation, "evaluation", self.write_evaluation)
        statistics = stages.attempt_on(predictions, "training statistics", self.statistics)
        stages.attempt_on(evaluation, "model", partial(self.complete_model, statistics))
        verdict = stages.attempt_on(predictions, "diagnosis", self.verdict)
        maps = stages.attempt_on(evaluation, "explanation", self.maps)
        for draw in self.figures(evaluation, maps, verdict):
            stages.attempt("figures", self.save_figures, draw)
        stages.attempt("checklist", self.write_checklist)
        stages.attempt("tracking", self.run_log.run_directory)
        if self.config.tracking.model:
            stages.attempt_on(predictions, "tracking", self.track_model)
        stages.require_results()
        return evaluation.metrics[self.config.objective] if evaluation else math.nan

    @property
    def directory(self) -> Path:
        """The run's directory."""
        return self.run_log.directory

    @property
    def table(self) -> Table:
        """The images that were prepared."""
        return self.dataset.prepared.table

    def save_network(self) -> None:
        """Writes a model file that can be used without a threshold."""
        needed = _needed_to_predict(self.config, self.table, None)
        save_model(self.classifier.network, self.directory / run_files.MODEL, needed)

    def write_history(self) -> None:
        self.trained.history.to_csv(self.directory / run_files.HISTORY, index=False)

    def predict(self) -> Predictions:
        return predict(self.classifier, self.batches, self.table.frame)

    def write_predictions(self, predictions: Predictions) -> None:
        predictions.table.to_parquet(self.directory / run_files.PREDICTIONS, index=False, write_page_checksum=True)

    def evaluate(self, predictions: Predictions) -> TestEvaluation:
        stated = dataclasses.asdict(self.config.evaluate)
        sampling = sampling_of(self.table, self.config.evaluate.sampling).design
        options = EvaluationOptions(**stated | {"sampling": sampling}, seed=self.config.seed)
        return evaluate(predictions.table, options)

    def write_evaluation(self, evaluation: TestEvaluation) -> None:
        write_evaluation(evaluation, self.directory, self.run_log)

    def statistics(self, predictions: Predictions) -> Reference | None:
        return training_statistics(self.batches, predictions, self.table.frame, self.config.seed)

    def complete_model(self, statistics: Reference | None, evaluation: TestEvaluation) -> None:
        """Adds the operating point, and statistics of the training images, to the model file."""
        if (file := self.directory / run_files.MODEL).is_file():
            replace_metadata(file, _needed_to_predict(self.config, self.table, evaluation), statistics)

    def verdict(self, predictions: Predictions) -> health.Verdict | None:
        verdict = self.doctor.conclude(self.trained.history, self.trained.best_epoch, predictions)
        if verdict is not None:
            record_verdict(verdict, self.doctor, self.run_log)
        return verdict

    def maps(self, evaluation: TestEvaluation) -> Explanations | None:
        maps = explain(self.classifier, evaluation.decisions, self.batches.test, self.config.explain)
        if maps is not None and len(maps.shared.rows):
            maps.shared.save(self.directory / run_files.MAPS)
        return maps

    def figures(
        self, evaluation: TestEvaluation | None, maps: Explanations | None, verdict: health.Verdict | None
    ) -> Iterator[Draw]:
        """Yields functions that draw figures, one after the other: one that fails costs no other figure."""
        name = self.config.model.name
        yield lambda: {"curves": learning_curves({name: self.trained.history})}
        if evaluation is not None:
            yield lambda: run_figures.test_figures(name, evaluation)
        yield lambda: dataset_figures(self.dataset.prepared, self.batches.train, self.config)
        if maps is not None and len(maps.outcomes.rows):
            shown, meaningless = maps.outcomes, verdict.meaningless if verdict else None
            sheet = run_figures.outcome_sheet
            yield lambda: {"gradcam": sheet(name, shown.rows, shown.images, shown.heats, meaningless)}

    def save_figures(self, draw: Draw) -> None:
        for file, figure in draw().items():
            style.save(figure, self.directory / run_files.FIGURES / f"{file}.png")

    def write_checklist(self) -> None:
        self.run_log.save()  # what it points to in result.json
        write_run_checklist(self.directory)

    def track_model(self, predictions: Predictions) -> None:
        """Logs the network, with one test image and its logit as the example of its input and output."""
        table = predictions.table
        first = table.loc[table["split"] == "test", ["logit"]].head(1)
        self.run_log.model(self.classifier.network, self.batches.test.read(np.array([0])), first.to_numpy())


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
