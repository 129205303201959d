"""Tests that pass on TensorFlow, once more in a process of their own where Keras runs on another backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

OTHERS = ("jax", "torch")


def pass_on(backend: str, *files: str | Path, only: str = "") -> None:
    """Runs the fast tests of some files on a backend; skipped where that is not installed, or is this one already.

    Args:
        only: as pytest's -k.
    """
    if keras.backend.backend() != "tensorflow":
        pytest.skip("this is the other backend")
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: uv sync --extra {backend}")
    # Keras itself warns on some backends: that is not in question here.
    options = ["-q", "-W", "default", "-p", "no:cacheprovider", "-k", only]
    command = [sys.executable, "-m", "pytest", *options, *map(str, files)]
    environment = os.environ | {"KERAS_BACKEND": backend}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
