import itertools
import re
import shlex
from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.types import RunMode

from skinexp.config import compose
from skinexp.config.compose import register
from skinexp.config.conf_files import CONF, options
from skinexp.config.schema import GROUPS, Config
from skinexp.contracts.backbones import CONTRACTS
from skinexp.core.errors import UserError

DIRECTORY = str(Path(__file__).parent)  # stands for a directory of images, and for a weights file that is there
THIS_FILE = __file__

OPTIONS = [(group, option) for group in GROUPS for option in options(group)]
RECIPES = options("experiment")
NEEDS_A_PATH = {("data", "folder"), ("data", "hub")}

CONF_FILES = sorted(file.relative_to(CONF) for file in CONF.rglob("*.yaml"))
NOT_TYPED = ("hydra", "data_preset", "lr_find.yaml", "audit.yaml", "pretrain.yaml")  # what nobody selects by hand
TYPED = [str(file) for file in CONF_FILES if file.parts[0] not in NOT_TYPED]


def composed(*overrides: str) -> Config:
    return compose(overrides)


def jobs(recipe: str) -> list[tuple[str, ...]]:
    """Overrides of each job that a recipe asks for beside itself; of one job without any where it asks for no sweep."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        hydra = hydra_compose("config", [f"experiment={recipe}"], return_hydra_config=True).hydra
    if hydra.mode != RunMode.MULTIRUN:
        return [()]
    values = [[f"{key}={value}" for value in values.split(",")] for key, values in hydra.sweeper.params.items()]
    return list(itertools.product(*values))


def commands(file: str) -> list[str]:
    """Overrides of the commands in a conf file's opening comment."""
    comment = itertools.takewhile(lambda line: line.startswith("#"), (CONF / file).read_text().splitlines())
    return [found[1] for line in comment if (found := re.search(r"python -m skinexp\.train\b(.*)", line))]


def test_the_default_experiment_passes():
    composed()


@pytest.mark.parametrize("overrides", ["data.split.folds=0", "data.split.folds=5 data.split.fold=4"])
def test_folds_are_off_or_one_of_them_is_named(overrides):
    composed(*overrides.split())


