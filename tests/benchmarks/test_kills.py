"""Sweeps that are killed at moments that are drawn: the first of the hundred of the benchmark. Takes minutes."""

import kills
import pytest

KILLS = 3


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of libraries: the benchmark is a command
def test_a_sweep_that_is_killed_at_any_moment_ends_to_the_bit_as_one_that_never_was(tmp_path):
    told, faults = kills.trial(range(KILLS), chains=1, root=tmp_path)
    assert faults == []
    assert [process for one in told for process in one.left] == []
    assert [one.number for one in told] == list(range(KILLS))
    assert len({one.where for one in told}) > 1  # the moments differ
