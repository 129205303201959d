"""`compose`: the one way from overrides to a frozen configuration, for commands, tests and notebooks."""

import dataclasses
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from skinexp.config import Config, compose, reference
from skinexp.config.compose import SCHEMAS, to_config
from skinexp.config.schema import GROUPS
from skinexp.core.errors import UserError


def sections(config: object):
    yield config
    for item in dataclasses.fields(config):
        if dataclasses.is_dataclass(value := getattr(config, item.name)):
            yield from sections(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_commands_configuration_composes_to_an_instance_of_its_schema(name):
    assert type(compose(name=name)) is SCHEMAS[name]


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_key_of_a_configuration_can_be_changed(name):
    for section in sections(compose(name=name)):
        for item in dataclasses.fields(section):
            with pytest.raises(FrozenInstanceError):
                setattr(section, item.name, None)


def test_overrides_reach_every_depth_and_leave_the_next_configuration_alone():
    changed = compose(["seed=3", "optim.lr=0.1", "data.phantom.shortcut.flip_test=true", "+data.labels.nevus=0"])
    assert (changed.seed, changed.optim.lr, changed.data.phantom.shortcut.flip_test) == (3, 0.1, True)
    assert changed.data.labels == {"benign": 0, "malignant": 1, "nevus": 0}
    assert (compose().seed, compose().data.labels) == (0, {"benign": 0, "malignant": 1})


def test_composing_for_another_command_does_not_change_what_the_training_composes():
    before = compose()
    compose(name="lr_find")
    assert compose() == before


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("optim.lrr=1", "optim.lrr: no such key. Did you mean optim.lr?"),
        ("optim.lr=fast", "optim.lr: must be a number. Received: fast"),
        ("model=mobilnet", "model=mobilnet: no such option. There are:"),
        ("optim.lr=0", "optim.lr: must be above 0. Received: 0.0"),
        ("+optim.nesterov=true", "optim.nesterov: no such key."),
        ("explain.method=lime", "explain.method: must be one of gradcam, none. Received: lime"),
    ],
)
def test_a_mistake_is_the_sentence_that_the_command_prints(override, sentence):
    with pytest.raises(UserError) as refused:
        compose([override])
    assert str(refused.value).startswith(sentence)


def test_an_added_section_is_refused_by_its_name():
    with pytest.raises(UserError, match=r"^optimizer: no such key"):
        to_config({**{item.name: {} for item in dataclasses.fields(Config)}, "optimizer": "adam"}, Config)


def test_importing_it_brings_neither_hydra_nor_anything_else_from_outside():
    code = "import sys; before = set(sys.modules); from skinexp.config import Config, compose, reference\n"
    code += "print({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'skinexp'}"


# The reference


OPTIONS = {option.key: option for schema in SCHEMAS.values() for option in reference(schema)}


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_each_key_has_a_meaning_and_a_default_that_it_accepts(option):
    assert option.meaning
    assert option.meaning[-1] != "."
    assert not option.choices or option.default in option.choices
    assert option.default is None or option.bounds.keys() <= {"gt", "ge", "lt", "le"}


def test_the_reference_says_type_default_and_accepted_values():
    rate, method, groups = (OPTIONS[key] for key in ("model.fine_tune.lr", "explain.method", "data.split.group"))
    assert (rate.type, rate.default, rate.bounds) == ("float", 1e-4, {"gt": 0})
    assert (method.type, method.default, method.choices) == ("str", "gradcam", ("gradcam", "none"))
    assert (groups.type, groups.default) == ("str or null", "auto")
    assert OPTIONS["data.labels"].type == "dict[str, int]"


def test_the_reference_has_every_key_of_a_configuration_once():
    keys = [option.key for option in reference()]
    assert len(keys) == len(set(keys))
    assert set(GROUPS) <= {key.partition(".")[0] for key in keys}
    assert {"seed", "objective", "resume"} <= set(keys)


def test_the_seed_of_the_data_follows_the_seed_unless_it_is_set():
    assert compose(["seed=3"]).data_seed == 3
    assert compose(["seed=3", "data.split.seed=0"]).data_seed == 0


@pytest.mark.parametrize("recipe", ["collapse", "leakage", "lr_sweep", "seed_study"])
def test_recipes_that_compare_configurations_have_one_split_for_all_seeds(recipe):
    assert compose([f"experiment={recipe}", "seed=3"]).data_seed == 0


def test_logistic_recalibration_is_the_default():
    assert compose().evaluate.calibration == "logistic"
