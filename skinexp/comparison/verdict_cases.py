"""The cases of the verdict: when each applies, and what it says of the best run, or why it names none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skinexp.comparison.pairwise import PairwiseTests, same_test_images
from skinexp.comparison.ranking import Ranking
from skinexp.comparison.seed_summary import RepeatedConfiguration, seed_sentences
from skinexp.comparison.standing import Standing, only_class
from skinexp.comparison.verdict_notes import missed_class
from skinexp.comparison.verdict_words import (
    all_names,
    area_text,
    comparison_sentences,
    further_configurations,
    highest_area,
    images_text,
    untested_sentences,
)
from skinexp.core.number_format import counted
from skinexp.evaluation.paired.area_test import FEWEST, TOO_FEW
from skinexp.runs.run_outputs import RunOutputs

BY_SEEDS = "Whether one configuration is better than another is what the seeds show, not a test of two single runs."


@dataclass(frozen=True, eq=False)
class Situation:
    """What the cases look at.

    Attributes:
        finished: the runs that have scores.
        pairs: the results of their paired tests.
        repeated: their configurations over several seeds.
        standings: of these runs, by name.
        ranking: the best of the ranked runs against the others; None if no run is better than chance.
    """

    finished: Sequence[RunOutputs]
    pairs: PairwiseTests
    repeated: Sequence[RepeatedConfiguration]
    standings: dict[str, Standing]
    ranking: Ranking | None

    def having(self, *chosen: Standing) -> list[RunOutputs]:
        """Returns the finished runs with one of these standings."""
        return [run for run in self.finished if self.standings[run.name] in chosen]

    def are_all(self, *chosen: Standing) -> bool:
        """Returns whether all finished runs have one of these standings."""
        return len(self.having(*chosen)) == len(self.finished)

    @property
    def measured(self) -> list[RunOutputs]:
        """The runs with a test ROC-AUC of finite logits that have not collapsed."""
        return self.having(Standing.ABOVE_CHANCE, Standing.AT_CHANCE, Standing.BELOW_CHANCE, Standing.ONE_CLASS)


@dataclass(frozen=True)
class Case:
    """A case of the verdict.

    Attributes:
        name: of the case, as `comparison.json` has it.
        applies: whether a situation is of this case, if it is of none before it.
        sentences: the result in words.
        names_best: whether a run is named the best, so that it may be marked in tables.
    """

    name: str
    applies: Callable[[Situation], bool]
    sentences: Callable[[Situation], list[str]]
    names_best: bool = False


# --- when a case applies ----------------------------------------------------------------------------------------------


def _has_single_folds(situation: Situation) -> bool:
    is_fold = any(run.fold is not None for run in situation.finished)
    return is_fold and not same_test_images(situation.finished)


def _are_too_few(situation: Situation) -> bool:
    tests = situation.pairs.table.get("test")
    return len(situation.measured) > 1 and tests is not None and TOO_FEW in set(tests)


def _are_repeated(situation: Situation) -> bool:
    return bool(situation.repeated) and situation.ranking is not None and bool(situation.ranking.others)


def _ranking(situation: Situation) -> Ranking:
    if situation.ranking is None:
        raise ValueError("verdict: no run is ranked")
    return situation.ranking


# --- sentences of a case ----------------------------------------------------------------------------------------------


def _single_run(situation: Situation) -> list[str]:
    (run,) = situation.finished
    sentence = f"{run.name} has a test ROC-AUC of {area_text(run)}{images_text(run)}"
    doubts = {
        Standing.AT_CHANCE: "; it is not significantly better than chance (0.5)",
        Standing.BELOW_CHANCE: "; it is below chance (0.5): it ranks malignant images below benign ones",
    }
    standing = situation.standings[run.name]
    doubt = doubts.get(standing, "")
    if standing == Standing.ONE_CLASS:
        doubt = f"; at its operating threshold {missed_class(run)}"
    return [f"{sentence}{doubt}."]


def _one_class(situation: Situation) -> list[str]:
    return [f"No run has a test ROC-AUC: all test images are {only_class(situation.finished)}."]


def _all_collapsed(situation: Situation) -> list[str]:
    return [f"No run is named the best, because all {counted(len(situation.finished), 'finished run')} have collapsed."]


def _too_few(situation: Situation) -> list[str]:
    benign, malignant = situation.measured[0].test_images
    return [
        f"No run is named the best, because the test images are too few to compare runs: {benign:,} benign and "
        f"{malignant:,} malignant. A test needs at least {FEWEST} independent images of each class."
    ]


def _below_chance(situation: Situation) -> list[str]:
    return [
        "No run is named the best, because all runs are below chance: they rank malignant images below benign ones. "
        f"{highest_area(situation.measured, situation.pairs)} Check that label 1 stands for malignant."
    ]


def _no_better_than_chance(situation: Situation) -> list[str]:
    return [
        "No run is named the best, because no run is significantly better than chance (ROC-AUC 0.5). "
        f"{highest_area(situation.measured, situation.pairs)}"
    ]


def _one_class_predicted(situation: Situation) -> list[str]:
    return [
        "No run is named the best, because each run that is better than chance has a sensitivity or a specificity of 0 "
        f"at its operating threshold. {highest_area(situation.measured, situation.pairs)}"
    ]


def _only_ranked(situation: Situation) -> list[str]:
    best = _ranking(situation).best
    return [f"{best.name} has a test ROC-AUC of {area_text(best)}{images_text(best)}; no other run can be ranked."]


def _repeated(situation: Situation) -> list[str]:
    best = _ranking(situation).best
    return [
        *seed_sentences(situation.repeated),
        *further_configurations(situation.repeated),
        f"The single run with the highest test ROC-AUC is {best.name}, {area_text(best)}.",
        *([BY_SEEDS] if len(situation.repeated) > 1 else []),
    ]


def _equal(situation: Situation) -> list[str]:
    ranking = _ranking(situation)
    names = all_names([ranking.best.name, *(run.name for run in ranking.others)])
    return [
        f"{names} give every test image the same logit: they are the same network, with a test ROC-AUC of "
        f"{area_text(ranking.best)}."
    ]


def _untested(situation: Situation) -> list[str]:
    return untested_sentences(_ranking(situation), situation.pairs)


def _compared(situation: Situation) -> list[str]:
    return comparison_sentences(_ranking(situation), situation.pairs)


def _refused(situation: Situation) -> list[str]:
    reason = situation.pairs.refusal.rstrip(".")
    return [f"No run is named the best, because the runs cannot be compared: {reason}."]


def _always(*sentences: str) -> Callable[[Situation], list[str]]:
    return lambda situation: list(sentences)


CASES = (  # the first that applies
    Case(
        "no_finished_run",
        lambda s: not s.finished,
        _always("No run finished, so there is nothing to compare."),
    ),
    Case(
        "folds_not_pooled",
        _has_single_folds,
        _always(
            "No run is named the best: some folds of a cross-validation were not pooled, and each fold was tested on "
            "its own part of the images."
        ),
    ),
    Case(
        "different_test_images",
        lambda s: not same_test_images(s.finished),
        _always("No run is named the best, because the runs were tested on different images."),
    ),
    Case("refused_pairs", lambda s: bool(s.pairs.refusal), _refused),
    Case(
        "not_finite",
        lambda s: s.are_all(Standing.NOT_FINITE),
        _always("No run has a test ROC-AUC: the logits of all finished runs are NaN or infinite."),
    ),
    Case("one_class", lambda s: not s.measured and only_class(s.finished) is not None, _one_class),
    Case("single_run", lambda s: len(s.finished) == 1 and not s.are_all(Standing.NO_AREA), _single_run),
    Case("all_collapsed", lambda s: s.are_all(Standing.COLLAPSED), _all_collapsed),
    Case(
        "no_area",
        lambda s: not s.measured,
        _always("No run has a test ROC-AUC that can be ranked: it needs test images of both classes."),
    ),
    Case("too_few_images", _are_too_few, _too_few),
    Case(
        "below_chance",
        lambda s: bool(s.measured) and s.measured == s.having(Standing.BELOW_CHANCE),
        _below_chance,
    ),
    Case(
        "no_better_than_chance",
        lambda s: s.ranking is None and not s.having(Standing.ONE_CLASS),
        _no_better_than_chance,
    ),
    Case("one_class_predicted", lambda s: s.ranking is None, _one_class_predicted),
    Case("repeated_configurations", _are_repeated, _repeated, names_best=True),
    Case("only_ranked_run", lambda s: not _ranking(s).others, _only_ranked, names_best=True),
    Case("same_network", lambda s: _ranking(s).is_one_network, _equal, names_best=True),
    Case("untested", lambda s: not _ranking(s).is_tested, _untested, names_best=True),
    Case("significantly_best", lambda s: not _ranking(s).alike, _compared, names_best=True),
    Case("not_significantly_best", lambda s: True, _compared, names_best=True),
)
