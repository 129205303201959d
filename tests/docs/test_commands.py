"""Commands that the documents and conf/ show can be pasted: a shell takes them, and their keys and options exist."""

import re
import shlex
from pathlib import Path

import pytest
from generators import commands
from hydra.core.override_parser.overrides_parser import OverridesParser

from skinexp.config import compose

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONF = sorted((ROOT / "conf").rglob("*.yaml"))
SHOWN = re.compile(r"^(?:    |# {2,})(?!.*[|]).*?(python -m skinexp\.\w+.*)$", re.MULTILINE)  # in a block; in conf/
INLINE = re.compile(r"`(python -m skinexp\.\w+[^`]*)`")
COMPOSED = {"train": "config", "lr_find": "lr_find", "pretrain": "pretrain", "audit": "audit"}  # -> file in conf/
PLACEHOLDERS = {"python -m skinexp.X"}
REFUSED = {"python -m skinexp.train optim.lrr=1"}  # shown as a mistake
NOT_COMPOSED = re.compile(r"-m|--.*|-sc|[A-Z]+(=.*)?|\.\.\.|\[.*|resume=.*|hydra[./].*|install=.*|job|defaults")


def shown() -> list[str]:
    """Every command that a document shows, as a shell would get it."""
    found = []
    for file in DOCUMENTS:
        text = file.read_text()
        found += [*SHOWN.findall(text), *INLINE.findall(text.replace("\n", " "))]
    for file in CONF:
        found += SHOWN.findall(file.read_text())
    return sorted({" ".join(re.sub(r"\s+#.*", "", command).split()) for command in found} - PLACEHOLDERS)


def overrides_of(words: list[str]) -> list[str]:
    """What a command composes with: of several values the first."""
    kept = [word for word in words if not NOT_COMPOSED.fullmatch(word)]
    parsed = OverridesParser.create().parse_overrides(kept)
    return [
        f"{one.input_line.partition('=')[0]}={next(one.sweep_string_iterator())}" if one.is_sweep_override() else word
        for word, one in zip(kept, parsed, strict=True)
    ]


COMMANDS = shown()


def test_documents_show_commands():
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("command", COMMANDS)
def test_a_shell_would_execute_nothing_inside_a_command(command):
    assert not re.search(r'"[^"]*(?<!\\)`', command)
    shlex.split(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists_and_its_keys_and_options_do(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for word in re.findall(r"(?:path|weights)=([\w/]+)", command):
        (tmp_path / word).mkdir(parents=True, exist_ok=True)
    _, _, module, *words = shlex.split(command.partition("&&")[0])
    assert module in {known.module for known in commands.find_commands()}
    name = COMPOSED.get(module.removeprefix("skinexp."))
    if name and "resume" not in command and command not in REFUSED:
        compose(overrides_of(words), name)


def test_each_script_that_a_document_runs_exists():
    scripts = {
        script for file in DOCUMENTS for script in re.findall(r"python ((?:benchmarks|docs)/\w+\.py)", file.read_text())
    }
    assert len(scripts) > 10
    assert [script for script in sorted(scripts) if not (ROOT / script).is_file()] == []


def test_uv_runs_commands_only_where_a_checkout_is_set_up():
    texts = {file.name: file.read_text() for file in DOCUMENTS}
    runs = {
        name: re.findall("uv run (.*?)(?:  |$)", text, re.MULTILINE) for name, text in texts.items() if "uv run" in text
    }
    first = "python -m skinexp.train -m model=scratch,mobilenet,efficientnet"
    assert runs == {"README.md": [first, "pytest"], "CONTRIBUTING.md": ["pytest"], "get-started.md": [first]}
