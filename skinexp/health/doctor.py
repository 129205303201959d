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

from skinexp.config import Config
from skinexp.data.pipeline import Batches
from skinexp.data.store import Prepared
from skinexp.errors import UserError
from skinexp.files import replace_text
from skinexp.health import image_readings, network_readings, probes, rules, words
from skinexp.health.ask import Kernels, Questions
from skinexp.health.chart import Chart, Evidence
from skinexp.health.diagnosis import Verdict
from skinexp.health.thresholds import limit
from skinexp.health.trial import IMAGES as TRIAL_IMAGES
from skinexp.health.trial import Experiment, attempt, other_rates
from skinexp.health.watch import Watch
from skinexp.models import Classifier
from skinexp.models.backbones import CONTRACTS
from skinexp.models.predict import Predictions
from skinexp.models.scaling import SCALINGS
from skinexp.models.scratch import CONTRACT as SCRATCH_CONTRACT
from skinexp.randomness import rng
from skinexp.result import plain
from skinexp.training import cut, phases
from skinexp.training.checkpoints import FOLDER
from skinexp.training.phases import Phase

log = logging.getLogger(__name__)

FILE = "health.json"
VALIDATION_IMAGES = 64  # whose features are looked at before training
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
        self._on = config.health.policy != "off"
        plan = phases.plan(classifier, config.model, config.optim)
        self._dropout = phases.dropout_rates(classifier.network)
        model = config.model
        expected = CONTRACTS[model.name].input_scaling if model.name in CONTRACTS else SCRATCH_CONTRACT
        self.chart = Chart(
            network=model.name,
            scaling=(expected if model.input_scaling == "contract" else model.input_scaling, expected),
            pretrained=classifier.pretrained,
            phases=plan,
            weight_decay=config.optim.weight_decay,
            dropout=max(self._dropout.values(), default=0.0),
            monitor=config.optim.monitor.replace("val_", "val/"),
            steps_an_epoch=batches.train.steps,
            entropy=probes.prior_entropy(batches.train.labels),
            chance_error=probes.chance_error(batches.val.labels),
        )
        cuts = {phase.name: cut.find(phase, classifier) for phase in plan}
        self._cuts = {name: layer for name, layer in cuts.items() if layer}  # where a phase may be cut, by its name
        self._activations: dict[str, np.ndarray] = {}  # there, of validation images
        # A network that learns as a whole is asked as a whole, before, while and after; one that is cut only before.
        self._whole = Questions(classifier.network, often=plan[0].name not in self._cuts)
        self._ends = directory / FOLDER / FILE
        if self._on and self._ends.is_file():  # of an earlier life, whose phases do not come again
            self.chart.ends = json.loads(self._ends.read_text())

    # --- before -------------------------------------------------------------------------------------------------------

    def preflight(self) -> None:
        """Looks at images, labels and the untrained network, and tries to make it learn sixteen images.

        Raises:
            UserError: where something is wrong and `health.policy` is `stop`.
        """
        if not (self._on and self._config.health.preflight):
            return
        start = time.perf_counter()
        self._enter(self.chart.phases[0])
        self.chart.before |= image_readings.read(self._prepared, self._batches, self._config.seed)
        self._try_to_learn(*self._look_at_network())
        self.seconds["preflight"] = time.perf_counter() - start
        found = rules.diagnose(self.chart)
        if not found:
            return
        sentence = words.of_diagnosis(found[0])
        if self._config.health.policy == "stop":
            self._write(Verdict("warning", sentence, found))
            raise UserError(f"health.preflight: {sentence}. To train all the same: health.policy=warn")
        log.warning("Health    %s", sentence)

    def _look_at_network(self) -> tuple[np.ndarray, np.ndarray]:
        """Asks about some validation images, and at once about those of the trial.

        Returns:
            (16, ...) what the first phase learns from, images or what a layer makes of them, and (16,) labels.
        """
        chart, classifier = self.chart, self._classifier
        images, labels, groups = self._validation(VALIDATION_IMAGES)
        trial, trial_labels = self._trial_images()
        asked = self._whole.answers(np.concatenate([images, trial]), keep=self._cuts.values())
        answers, of_trial = asked.split(len(images))
        self._activations = answers.kept
        chart.before |= network_readings.of_answers(answers)
        chart.before |= network_readings.of_entry(answers.entry[:ENTRIES], images[:ENTRIES], chart.scaling[1])
        chart.before |= network_readings.of_weights(classifier, chart.phases[0].frozen)
        chart.before["initial_loss"] = probes.cross_entropy(labels, answers.logits)
        chart.before["probe_auc"] = probes.logistic_probe_auc(answers.features, labels, groups, self._config.seed)
        chart.before["probe_error"] = probes.chance_error(labels)
        if classifier.pretrained and chart.before["feature_cosine"] > limit("constant_features"):
            others = [name for name in SCALINGS if name != chart.scaling[0]]
            cosines = network_readings.cosines_by_scaling(classifier.network, images[:32], others)
            chart.before |= {f"cosine_if_{name}": cosine for name, cosine in cosines.items()}
        layer = self._cuts.get(chart.phases[0].name)
        return of_trial.kept[layer] if layer else trial, trial_labels

    def _try_to_learn(self, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Learns sixteen images by heart, from where the first phase starts."""
        chart, options = self.chart, self._config.optim
        questions = Questions(self._classifier.network, self._cuts.get(chart.phases[0].name))
        descent = questions.descent(inputs, labels)
        start = [keras.ops.convert_to_numpy(variable) for variable in questions.variables]
        experiment = Experiment(descent, start, descent(start))
        self._start = questions.kernels(experiment.start)
        chart.before |= network_readings.of_gradients(questions.kernels(experiment.slope.gradients), self._start)
        chart.trials = [attempt(experiment, options, chart.phases[0].lr)]
        if not chart.trials[0].fitted:
            chart.trials += other_rates(experiment, options, chart.phases[0].lr)

    # --- while --------------------------------------------------------------------------------------------------------

    def watch(self, phase: Phase, layer: str | None) -> list[keras.callbacks.Callback]:
        """What looks at a phase as it goes on.

        Args:
            layer: where the network is cut in this phase, if it is.
        """
        if not self._on:
            return []
        network = self._classifier.network
        first = phase is self.chart.phases[0] and self._start
        start = first or Questions(network, layer).kernels()
        images, activations = self._watched(layer)

        def end(readings: Evidence, epochs: int) -> None:
            """Reads the weights as the phase leaves them, before those of the best epoch take their place."""
            moved = network_readings.of_training(Questions(network, layer).kernels(), start)
            self.chart.ends[phase.name] = readings | moved | self._normalizations(epochs)
            self._ends.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._ends, json.dumps(plain(self.chart.ends)))

        def count(seconds: float) -> None:
            self.seconds["epochs"] += seconds

        return [Watch(self._whole, layer, images, activations, end, count)]

    def _watched(self, layer: str | None) -> tuple[np.ndarray, np.ndarray | None]:
        """The validation images that are followed, and their activations at a layer where those are known."""
        val, seed = self._batches.val, self._config.seed
        followed = image_readings.sample(val, seed, Watch.IMAGES)
        known = self._activations.get(layer or "")
        asked = image_readings.sample(val, seed, VALIDATION_IMAGES)
        return val.read(followed), None if known is None else known[np.isin(asked, followed)]

    def _normalizations(self, epochs: int) -> Evidence:
        """How many layers use a batch's own statistics while they learn, and how much of theirs is from the start.

        Args:
            epochs: for which they have learned.
        """
        learning = network_readings.learning_normalizations(self._classifier.network)
        updates = epochs * self._batches.train.steps
        stale = [probes.remaining_start(layer.momentum, updates) for layer in learning]
        return {"normalizations_learning": float(len(learning))} | ({"stale_statistics": max(stale)} if stale else {})

    def _modes(self) -> Evidence:
        """The same images with running statistics and with their own, where any normalization learns."""
        network, train = self._classifier.network, self._batches.train
        if not network_readings.learning_normalizations(network):
            return {}
        members = image_readings.sample(train.images, self._config.seed, MODE_IMAGES)
        return network_readings.of_modes(self._whole, train.images.read(members), train.labels[members])

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
            "val_loss": probes.cross_entropy(labels, logits),
            "logit_std": float(np.std(logits)),
            "predicted_positive": probes.predicted_positive(logits),
            "feature_cosine": probes.mean_pairwise_cosine(features),
            "feature_rank": probes.effective_rank(features),
            "probe_auc": probes.logistic_probe_auc(features, labels, rows["group"], self._config.seed),
            "probe_error": chart.chance_error,
            "nonfinite_answers": float(probes.nonfinite_count([logits, features])),
            **self._normalizations(len(history)),
            **self._modes(),
        }
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

    def _trial_images(self) -> tuple[np.ndarray, np.ndarray]:
        """Training images for the trial, half of them of each class where there are enough, and their labels."""
        train = self._batches.train
        order = rng(self._config.seed, "health trial").permutation(train.count)
        halves = [order[train.labels[order] == value][: TRIAL_IMAGES // 2] for value in (0, 1)]
        members = np.concatenate(halves)
        return train.images.read(members), train.labels[members]

    def _validation(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images, labels and groups of some validation images."""
        images = self._batches.val
        members = image_readings.sample(images, self._config.seed, count)
        frame = self._prepared.table.frame
        groups = frame.loc[frame["split"] == "val", "group"].to_numpy()[members]
        return images.read(members), images.labels[members], groups
