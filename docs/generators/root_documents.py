"""The documents of the repository's root as pages of the site: README, changes, contributing, security, citation."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CITATION.cff": "CITATION.cff",
}
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def generate() -> dict[str, str]:
    """Returns the content of each page by its path below docs/, with links that are relative to docs/."""
    return {page: LINK.sub(_relink, (ROOT / document).read_text(encoding="utf-8")) for document, page in PAGES.items()}


def _relink(link: re.Match[str]) -> str:
    """Returns the link as it is written in docs/: a notebook's becomes that of its page."""
    target = PAGES.get(link[1], link[1].removeprefix("docs/"))
    return f"]({re.sub('[.]ipynb$', '.md', target)}"
