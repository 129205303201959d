"""Keras' global settings: those of a run, whatever keras.json and the environment of a person ask of other programs."""

import json
import logging
import os
from pathlib import Path
from typing import Any

from skinexp.core.errors import UserError

log = logging.getLogger(__name__)

FLOATX, EPSILON = "float32", 1e-7  # of Keras as it is installed: of metrics, losses and the cached features
LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")  # variables with which Keras cuts trainings short


def settings_file() -> Path:
    """Returns the file that Keras reads its settings from when it is imported."""
    home = os.environ.get("KERAS_HOME") or ("~/.keras" if os.access(Path.home(), os.W_OK) else "/tmp/.keras")
    return Path(home).expanduser() / "keras.json"


def import_keras() -> None:
    """Imports Keras, which reads its settings.

    Raises:
        UserError: if keras.json holds a value that Keras refuses.
    """
    try:
        import keras  # noqa: F401 (imports the backend)
    except ValueError as error:
        if "configuration" not in str(error):
            raise
        raise UserError(f"{settings_file()}: {error} Correct this file, or remove it") from error


def set_keras(precision: str, layout: str) -> None:
    """Sets what keras.json and the environment may have set otherwise, and logs in one line what is overridden.

    Args:
        precision: the dtype policy.
        layout: the image data format.
    """
    import keras

    ours = {"floatx": FLOATX, "epsilon": EPSILON, "image_data_format": layout}
    keras.config.set_floatx(FLOATX)
    keras.config.set_epsilon(EPSILON)
    keras.config.set_image_data_format(layout)
    keras.config.set_dtype_policy(precision)
    for limit in ("max_epochs", "max_steps_per_epoch"):
        if set_limit := getattr(keras.config, f"set_{limit}", None):  # earlier versions of Keras have no such limits
            set_limit(None)
    found = _settings()
    others = [
        f"{name}={found[name]} of {settings_file()}" for name in ours if found.get(name, ours[name]) != ours[name]
    ]
    others += [f"{name}={os.environ[name]}" for name in LIMITS if name in os.environ]
    if others:
        log.info("Compute   ignored: %s. A run has settings of its own", ", ".join(others))


def _settings() -> dict[str, Any]:
    """Returns the content of keras.json; empty if there is none that Keras can read."""
    try:
        found = json.loads(settings_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
