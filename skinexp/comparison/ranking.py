"""The order of runs: the best on validation, and the best on test against each of the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinexp.comparison.pairwise import PairwiseTests, is_significant
from skinexp.comparison.standing import RANKED, Standing
from skinexp.runs.run_outputs import RunOutputs, by_area


@dataclass(frozen=True, eq=False)
class Ranking:
    """The run with the highest test ROC-AUC against the other ranked runs.

    Attributes:
        best: the run.
        others: the other ranked runs, the highest test ROC-AUC first.
        rows: the paired test of the best with each other run that has one, by the name of the other.
        same_network: names of the others that give every test image the same logit as the best.
    """

    best: RunOutputs
    others: list[RunOutputs]
    rows: dict[str, pd.Series]
    same_network: list[str]

    @property
    def lower(self) -> list[str]:
        """The runs whose ROC-AUC is significantly lower."""
        return [name for name, row in self._tested.items() if is_significant(row)]

    @property
    def alike(self) -> list[str]:
        """The runs whose ROC-AUC is not significantly different."""
        return [name for name, row in self._tested.items() if not is_significant(row)]

    @property
    def untested(self) -> list[str]:
        """The runs without a p-value."""
        return [run.name for run in self.others if run.name not in self._tested]

    @property
    def is_tested(self) -> bool:
        """Whether there is a test of the run that follows the best."""
        return bool(self.others) and self.others[0].name in self._tested

    @property
    def is_one_network(self) -> bool:
        """Whether all ranked runs have the logits of the best."""
        return bool(self.others) and len(self.same_network) == len(self.others)

    @property
    def _tested(self) -> dict[str, pd.Series]:
        return {name: row for name, row in self.rows.items() if not math.isnan(row["p_holm"])}


def best_on_validation(records: Sequence[RunOutputs]) -> RunOutputs | None:
    """Returns the run with the highest validation ROC-AUC, as the test part must not choose; None if none has one."""
    scored = [record for record in records if math.isfinite(record.metric("val/roc_auc"))]
    return max(scored, key=lambda record: record.metric("val/roc_auc")) if scored else None


def rank(finished: Sequence[RunOutputs], standings: Mapping[str, Standing], pairs: PairwiseTests) -> Ranking | None:
    """Returns the ranking of some runs; None if no run is better than chance, so that none is the best.

    Args:
        finished: the runs.
        standings: of these runs, by name.
        pairs: the results of their paired tests.
    """
    ranked = by_area([run for run in finished if standings[run.name] in RANKED])
    good = [run for run in ranked if standings[run.name] == Standing.ABOVE_CHANCE]
    if not good:
        return None
    best = good[0]
    others = [run for run in ranked if run is not best]
    rows = {run.name: pairs.between(best.name, run.name) for run in others}
    return Ranking(
        best,
        others,
        {name: row for name, row in rows.items() if row is not None},
        [run.name for run in others if _has_same_logits(best, run)],
    )


def _has_same_logits(one: RunOutputs, other: RunOutputs) -> bool:
    if one.test is None or other.test is None or len(one.test) != len(other.test):
        return False
    logits = [run.test.set_index("image_id")["logit"].sort_index() for run in (one, other) if run.test is not None]
    return bool(logits[0].index.equals(logits[1].index) and np.array_equal(logits[0], logits[1]))
