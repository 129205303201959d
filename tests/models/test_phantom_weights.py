"""The weights included in skinexp: small, with a card that vouches for them, and of use on images they never saw."""

import json
import shutil
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from skinexp import models
from skinexp.config.schema import Data, Model, Phantom, Preprocess
from skinexp.core.errors import UserError
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.health import network_readings
from skinexp.health.diagnostic_limits import limit
from skinexp.health.probes import logistic_probe_auc, mean_pairwise_cosine
from skinexp.models import Classifier, packed_weights, weights
from skinexp.models.backbone_graphs import CONTRACTS, build_backbone
from skinexp.models.classifier import FEATURES
from skinexp.models.extractor import extractor

NAMES = [name for name, contract in CONTRACTS.items() if contract.shipped]
SIZE = 64
LARGEST = 10_000_000  # bytes


def file_of(name: str) -> Path:
    return weights.shipped(CONTRACTS[name], 1.0)


def card_of(name: str) -> dict:
    return json.loads(packed_weights.card_of(file_of(name)).read_text())


@cache  # what it returns is read only
def build(name: str, source: str | None = "phantom") -> Classifier:
    return models.build(Model(name=name, weights=source), SIZE)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """Pixels and labels of phantoms as a run with seed 0 has them."""
    cache = str(tmp_path_factory.mktemp("cache"))
    options = Data(phantom=Phantom(images=160), preprocess=Preprocess(size=SIZE), cache=cache, workers=1)
    prepared = image_cache.prepare(registry.load(options, 0), options)
    return np.array(prepared.images), prepared.table.frame["label"].to_numpy()


@pytest.fixture(scope="module", params=[NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])])
def named(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def features(named, phantoms) -> np.ndarray:
    return extractor(build(named).network, FEATURES)(phantoms[0])


@pytest.fixture(scope="module")
def copy(named, tmp_path_factory) -> Path:
    """The weights with their card, somewhere else."""
    place = tmp_path_factory.mktemp("copy")
    shutil.copy(packed_weights.card_of(file_of(named)), place)
    return Path(shutil.copy(file_of(named), place))


def test_the_file_is_small_and_holds_what_its_card_says(named):
    content = file_of(named).read_bytes()
    assert len(content) == card_of(named)["bytes"] <= LARGEST


def test_the_card_says_how_the_weights_are_made_again(named):
    card = card_of(named)
    assert card["licence"] == "Apache-2.0"
    assert card["command"] == f"python -m skinexp.pretrain model={named}"
    assert card["data"]["name"] == "phantom"
    assert {"seed", "digest", "version", "images", "learned", "held_out"} <= set(card["data"])
    assert {"optim", "augment", "learns", "size"} <= set(card["recipe"])
    assert len(card["losses"]) == card["recipe"]["optim"]["epochs"]


def test_no_run_of_a_usual_seed_draws_phantoms_that_they_were_learned_from(named):
    assert card_of(named)["data"]["seed"] > 1_000_000


def test_kernels_are_kept_in_float16(named):
    with np.load(file_of(named), allow_pickle=False) as stored:
        kinds = {array.dtype.name for array in (stored[name] for name in stored) if array.ndim > 1}
    assert kinds == {"float16"}


def test_a_network_gets_exactly_these_weights(named):
    backbone = [build(named).network.get_layer(layer) for layer in build(named).backbone]
    with np.load(file_of(named), allow_pickle=False) as stored:
        held = sum(float(np.abs(stored[name].astype(np.float64)).sum()) for name in stored)
    got = sum(float(np.abs(weight.astype(np.float64)).sum()) for layer in backbone for weight in layer.get_weights())
    assert got == pytest.approx(held, rel=1e-6)
    assert build(named).pretrained


def test_features_differ_between_images_as_those_of_a_healthy_backbone_do(features):
    assert mean_pairwise_cosine(features) < limit("awake")


def test_features_tell_malignant_phantoms_from_benign_ones(features, phantoms):
    groups = np.arange(len(features))
    # 160 images: an area has a standard error of about .04; random weights reach about .7.
    assert logistic_probe_auc(features, phantoms[1], groups) > 0.75


def test_the_doctor_does_not_take_them_for_untrained(named):
    classifier = build(named)
    readings = network_readings.read_weights(classifier, frozenset(classifier.backbone))
    assert readings.untrained_kernels < limit("untrained")


def test_statistics_of_normalization_have_converged(named, phantoms, monkeypatch):
    """In inference, features tell as much as with the images' own statistics."""
    network = build(named).network
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            monkeypatch.setattr(layer, "rate", 0.0)  # EfficientNet's backbone has some
    pooled = keras.Model(network.inputs[0], network.get_layer(FEATURES).output)
    pixels, labels = phantoms
    inference, own = (
        logistic_probe_auc(np.asarray(pooled(pixels, training=training)), labels, np.arange(len(labels)))
        for training in (False, True)
    )
    assert inference > own - limit("order_lost") / 2


# Files that are not what they should be


def load(file: Path, name: str, alpha: float = 1.0) -> None:
    contract = CONTRACTS[name]
    backbone = build_backbone(contract, alpha, weights=None, input_shape=(32, 32, 3))
    weights.load(str(file), contract, alpha, backbone)


def refusal(file: Path, name: str, alpha: float = 1.0) -> str:
    with pytest.raises(UserError) as refused:
        load(file, name, alpha)
    message = str(refused.value)
    assert message.startswith(f"model.weights: {file} ")
    assert "\n" not in message
    return message


def test_a_copy_serves_as_a_file(named, copy):
    load(copy, named)


def test_a_file_with_one_other_bit_is_refused_by_its_hash(named, copy):
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = copy.with_name("damaged.npz")
    damaged.write_bytes(content)
    shutil.copy(packed_weights.card_of(copy), packed_weights.card_of(damaged))
    assert "is damaged: its SHA-256 is" in refusal(damaged, named)


def test_a_file_that_was_cut_off_is_refused(named, copy):
    short = copy.with_name("short.npz")
    short.write_bytes(copy.read_bytes()[:10_000])
    shutil.copy(packed_weights.card_of(copy), packed_weights.card_of(short))
    assert "is damaged" in refusal(short, named)


def test_a_file_without_its_card_is_refused(named, copy):
    alone = Path(shutil.copy(copy, copy.with_name("alone.npz")))
    assert "does not fit: its card alone.json cannot be read" in refusal(alone, named)


def test_shipped_weights_that_are_damaged_say_what_to_do(named, copy, monkeypatch):
    monkeypatch.setattr(packed_weights, "SHIPPED", copy.parent)
    packed_weights.card_of(copy).write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(UserError, match=r"is damaged: .*Install skinexp again$"):
        load(Path("phantom"), named)


def test_weights_of_another_width_do_not_fit(tmp_path):
    place = tmp_path / "weights.npz"
    shutil.copy(file_of("mobilenet"), place)
    shutil.copy(packed_weights.card_of(file_of("mobilenet")), packed_weights.card_of(place))
    assert "does not fit" in refusal(place, "mobilenet", alpha=0.35)


def test_weights_of_another_backbone_do_not_fit(tmp_path):
    place = tmp_path / "weights.npz"
    shutil.copy(file_of("mobilenet"), place)
    shutil.copy(packed_weights.card_of(file_of("mobilenet")), packed_weights.card_of(place))
    assert "it is of MobileNetV2" in refusal(place, "efficientnet")
