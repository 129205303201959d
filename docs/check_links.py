"""Checks that every relative link of the documents, and every path of a document that code names, leads to a file.

    python docs/check_links.py      exit code 1 if a link is broken

Pages that are generated when the site is built count as files. `mkdocs build --strict` checks anchors as well.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generators import commands, configuration, root_documents

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?!https?:|mailto:|#|data:)([^)#\s]+)")
NAMED = re.compile(r"\bdocs/[\w/-]+\.(?:md|png|ipynb|py)\b")  # a document that code or a setting refers to
WITH_LINKS = (".md", ".ipynb")
WITH_NAMES = (".py", ".yaml", ".yml", ".toml", ".example", ".j2")


def main() -> None:
    """Prints broken links."""
    broken = list(find_broken_links())
    for line in broken:
        print(line)
    sys.exit(1 if broken else 0)


def find_broken_links() -> Iterator[str]:
    """Yields one line for each link or path that leads to no file."""
    generated = generated_pages()
    for file in tracked_files():
        text = file.read_text(encoding="utf-8") if file.suffix in (*WITH_LINKS, *WITH_NAMES) else ""
        name = file.relative_to(ROOT)
        if file.suffix in WITH_LINKS:
            for target in LINK.findall(text):
                if not _exists((file.parent / target).resolve(), generated):
                    yield f"{name}: {target} is no file"
        for target in NAMED.findall(text):
            if not (ROOT / target).is_file():
                yield f"{name}: {target} is no file"


def tracked_files() -> list[Path]:
    """Returns the files of the checkout that git tracks, or would track."""
    words = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    return [path for name in sorted(set(names)) if (path := ROOT / name).is_file()]


def generated_pages() -> set[Path]:
    """Returns the paths that pages would have in docs/ if they were no generated ones."""
    names = {configuration.PAGE, commands.INDEX, *root_documents.PAGES.values()}
    names |= {commands.page_name(command) for command in commands.find_commands()}
    return {DOCS / name for name in names}


def _exists(path: Path, generated: set[Path]) -> bool:
    return path.exists() or path in generated


if __name__ == "__main__":
    main()
