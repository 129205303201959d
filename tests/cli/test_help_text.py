import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from skinexp.cli.help_text import render
from skinexp.config.compose import register
from skinexp.config.conf_files import CONF, options
from skinexp.config.schema import GROUPS
from tests.commands import imported

LISTED = [(group, option) for group in [*GROUPS, "experiment"] for option in options(group)]


def complete(line: str) -> list[str]:
    """What the shell offers at the end of a line."""
    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = [sys.executable, "-m", "skinexp.train", "-sc", "query=bash"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


def section(group: str) -> list[str]:
    """Lines of a group: what it is about, then one line an option."""
    lines = render().splitlines()
    start = next(number for number, line in enumerate(lines) if re.match(f"  {group} ", line))
    return lines[start : lines.index("", start)]


def test_the_command_prints_the_help():
    command = [sys.executable, "-m", "skinexp.train", "--help"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == render().strip()


@pytest.mark.parametrize("group", [*GROUPS, "experiment"])
def test_each_group_is_listed_with_what_it_is_about(group):
    assert re.match(rf"  {group} +\S+ .*\.$", section(group)[0])


@pytest.mark.parametrize(("group", "option"), LISTED)
def test_each_option_is_listed_with_a_line(group, option):
    (line,) = [line for line in section(group) if re.match(rf"    [* ] {option} ", line)]
    assert re.search(rf"{option} +[A-Z]\S* ", line)


def test_the_marked_options_are_those_that_a_run_takes_unless_told_otherwise():
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", return_hydra_config=True)
    choices = composed.hydra.runtime.choices
    marked = {group: re.findall(r"^    \* (\S+)", "\n".join(section(group)), re.MULTILINE) for group in GROUPS}
    assert marked == {group: [choices[group]] for group in GROUPS}


def test_a_group_that_is_not_there_has_no_options():
    assert options("moddel") == []


@pytest.mark.parametrize("arguments", ["--help", "--cfg job", "optim.lrr=1", "data.split.train=0.5"])
def test_what_needs_no_model_imports_nothing_heavy(arguments, tmp_path):
    assert imported("skinexp.train", arguments, tmp_path) == "HEAVY []"


def test_the_composed_configuration_is_shown_without_a_run(tmp_path):
    command = [sys.executable, "-m", "skinexp.train", "model=mobilenet", "--cfg", "job"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^model:\n  name: mobilenet$", shown, re.MULTILINE)
    assert not list(tmp_path.iterdir())


def test_tab_completes_the_options_of_a_group():
    assert {f"model={option}" for option in options("model")} <= set(complete("skinexp-train model="))


def test_tab_completes_a_key():
    assert complete("skinexp-train optim.weight_d") == ["optim.weight_decay="]


def test_the_help_is_found_beside_the_package_or_inside_it():
    assert CONF.is_dir()
    assert Path(CONF, "config.yaml").is_file()
