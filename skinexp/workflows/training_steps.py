"""The steps of a training that can be replaced by the fault benchmark; by default, the functions of skinexp.

A fault that no option produces (shuffled labels, a weight that is NaN) is planted by passing another function here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from skinexp import models, training
from skinexp.config.schema import Augment, Config, Data, Model
from skinexp.data import pipeline
from skinexp.data.pipeline import Batches
from skinexp.data.preparation import image_cache
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.sources import registry
from skinexp.data.table import Table
from skinexp.models import Classifier
from skinexp.training import Training
from skinexp.training.callbacks import EpochRow
from skinexp.training.fit import Watching


class Fit(Protocol):
    """A function with the signature of `training.fit`."""

    def __call__(
        self,
        classifier: Classifier,
        batches: Batches,
        config: Config,
        directory: Path,
        on_epoch: Callable[[EpochRow], None] = ...,
        watch: Watching = ...,
    ) -> Training:
        """Trains the network in place."""


@dataclass(frozen=True)
class TrainingSteps:
    """The functions that a training calls, one for each step.

    Attributes:
        load: reads the data set that the options name; the second argument is the seed.
        prepare: decodes and preprocesses the images of a table.
        make_batches: shares out images (N, size, size, 3) as the table's column `split` says.
        build_model: builds the network for images of a size in pixels.
        fit: trains the network and leaves the best weights in it.
    """

    load: Callable[[Data, int], Table] = registry.load
    prepare: Callable[[Table, Data], Prepared] = image_cache.prepare
    make_batches: Callable[[np.ndarray, pd.DataFrame, Augment, int, int], Batches] = pipeline.batches
    build_model: Callable[[Model, int], Classifier] = models.build
    fit: Fit = training.fit


STANDARD_STEPS = TrainingSteps()
