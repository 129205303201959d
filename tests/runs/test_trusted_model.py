"""A model file of a stranger: its layers are looked at before Keras makes them."""

import json
import zipfile
from pathlib import Path

import keras
import pytest

from skinexp.core.errors import UserError
from skinexp.models.archive import save_model
from skinexp.runs.lookup import METADATA, locate_run
from skinexp.runs.trusted_model import CONFIG, foreign_code

DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}, "registered_name": None}
HOSTILE = [
    ({"module": "keras.layers", "class_name": "Lambda", "config": {}}, "a layer Lambda"),
    ({"class_name": "__lambda__", "config": {"value": "x"}}, "a layer __lambda__"),
    ({"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "x"}}, "a layer TFSMLayer"),
    ({"module": "builtins", "class_name": "function", "config": "eval"}, "function of builtins"),
    ({"module": "os", "class_name": "system", "config": "id"}, "system of os"),
    ({"module": "keras.utils", "class_name": "get_file", "config": {}}, "get_file of keras.utils"),
    (
        {"module": "keras.config", "class_name": "enable_unsafe_deserialization", "config": {}},
        "enable_unsafe_deserialization of keras.config",
    ),
    ({"module": "keras", "class_name": "function", "config": "Input"}, "function of keras"),
    ({"module": "keras_hub.layers", "class_name": "Dense", "config": {}}, "Dense of keras_hub.layers"),
]


def model_file(file: Path, layer: object) -> Path:
    """A model file whose second layer has another one in its options."""
    wrapped = {"module": "keras.layers", "class_name": "Dense", "config": {"activation": [{"deep": layer}]}}
    config = {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {"layers": [DENSE, wrapped]},
    }
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, json.dumps({"preprocess": {"size": 64}}))
        archive.writestr(CONFIG, json.dumps(config))
    return file


@pytest.mark.parametrize(("layer", "words"), HOSTILE)
def test_a_layer_that_can_run_code_is_refused_by_name(layer, words, tmp_path):
    file = model_file(tmp_path / "model.keras", layer)
    with pytest.raises(UserError, match=f"holds {words}, which can run code of the file's author"):
        locate_run(str(file), None)


def test_a_file_that_is_exchanged_after_its_check_is_not_used(tmp_path):
    plain = model_file(tmp_path / "model.keras", DENSE)
    checked = plain.read_bytes()
    run = locate_run(str(plain), None)
    model_file(plain, HOSTILE[0][0])
    assert run.model_file.read_bytes() == checked


def test_a_network_of_plain_layers_is_taken(tmp_path):
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 3, activation="relu", kernel_regularizer="l2")(keras.layers.Rescaling(1 / 255)(pixels))
    x = keras.layers.Dropout(0.1)(keras.layers.GlobalAveragePooling2D()(x))
    network = keras.Model(pixels, keras.layers.Dense(1, kernel_constraint="non_neg")(x))
    save_model(network, tmp_path / "model.keras", {"preprocess": {"size": 8}})
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert foreign_code(archive) == ""
