"""The verdict of a comparison: the first case of a table that applies, its sentences, and what else must be said.

A case is named in `comparison.json`. Its sentences say which run is the best on the test images, or why none is named;
the sentences of `verdict_notes` follow: how the best was chosen, and which runs are not ranked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from skinexp.comparison.pairwise import PairwiseTests
from skinexp.comparison.ranking import best_on_validation, rank
from skinexp.comparison.seed_summary import RepeatedConfiguration
from skinexp.comparison.standing import Standing, standings
from skinexp.comparison.verdict_cases import CASES, Case, Situation
from skinexp.comparison.verdict_notes import (
    collapse_notes,
    excluded_notes,
    one_network_note,
    selection_note,
    validation_note,
)
from skinexp.runs.run_outputs import RunOutputs


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison.

    Attributes:
        case: its name in `CASES`.
        sentences: the result in words.
        best: the run that is named as the one with the highest test ROC-AUC; None if none is.
        significantly_lower: runs whose ROC-AUC is significantly lower than that of the best.
        not_significantly_different: runs whose ROC-AUC is not.
        untested: ranked runs that could not be compared with the best.
        chosen_on_validation: the run with the highest validation ROC-AUC; None if no run has one.
        standings: what the predictions of each finished run allow to say of it.
    """

    case: str
    sentences: tuple[str, ...]
    best: str | None = None
    significantly_lower: tuple[str, ...] = ()
    not_significantly_different: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()
    chosen_on_validation: str | None = None
    standings: dict[str, Standing] = field(default_factory=dict)


def verdict(
    records: Sequence[RunOutputs], pairs: PairwiseTests, repeated: Sequence[RepeatedConfiguration] = ()
) -> Verdict:
    """Returns what the numbers of some runs show.

    Args:
        records: the runs, finished or not, with distinct names.
        pairs: the results of their paired tests.
        repeated: their configurations over several seeds.
    """
    finished = [record for record in records if record.finished]
    standing = standings(finished, pairs.simultaneous.intervals)
    situation = Situation(finished, pairs, repeated, standing, rank(finished, standing, pairs))
    case = next(case for case in CASES if case.applies(situation))
    sentences = [*case.sentences(situation), *_notes(situation, case)]
    chosen = best_on_validation(finished)
    ranking = situation.ranking if case.names_best else None
    return Verdict(
        case.name,
        tuple(sentences),
        best=ranking.best.name if ranking else None,
        significantly_lower=tuple(ranking.lower) if ranking else (),
        not_significantly_different=tuple(ranking.alike) if ranking else (),
        untested=tuple(ranking.untested) if ranking else (),
        chosen_on_validation=chosen.name if chosen else None,
        standings=standing,
    )


def names_best(case: str) -> bool:
    """Returns whether a case names a best run."""
    return next(one.names_best for one in CASES if one.name == case)


def _notes(situation: Situation, case: Case) -> list[str]:
    notes = []
    if case.names_best and situation.ranking is not None:
        notes += one_network_note(situation.ranking)
        notes += selection_note(situation.ranking, situation.pairs)
        notes += validation_note(situation.ranking, situation.finished)
    stated = {
        "single_run": list(Standing),
        "below_chance": [Standing.BELOW_CHANCE],
        "not_finite": [Standing.NOT_FINITE],
    }
    described = {
        name: standing for name, standing in situation.standings.items() if standing not in stated.get(case.name, [])
    }
    return notes + excluded_notes(situation.finished, described) + collapse_notes(situation.finished)
