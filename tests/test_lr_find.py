"""The command line of the range test: what it takes, and what it refuses in one sentence."""

import itertools
import re
import shlex

import pytest

from skinexp.config import compose
from skinexp.config.conf_files import CONF
from skinexp.config.schema import Config, RangeTest
from skinexp.core.errors import UserError
from skinexp.core.python_command import skinexp_command
from tests.commands import imported, refusal, typed

LR_FIND = "skinexp.lr_find"
OF_TRAINING = f"belongs to {skinexp_command('train')}"

MISTAKES = [  # what is typed, how the message begins, what else it says
    ("lr_find.stps=50", "lr_find.stps: no such key.", "Did you mean lr_find.steps?"),
    ("lr_find.steps=many", "lr_find.steps: must be a whole number.", "Received: many"),
    ("lr_find.steps=5", "lr_find.steps: must be at least 20.", "Received: 5"),
    ("model=resnet", "model=resnet: no such option.", "There are: densenet121, efficientnet, "),
    ("-m model=scratch,mobilenet", f"-m: {OF_TRAINING}", "one short run"),
    ("resume=outputs", f"resume=outputs: {OF_TRAINING}", "one short run"),
]


def composed(*overrides: str) -> Config:
    return compose(overrides, "lr_find")


@pytest.mark.parametrize(("arguments", "begins", "says"), MISTAKES)
def test_a_mistake_is_answered_in_one_line(arguments, begins, says, tmp_path):
    line = refusal(LR_FIND, arguments, tmp_path)
    assert line.startswith(begins)
    assert says in line


def test_the_training_refuses_what_only_a_range_test_reads(tmp_path):
    assert refusal("skinexp.train", "lr_find.steps=50", tmp_path).startswith("lr_find: no such key.")


def test_it_composes_what_the_training_composes_and_its_own_keys():
    ours = composed("experiment=smoke", "model=mobilenet", "optim.lr=0.1")
    theirs = compose(["experiment=smoke", "model=mobilenet", "optim.lr=0.1"])
    assert isinstance(ours, RangeTest)
    assert {name: value for name, value in vars(ours).items() if name != "lr_find"} == vars(theirs)


def test_the_file_and_the_schema_agree_on_what_is_usual():
    assert composed().lr_find == RangeTest().lr_find


def test_the_command_in_its_conf_file_composes():
    comment = itertools.takewhile(lambda line: line.startswith("#"), (CONF / "lr_find.yaml").read_text().splitlines())
    (command,) = [found[1] for line in comment if (found := re.search(r"python -m skinexp\.lr_find\b(.*)", line))]
    composed(*shlex.split(command))


@pytest.mark.parametrize(
    ("overrides", "key", "received"),
    [
        ("lr_find.min=0", "lr_find.min", "0.0"),
        ("lr_find.max=nan", "lr_find.max", "nan"),
        ("lr_find.max=1e-6", "lr_find.max", "lr_find.min=1e-07, lr_find.max=1e-06"),
        ("model=mobilenet model.weights=null model.frozen=true", "model.frozen", "model.weights=null"),
    ],
)
def test_what_no_test_could_use_is_refused_by_key_with_what_was_received(overrides, key, received):
    with pytest.raises(UserError, match=f"^{key}: .*Received: {received}"):
        composed(*overrides.split())


def test_the_help_lists_its_own_keys(tmp_path):
    shown = typed(LR_FIND, "--help", tmp_path).stdout
    for key in vars(RangeTest().lr_find):
        assert f"  lr_find.{key}=" in shown


@pytest.mark.parametrize("arguments", ["--help", "--cfg job", "lr_find.stps=1", "lr_find.steps=1"])
def test_what_needs_no_model_imports_nothing_heavy(arguments, tmp_path):
    assert imported(LR_FIND, arguments, tmp_path) == "HEAVY []"
