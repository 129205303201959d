"""What runs inside a network passes its tests on each backend: they run once more, where Keras is set to another."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = (
    "data/test_augment.py",
    "explain/test_gradcam.py",
    "health/test_network_probe.py",
    "health/test_overfit_test.py",
)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_passes_the_same_tests(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: uv sync --extra {backend}")
    # In one process; and Keras itself warns on some backends, which is not in question here.
    options = ["-n0", "-q", "-W", "default", "-p", "no:cacheprovider", "-k", "not flat_mobilenet"]
    command = [sys.executable, "-m", "pytest", *options, *(str(HERE / file) for file in FILES)]
    environment = os.environ | {"KERAS_BACKEND": backend}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