@pytest.mark.parametrize(
    ("overrides", "key", "received"),
    [
        # values out of range
        ("seed=-1", "seed", "-1"),
        ("data.phantom.images=39", "data.phantom.images", "39"),
        ("data.phantom.hair=1.1", "data.phantom.hair", "1.1"),
        ("data.preprocess.size=31", "data.preprocess.size", "31"),
        ("data.preprocess.size=1025", "data.preprocess.size", "1025"),
        ("data.limit=19", "data.limit", "19"),
        ("data.workers=0", "data.workers", "0"),
        ("augment.rotation=0.51", "augment.rotation", "0.51"),
        ("augment.zoom=1", "augment.zoom", "1.0"),
        ("model.head.dropout=1", "model.head.dropout", "1.0"),
        ("model.head.units=0", "model.head.units", "0"),
        ("model.fine_tune.fraction=1.5", "model.fine_tune.fraction", "1.5"),
        ("model.fine_tune.epochs=-1", "model.fine_tune.epochs", "-1"),
        ("optim.lr=0", "optim.lr", "0.0"),
        ("optim.batch_size=0", "optim.batch_size", "0"),
        ("optim.epochs=0", "optim.epochs", "0"),
        ("optim.patience=0", "optim.patience", "0"),
        ("optim.reduce_lr.factor=1", "optim.reduce_lr.factor", "1.0"),
        ("training.views=0", "training.views", "0"),
        ("plan.auc=0.4", "plan.auc", "0.4"),
        ("plan.width=0", "plan.width", "0.0"),
        ("compute.threads=0", "compute.threads", "0"),
        ("explain.images=65", "explain.images", "65"),
        ("explain.images=-1", "explain.images", "-1"),
        # words that are not among the choices
        ("objective=test/roc_auc", "objective", "test/roc_auc"),
        ("data.name=camera", "data.name", "camera"),
        ("data.on_bad_image=ignore", "data.on_bad_image", "ignore"),
        ("model.name=resnet", "model.name", "resnet"),
        ("model.input_scaling=half", "model.input_scaling", "half"),
        ("model.batch_norm=free", "model.batch_norm", "free"),
        ("optim.name=lion", "optim.name", "lion"),
        ("optim.schedule=linear", "optim.schedule", "linear"),
        ("optim.monitor=loss", "optim.monitor", "loss"),
        ("training.features=always", "training.features", "always"),
        ("compute.backend=numpy", "compute.backend", "numpy"),
        ("compute.precision=float16", "compute.precision", "float16"),
        ("explain.method=lime", "explain.method", "lime"),
        # several keys together
        ("data.split.train=0.7 data.split.val=0.2 data.split.test=0.2", "data.split", "train=0.7, val=0.2, test=0.2"),
        ("data.split.folds=1", "data.split.folds", "1"),
        ("data.split.folds=-3", "data.split.folds", "-3"),
        ("data.split.folds=5", "data.split.fold", "null"),
        ("data.split.folds=5 data.split.fold=5", "data.split.fold", "5"),
        ("data.split.folds=5 data.split.fold=-1", "data.split.fold", "-1"),
        ("data.split.fold=2", "data.split.fold", "fold=2, folds=null"),
        ("data.labels.malignant=0", "data.labels", "{'benign': 0, 'malignant': 0}"),
        ("data=folder", "data.path", "null"),
        ("data=folder data.path=/nowhere", "data.path", "/nowhere"),
        (f"data=folder data.path={DIRECTORY} data.manifest=nope.csv", "data.manifest", "nope.csv"),
        ("data=hub", "data.path", "null"),
        (f"model=scratch model.weights={THIS_FILE}", "model.weights", THIS_FILE),
        ("model=mobilenet model.weights=null model.frozen=true", "model.frozen", "model.weights=null"),
        (
            "model=mobilenet model.weights=phantom model.alpha=0.35",
            "model.weights",
            "model.weights=phantom, model.name=mobilenet, model.alpha=0.35",
        ),
        (
            "model=densenet121 model.weights=phantom",
            "model.weights",
            "model.weights=phantom, model.name=densenet121, model.alpha=1.0",
        ),
        ("model=mobilenet model.alpha=0.4", "model.alpha", "0.4"),
        ("model=efficientnet model.alpha=0.35", "model.alpha", "0.35"),
        ("compute=jax compute.threads=2", "compute.threads", "2"),
        ("model=densenet121 compute.layout=channels_first", "compute.layout", "channels_first"),
    ],
)
def test_what_no_run_could_use_is_refused_by_key_with_what_was_received(overrides, key, received):
    with pytest.raises(UserError, match=f"^{re.escape(key)}: .*Received: {re.escape(received)}"):
        composed(*overrides.split())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("model=scratch model.frozen=true", "^model.frozen: .*model=mobilenet"),
        ("model=mobilenet model.weights=/nowhere", "^model.weights: .*No such file or directory: /nowhere"),
        ("data.exclude=[benign]", "^data.exclude: benign also has a label"),
        ("+optim.nesterov=true", "^optim.nesterov: no such key"),
        ("+optimizer=adam", "^optimizer: no such key"),
    ],
)
def test_other_refusals_name_the_key_and_what_is_wrong(overrides, message):
    with pytest.raises(UserError, match=message):
        composed(*overrides.split())


@pytest.mark.parametrize(
    "key",
    ["optim.lr", "optim.weight_decay", "data.split.train", "augment.rotation", "model.fine_tune.lr", "model.alpha"],
)
def test_nan_is_refused(key):
    with pytest.raises(UserError, match=f"^{key}: .*Received: nan"):
        composed(f"{key}=nan")


