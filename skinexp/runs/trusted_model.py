"""The check of a model file: it may hold layers of Keras and nothing that runs code of the file's author."""

import json
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

CONFIG = "config.json"  # within the file: the layers, as Keras writes them
CODE = ("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")  # hold code, or load it
DATA = ("__keras_tensor__", "__tensor__", "__numpy__", "__tuple__")  # values, which have no module
MODULES = (
    *("keras.layers", "keras.initializers", "keras.regularizers", "keras.constraints"),
    *("keras.models", "keras.src.models.functional", "keras.src.models.sequential"),
)
OF_KERAS = ("DTypePolicy", "Functional", "Sequential")  # in the module `keras` itself, which has functions as well


def foreign_code(archive: ZipFile) -> str:
    """Returns the first layer of a model file that holds code or is not of Keras, in words; empty if there is none.

    Args:
        archive: the model file; one without a description of its layers is loaded by no version of Keras.

    Raises:
        ValueError: if the description is no JSON.
    """
    if CONFIG not in archive.namelist():
        return ""
    for entry in _entries(json.loads(archive.read(CONFIG))):
        name, module = str(entry["class_name"]), entry.get("module")
        if not _is_plain(name, module):
            return f"{name} of {module}" if module and name not in CODE else f"a layer {name}"
    return ""


def _is_plain(name: str, module: Any) -> bool:
    """Returns whether a class of a module neither holds nor fetches code."""
    if module is None:
        return name in DATA
    return (module in MODULES and name not in CODE) or (module == "keras" and name in OF_KERAS)


def _entries(value: Any) -> Iterator[dict[str, Any]]:
    """Yields each object that Keras would make, at any depth."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
