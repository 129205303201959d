"""The same seed gives the same network, bit for bit, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import hashlib, sys
from pathlib import Path

import numpy as np
import pandas as pd

from skinexp import compute
from skinexp.config import Augment, Config, Data, FineTune, Model, Optim, Tracking

directory, *weights = map(Path, sys.argv[1:])
compute.configure(Config(seed=3))

from skinexp import models, training
from skinexp.data import pipeline

rng = np.random.default_rng(0)
pixels = rng.integers(0, 256, (72, 32, 32, 3), dtype=np.uint8)
frame = pd.DataFrame({"label": np.arange(72) % 2, "split": 48 * ["train"] + 12 * ["val", "test"], "row": range(72)})
augment = Augment(flip=True, rotation=0.05, zoom=0.1, brightness=0.1, contrast=0.1)
models_wanted = [Model(name="scratch")]
if weights:
    models_wanted.append(Model(name="mobilenet", alpha=0.35, weights=str(weights[0]), fine_tune=FineTune(epochs=1)))
for model in models_wanted:
    config = Config(
        seed=3, data=Data(cache=str(directory)), augment=augment, model=model,
        optim=Optim(epochs=2, batch_size=16), tracking=Tracking(tensorboard=False),
    )
    config.compute = compute.configure(config).settle(config.compute)
    batches = pipeline.batches(pixels, frame, augment, 16, seed=3)
    classifier = models.build(model, 32)
    training.fit(classifier, batches, config, directory / model.name)
    values = classifier.network.predict(batches.test.read(np.arange(len(batches.test))), batch_size=16, verbose=0)
    assert values.std() > 0
    print(model.name, hashlib.sha256(values.tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def digests(tmp_path_factory) -> list[dict[str, str]]:
    """What two processes, side by side, say of the logits of each model."""
    weights = Path(__file__).parents[3] / "shared/weights/mobilenet_v2_0.35_224_no_top.weights.h5"
    arguments = [str(weights)] if weights.is_file() else []
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    processes = []
    for number in range(2):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path_factory.mktemp(f"run {number}")), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, env=environment, **pipes))
    results = [process.communicate() for process in processes]
    assert all(process.returncode == 0 for process in processes), results[0][1][-2_000:]
    return [dict(line.split() for line in printed.splitlines()) for printed, _ in results]


@pytest.mark.parametrize("name", ["scratch", "mobilenet"])
def test_the_same_seed_gives_the_same_logits_in_another_process(digests, name):
    first, second = digests
    if name not in first:
        pytest.skip("the weights are not beside this checkout: they may not be published with it")
    assert first[name] == second[name]
