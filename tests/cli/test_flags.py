import pytest

from skinexp.cli.flags import flags_first
from skinexp.core.errors import UserError
from tests.commands import refusal


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("seed=1 -m model=scratch,mobilenet", "-m seed=1 model=scratch,mobilenet"),
        ("optim.lr=1 --cfg job model=scratch", "--cfg job optim.lr=1 model=scratch"),
        ("seed=1 --cfg=job -m", "--cfg=job -m seed=1"),
        ("-m seed=1,2", "-m seed=1,2"),
        ("", ""),
    ],
)
def test_flags_come_before_overrides_wherever_they_are_typed(typed, expected):
    assert flags_first(typed.split()) == expected.split()


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("--epochs", "KEY=VALUE"),
        ("--multrun", "Did you mean --multirun?"),
        ("-x", "no such flag"),
        ("--lr=1", "--lr=1"),
    ],
)
def test_what_is_no_flag_is_refused_with_how_keys_are_given(word, says):
    with pytest.raises(UserError, match="no such flag") as error:
        flags_first(["seed=1", word, "5"])
    assert says in str(error.value)


@pytest.mark.parametrize("command", ["skinexp.train", "skinexp.audit"])
def test_a_command_answers_a_wrong_flag_in_one_line(command, tmp_path):
    assert refusal(command, "--epochs 5", tmp_path).startswith("--epochs: no such flag.")
