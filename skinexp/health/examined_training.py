"""The training that the doctor examines: network, data, options, and measurements on them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from skinexp.config.schema import Config
from skinexp.contracts.backbones import expected_scaling
from skinexp.contracts.losses import Objective, objective
from skinexp.data.pipeline import Batches
from skinexp.data.preparation.image_cache import Prepared
from skinexp.health import image_readings, network_readings, probes
from skinexp.health.network_probe import NetworkProbe
from skinexp.health.observations import Observations
from skinexp.health.readings import Readings
from skinexp.models import Classifier
from skinexp.training import cut, phases
from skinexp.training.phases import Phase

FROZEN_IMAGES = 64  # validation images on which the layers below a cut are examined
MODE_IMAGES = 32  # training images that are examined in both modes of BatchNormalization


@dataclass(frozen=True)
class ExaminedTraining:
    """The training that the doctor examines.

    Attributes:
        classifier: the classifier, as it was built.
        prepared: the images and their table.
        batches: the three parts of the split.
        config: the whole experiment.
        directory: of the run.
    """

    classifier: Classifier
    prepared: Prepared
    batches: Batches
    config: Config
    directory: Path

    @cached_property
    def phases(self) -> list[Phase]:
        """The planned phases."""
        return phases.plan(self.classifier, self.config.model, self.config.optim)

    @cached_property
    def objective(self) -> Objective:
        """The mean loss that the training minimises."""
        optim = self.config.optim
        return objective(optim.loss, optim.class_weight, self.batches.train.labels)

    @cached_property
    def cuts(self) -> list[str | None]:
        """For each phase the layer below which nothing is trained, or None."""
        return [cut.find_cut_layer(phase, self.classifier) for phase in self.phases]

    @cached_property
    def network_probe(self) -> NetworkProbe:
        """The whole network; a graph pays off only if the first phase trains it as a whole, epoch after epoch."""
        return NetworkProbe(self.classifier.network, reuse_graph=self.cuts[0] is None)

    @cached_property
    def dropout_rates(self) -> dict[str, float]:
        """The rate of each Dropout layer as the network was built, by its name."""
        return phases.dropout_rates(self.classifier.network)

    def observe_options(self) -> Observations:
        """Returns observations that hold the options and the labels, and no readings yet."""
        model, optim = self.config.model, self.config.optim
        expected = expected_scaling(model.name)
        return Observations(
            model=model.name,
            input_scaling=expected if model.input_scaling == "contract" else model.input_scaling,
            expected_scaling=expected,
            pretrained=self.classifier.pretrained,
            phases=self.phases,
            weight_decay=optim.weight_decay,
            dropout=max(self.dropout_rates.values(), default=0.0),
            monitor=optim.monitor.replace("val_", "val/"),
            steps_per_epoch=self.batches.train.steps,
            constant_loss=self.objective.constant,
            chance_error=probes.chance_error(self.batches.val.labels),
        )

    def probe_above(self, layer: str | None) -> NetworkProbe:
        """Returns the part of the network above a cut; the whole network if there is none."""
        return NetworkProbe(self.classifier.network, layer) if layer else self.network_probe

    def enter_first_phase(self) -> None:
        """Makes exactly the layers of the first phase trainable, as the training will do."""
        phases.enter(self.phases[0], self.classifier.network, self.dropout_rates)

    def sample_validation(self, count: int) -> np.ndarray:
        """Returns (k,) positions of at most `count` validation images."""
        return image_readings.sample(self.batches.val, self.config.seed, count)

    def dead_units_below(self, layer: str) -> float:
        """Returns the share of dead units in the layer with most of them, among the layers below a cut."""
        images = self.batches.val.read(self.sample_validation(FROZEN_IMAGES))
        below = {one.name for one in cut.below(self.classifier, layer)}
        largest = self.network_probe.probe(images).largest
        return max((probes.dead_share(values) for name, values in largest.items() if name in below), default=0.0)

    def read_normalizations(self, epochs: int) -> Readings:
        """Returns readings of the BatchNormalization layers that were trained for a number of epochs."""
        return network_readings.read_normalizations(self.classifier.network, epochs * self.batches.train.steps)

    def read_modes(self) -> Readings:
        """Returns readings of some training images with running statistics and with those of the batch."""
        train = self.batches.train
        members = image_readings.sample(train.images, self.config.seed, MODE_IMAGES)
        return network_readings.read_modes(
            self.network_probe, train.images.read(members), train.labels[members], self.objective.mean
        )
