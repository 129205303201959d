"""That intervals cover, and tests err as seldom as they say, with few malignant images. Takes ten minutes."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    specification = importlib.util.spec_from_file_location("small_samples", SCRIPTS / "small_samples.py")
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "small_samples", module)  # where dataclasses look their module up
    specification.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_intervals_and_tests_keep_their_promise_with_few_malignant_images(script):
    studies = 400
    found = {design: script.simulate(design, studies) for design in script.DESIGNS}
    assert [fault for design, one in found.items() for fault in script.faults(design, one, studies)] == []
