"""The preflight: checks of images, labels and untrained network, and an overfit-one-batch test."""

from dataclasses import replace

import keras
import numpy as np

from skinexp.contracts.scalings import SCALINGS
from skinexp.core.randomness import rng
from skinexp.health import image_readings, network_readings, probes
from skinexp.health.diagnostic_limits import limit
from skinexp.health.examined_training import ExaminedTraining
from skinexp.health.health_callback import HealthCallback
from skinexp.health.observations import Observations
from skinexp.health.overfit_test import IMAGES as OVERFIT_IMAGES
from skinexp.health.overfit_test import OverfitResult, OverfitTest
from skinexp.health.readings import Readings

FEATURE_IMAGES = 64  # validation images whose features are examined if the network is cut and they are known
ENTRY_IMAGES = 16  # of them, whose pixels are followed into the backbone
SCALING_IMAGES = 32  # of them, that are examined with other input scalings


class Preflight:
    """Examines a training before its first step. No weight is changed."""

    def __init__(self, training: ExaminedTraining, activations: np.ndarray | None = None):
        """
        Args:
            training: the training.
            activations: (n, ...) activations of the validation images at the cut of the first phase, if they are known.
        """
        self._training, self._activations = training, activations
        self._cut = training.cuts[0]
        self._probe = training.probe_above(self._cut)

    def observe(self, observations: Observations) -> Observations:
        """Returns the observations with the readings before the first step.

        Args:
            observations: those of the options.
        """
        training = self._training
        training.enter_first_phase()
        before = image_readings.read_images(training.prepared, training.batches, training.config.seed)
        before |= self._read_network(observations)
        gradients, results = self._test_overfitting(observations)
        before |= gradients
        probed = self._cut is not None and (not results[0].fitted or _sees_nothing(before))
        if self._cut is not None and probed:
            before = replace(before, dead_units=max(before.dead_units, training.dead_units_below(self._cut)))
        return replace(observations, before=before, overfit_results=results, frozen_layers_probed=probed)

    def _read_network(self, observations: Observations) -> Readings:
        """Returns readings of the untrained network on some validation images."""
        training, network = self._training, self._training.classifier.network
        val, frame, seed = training.batches.val, training.prepared.table.frame, training.config.seed
        members = training.sample_validation(FEATURE_IMAGES if self._cut else HealthCallback.IMAGES)
        labels, groups = val.labels[members], frame.loc[frame["split"] == "val", "group"].to_numpy()[members]
        outputs = self._probe.probe(self._inputs(members))
        readings = network_readings.read_outputs(outputs)
        readings |= network_readings.read_entry(
            network, val.read(members[:ENTRY_IMAGES]), observations.expected_scaling
        )
        readings |= network_readings.read_weights(training.classifier, training.phases[0].frozen)
        readings |= Readings(
            initial_loss=training.objective.mean(labels, outputs.logits),
            probe_auc=probes.logistic_probe_auc(outputs.features, labels, groups, seed),
            probe_error=probes.chance_error(labels),
        )
        if training.classifier.pretrained and _sees_nothing(readings):
            others = [name for name in SCALINGS if name != observations.input_scaling]
            images = val.read(members[:SCALING_IMAGES])
            readings |= network_readings.read_other_scalings(network, images, observations.input_scaling, others)
        return readings

    def _test_overfitting(self, observations: Observations) -> tuple[Readings, list[OverfitResult]]:
        """Runs the overfit-one-batch test, from the weights that the first phase starts with.

        It takes validation images, whose activations at the cut may be known. Nothing that is learned is kept.

        Returns:
            Readings of the gradients at the start, and the results at each learning rate.
        """
        options, val, lr = self._training.config.optim, self._training.batches.val, observations.phases[0].lr
        order = rng(self._training.config.seed, "health trial").permutation(len(val))
        members = np.concatenate([order[val.labels[order] == value][: OVERFIT_IMAGES // 2] for value in (0, 1)])
        loss_function = self._probe.loss_function(self._inputs(members), val.labels[members])
        start = [keras.ops.convert_to_numpy(variable) for variable in self._probe.variables]
        test = OverfitTest(loss_function, start, loss_function(start))
        gradients = self._probe.kernels(test.gradient.gradients)
        results = [test.run(options, lr)]
        if not results[0].fitted:
            results += test.run_other_rates(options, lr)
        return network_readings.read_gradients(gradients, self._probe.kernels(start)), results

    def _inputs(self, members: np.ndarray) -> np.ndarray:
        """Returns (k, ...) pixels of validation images, or their activations at the cut."""
        if self._cut and self._activations is not None:
            return self._activations[members]
        images = self._training.batches.val.read(members)
        return self._training.network_probe.activation(images, self._cut) if self._cut else images


def _sees_nothing(readings: Readings) -> bool:
    """Returns whether the backbone has nearly the same features for all images."""
    return readings.feature_cosine > limit("constant_features")
