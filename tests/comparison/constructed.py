"""Runs that are constructed, so that the right verdict on them is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from skinexp.comparison.decisions import run_decisions
from skinexp.comparison.pairwise import pairwise_tests
from skinexp.comparison.seed_summary import repeated_configurations
from skinexp.comparison.verdict import Verdict, verdict
from skinexp.evaluation import ranking_scores, threshold_scores, why_undefined
from skinexp.evaluation.metrics.collapse_scores import collapse_scores
from skinexp.runs.run_outputs import RunOutputs
from tests.report.runs import outputs

IMAGES = 400


def labels(malignant: int = IMAGES // 2, benign: int = IMAGES // 2) -> np.ndarray:
    return np.repeat([1, 0], [malignant, benign])


def logits(signal: float, seed: int, label: np.ndarray | None = None, own: float = 0.6) -> np.ndarray:
    """Logits whose classes differ by so many standard deviations; the images are as hard for every run."""
    of = labels() if label is None else label
    shared, alone = np.random.default_rng(99).normal(size=len(of)), np.random.default_rng(seed).normal(size=len(of))
    return signal * (of - 0.5) + np.sqrt(1 - own**2) * shared + own * alone


def constructed(
    name: str, logit: np.ndarray, label: np.ndarray | None = None, val: float | None = None, **entries: Any
) -> RunOutputs:
    """A finished run with these test logits; `columns` of the predictions, `metrics` of the result may be given."""
    of = labels() if label is None else label
    columns = entries.pop("columns", {})
    table = pd.DataFrame({"image_id": [f"image_{n:04}" for n in range(len(of))], "split": "test", "label": of})
    table = table.assign(logit=logit, probability=expit(logit), **columns)
    metrics: dict[str, float] = {}
    if why_undefined(of, logit) is None:
        metrics |= ranking_scores(of, logit)
    if np.isfinite(logit).all():
        metrics |= threshold_scores(of, table["probability"], 0.5) | collapse_scores(table["probability"], logit)
    result = {
        "name": name,
        "test_digest": "the-test-images",
        "config": {"seed": 0},
        "metrics": {f"test/{key}": value for key, value in metrics.items()} | entries.pop("metrics", {}),
    }
    if val is not None:
        result["metrics"]["val/roc_auc"] = val
    return outputs(name, result | entries, predictions=table)


def judged(runs: Sequence[RunOutputs]) -> Verdict:
    """The verdict on some runs, without the differences of all scores, which it does not need."""
    pairs = pairwise_tests(runs, run_decisions([run for run in runs if run.finished]), resamples=0)
    return verdict(runs, pairs, repeated_configurations(runs))
