"""That 95 % intervals hold the truth in 95 % of studies whose images come in groups. Takes two minutes."""

import math

import interval_coverage
import pytest

STUDIES = 400
LUCK = 3 * math.sqrt(0.95 * 0.05 / STUDIES)  # three standard errors of a share of so many studies


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    shares = interval_coverage.coverage(interval_coverage.SETTINGS[0], STUDIES, resamples=500)
    used = interval_coverage.promised(shares)
    assert {name: share for name, share in used.items() if share < interval_coverage.LEAST - LUCK} == {}
    exact = {name: share for name, share in used.items() if name not in interval_coverage.CONSERVATIVE}
    assert {name: share for name, share in exact.items() if share > interval_coverage.MOST + LUCK} == {}
    assert shares["as if independent: DeLong: roc_auc"] < interval_coverage.LEAST - LUCK  # so the studies can tell
