"""Pretrained weights: from a file, a directory or ImageNet into one graph, inside the backbone's contract."""

import shutil
import sys
import urllib.request
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from skinexp import models
from skinexp.config.schema import Model
from skinexp.core.errors import UserError
from skinexp.models import Classifier, weights
from skinexp.models.backbone_graphs import CONTRACTS, build_backbone
from skinexp.models.classifier import FEATURES
from tests.models.backbones_by_depth import SLOW

SIZE = 64
NAMES = [name for name, contract in CONTRACTS.items() if contract.shipped]
FIRST_FAST = [NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])]
FILES = {
    "mobilenet": "mobilenet_v2_0.35_224_no_top.weights.h5",
    "efficientnet": "efficientnet_b0_224_no_top.weights.h5",
}
PREPROCESS = {
    "mobilenet": keras.applications.mobilenet_v2.preprocess_input,
    "efficientnet": keras.applications.efficientnet.preprocess_input,
}


@cache  # what it returns is read only
def build(name: str, source: str | Path | None, scaling: str = "contract") -> Classifier:
    keras.utils.clear_session()  # layer names are counted from here
    alpha = 0.35 if name == "mobilenet" else 1.0
    options = Model(name=name, alpha=alpha, weights=source and str(source), input_scaling=scaling)
    return models.build(options, SIZE)


@cache
def reference(name: str, file: Path | None, download: str | None = None) -> keras.Model:
    """The backbone as keras.applications builds it, with its features pooled."""
    options = {"include_top": False, "weights": download, "input_shape": (SIZE, SIZE, 3), "pooling": "avg"}
    if name == "mobilenet":
        network = keras.applications.MobileNetV2(alpha=0.35, **options)
    else:
        network = keras.applications.EfficientNetB0(**options)
    if file:
        network.load_weights(file)
    return network


def features(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    network = classifier.network
    pooled = keras.Function(network.inputs[0], network.get_layer(FEATURES).output)
    return ops.convert_to_numpy(pooled(images))


def run(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(network(inputs, training=False))


def assert_same_features(ours: np.ndarray, expected: np.ndarray) -> None:
    spread = np.ptp(expected, axis=0).max()
    assert spread > 0.1  # features that tell images apart, or equality would mean nothing
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-3 * spread)  # 240 layers of random weights add rounding


def assert_other_features(ours: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(ours - expected).max() > 0.1


# The contract


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("directory", ["random_weights", pytest.param("weights", marks=pytest.mark.slow)])
def test_features_equal_those_of_keras_with_its_own_preprocessing(name, directory, images, request):
    directory = request.getfixturevalue(directory)
    expected = run(reference(name, directory / FILES[name]), PREPROCESS[name](images.astype(np.float32)))
    assert_same_features(features(build(name, directory), images), expected)


@pytest.mark.parametrize("name", FIRST_FAST)
def test_pixels_forced_to_0_to_1_give_what_the_backbone_makes_of_them(name, random_weights, images):
    expected = run(reference(name, random_weights / FILES[name]), images / np.float32(255))
    broken = features(build(name, random_weights, "unit"), images)
    assert_same_features(broken, expected)
    assert_other_features(broken, features(build(name, random_weights), images))


@pytest.mark.filterwarnings("ignore:`input_shape` is undefined:UserWarning")
@pytest.mark.parametrize("name", SLOW)
def test_keras_own_release_gives_the_same_features_from_a_directory_and_by_download(
    name, random_release, images, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        "keras.src.utils.file_utils.get_file",
        lambda file, *args, **kwargs: asked.append(file) or str(random_release / file),
    )
    contract = CONTRACTS[name]
    module = sys.modules[getattr(keras.applications, contract.application).__module__]
    network = build_backbone(contract, 1.0, weights="imagenet", input_shape=(SIZE, SIZE, 3), pooling="avg")
    expected = run(network, module.preprocess_input(images.astype(np.float32)))
    assert asked == [contract.release_file(1.0)]
    for source in (random_release, "imagenet"):
        assert_same_features(features(models.build(Model(name, str(source)), SIZE), images), expected)


# One graph for all sources


@pytest.fixture
def imagenet(monkeypatch, random_weights) -> None:
    """Keras' download of ImageNet weights, answered from a directory."""

    def get_file(name: str, *args, **kwargs) -> str:
        return str(random_weights / (FILES["mobilenet"] if name.startswith("mobilenet") else "release.weights.h5"))

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)


@pytest.mark.parametrize("name", FIRST_FAST)
def test_the_graph_is_the_same_wherever_weights_come_from(name, random_weights, imagenet):
    built = [build(name, source) for source in (None, random_weights, "imagenet")]
    names = [[layer.name for layer in classifier.network.layers] for classifier in built]
    assert names[0] == names[1] == names[2]
    shapes = [[weight.shape for weight in classifier.network.weights] for classifier in built]
    assert shapes[0] == shapes[1] == shapes[2]
    assert [classifier.pretrained for classifier in built] == [False, True, True]
    assert len({classifier.backbone for classifier in built}) == 1


@pytest.mark.filterwarnings("ignore:`input_shape` is undefined:UserWarning")  # there is no MobileNetV2 for 64 px
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name != "mobilenet")) for name in NAMES]
)
def test_imagenet_features_equal_those_of_kerass_own_imagenet_graph(name, imagenet, images):
    expected = run(reference(name, None, "imagenet"), PREPROCESS[name](images.astype(np.float32)))
    assert_same_features(features(build(name, "imagenet"), images), expected)