@pytest.mark.parametrize(
    "overrides",
    [
        "data.preprocess.size=32",
        "data.preprocess.size=1024",
        "augment.rotation=0.5",
        "model.fine_tune.fraction=0",
        "model.fine_tune.epochs=0",
        "optim.weight_decay=0",
        "data.limit=20",
        "data.split.train=0.8 data.split.val=0.1 data.split.test=0.1",
        "+data.labels.nevus=0 data.exclude=[keratosis]",
        "model=mobilenet model.frozen=true model.weights=imagenet model.alpha=0.35",
        f"data=folder data.path={DIRECTORY}",
        f"model=mobilenet model.weights={DIRECTORY}",
    ],
)
def test_the_ends_of_a_range_and_good_combinations_pass(overrides):
    composed(*overrides.split())


@pytest.mark.parametrize("model", options("model"))
@pytest.mark.parametrize("weights", ["imagenet", DIRECTORY])
def test_one_value_of_weights_serves_a_sweep_over_all_models(model, weights):
    composed(f"model={model}", f"model.weights={weights}")


@pytest.mark.parametrize("model", options("model"))
def test_on_phantoms_a_backbone_takes_shipped_weights_if_there_are_any_and_random_ones_if_not(model):
    config = composed(f"model={model}")
    shipped = model not in CONTRACTS or CONTRACTS[model].shipped
    assert config.model.weights == ("phantom" if shipped else None)


def test_weights_that_are_not_shipped_are_refused_with_those_that_are():
    with pytest.raises(UserError, match="mobilenet and efficientnet in width 1"):
        composed("model=resnet50v2", "model.weights=phantom")
    assert composed("model=mobilenet", "model.alpha=0.35").model.weights is None


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_each_option_composes_and_passes(group, option):
    path = [f"data.path={DIRECTORY}"] if (group, option) in NEEDS_A_PATH else []
    composed(f"{group}={option}", *path)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model", options("model"))
def test_each_recipe_composes_and_passes_with_each_model(recipe, model):
    composed(f"experiment={recipe}", f"model={model}")


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_job_of_a_recipe_that_sweeps_composes_and_passes(recipe):
    for job in jobs(recipe):
        composed(f"experiment={recipe}", *job)


def test_a_recipe_that_sweeps_says_so_itself():
    assert len(jobs("collapse")) == 16
    assert len({composed(*job).optim.lr for job in jobs("lr_sweep")}) == 9
    assert jobs("smoke") == [()]


@pytest.mark.parametrize("model", options("model"))
def test_a_model_option_sets_the_name_under_which_it_is_built(model):
    assert composed(f"model={model}").model.name == model


def test_a_recipe_changes_other_groups_and_the_command_line_has_the_last_word():
    assert composed("experiment=smoke").optim.epochs == 2
    assert composed("experiment=smoke", "optim.epochs=5").optim.epochs == 5


def test_phantoms_are_trained_for_fewer_epochs_than_other_data():
    assert composed("data=phantom").optim.epochs < composed("data=hub", "data.path=OWNER/NAME").optim.epochs


@pytest.mark.parametrize("file", list(map(str, CONF_FILES)))
def test_each_conf_file_begins_with_a_comment(file):
    lines = [line for line in (CONF / file).read_text().splitlines() if not line.startswith("# @package")]
    assert re.match("# [A-Z]", lines[0])


@pytest.mark.parametrize("file", TYPED)
def test_each_conf_file_that_is_chosen_by_hand_names_its_command(file):
    assert commands(file)


@pytest.mark.parametrize("command", sorted({command for file in TYPED for command in commands(file)}))
def test_the_commands_in_conf_files_compose(command):
    overrides = [item for item in shlex.split(command) if item != "-m"]
    values = [
        [f"{key}={value}" for value in values.split(",")] for key, _, values in (o.partition("=") for o in overrides)
    ]
    for job in itertools.product(*values):
        composed(*(override.replace("=DIRECTORY", f"={DIRECTORY}") for override in job))
