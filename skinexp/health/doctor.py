"""The doctor: looks at a training before, while and after it runs, and says what is wrong, why, and what to do.

It asks cheap questions and changes nothing: a training with the doctor gives the same numbers as one without.
"""

import json
import logging
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from skinexp.config.schema import Config
from skinexp.contracts.backbones import expected_scaling
from skinexp.contracts.losses import objective
from skinexp.contracts.scalings import SCALINGS
from skinexp.core.atomic_files import replace_text
from skinexp.core.errors import UserError
from skinexp.core.randomness import rng
from skinexp.data.pipeline import Batches
from skinexp.data.preparation.image_cache import Prepared
from skinexp.health import image_readings, network_readings, probes, rules, words
from skinexp.health.ask import Kernels, Questions
from skinexp.health.chart import Chart, Evidence
from skinexp.health.diagnosis import Verdict
from skinexp.health.rules.outcome import failed
from skinexp.health.thresholds import limit
from skinexp.health.trial import IMAGES as TRIAL_IMAGES
from skinexp.health.trial import Experiment, attempt, other_rates
from skinexp.health.watch import Watch
from skinexp.models import Classifier
from skinexp.models.prediction import Predictions
from skinexp.runs.result import plain
from skinexp.training import cut, phases
from skinexp.training.checkpoints import FOLDER
from skinexp.training.phase_task import PhaseTask
from skinexp.training.phases import Phase

log = logging.getLogger(__name__)

FILE = "health.json"
VALIDATION_IMAGES = 64  # whose features are looked at before training, where what lies below them is known
ENTRIES = 16  # of them, whose pixels are followed into the backbone
MODE_IMAGES = 32  # that are asked about in both modes of BatchNormalization


