"""That 95 % intervals hold the truth in 95 % of studies whose images come in groups. Takes five minutes."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "benchmarks"


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    specification = importlib.util.spec_from_file_location("interval_coverage", SCRIPTS / "interval_coverage.py")
    script = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "interval_coverage", script)  # where dataclasses look their module up
    specification.loader.exec_module(script)

    shares = script.coverage(script.SETTINGS[0], studies=1_000, resamples=1_000)

    assert {name: share for name, share in script.promised(shares).items() if not script.as_promised(name, share)} == {}
    assert shares["as if independent: DeLong: roc_auc"] < 0.93  # so the studies can tell
