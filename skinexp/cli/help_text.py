"""The text of `--help` of a command: a file in cli/help, completed from conf/, the schema and the list of commands."""

import textwrap
from pathlib import Path

from skinexp.cli.commands import COMMANDS, summary
from skinexp.config.conf_files import CONF
from skinexp.config.option_reference import as_typed, meaning_of, reference
from skinexp.config.schema import GROUPS, LrFind, Pretrain, Tracking
from skinexp.contracts.backbones import with_shipped_weights
from skinexp.core.python_command import python_command, skinexp_command

TEXTS = Path(__file__).parent / "help"
OWN_KEYS = {"lr_find": LrFind, "pretrain": Pretrain}  # command -> the section that only it reads
WIDTH = 120  # columns
AS_WRITTEN = "python -m skinexp."  # in the texts: how a command begins where `python` finds skinexp


def render(command: str = "train") -> str:
    """Returns the help text of a command.

    Args:
        command: one of `skinexp.cli.commands.COMMANDS` that has a file in cli/help.
    """
    text = (TEXTS / f"{command}.txt").read_text(encoding="utf-8")
    return text.replace(AS_WRITTEN, f"{python_command()} -m skinexp.").format(
        summary=f"{summary(command)}.",
        groups=_groups(),
        see_also=_see_also(command),
        keys=_own_keys(command),
        uri=Tracking.uri,
        shipped=" and ".join(with_shipped_weights()),
    )


def _groups() -> str:
    defaults = _defaults()
    lines = []
    for group in [*GROUPS, "experiment"]:
        about = meaning_of(GROUPS[group]) if group in GROUPS else "Recipes that set keys of several groups at once."
        lines.append("\n" + _row(group, about, 12))
        for file in sorted((CONF / group).glob("*.yaml")):
            mark = "*" if defaults.get(group) == file.stem else " "
            lines.append(_row(f"  {mark} {file.stem}", _first_sentence(file), 22))
    return "\n".join(lines)


def _see_also(command: str) -> str:
    others = {skinexp_command(name): summary(name) for name in COMMANDS if name != command}
    width = max(map(len, others)) + 2
    return "\n".join(_row(typed, what, width) for typed, what in others.items())


def _own_keys(command: str) -> str:
    if command not in OWN_KEYS:
        return ""
    rows = [
        (f"{option.key}={as_typed(option.default)}", option.meaning)
        for option in reference(OWN_KEYS[command], f"{command}.")
    ]
    width = max(len(key) for key, _ in rows) + 2
    return "\n".join(_row(key, meaning, width) for key, meaning in rows)


def _row(left: str, right: str, width: int) -> str:
    """Returns a row of two columns, the second wrapped."""
    indent = " " * (width + 2)
    return textwrap.fill(
        right, WIDTH, initial_indent=f"  {left:<{width}}", subsequent_indent=indent, break_on_hyphens=False
    )


def _first_sentence(file: Path) -> str:
    """Returns the first sentence of a file's opening comment."""
    comment = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("# @package"):
            continue
        if not line.startswith("# "):
            break
        comment.append(line[2:].strip())
    return " ".join(comment).split(". ")[0].removesuffix(".")


def _defaults() -> dict[str, str]:
    """Returns group -> option from the defaults list, without a YAML parser, which would take longer than the rest."""
    lines = (CONF / "config.yaml").read_text(encoding="utf-8").splitlines()
    pairs = (line.removeprefix("  - ").split("#")[0].split(": ") for line in lines if line.startswith("  - "))
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
