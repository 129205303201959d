"""Histograms of weights are those that TensorBoard's own functions make, and are where its pages look for them."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.util import tensor_util

from skinexp.training.tensorboard import TensorBoard, buckets


def theirs(weights: np.ndarray) -> np.ndarray:
    return tensor_util.make_ndarray(histogram_pb("weights", weights).value[0].tensor)


def test_weights_are_counted_as_tensorboard_counts_them():
    weights = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)
    np.testing.assert_allclose(buckets(weights), theirs(weights), rtol=1e-6)


@pytest.mark.parametrize("weights", [np.zeros(5), np.full((2, 3), 0.25), np.zeros(0)])
def test_equal_weights_and_none_are_shown_as_tensorboard_shows_them(weights):
    np.testing.assert_array_equal(buckets(weights), theirs(weights))


def test_what_is_no_number_is_left_out():
    weights = np.array([np.nan, 1.0, np.inf, 2.0])
    np.testing.assert_array_equal(buckets(weights), buckets(np.array([1.0, 2.0])))
    assert not buckets(np.array([np.nan])).any()


@given(arrays(np.float32, st.integers(1, 200), elements=st.floats(-(2.0**90), 2.0**90, width=32)))
def test_every_weight_is_in_one_bucket(weights):
    found = buckets(weights)
    assert found.shape == (30, 3)
    assert found[:, 2].sum() == len(weights)
    assert (found[0, 0], found[-1, 1]) == (weights.min(), weights.max())


def test_each_epoch_has_a_histogram_of_each_weight(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="dense")])
    model.compile(loss="mse")
    shown = TensorBoard(str(tmp_path), histogram_freq=1, write_graph=False)
    model.fit(np.ones((2, 3)), np.ones((2, 4)), epochs=2, verbose=0, callbacks=[shown])
    events = EventAccumulator(str(tmp_path / "train"), size_guidance={"tensors": 0}).Reload()
    for weight in model.weights:
        tag = f"{weight.path}/histogram"
        assert events.SummaryMetadata(tag).plugin_data.plugin_name == "histograms"
        assert [event.step for event in events.Tensors(tag)] == [0, 1]
        shown_last = tensor_util.make_ndarray(events.Tensors(tag)[-1].tensor_proto)
        np.testing.assert_array_equal(shown_last, buckets(keras.ops.convert_to_numpy(weight)))
