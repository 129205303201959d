"""The same job on each backend that is installed: the same answers from the same weights, and all that a run leaves."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

BACKENDS = ("tensorflow", "jax", "torch")
MODELS = ("scratch", "mobilenet", "efficientnet")
SCRIPT = str(Path(__file__).with_name("on_backend.py"))
COMMAND = (
    "{backend} train {weights} -m experiment=smoke model=scratch,mobilenet model.weights={weights} augment=none "
    "compute={backend} compute.precision=float32 optim.epochs=3 optim.lr=1e-4 "
    "hydra/launcher=basic"  # in the script's own process, which has changed how networks begin
)
JOBS = {"scratch": "0", "mobilenet": "1"}
FIGURES = {"curves", "roc", "precision_recall", "confusion", "preprocessing", "augmentation", "gradcam"}


def installed(backend: str) -> str:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: uv sync --extra {backend}")
    return backend


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A directory with weights for each model."""
    directory = tmp_path_factory.mktemp("weights")
    subprocess.run([sys.executable, SCRIPT, "tensorflow", "draw", str(directory)], check=True, capture_output=True)
    return directory


@pytest.fixture(scope="module")
def answers(drawn, tmp_path_factory):
    """What each backend answers; asked once, where a test wants to know."""
    known = {}

    def ask(backend: str) -> dict[str, np.ndarray]:
        if backend not in known:
            file = tmp_path_factory.mktemp("answers") / f"{backend}.npz"
            command = [sys.executable, SCRIPT, installed(backend), "answer", str(drawn), str(file)]
            subprocess.run(command, check=True, capture_output=True)
            known[backend] = dict(np.load(file))
        return known[backend]

    return ask


@pytest.fixture(scope="module")
def trained(drawn, train):
    """The sweep over two models on each backend, run once, where a test wants it."""
    known = {}

    def run(backend: str):
        if backend not in known:
            command = COMMAND.format(backend=installed(backend), weights=drawn)
            known[backend] = train(command, program=[SCRIPT])[0]
        return known[backend]

    return run


@pytest.fixture(params=BACKENDS)
def run(request, trained):
    return trained(request.param)


# The same weights


@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("model", MODELS)
def test_the_same_weights_give_the_same_logits(model, backend, answers):
    expected = answers("tensorflow")[f"{model} logits"]
    spread = expected.std()
    assert spread > 0.1  # or equality would mean nothing
    np.testing.assert_allclose(answers(backend)[f"{model} logits"], expected, rtol=0, atol=1e-4 * max(1, spread))


@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("model", MODELS)
def test_the_same_weights_give_the_same_grad_cam(model, backend, answers):
    expected = answers("tensorflow")[f"{model} maps"]
    assert expected.max() > 1e-3
    np.testing.assert_allclose(answers(backend)[f"{model} maps"], expected, rtol=0, atol=1e-3 * expected.max())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("what", ["whole", "top"])
def test_dropout_drops_in_training(what, backend, answers):
    assert np.unique(answers(backend)[f"{what} losses"]).size == 3


@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("model", JOBS)
def test_losses_follow_the_same_curve(model, backend, trained):
    """A dozen steps of Adam drift apart by 0.001 through rounding, and by 0.03 where a mode or an order is wrong."""
    expected, found = (
        pd.read_csv(trained(name).directory / JOBS[model] / "history.csv") for name in ("tensorflow", backend)
    )
    assert found["phase"].tolist() == expected["phase"].tolist()
    losses = ["train/loss", "val/loss"]
    np.testing.assert_allclose(found[losses], expected[losses], rtol=0, atol=0.005)


# What a run leaves


def test_the_sweep_finishes_on_the_backend_that_was_asked_for(run, request):
    backend = request.node.callspec.params["run"]
    assert (run.code, run.sweep["status"]) == (0, "finished")
    for job in JOBS.values():
        computed = run.result(job)["compute"]
        assert (computed["backend"], computed["precision"], computed["layout"]) == (backend, "float32", "channels_last")
        assert computed["version"].split(".")[0].isdigit()
        assert computed["jit_compile"] is (backend == "jax")
        assert set(computed["reasons"]) == {"jit_compile", "threads", "layout"}
    names = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
    assert f"Compute   {names[backend]} on " in run.output


@pytest.mark.parametrize("model", JOBS)
def test_the_model_that_is_kept_is_that_of_the_best_epoch(run, model):
    """Its loss on the validation images is the one that the history has for that epoch."""
    directory = run.directory / JOBS[model]
    history = pd.read_csv(directory / "history.csv")
    best = history[history["best"]].iloc[0]
    assert best["epoch"] == run.result(JOBS[model])["best_epoch"]
    predictions = run.predictions(JOBS[model]).query("split == 'val'")
    signed = np.where(predictions["label"] == 1, predictions["logit"], -predictions["logit"])
    assert np.logaddexp(0, -signed).mean() == pytest.approx(best["val/loss"], abs=1e-4)


@pytest.mark.parametrize("model", JOBS)
def test_maps_and_figures_are_there(run, model):
    directory = run.directory / JOBS[model]
    heat = np.load(directory / "gradcam.npz")["heat"]
    assert np.isfinite(heat).all()
    assert heat.max() > 0
    assert {file.stem for file in (directory / "figures").glob("*.png")} == FIGURES


@pytest.mark.parametrize("model", JOBS)
def test_the_run_is_tracked_with_its_scores_and_its_model(run, model):
    tracked = run.run(JOBS[model])
    assert tracked.info.status == "FINISHED"
    scores = {name: value for name, value in run.result(JOBS[model])["metrics"].items() if name.startswith("test/")}
    assert len(scores) > 5
    assert {name: tracked.data.metrics.get(name) for name in scores} == pytest.approx(scores)
    assert len(tracked.outputs.model_outputs) == 1
    assert tracked.data.params["compute.backend"] == run.result(JOBS[model])["compute"]["backend"]


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # Keras on NumPy 2
@pytest.mark.parametrize("model", JOBS)
def test_the_saved_model_gives_the_same_logits_on_the_backend_of_the_tests(run, model):
    predictions = run.predictions(JOBS[model]).query("split == 'test'")
    (images,) = (run.place / ".cache" / "prepared").glob("*/images.npy")
    rows = predictions["image_id"].str.removeprefix("phantom-").astype(int)
    network = keras.models.load_model(run.directory / JOBS[model] / "model.keras")
    logits = network.predict(np.load(images)[rows], verbose=0)[:, 0]
    np.testing.assert_allclose(logits, predictions["logit"], atol=1e-4)


# Other layouts


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_a_run_with_channels_first_leaves_a_model_that_loads_where_they_are_last(backend, train):
    installed(backend)
    run = train(f"experiment=smoke compute={backend} compute.layout=channels_first tracking.tensorboard=false")[0]
    assert run.result()["compute"]["layout"] == "channels_first"
    heat = np.load(run.directory / "gradcam.npz")["heat"]
    assert np.isfinite(heat).all()
    network = keras.models.load_model(run.directory / "model.keras")
    assert network.get_layer("block1_conv1").data_format == "channels_first"
    assert network.input_shape[-1] == 3
