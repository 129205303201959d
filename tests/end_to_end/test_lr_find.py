"""The range test as it is typed: what it prints, what it leaves, and that training takes its advice."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinexp.models.backbone_graphs import CONTRACTS, build_backbone

pytestmark = pytest.mark.slow
LR_FIND = ("-m", "skinexp.lr_find")
TINY = "experiment=smoke tracking.tensorboard=false data.phantom.images=120 lr_find.steps=40 lr_find.min=1e-6"


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """A weights file of the narrowest MobileNetV2: random ones that count as pretrained."""
    contract = CONTRACTS["mobilenet"]
    file = tmp_path_factory.mktemp("weights") / f"{contract.file_prefix(0.35)}no_top.weights.h5"
    build_backbone(contract, 0.35, weights=None, input_shape=(32, 32, 3)).save_weights(file)
    return file


@pytest.fixture(scope="module")
def scratch(train):
    """A range test of all layers."""
    return train(f"{TINY} optim.batch_size=8", program=LR_FIND)[0]


@pytest.fixture(scope="module")
def mobilenet(train, backbone):
    """A range test of the head on a frozen backbone."""
    weights = f"model.alpha=0.35 model.weights={backbone}"
    return train(f"{TINY} model=mobilenet {weights} optim.schedule=cosine", program=LR_FIND)[0]


@pytest.fixture(params=["scratch", "mobilenet"])
def either(request):
    return request.getfixturevalue(request.param)


def written(command) -> dict:
    return json.loads((command.directory / "lr_find.json").read_text())


def test_the_command_succeeds(either):
    assert either.code == 0, either.output


def test_it_leaves_its_files_and_nothing_else(either):
    files = {str(file.relative_to(either.directory)) for file in either.directory.rglob("*") if file.is_file()}
    assert files == {
        "lr_find.csv",
        "lr_find.json",
        "lr_find.log",
        "figures/lr_find.png",
        ".run.lock",
        *(f".hydra/{name}.yaml" for name in ("config", "hydra", "overrides")),
    }
    assert not list(either.place.glob("ml*"))


def test_the_terminal_tells_the_story_and_ends_with_the_suggestion_and_the_figure(either):
    lines = either.output.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["Compute", "Data", "Prepared"]
    assert lines[-1] == f"Figure    {either.directory.relative_to(either.place)}/figures/lr_find.png"
    assert re.search(r"^(Suggested optim\.lr=\S+, \S|No rate suggested\. \S)", either.output, re.MULTILINE)
    assert "Traceback" not in either.output


def test_the_phase_that_is_tested_is_the_first_of_the_training(scratch):
    assert "Range     all layers: 40 steps" in scratch.output


def test_the_first_phase_of_a_frozen_backbone_is_its_head(mobilenet):
    assert "Range     the head on a frozen backbone: 40 steps" in mobilenet.output
    assert "Features  of " in mobilenet.output


def test_the_table_has_a_row_a_step_at_growing_rates(either):
    table = pd.read_csv(either.directory / "lr_find.csv")
    assert list(table) == ["step", "lr", "loss", "smoothed_lr", "smoothed"]
    assert len(table) == written(either)["steps"] <= 40
    np.testing.assert_allclose(np.diff(np.log10(table["lr"])), 7 / 39)


def test_the_result_holds_the_suggestion_and_the_settings(either):
    values = written(either)
    assert set(values["suggestion"]) == {"steepest", "before_valley", "lr", "reason"}
    assert values["config"]["lr_find"] == {"min": 1e-6, "max": 10.0, "steps": 40}
    assert values["command"].startswith("python -m skinexp.lr_find experiment=smoke")
    lr = values["suggestion"]["lr"]
    assert lr is None or f"Suggested optim.lr={lr:g}," in either.output


def test_the_figure_is_a_picture_with_something_on_it(either):
    with Image.open(either.directory / "figures" / "lr_find.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert min(pixels.shape) > 200
    assert pixels.std() > 10
