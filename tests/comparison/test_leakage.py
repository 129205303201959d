"""What a leak buys, from the records of two runs; and the audits on the comparison page."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from skinexp.comparison.data_warnings import data_warnings
from skinexp.comparison.leakage import leakage_pairs
from skinexp.evaluation import EvaluationOptions, auc_interval, evaluate
from skinexp.runs.run_outputs import RunOutputs
from tests.report.runs import compare, outputs


def run(group: str | None, signal: float, directory: Path, copies: int = 2, per_original: int = 3) -> RunOutputs:
    draw = np.random.default_rng(1)
    original = np.repeat(np.arange(120), per_original)
    label = original % 2
    logit = signal * (label - 0.5) + np.repeat(draw.normal(size=120), per_original) + draw.normal(0, 0.3, len(label))
    split = np.where(original < 40, "val", "test")
    predictions = pd.DataFrame(
        {
            "image_id": np.arange(len(label)), "group": np.arange(len(label)), "split": split, "label": label,
            "logit": logit, "probability": expit(logit), "original": original.astype(str),
        }
    )  # fmt: skip
    config = {"seed": 0, "data": {"augmented_copies": copies, "split": {"group": group}}, "model": {"name": "scratch"}}
    result = {
        "metrics": evaluate(predictions, EvaluationOptions(resamples=20)).metrics,
        "config": config,
        "model": {"name": "scratch"},
    }
    return outputs(f"group={group}", result, directory, predictions=predictions)


def test_a_pair_gives_both_areas_and_their_difference_with_versions_as_one_case(tmp_path):
    torn, together = run(None, 4.0, tmp_path, per_original=1), run("auto", 1.0, tmp_path)
    (leak,) = leakage_pairs([torn, together])
    test = together.test
    assert leak.grouped == auc_interval(test["label"], test["logit"], test["original"])
    assert leak.optimism.estimate == pytest.approx(torn.roc_auc - together.roc_auc)
    assert leak.optimism.low < leak.optimism.estimate < leak.optimism.high
    assert (leak.leaked, leak.tested) == (80, 80)
    assert "80 of its 80 test images" in leak.sentence


def test_runs_without_copies_or_without_a_counterpart_are_no_leak(tmp_path):
    assert leakage_pairs([run(None, 4.0, tmp_path, copies=0), run("auto", 1.0, tmp_path, copies=0)]) == []
    assert leakage_pairs([run(None, 4.0, tmp_path)]) == []


def test_the_page_draws_the_leak_and_tells_each_audit_once(tmp_path):
    places = [tmp_path / "a", tmp_path / "b"]
    for place in places:
        place.mkdir()
    found = {"mode": "quick", "images": 9, "findings": [{"severity": "serious", "sentence": "All <b>leaks"}]}
    (places[0] / "audit.json").write_text(json.dumps(found))
    (places[1] / "audit.json").write_text("{")
    records = [run(None, 4.0, places[0]), run("auto", 1.0, places[1])]
    html = compare(records, tmp_path).read_text()
    assert "Optimism from leakage" in html
    assert html.count("All &lt;b&gt;leaks.") == 1
    (block,) = data_warnings(records)
    assert (block.runs, block.images) == (["group=None"], 9)
