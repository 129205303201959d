"""Claim: TensorBoard's histograms of all weights take a fifth of the time that Keras' own callback takes, or less.

    uv run python benchmarks/histograms.py        # about half a minute

What an epoch of training writes of a whole network's weights, into files of their own: `training.tensorboard` beside
the callback that it replaces. Weights are random, which takes the same time.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import keras
from measure import Goal, Row, at_least, in_turns, medians, peak_memory, report

from skinexp import models
from skinexp.config.schema import Model
from skinexp.contracts.backbones import MODEL_NAMES
from skinexp.training.tensorboard import TensorBoard

CALLBACKS = {"skinexp": TensorBoard, "Keras' callback": keras.callbacks.TensorBoard}


def main() -> None:
    """Lets both write the histograms of the same network, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(MODEL_NAMES), default=["mobilenet", "efficientnet"])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    rows: list[Row] = []
    goals: list[Goal] = []
    for model in options.models:
        network = models.build(Model(model), size=96).network
        with tempfile.TemporaryDirectory() as place:
            epochs = {
                f"{model}, {name}": partial(epoch, begun(kind, network, Path(place) / name))
                for name, kind in CALLBACKS.items()
            }
            memory = {}
            for name, write in epochs.items():
                with peak_memory() as peak:
                    write()
                memory[name] = peak.megabytes
            seconds = medians(in_turns(epochs, options.runs, warm_up=0))
        rows += [Row(name, 1_000 * value, "ms", memory[name]) for name, value in seconds.items()]
        what = f"TensorBoard's histograms of {network.count_params():,} weights, {model}"
        goals.append(at_least(5, f"{model}, Keras' callback", f"{model}, skinexp", rows, what))
    report(__file__, "Histograms of all weights, once an epoch: a fifth of the time or less.", rows, goals=goals)


def begun(kind: type[keras.callbacks.TensorBoard], network: keras.Model, place: Path) -> keras.callbacks.TensorBoard:
    """A callback that is asked for nothing but histograms."""
    callback = kind(str(place), histogram_freq=1, write_graph=False, update_freq=10**9)
    callback.set_model(network)
    callback.on_train_begin()
    return callback


def epoch(callback: keras.callbacks.TensorBoard) -> None:
    """An epoch in which nothing is trained."""
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {})


if __name__ == "__main__":
    main()
