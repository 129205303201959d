"""Sensitivity by malignant diagnosis, specificity by benign one: a table of all runs, and the worst ones in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from skinexp.comparison.ranking import best_on_validation
from skinexp.core.number_format import limits_text, three_decimals, whole, with_interval
from skinexp.evaluation import Interval, worst_diagnoses
from skinexp.runs.run_outputs import RunOutputs, by_area

DIAGNOSES = "diagnoses"  # table of a run's evidence
WORDS = {"recall": "sensitivity", "specificity": "specificity"}


@dataclass(frozen=True)
class DiagnosisRow:
    """A diagnosis: its class, its test images, and the score of each run that has it, by the run's name."""

    diagnosis: str
    class_name: str
    score: str
    images: int
    scores: dict[str, Interval]


def diagnosis_rows(runs: Sequence[RunOutputs]) -> list[DiagnosisRow]:
    """Returns one row per diagnosis; two if runs were tested on different numbers of its images.

    Args:
        runs: finished ones, in the order of the columns.
    """
    rows: dict[tuple[str, str, str, int], dict[str, Interval]] = {}
    for run in runs:
        for _, row in _table(run).iterrows():
            key = str(row["diagnosis"]), str(row["class"]), WORDS[row["score"]], int(row["images"])
            interval = Interval(*(float(row[name]) for name in ("estimate", "low", "high")))
            rows.setdefault(key, {})[run.name] = interval
    return [DiagnosisRow(*key, scores) for key, scores in rows.items()]


def worst_diagnosis_sentences(runs: Sequence[RunOutputs]) -> list[str]:
    """Returns which diagnoses a run predicts worst: the run with the highest validation ROC-AUC that has diagnoses.

    Args:
        runs: finished ones.
    """
    measured = [run for run in runs if len(_table(run)) and not run.collapsed]
    if not measured:
        return []
    run = best_on_validation(measured) or by_area(measured)[0]
    return diagnosis_sentences(run.name, _table(run), run.intervals)


def diagnosis_sentences(name: str, table: pd.DataFrame, intervals: Mapping[str, Interval]) -> list[str]:
    """Returns on which malignant diagnosis sensitivity is lowest, and on which benign one specificity is.

    Args:
        name: of the run, or of the images.
        table: as `scores_by_diagnosis` returns it.
        intervals: of the scores of all test images, by name.
    """
    return [_sentence(name, row, intervals) for _, row in worst_diagnoses(table).iterrows()]


def _sentence(name: str, row: pd.Series, intervals: Mapping[str, Interval]) -> str:
    score, images = WORDS[row["score"]], int(row["images"])
    correct = f"{whole(row['estimate'] * images)} of {whole(images)} images"
    limits = limits_text(row["adjusted_low"], row["adjusted_high"])
    interval = f"; 95 % CI {limits}, Wilson, Bonferroni-adjusted for {int(row['among'])} diagnoses" if limits else ""
    overall = intervals.get(f"{row['score']}_chosen")
    of_class = f"; on all {row['class']} images it is {with_interval(overall)}" if overall is not None else ""
    return (
        f"{name} has its lowest {score} at the operating threshold on {row['class']} images with the diagnosis "
        f"{row['diagnosis']}: {three_decimals(row['estimate'])} ({correct}{interval}){of_class}."
    )


def _table(run: RunOutputs) -> pd.DataFrame:
    table = run.evidence.get(DIAGNOSES, pd.DataFrame(columns=["score", "estimate"]))
    return table[table["estimate"].notna() & table["score"].isin(WORDS)]
