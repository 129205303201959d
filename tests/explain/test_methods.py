"""The registry of explanation methods: each keeps the contract, and a new one needs no change elsewhere."""

import dataclasses

import keras
import numpy as np
import pytest

from skinexp import models
from skinexp.config.conf_files import CONF, names, options
from skinexp.config.schema import Explain, Model
from skinexp.explain.maps import heat_maps
from skinexp.explain.methods import METHODS
from skinexp.models import Classifier

SIZE = 32


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    keras.utils.set_random_seed(0)
    return models.build(Model(name="scratch"), SIZE)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)


def test_the_schema_accepts_exactly_the_methods_and_none():
    (method,) = [item for item in dataclasses.fields(Explain) if item.name == "method"]
    assert set(method.metadata["choices"]) == {*METHODS, "none"}
    assert set(METHODS) <= set(options("explain"))


@pytest.mark.parametrize("method", METHODS)
def test_each_method_gives_a_finite_map_of_evidence_for_each_image(method, classifier, images):
    weights = [np.array(weight) for weight in classifier.network.get_weights()]
    maps = heat_maps(classifier, images, np.array([0, 1, 0, 1]), method)
    assert (maps.shape, maps.dtype) == ((4, SIZE, SIZE), np.float32)
    assert np.isfinite(maps).all()
    assert maps.min() >= 0
    for before, after in zip(weights, classifier.network.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_new_method_is_a_function_in_the_registry_and_a_file_in_conf(classifier, images, monkeypatch, tmp_path):
    def occlusion(network: Classifier, images: np.ndarray, target: np.ndarray) -> np.ndarray:
        """How much the target's logit falls if a quarter of the image turns grey."""
        whole = network.network.predict(images, verbose=0)[:, 0]
        maps = np.zeros((*images.shape[:3],), np.float32)
        half = SIZE // 2
        for top, left in ((0, 0), (0, half), (half, 0), (half, half)):
            covered = images.copy()
            covered[:, top : top + half, left : left + half] = 128
            fall = target * (whole - network.network.predict(covered, verbose=0)[:, 0])
            maps[:, top : top + half, left : left + half] = np.maximum(fall, 0)[:, None, None]
        return maps

    monkeypatch.setitem(METHODS, "occlusion", occlusion)
    assert heat_maps(classifier, images, np.ones(4), "occlusion").any()

    (tmp_path / "explain").mkdir()
    for name in ("gradcam", "occlusion"):
        text = (CONF / "explain" / "gradcam.yaml").read_text().replace("method: gradcam", f"method: {name}")
        (tmp_path / "explain" / f"{name}.yaml").write_text(text)
    assert names("explain", "method", tmp_path) == ["gradcam", "occlusion"]
