"""Benchmarks are scripts beside the package: tests import them as they import each other."""

import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "benchmarks"

sys.path.insert(0, str(SCRIPTS))
