"""Writes the state of a training between epochs, and restores that of an interrupted one."""

import time
from collections.abc import Callable
from pathlib import Path

import keras

from skinexp.training import checkpoints, phases
from skinexp.training.callbacks import BestWeights, EpochLogger
from skinexp.training.checkpoints import Arrays, Checkpoint
from skinexp.training.phases import Phase
from skinexp.training.stoppers import Stopper

SHARE_OF_TIME = 0.01  # that writing checkpoints may take


class CheckpointCallback(keras.callbacks.Callback):
    """The callback that writes checkpoints between epochs, and resumes from one.

    It must be the last callback, so that the others have seen the epoch. It writes after the first epoch, and then as
    often as its share of the time allows. Epochs after the last checkpoint are trained again when the training is
    resumed, with the same outcome.

    Attributes:
        finished: number of phases that are over.
        stoppers: the phase's callbacks whose counters belong to a checkpoint; set before each phase.
    """

    def __init__(self, directory: Path, fingerprint: str, network: keras.Model, logger: EpochLogger, best: BestWeights):
        """
        Args:
            directory: directory of the checkpoint.
            fingerprint: fingerprint of the training that the checkpoint must belong to.
            network: the network that is trained.
            logger: holds the rows of the epochs so far.
            best: holds the best weights so far.
        """
        super().__init__()
        self.finished = 0
        self.stoppers: list[Stopper] = []
        self._directory, self._fingerprint = directory, fingerprint
        self._network, self._logger, self._best = network, logger, best
        self._cuts: dict[str, str | None] = {}
        self._interrupted: Checkpoint | None = None  # inside the phase that comes next
        self._due = 0.0  # monotonic seconds before which no checkpoint is written
        if found := checkpoints.read(directory, fingerprint):
            self._restore(found)

    def cut(self, phase: Phase, find: Callable[[], str | None]) -> str | None:
        """Returns the layer at which the phase is cut.

        It is found once, as it depends on the free space on the disk, and written at once.
        """
        if phase.name not in self._cuts:
            self._cuts[phase.name] = find()
            self._write()
        return self._cuts[phase.name]

    def finish_phase(self) -> None:
        """Writes that the phase is over, with the best weights in the network."""
        self.finished += 1
        self._write()

    def on_train_begin(self, logs=None):
        """Restores the other callbacks and the optimizer, which Keras has just reset, after an interruption."""
        checkpoint, self._interrupted = self._interrupted, None
        if checkpoint is None:
            return
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        optimizer.load_own_variables(checkpoint.optimizer)
        for stopper, counters in zip(self.stoppers, checkpoint.stoppers, strict=True):
            stopper.restore(counters)
        if checkpoint.best_weights:
            self._best.kept = checkpoint.best_weights

    def on_epoch_end(self, epoch, logs=None):
        last = self.model.stop_training or epoch + 1 == self.params["epochs"]
        start = time.monotonic()
        if last or start < self._due:  # `finish_phase` follows the last epoch
            return
        self._write(in_phase=True)
        end = time.monotonic()
        self._due = end + (end - start) / SHARE_OF_TIME

    def _write(self, in_phase: bool = False) -> None:
        best, rows = self._best, self._logger.rows
        optimizer: Arrays = {}
        if in_phase:
            self.model.optimizer.save_own_variables(optimizer)
        checkpoint = Checkpoint(
            finished=self.finished,
            cuts=self._cuts,
            rows=rows,
            best=(best.epoch, best.value),
            # Phases only unfreeze layers: a layer that has learned before learns now.
            network={
                name: keras.ops.convert_to_numpy(variable)
                for name, variable in _variables(phases.learning(self._network)).items()
            },
            best_weights=best.kept if in_phase and best.epoch < len(rows) else {},
            optimizer=optimizer,
            stoppers=[stopper.counters() for stopper in self.stoppers] if in_phase else [],
        )
        checkpoints.write(checkpoint, self._fingerprint, self._directory)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.finished, self._cuts = checkpoint.finished, checkpoint.cuts
        self._logger.rows = checkpoint.rows
        self._best.epoch, self._best.value = checkpoint.best
        variables = _variables(self._network.layers)
        for name, value in checkpoint.network.items():
            variables[name].assign(value)
        if checkpoint.optimizer:
            self._interrupted = checkpoint


def _variables(layers: list[keras.layers.Layer]) -> dict[str, keras.Variable]:
    """Returns variables by layer and number, the seeds of dropout included.

    The variables' own names would not do: Keras counts them on from network to network.
    """
    return {f"{layer.name}/{number}": it for layer in layers for number, it in enumerate(layer.variables)}
