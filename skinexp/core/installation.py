"""The command that installs an optional part of skinexp, in a checkout and in an installed package."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def install_command(extra: str, package: Path = PACKAGE) -> str:
    """Returns the command that installs an extra, such as `torch`, where it is printed.

    Args:
        extra: of pyproject.toml.
        package: the directory of skinexp.
    """
    is_checkout = (package.parent / "uv.lock").is_file()
    return f"uv sync --extra {extra}" if is_checkout else f'pip install "skinexp[{extra}]"'
