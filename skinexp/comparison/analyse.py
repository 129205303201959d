"""The analysis of a comparison: all numbers that the page, the tables and the terminal show of some runs."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from skinexp.comparison.collapse_rules import CollapseExplanation, explain_collapses
from skinexp.comparison.cross_validation import PooledFolds, pool, with_pooled_scores
from skinexp.comparison.data_warnings import DataWarnings, data_warnings
from skinexp.comparison.decisions import Decisions, run_decisions
from skinexp.comparison.diagnosis_matrix import DiagnosisMatrix, diagnosis_matrix
from skinexp.comparison.diagnosis_scores import worst_diagnosis_sentences
from skinexp.comparison.disagreement import SharedImages, shared_images
from skinexp.comparison.figure_data import FigureData, figure_data
from skinexp.comparison.leakage import LeakagePair, leakage_pairs
from skinexp.comparison.learning_rate_trials import learning_rate_trials
from skinexp.comparison.pairwise import PairwiseTests, pairwise_tests, same_test_images
from skinexp.comparison.ranking import best_on_validation
from skinexp.comparison.reproduction import DatasetSummary, Reproduction, dataset_summaries, reproduction
from skinexp.comparison.seed_summary import RepeatedConfiguration, repeated_configurations
from skinexp.comparison.verdict import Verdict, names_best, verdict
from skinexp.runs.health_summary import Ailment, ailments
from skinexp.runs.run_outputs import RunOutputs


@dataclass(frozen=True, eq=False)
class Comparison:
    """What some runs show when they stand beside each other.

    Attributes:
        runs: with distinct names, in the order in which they were given; the folds of a cross-validation are one run.
        folds: what was pooled, and what could not be.
        comparable: whether the finished runs were tested on the same images and labels, and no pair was refused.
        decisions: calibrated probabilities and predicted classes of each run that left predictions, by its name.
        pairs: paired tests of the finished runs.
        seeds: configurations over several seeds.
        conclusion: the result: its case, its sentences, and the runs that it names.
        verdict: the sentences of the conclusion, and those about folds and incomplete runs.
        best: the run with the highest validation ROC-AUC; None if none has one.
        diagnosis: outcomes by swept settings; None if there are too few settings.
        collapses: what the collapsed runs have in common.
        ailments: the doctor's findings by cause.
        learning_rates: validation ROC-AUC by learning rate; None if fewer than three were tried.
        figures: numbers that figures draw.
        leakage: pairs of runs with and without leakage.
        shared_images: explained test images on which runs disagree; None if runs have none in common.
        data_warnings: the findings of the runs' audits.
        datasets: the data that the finished runs used.
        reproduction: what it takes to repeat the runs.
    """

    runs: Sequence[RunOutputs]
    folds: PooledFolds
    comparable: bool
    decisions: dict[str, Decisions]
    pairs: PairwiseTests
    seeds: Sequence[RepeatedConfiguration]
    conclusion: Verdict
    verdict: Sequence[str]
    best: RunOutputs | None
    diagnosis: DiagnosisMatrix | None
    collapses: Sequence[CollapseExplanation]
    ailments: Sequence[Ailment]
    learning_rates: pd.DataFrame | None
    figures: FigureData
    leakage: Sequence[LeakagePair]
    shared_images: SharedImages | None
    data_warnings: Sequence[DataWarnings]
    datasets: Sequence[DatasetSummary]
    reproduction: Reproduction

    @cached_property
    def finished(self) -> list[RunOutputs]:
        """The runs that have scores."""
        return [run for run in self.runs if run.finished]

    @cached_property
    def unfinished(self) -> list[RunOutputs]:
        """The runs that have none."""
        return [run for run in self.runs if not run.finished]

    @property
    def may_mark_best(self) -> bool:
        """Whether tables may mark the best scores: the runs are comparable, and the verdict does not refuse a best."""
        return self.comparable and names_best(self.conclusion.case)

    def is_pooled(self, run: RunOutputs) -> bool:
        """Returns whether a run stands for the folds of a cross-validation."""
        return run.name in self.folds.folds


def analyse(runs: Sequence[RunOutputs]) -> Comparison:
    """Analyses some runs.

    Args:
        runs: as they were loaded, in the order in which they are shown.

    Raises:
        ValueError: if there are no runs.
    """
    if not runs:
        raise ValueError("comparison: there are no runs to compare. Name at least one run's directory. Received: []")
    folds = pool(runs)
    shown = _with_distinct_names([with_pooled_scores(run) for run in folds.records])
    finished = [run for run in shown if run.finished]
    trained = [run for run in shown if not run.evaluates]
    decisions = run_decisions(finished)
    pairs = pairwise_tests(finished, decisions)
    seeds = repeated_configurations(finished)
    conclusion = verdict(shown, pairs, seeds)
    diagnosis = diagnosis_matrix(trained)
    has_collapses = diagnosis is not None or any(run.collapsed for run in shown)
    return Comparison(
        runs=shown,
        folds=folds,
        comparable=same_test_images(shown) and not pairs.refusal,
        decisions=decisions,
        pairs=pairs,
        seeds=seeds,
        conclusion=conclusion,
        verdict=[
            *conclusion.sentences,
            *worst_diagnosis_sentences(finished),
            *folds.sentences,
            *_incomplete(runs),
        ],
        best=best_on_validation(folds.records),
        diagnosis=diagnosis,
        collapses=explain_collapses(shown) if has_collapses else [],
        ailments=ailments({run.name: run.health for run in shown}),
        learning_rates=learning_rate_trials(trained),
        figures=figure_data(finished, decisions),
        leakage=leakage_pairs(finished),
        shared_images=shared_images([run for run in finished if run.gradcam is not None]),
        data_warnings=data_warnings(finished),
        datasets=dataset_summaries(finished),
        reproduction=reproduction(shown),
    )


def _incomplete(runs: Sequence[RunOutputs]) -> list[str]:
    """Returns what finished runs lack because a stage behind the training failed."""
    return [
        f"{run.name} is incomplete; {run.summary.incomplete}." for run in runs if run.finished and run.summary.failures
    ]


def _with_distinct_names(runs: Sequence[RunOutputs]) -> list[RunOutputs]:
    """Returns the runs with equal names numbered: figures and tables identify runs by name alone."""
    taken: set[str] = set()
    distinct = []
    for run in runs:
        name, number = run.name, 1
        while name in taken:
            number += 1
            name = f"{run.name} ({number})"
        taken.add(name)
        distinct.append(dataclasses.replace(run, name=name))
    return distinct
