"""Folds of a cross-validation side by side: one row a configuration, or a sentence that says what is wrong."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn import metrics

from skinexp.comparison.cross_validation import RESAMPLES, pool, with_pooled_scores
from skinexp.comparison.decisions import run_decisions
from skinexp.core.terminal import console
from skinexp.evaluation import Resampling, bootstrap
from skinexp.report.console import run_table
from skinexp.runs.run_outputs import RunOutputs, read_outputs
from tests.report.runs import changed, compare

FOLDS, IMAGES = 3, 40


def fold(place: Path, model: str, number: int, *, first: int | None = None, status: str = "finished") -> RunOutputs:
    """A run's directory as a fold leaves it; `first` is the number of its first test image."""
    directory = place / f"{model}-{number}"
    directory.mkdir(parents=True)
    rng = np.random.default_rng([number, len(model)])
    label = np.tile([0, 1], IMAGES // 2)
    logit = rng.normal(size=IMAGES) + 2 * label
    start = number * IMAGES if first is None else first
    table = pd.DataFrame(
        {
            "image_id": [f"image {image}" for image in range(start, start + IMAGES)],
            "split": "test",
            "label": label,
            "logit": logit,
            "probability": expit(logit),
        }
    )
    table.to_parquet(directory / "predictions.parquet")
    area = metrics.roc_auc_score(label, logit)
    result = {
        "status": status,
        "name": f"model={model} data.split.fold={number}",
        "overrides": [f"model={model}", f"data.split.folds={FOLDS}", f"data.split.fold={number}"],
        "config": {"seed": 0, "model": {"name": model}, "data": {"split": {"folds": FOLDS, "fold": number}}},
        "data": {"counts": {"test": {"benign": IMAGES // 2, "malignant": IMAGES // 2}}},
        "data_digest": "the-data",
        "test_digest": f"fold-{number}",
        "metrics": {"test/roc_auc": area, "val/roc_auc": 0.7 + 0.1 * number},
        "thresholds": {"half": 0.5, "youden": 0.4},
        "seconds": {"total": 10.0},
    }
    (directory / "result.json").write_text(json.dumps(result))
    return read_outputs(directory)


def folds(place: Path, model: str = "scratch", **changes: object) -> list[RunOutputs]:
    return [fold(place, model, number) for number in range(FOLDS)]


def text(page: Path) -> str:
    return " ".join(page.read_text().replace("<wbr>", "").split())


def test_each_configuration_is_one_row_named_without_its_fold(tmp_path):
    records = folds(tmp_path) + folds(tmp_path, "mobilenet")
    page = compare(records, tmp_path / "page")
    rows = pd.read_csv(page.with_suffix(".csv"))
    assert rows["name"].tolist() == ["model=scratch", "model=mobilenet"]
    areas = [record.roc_auc for record in records[:FOLDS]]
    assert rows["test/roc_auc"][0] == pytest.approx(np.mean(areas))
    assert rows["test/roc_auc_mean"][0] == pytest.approx(np.mean(areas))
    assert rows["test/roc_auc_sd"][0] == pytest.approx(np.std(areas, ddof=1))
    assert rows["val/roc_auc"].tolist() == pytest.approx([0.8, 0.8])
    assert rows["folds"].tolist() == [FOLDS, FOLDS]


def test_configurations_that_tested_all_images_are_ranked(tmp_path):
    page = text(compare(folds(tmp_path) + folds(tmp_path, "mobilenet"), tmp_path / "page"))
    assert "has the highest test ROC-AUC" in page
    assert "not comparable" not in page
    assert f"{FOLDS * IMAGES} images, each tested once by one of {FOLDS} networks" in page


def test_each_folds_own_scores_are_kept_beside_the_page(tmp_path):
    records = folds(tmp_path)
    page = compare(records, tmp_path / "page")
    rows = pd.read_csv(page.parent / "folds.csv")
    assert rows["configuration"].tolist() == ["model=scratch"] * FOLDS
    assert rows["fold"].tolist() == [0, 1, 2]
    assert rows["test/roc_auc"].tolist() == pytest.approx([record.roc_auc for record in records])


def test_a_sweep_over_folds_alone_is_named_by_what_its_command_said(tmp_path):
    records = folds(tmp_path)
    # A sweep names its jobs by what varies.
    renamed = [dataclasses.replace(record, name=f"data.split.fold={number}") for number, record in enumerate(records)]
    (pooled,) = pool(renamed).records
    assert pooled.name == f"model=scratch data.split.folds={FOLDS}"


def test_missing_folds_are_named_and_the_others_stay_as_they_are(tmp_path):
    records = folds(tmp_path)
    pooled = pool(records[1:2])
    assert pooled.records == records[1:2]
    assert pooled.refusals == ["model=scratch: its folds were not pooled. Folds 0 and 2 of 3 are missing."]


def test_a_fold_that_failed_is_named_with_what_became_of_it(tmp_path):
    records = [fold(tmp_path, "scratch", number, status="failed" if number == 1 else "finished") for number in range(3)]
    page = text(compare(records, tmp_path / "page"))
    assert "model=scratch: its folds were not pooled. Fold 1 of 3 is missing (fold 1 failed)" in page
    assert "not comparable run by run" in page
    assert "tested on different images" not in page


def test_folds_that_overlap_are_not_pooled(tmp_path):
    records = [fold(tmp_path, "scratch", number, first=5 if number == 1 else None) for number in range(3)]
    (refusal,) = pool(records).refusals
    assert "folds: 0 and 1 overlap" in refusal


def test_a_fold_that_is_there_twice_is_named(tmp_path):
    records = folds(tmp_path)
    (refusal,) = pool([*records, records[2]]).refusals
    assert refusal.endswith("Fold 2 of 3 is present more than once.")


def test_runs_that_are_no_folds_pass(run):
    records = [run({"optim.lr": 0.1}), run({"optim.lr": 0.2})]
    pooled = pool(records)
    assert pooled.records == records
    assert (pooled.folds, pooled.sentences) == ({}, [])


def test_the_terminal_shows_one_line_a_configuration(tmp_path):
    with console.capture() as captured:
        run_table.show(pool(folds(tmp_path)))
    shown = captured.get()
    assert shown.count("model=scratch") == 2  # in the table, and in the sentence below
    assert "mean ± standard deviation" in shown


def test_a_configuration_is_as_healthy_as_its_worst_fold(tmp_path):
    records = folds(tmp_path)
    records = [
        changed(record, health={"verdict": verdict, "sentence": f"It is {verdict}."})
        for record, verdict in zip(records, ("ok", "collapsed", "warning"), strict=True)
    ]
    (pooled,) = pool(records).records
    assert pooled.collapsed
    assert pooled.health.sentence == "Worst fold (1): It is collapsed."


def test_every_score_of_a_pooled_configuration_has_an_interval_from_all_folds(tmp_path):
    pooled = pool(folds(tmp_path))
    (record,) = map(with_pooled_scores, pooled.records)
    table = pooled.records[0].predictions
    expected = bootstrap(
        table["label"],
        table["logit"],
        table["probability"],
        table["image_id"],
        {"": 0.5},
        Resampling(RESAMPLES),
        folds=table["fold"],
    )
    for score in ("average_precision", "brier", "f1", "mcc"):
        assert record.interval(score) == pytest.approx(expected.intervals[score])
    assert not math.isnan(record.interval("recall_chosen").low)
    assert {"roc_band", "reliability", "subgroups"} <= set(record.evidence)


def test_each_fold_is_called_at_the_threshold_that_it_chose(tmp_path):
    records = [
        changed(
            record,
            thresholds={"half": 0.5, "youden": 0.4, "chosen": 0.2 + 0.3 * number},
            calibration={"method": "temperature", "parameters": {"temperature": 1.0 + number}},
        )
        for number, record in enumerate(folds(tmp_path))
    ]
    (record,) = map(with_pooled_scores, pool(records).records)
    called = [
        expit(one.predictions["logit"] / (1.0 + number)) >= 0.2 + 0.3 * number for number, one in enumerate(records)
    ]
    label = pd.concat([one.predictions["label"] for one in records])
    assert record.metric("test/recall_chosen") == pytest.approx(metrics.recall_score(label, np.concatenate(called)))
    assert run_decisions([record])[record.name].threshold == "each fold's own"
