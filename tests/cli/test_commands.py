"""The commands: one list, from which help is made and with which modules, scripts and help texts agree."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from skinexp.cli import help_text
from skinexp.cli.commands import COMMANDS, PACKAGE, summary
from skinexp.cli.help_text import TEXTS, WIDTH, render
from skinexp.config.compose import SCHEMAS
from skinexp.core.python_command import skinexp_command
from tests.commands import refusal
from tests.commands import typed as run_typed

PYPROJECT = PACKAGE.parent / "pyproject.toml"

NEW_COMMAND = """
from skinexp.cli.command import Command


def count(config, directory, about):
    (directory / "count.txt").write_text(f"{config.data.phantom.images} by {about['command'].split()[-1]}")


if __name__ == "__main__":
    Command("audit", count, one_call="A count is one run").run()
"""


def test_a_command_is_a_workflow_in_a_frame_that_composes_checks_and_refuses(tmp_path):
    (tmp_path / "count.py").write_text(NEW_COMMAND)
    finished = run_typed("count", "data.phantom.images=80", tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    (written,) = tmp_path.glob("outputs/*/*/count.txt")
    assert written.read_text() == "80 by data.phantom.images=80"
    assert refusal("count", "-m seed=1,2", tmp_path) == f"-m: belongs to {skinexp_command('train')}. A count is one run"
    assert refusal("count", "optim.lr=0", tmp_path) == "optim.lr: must be above 0. Received: 0.0"


def test_each_module_that_is_a_command_is_in_the_list():
    modules = {file.stem for file in PACKAGE.glob("*.py") if "__main__" in file.read_text()}
    packages = {file.parent.name for file in PACKAGE.glob("*/__main__.py")}
    assert set(COMMANDS) == modules | packages


@pytest.mark.skipif(not PYPROJECT.is_file(), reason="an installed package has no pyproject.toml")
def test_each_command_has_a_script():
    scripts = tomllib.loads(PYPROJECT.read_text())["project"]["scripts"]
    assert set(scripts) == {f"skinexp-{name.replace('_', '-')}" for name in COMMANDS}
    for name in COMMANDS:
        module = scripts[f"skinexp-{name.replace('_', '-')}"]
        assert module in (f"skinexp.{name}:main", f"skinexp.{name}.__main__:main")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_commands_help_begins_with_what_it_does_and_how_it_is_typed(name):
    words = [sys.executable, "-m", f"skinexp.{name}", "--help"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True, env=None).stdout
    assert summary(name) in " ".join(shown.split())
    assert skinexp_command(name) in shown


def test_the_trainings_help_names_all_other_commands_with_what_they_do():
    shown = " ".join(render().partition("See also")[2].split())
    for name in COMMANDS[1:]:
        assert f"{skinexp_command(name)} {summary(name)}" in shown


@pytest.mark.parametrize("python", ["python", "uv run python"])
@pytest.mark.parametrize("name", sorted(file.stem for file in TEXTS.glob("*.txt")))
def test_a_help_text_fits_on_a_terminal_and_names_only_what_can_be_pasted(name, python, monkeypatch):
    monkeypatch.setattr(help_text, "python_command", lambda: python)
    monkeypatch.setattr(help_text, "skinexp_command", lambda name: f"{python} -m skinexp.{name}")
    text = render(name)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.count(" -m skinexp.") == text.count(f"{python} -m skinexp.")
    assert "{" not in text


def test_each_command_that_is_composed_has_a_help_text():
    assert {name for name in SCHEMAS if name != "config"} | {"train"} <= {Path(file).stem for file in TEXTS.iterdir()}