@pytest.mark.slow
def test_the_imagenet_release_as_a_file_gives_the_features_of_kerass_imagenet_graph(random_weights, imagenet, images):
    file, pixels = random_weights / "release.weights.h5", images.astype(np.float32)
    expected = run(reference("efficientnet", None, "imagenet"), pixels)
    assert_same_features(features(build("efficientnet", file), images), expected)
    assert_other_features(run(reference("efficientnet", file), pixels), expected)  # Keras' other graph mis-scales it


def test_a_file_and_the_directory_that_holds_it_give_the_same_backbone(random_weights):
    by_directory, by_file = (
        build("mobilenet", source) for source in (random_weights, random_weights / FILES["mobilenet"])
    )
    for layer in by_directory.backbone:
        ours, theirs = (built.network.get_layer(layer).get_weights() for built in (by_directory, by_file))
        for first, second in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("suffix", [pytest.param(".weights.h5", marks=pytest.mark.slow), ".keras"])
def test_what_skinexp_saved_gives_its_backbone(random_weights, images, tmp_path, suffix):
    trained = build("mobilenet", random_weights)
    file = tmp_path / f"trained{suffix}"
    trained.network.save(file) if suffix == ".keras" else trained.network.save_weights(file)
    assert_same_features(features(build("mobilenet", file), images), features(trained, images))


@pytest.mark.parametrize("name", NAMES)
def test_pretrained_normalization_keeps_its_momentum(name, random_weights):
    layers = [build(name, random_weights).network.layers, reference(name, random_weights / FILES[name]).layers]
    ours, kerass = (
        {layer.momentum for layer in graph if isinstance(layer, keras.layers.BatchNormalization)} for graph in layers
    )
    assert ours == kerass


# Where files are looked for


def without_weights(name: str, alpha: float) -> keras.Model:
    contract = CONTRACTS[name]
    return build_backbone(contract, alpha, weights=None, input_shape=(64, 64, 3))


def find(source: Path) -> None:
    """Loads the narrow MobileNetV2."""
    weights.load(str(source), CONTRACTS["mobilenet"], 0.35, without_weights("mobilenet", 0.35))


def test_the_width_decides_which_file_of_a_directory_is_read(tmp_path, random_weights):
    shutil.copy(random_weights / FILES["mobilenet"], tmp_path)
    (tmp_path / "mobilenet_v2_1.0_224_no_top.weights.h5").write_bytes(b"of another width")
    find(tmp_path)


@pytest.mark.parametrize(
    ("present", "message"),
    [
        ([], "holds no file named mobilenet_v2_0.35_"),
        (["mobilenet_v2_1.0_224_no_top.weights.h5"], "holds no file named mobilenet_v2_0.35_"),
        (
            ["mobilenet_v2_0.35_192_no_top.weights.h5", "mobilenet_v2_0.35_224_no_top.weights.h5"],
            "holds more than one file named mobilenet_v2_0.35_",
        ),
    ],
    ids=["empty", "another width", "two"],
)
def test_a_directory_without_the_one_file_is_refused(tmp_path, present, message):
    for name in present:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=f"^model.weights: {tmp_path} {message}"):
        find(tmp_path)


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"^model\.weights: .*nowhere"):
        find(tmp_path / "nowhere")


# Files that do not fit


@pytest.fixture
def wrong_file(request, tmp_path, random_weights) -> Path:
    file = tmp_path / "some.weights.h5"
    match request.param:
        case "of another backbone":
            shutil.copy(random_weights / FILES["efficientnet"], file)
        case "of another width":
            small = {"include_top": False, "weights": None, "input_shape": (SIZE, SIZE, 3)}
            keras.applications.MobileNetV2(alpha=0.5, **small).save_weights(file)
        case "truncated":
            file.write_bytes((random_weights / FILES["mobilenet"]).read_bytes()[:10_000])
        case "text":
            file.write_text("no weights")
        case "empty":
            file.write_bytes(b"")
        case "of another kind":
            file = tmp_path / "weights.npz"
            np.savez(file, np.zeros(3))
    return file


@pytest.mark.parametrize(
    "wrong_file",
    [
        "of another backbone",
        "of another width",
        "truncated",
        "text",
        "empty",
        "of another kind",
    ],
    indirect=True,
)
def test_a_file_that_does_not_fit_is_refused_in_one_line_with_its_name(wrong_file):
    with pytest.raises(UserError) as refusal:
        find(wrong_file)
    message = str(refusal.value)
    assert message.startswith(f"model.weights: {wrong_file} does not fit")
    assert "\n" not in message


# Without network


def test_imagenet_weights_without_network_end_in_one_line_that_says_what_to_do(tmp_path, monkeypatch):
    for scheme in ("http", "https"):  # a proxy that refuses every connection: nothing leaves this machine
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxies of its first use
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))  # nor is anything cached here
    with pytest.raises(UserError) as refusal:
        weights.load("imagenet", CONTRACTS["mobilenet"], 1.0, without_weights("mobilenet", 1.0))
    message = str(refusal.value)
    assert message.startswith("model.weights: ImageNet weights could not be downloaded")
    assert "model.weights=phantom" in message
    assert "model.weights=null" in message
    assert "\n" not in message
    assert "mobilenet_v2" in message
