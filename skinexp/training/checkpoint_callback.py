"""Takes down where a training is, and puts the training of another life back there."""

import time
from collections.abc import Callable
from pathlib import Path

import keras

from skinexp.training import checkpoints, phases
from skinexp.training.callbacks import BestWeights, Recorder
from skinexp.training.checkpoints import Arrays, Checkpoint
from skinexp.training.phases import Phase

SHARE_OF_TIME = 0.01  # that writing checkpoints may take
COUNTERS = ("wait", "best", "cooldown_counter")  # of Keras' callbacks that watch the monitor


class Memory(keras.callbacks.Callback):
    """Writes checkpoints between epochs, and goes on from one; comes last, when the others have seen the epoch.

    It writes after the first epoch, and then as often as its share of the time allows. Epochs after the last checkpoint
    are trained again in the next life, with the same outcome.

    Attributes:
        finished: phases that are over.
        stoppers: the phase's callbacks whose counters belong to a checkpoint; set before each phase.
    """

    def __init__(self, directory: Path, fingerprint: str, network: keras.Model, recorder: Recorder, best: BestWeights):
        """
        Args:
            directory: of the checkpoint.
            fingerprint: of the training that the checkpoint must belong to.
        """
        super().__init__()
        self.finished = 0
        self.stoppers: list[keras.callbacks.Callback] = []
        self._directory, self._fingerprint = directory, fingerprint
        self._network, self._recorder, self._best = network, recorder, best
        self._cuts: dict[str, str | None] = {}
        self._interrupted: Checkpoint | None = None  # in the middle of the phase that comes next
        self._due = 0.0  # when a checkpoint may be written again
        if found := checkpoints.read(directory, fingerprint):
            self._go_on_from(found)

    def cut(self, phase: Phase, find: Callable[[], str | None]) -> str | None:
        """Where the phase is cut. Found once, as it depends on the room on the disk, and written down at once."""
        if phase.name not in self._cuts:
            self._cuts[phase.name] = find()
            self._write()
        return self._cuts[phase.name]

    def finish_phase(self) -> None:
        """Takes down that the phase is over, with the best weights in the network."""
        self.finished += 1
        self._write()

    def on_train_begin(self, logs=None):
        """Reminds the other callbacks, which have just forgotten everything, of the phase that was interrupted."""
        checkpoint, self._interrupted = self._interrupted, None
        if checkpoint is None:
            return
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        optimizer.load_own_variables(checkpoint.optimizer)
        for stopper, counters in zip(self.stoppers, checkpoint.stoppers, strict=True):
            vars(stopper).update(counters)
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
        best, records = self._best, self._recorder.records
        optimizer: Arrays = {}
        if in_phase:
            self.model.optimizer.save_own_variables(optimizer)
        checkpoint = Checkpoint(
            finished=self.finished,
            cuts=self._cuts,
            records=records,
            best=(best.epoch, best.value),
            # Phases thaw: a layer that has learned before learns now.
            network={
                name: keras.ops.convert_to_numpy(variable)
                for name, variable in _variables(phases.learning(self._network)).items()
            },
            best_weights=best.kept if in_phase and best.epoch < len(records) else {},
            optimizer=optimizer,
            stoppers=[_counters(stopper) for stopper in self.stoppers] if in_phase else [],
        )
        checkpoints.write(checkpoint, self._fingerprint, self._directory)

    def _go_on_from(self, checkpoint: Checkpoint) -> None:
        self.finished, self._cuts = checkpoint.finished, checkpoint.cuts
        self._recorder.records = checkpoint.records
        self._best.epoch, self._best.value = checkpoint.best
        variables = _variables(self._network.layers)
        for name, value in checkpoint.network.items():
            variables[name].assign(value)
        if checkpoint.optimizer:
            self._interrupted = checkpoint


def _variables(layers: list[keras.layers.Layer]) -> dict[str, keras.Variable]:
    """By layer and number: names of variables count on from network to network. Seeds of dropout are among them."""
    return {f"{layer.name}/{number}": it for layer in layers for number, it in enumerate(layer.variables)}


def _counters(stopper: keras.callbacks.Callback) -> dict[str, float | None]:
    return {name: value for name, value in vars(stopper).items() if name in COUNTERS}
