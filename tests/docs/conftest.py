"""The scripts that make the documentation lie beside the pages: tests import them as they import each other."""

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

sys.path.insert(0, str(DOCS))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return DOCS.parent
