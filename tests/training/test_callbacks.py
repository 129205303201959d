"""The progress bar of a training, whatever number of steps Keras takes in one call."""

import keras
import numpy as np
import pytest

from skinexp.training.callbacks import ProgressBar
from skinexp.training.phases import Phase

STEPS, EPOCHS = 10, 2


class Steps:
    """In the place of the bar on a terminal."""

    def __init__(self):
        self.moves: list[int] = []
        self.words: list[str] = []

    def advance(self, by: int) -> None:
        self.moves.append(by)

    def say(self, words: str) -> None:
        self.words.append(words)


@pytest.mark.parametrize(("at_once", "moves"), [(1, [1] * 10), (4, [4, 4, 2]), (32, [10])])
def test_the_bar_arrives_at_its_end_however_many_steps_are_taken_at_once(at_once, moves):
    bar, phase = Steps(), Phase("head", EPOCHS, 1e-3, frozenset())
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    auc = keras.metrics.AUC(name="auc", from_logits=True)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[auc], steps_per_execution=at_once)
    inputs, labels = np.zeros((STEPS, 3)), np.arange(STEPS)[:, None] % 2
    model.fit(
        inputs,
        labels,
        batch_size=1,
        epochs=EPOCHS,
        validation_data=(inputs, labels),
        callbacks=[ProgressBar(bar, phase, 0)],
        verbose=0,
    )
    assert bar.moves == moves * EPOCHS
    assert [words.split(",")[0] for words in bar.words] == ["epoch 1/2", "epoch 2/2"]