class Doctor:
    """Attends one training."""

    def __init__(self, classifier: Classifier, prepared: Prepared, batches: Batches, config: Config, directory: Path):
        """
        Args:
            classifier: as it was built.
            directory: the run's.
        """
        self._classifier, self._prepared, self._batches, self._config = classifier, prepared, batches, config
        self.file = directory / FILE
        self.seconds = dict.fromkeys(("preflight", "epochs", "verdict"), 0.0)  # that the doctor's questions took
        self._start: Kernels = {}  # what the first phase trains, as it was before
        self._looked_below = False
        self._on = config.health.policy != "off"
        self._objective = objective(config.optim.loss, config.optim.class_weight, batches.train.labels)
        plan = phases.plan(classifier, config.model, config.optim)
        self._dropout = phases.dropout_rates(classifier.network)
        model = config.model
        expected = expected_scaling(model.name)
        self.chart = Chart(
            network=model.name,
            scaling=(expected if model.input_scaling == "contract" else model.input_scaling, expected),
            pretrained=classifier.pretrained,
            phases=plan,
            weight_decay=config.optim.weight_decay,
            dropout=max(self._dropout.values(), default=0.0),
            monitor=config.optim.monitor.replace("val_", "val/"),
            steps_an_epoch=batches.train.steps,
            entropy=self._objective.constant,
            chance_error=probes.chance_error(batches.val.labels),
        )
        self._cuts = [cut.find_cut_layer(phase, classifier) for phase in plan]  # nothing learns below
        # A network that learns as a whole is asked again and again, one that is cut only where it fails.
        self._whole = Questions(classifier.network, often=self._cuts[0] is None)
        self._ends = directory / FOLDER / FILE
        if self._on and self._ends.is_file():  # of an earlier life, whose phases do not come again
            self.chart.ends = json.loads(self._ends.read_text())

    # --- before -------------------------------------------------------------------------------------------------------

    def preflight(self, foreseen: np.ndarray | None = None) -> None:
        """Looks at images, labels and the untrained network, and tries to make it learn sixteen images.

        Args:
            foreseen: (n, ...) activations of the validation images where the first phase is cut, if they are known.

        Raises:
            UserError: where something is wrong and `health.policy` is `stop`.
        """
        if not (self._on and self._config.health.preflight):
            return
        start = time.perf_counter()
        self._enter(self.chart.phases[0])
        self.chart.before |= image_readings.read(self._prepared, self._batches, self._config.seed)
        self._look_at_network(foreseen)
        self._try_to_learn(foreseen)
        if not self.chart.trials[0].fitted or self._sees_nothing():
            self._look_below(self._cuts[0])
        self.seconds["preflight"] = time.perf_counter() - start
        found = rules.diagnose(self.chart)
        if not found:
            return
        sentence = words.of_diagnosis(found[0])
        if self._config.health.policy == "stop":
            self._write(Verdict("warning", sentence, found))
            raise UserError(f"health.preflight: {sentence}. To train all the same: health.policy=warn")
        log.warning("Health    %s", sentence)

    def _look_at_network(self, foreseen: np.ndarray | None) -> None:
        """Asks about some validation images."""
        chart, classifier, seed = self.chart, self._classifier, self._config.seed
        val, frame = self._batches.val, self._prepared.table.frame
        members = image_readings.sample(val, seed, VALIDATION_IMAGES if self._cuts[0] else Watch.IMAGES)
        labels, groups = val.labels[members], frame.loc[frame["split"] == "val", "group"].to_numpy()[members]
        answers = self._begins().answers(self._seen(members, foreseen))
        chart.before |= network_readings.of_answers(answers)
        chart.before |= network_readings.of_entry(classifier.network, val.read(members[:ENTRIES]), chart.scaling[1])
        chart.before |= network_readings.of_weights(classifier, chart.phases[0].frozen)
        chart.before["initial_loss"] = self._objective.mean(labels, answers.logits)
        chart.before["probe_auc"] = probes.logistic_probe_auc(answers.features, labels, groups, seed)
        chart.before["probe_error"] = probes.chance_error(labels)
        if classifier.pretrained and self._sees_nothing():
            cosines = network_readings.cosines_by_scaling(
                classifier.network, val.read(members[:32]), chart.scaling[0], SCALINGS
            )
            chart.before |= {f"cosine_if_{name}": cosine for name, cosine in cosines.items()}

    def _try_to_learn(self, foreseen: np.ndarray | None) -> None:
        """Learns sixteen images by heart, from where the first phase starts.

        Validation images, which may be known already where the network is cut: nothing of what is learned stays.
        """
        chart, options, val = self.chart, self._config.optim, self._batches.val
        order = rng(self._config.seed, "health trial").permutation(len(val))
        members = np.concatenate([order[val.labels[order] == value][: TRIAL_IMAGES // 2] for value in (0, 1)])
        questions = self._begins()
        descent = questions.descent(self._seen(members, foreseen), val.labels[members])
        start = [keras.ops.convert_to_numpy(variable) for variable in questions.variables]
        experiment = Experiment(descent, start, descent(start))
        self._start = questions.kernels(experiment.start)
        chart.before |= network_readings.of_gradients(questions.kernels(experiment.slope.gradients), self._start)
        chart.trials = [attempt(experiment, options, chart.phases[0].lr)]
        if not chart.trials[0].fitted:
            chart.trials += other_rates(experiment, options, chart.phases[0].lr)

    def _begins(self) -> Questions:
        """What the first phase trains."""
        layer = self._cuts[0]
        return Questions(self._classifier.network, layer) if layer else self._whole

    def _seen(self, members: np.ndarray, foreseen: np.ndarray | None) -> np.ndarray:
        """(k, ...) what that sees of validation images: pixels, or activations at the cut."""
        layer = self._cuts[0]
        if layer and foreseen is not None:
            return foreseen[members]
        images = self._batches.val.read(members)
        return self._whole.activation(images, layer) if layer else images

    def _sees_nothing(self) -> bool:
        """Whether all images look alike to the backbone."""
        return self.chart.before["feature_cosine"] > limit("constant_features")

    def _look_below(self, layer: str | None) -> None:
        """Looks for dead units below a cut as well: where something is wrong, and once, as nothing changes there."""
        if layer is None or self._looked_below:
            return
        self._looked_below = True
        val, before = self._batches.val, self.chart.before
        images = val.read(image_readings.sample(val, self._config.seed, VALIDATION_IMAGES))
        below = {one.name for one in cut.below(self._classifier, layer)}
        largest = [values for name, values in self._whole.answers(images).largest.items() if name in below]
        before["dead_units"] = max([before.get("dead_units", 0.0), *map(probes.dead_share, largest)])

    # --- while --------------------------------------------------------------------------------------------------------

    def watch(self, phase: Phase, task: PhaseTask) -> list[keras.callbacks.Callback]:
        """What looks at a phase as it goes on."""
        if not self._on:
            return []
        questions = Questions(self._classifier.network, task.layer) if task.layer else self._whole
        first = phase is self.chart.phases[0] and self._start
        start = first or questions.kernels()
        val = self._batches.val
        followed = image_readings.sample(val, self._config.seed, Watch.IMAGES)
        inputs = val.read(followed) if task.activations is None else task.activations[followed]

        def end(readings: Evidence, epochs: int) -> None:
            """Reads the weights as the phase leaves them, before those of the best epoch take their place."""
            moved = network_readings.of_training(questions.kernels(), start)
            self.chart.ends[phase.name] = readings | moved | self._normalizations(epochs)
            self._ends.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._ends, json.dumps(plain(self.chart.ends)))

        def count(seconds: float) -> None:
            self.seconds["epochs"] += seconds

        return [Watch(questions, inputs, self.chart.entropy, end, count)]

    def _normalizations(self, epochs: int) -> Evidence:
        """How many layers use a batch's own statistics while they learn, and how much of theirs is from the start.

        Args:
            epochs: for which they have learned.
        """
        learning = network_readings.learning_normalizations(self._classifier.network)
        updates = epochs * self._batches.train.steps
        stale = [probes.remaining_start(layer.momentum, updates) for layer in learning]
        return {"normalizations_learning": float(len(learning))} | ({"stale_statistics": max(stale)} if stale else {})

    def _statistics_are_suspect(self) -> bool:
        """Whether normalizations learned, and something is wrong that their running statistics may be to blame for."""
        chart = self.chart
        if not chart.after["normalizations_learning"]:
            return False
        stale = chart.after["stale_statistics"] > limit("stale")
        return chart.pretrained or stale or failed(chart) or not chart.after["val_loss"] <= chart.entropy

    def _modes(self) -> Evidence:
        """The same training images with running statistics and with their own."""
        train = self._batches.train
        members = image_readings.sample(train.images, self._config.seed, MODE_IMAGES)
        return network_readings.of_modes(
            self._whole, train.images.read(members), train.labels[members], self._objective.mean
        )

    # --- after --------------------------------------------------------------------------------------------------------

    def conclude(self, history: pd.DataFrame, best_epoch: int, predictions: Predictions) -> Verdict | None:
        """The verdict on a training that ran to its end; None where `health.policy=off`.

        Args:
            history: one row an epoch.
            best_epoch: whose weights were kept.
            predictions: what the kept weights say.
        """
        if not self._on:
            return None
        start, chart = time.perf_counter(), self.chart
        chart.epochs = history.to_dict(orient="records")
        val = (predictions.table["split"] == "val").to_numpy()
        rows, features = predictions.table[val], predictions.features[val]
        labels, logits = rows["label"].to_numpy(), rows["logit"].to_numpy()
        chart.after = {
            "best_epoch": float(best_epoch),
            "val_auc": probes.auc(labels, logits),
            "val_loss": self._objective.mean(labels, logits),
            "logit_std": float(np.std(logits)),
            "predicted_positive": probes.predicted_positive(logits),
            "feature_cosine": probes.mean_pairwise_cosine(features),
            "feature_rank": probes.effective_rank(features),
            "probe_auc": probes.logistic_probe_auc(features, labels, rows["group"], self._config.seed),
            "probe_error": chart.chance_error,
            "nonfinite_answers": float(probes.nonfinite_count([logits, features])),
            **self._normalizations(len(history)),
        }
        if failed(chart):
            self._look_below(self._cuts[-1])
        if self._statistics_are_suspect():
            chart.after |= self._modes()
        self.seconds["verdict"] = time.perf_counter() - start
        return self._judge()

    def broken(self, history: list[dict[str, Any]], error: BaseException) -> Verdict | None:
        """The verdict on a training that an error ended."""
        if not self._on:
            return None
        self.chart.epochs, self.chart.error = history, str(error)
        return self._judge()

    def _judge(self) -> Verdict:
        chart = self.chart
        found = rules.diagnose(chart)
        verdict = words.verdict(chart, found)
        self._write(verdict)
        return verdict

    def numbers(self) -> dict[str, float]:
        """The readings that are tracked: of the kept weights, as far as they could be read, else from before."""
        names = ("feature_cosine", "feature_rank", "probe_auc", "logit_std", "predicted_positive", "dead_units")
        found = {name: self.chart.last(name) for name in names}
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def _write(self, verdict: Verdict) -> None:
        chart = self.chart
        known = {
            **verdict.described(),
            "policy": self._config.health.policy,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "before": chart.before,
            "trials": [asdict(trial) for trial in chart.trials],
            "phases": chart.ends,
            "after": chart.after,
        }
        replace_text(self.file, json.dumps(plain(known), indent=2) + "\n")

    def _enter(self, phase: Phase) -> None:
        phases.enter(phase, self._classifier.network, self._dropout)
