"""Groups joined with clusters of duplicates."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from skinexp.data.audit.grouping import joined


def test_a_chain_of_lesions_and_copies_is_one_group():
    groups = pd.Series(["b", "b", "a", "c", "d"], name="group")
    assert joined(groups, np.array([0, 1, 1, 2, 3])).tolist() == ["a", "a", "a", "c", "d"]


def test_groups_without_copies_keep_their_names():
    groups = pd.Series(["lesion 2", "lesion 1", "lesion 2"], index=[5, 6, 7])
    pd.testing.assert_series_equal(joined(groups, np.arange(3)), groups)


def test_a_group_of_many_copies_stays_one():
    assert joined(pd.Series(["a"] * 256 + ["b"]), np.r_[np.zeros(256, int), 0]).nunique() == 1


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30))
def test_joining_is_the_finest_partition_that_tears_neither_apart(rows):
    groups, clusters = pd.Series([f"g{group}" for group, _ in rows]), np.array([cluster for _, cluster in rows])
    found = joined(groups, clusters).to_numpy()
    members = list(range(len(rows)))
    name = {row: row for row in members}  # by hand: merge until nothing changes
    for _ in members:
        for one in members:
            for other in members:
                if rows[one][0] == rows[other][0] or rows[one][1] == rows[other][1]:
                    name[one] = name[other] = min(name[one], name[other])
    assert all((found[one] == found[other]) == (name[one] == name[other]) for one in members for other in members)
