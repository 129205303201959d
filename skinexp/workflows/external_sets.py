"""One call of the command `evaluate -m`: a model on several external sets, one row a set, and how much they differ."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinexp.config import evaluation_config
from skinexp.core import invocation, run_files
from skinexp.core.errors import UserError
from skinexp.core.number_format import counted
from skinexp.core.strict_json import write_json
from skinexp.evaluation.heterogeneity import (
    NO_AREA,
    Heterogeneity,
    PooledArea,
    SetArea,
    heterogeneity,
    pooled_area,
    set_area,
)
from skinexp.evaluation.intervals.interval import UNDEFINED, Interval
from skinexp.evaluation.tables import groups_of
from skinexp.runs import lookup, ownership
from skinexp.runs.run_outputs import RunOutputs, read_outputs
from skinexp.workflows.external_validation_job import ExternalImages, evaluate_on, load_images, own_directory

SCORES = {  # in the table of the sets: name there -> score of an evaluation
    "roc_auc": "roc_auc",
    "sensitivity": "recall_chosen",
    "specificity": "specificity_chosen",
}


@dataclass(frozen=True)
class ExternalSets:
    """What a model shows on several external sets.

    Attributes:
        rows: one row a set: `set`, `directory`, `images`, `malignant`, `roc_auc`, `sensitivity` and `specificity` (both
            at the operating threshold), each with `_low` and `_high`.
        shared: images that two sets have in common, in all.
        heterogeneity: of the areas; None if sets share images, which are not independent then.
        pooled: the random-effects mean; None if it was not asked for, or sets share images.
    """

    rows: pd.DataFrame
    shared: int
    heterogeneity: Heterogeneity | None
    pooled: PooledArea | None


def run(name: str, overrides: list[str], output: Path | None, uri: str | None, pool: bool = False) -> Path:
    """Evaluates a run's model on several sets of images, one after the other, and reports them side by side.

    Args:
        name: the run's directory or its MLflow id.
        overrides: which images; several values of a key are several sets.
        output: directory to write into; None: a new one in evaluations/.
        uri: MLflow store in which an id is looked up; None: the run's own, or the default one.
        pool: whether a random-effects mean is reported.

    Returns:
        The directory, with an evaluation of each set in a numbered directory, and the table of the sets.

    Raises:
        UserError: if the run has no model, a set has no usable images, or two sets are the same images.
    """
    sets = evaluation_config.split_sets(overrides)
    configs = [evaluation_config.compose_evaluation(words) for words in sets]
    trained = lookup.locate_run(name, uri)
    images = [load_images(trained, config, words) for config, words in zip(configs, sets, strict=True)]
    shared = _shared_images(images)
    directory = own_directory(output)
    for number, of_set in enumerate(images):
        place = directory / str(number)
        invocation.current().held.append(ownership.take_directory(place, "--output"))
        evaluate_on(trained, of_set, place)
    found = summarise([read_outputs(directory / str(number)) for number in range(len(sets))], shared, pool)
    write(found, directory)
    _report(found, directory)
    return directory


def summarise(evaluations: list[RunOutputs], shared: int, pool: bool) -> ExternalSets:
    """Returns what several evaluations of one model show beside each other.

    Args:
        evaluations: of the sets.
        shared: images that two sets have in common.
        pool: whether a random-effects mean is asked for.
    """
    areas = [_area(run) for run in evaluations]
    rows = pd.DataFrame([_row(run) for run in evaluations])
    if shared:
        return ExternalSets(rows, shared, None, None)
    return ExternalSets(rows, 0, heterogeneity(areas), pooled_area(areas) if pool else None)


def _area(run: RunOutputs) -> SetArea:
    """Returns the area of a set with its variance; NaN if it has none."""
    if (test := run.test) is None or test.empty:
        return NO_AREA
    return set_area(test["label"], test["logit"], groups_of(test))


def _row(run: RunOutputs) -> dict[str, Any]:
    benign, malignant = run.test_images
    name = run.summary.data.name if run.summary.data else run.name
    row: dict[str, Any] = {"set": name, "directory": run.directory.name, "images": benign + malignant}
    row |= {"malignant": malignant, "status": run.status}
    for column, score in SCORES.items():
        interval = run.interval(score) if run.finished else UNDEFINED
        row |= {column: interval.estimate, f"{column}_low": interval.low, f"{column}_high": interval.high}
    return row


def write(found: ExternalSets, directory: Path) -> None:
    """Writes external_sets.csv, one row a set, and external_sets.json with the heterogeneity as well."""
    found.rows.to_csv(directory / run_files.EXTERNAL_SETS, index=False)
    values = {
        "sets": found.rows.to_dict(orient="records"),
        "shared_images": found.shared,
        "heterogeneity": found.heterogeneity and asdict(found.heterogeneity),
        "pooled": found.pooled and _plain(found.pooled),
    }
    write_json(directory / run_files.EXTERNAL_SETS_VALUES, values)


def _plain(pooled: PooledArea) -> dict[str, Any]:
    def limits(interval: Interval) -> dict[str, float]:
        return interval._asdict()

    return {"mean": limits(pooled.mean), "prediction": limits(pooled.prediction), "tau": pooled.tau}


def _shared_images(images: list[ExternalImages]) -> int:
    """Returns how many images are in more than one set.

    Raises:
        UserError: if two sets are the same images.
    """
    digests: dict[str, int] = {}
    for number, of_set in enumerate(images):
        digest = ",".join(sorted(of_set.table.frame["sha256"]))
        if (first := digests.setdefault(digest, number)) != number:
            raise UserError(
                f"-m: sets {first} and {number} are the same images. Name each set once. "
                f"Received: {' '.join(images[first].overrides)} and {' '.join(of_set.overrides)}"
            )
    names = np.concatenate([of_set.table.frame["sha256"].unique() for of_set in images])
    return int((pd.Series(names).value_counts() > 1).sum())


def _report(found: ExternalSets, directory: Path) -> None:
    from skinexp.core.terminal import console, from_here
    from skinexp.report.console import external_sets_table

    external_sets_table.show(found.rows)
    for sentence in external_sets_table.sentences(found.shared, found.heterogeneity, found.pooled):
        console.print(sentence, markup=False, soft_wrap=True)
    finished = int((found.rows["status"] == "finished").sum())
    what = f"{counted(finished, 'evaluation')}, {run_files.EXTERNAL_SETS} and {run_files.EXTERNAL_SETS_VALUES}"
    console.print(f"{what}: {from_here(directory)}", markup=False, soft_wrap=True)
