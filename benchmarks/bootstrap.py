"""Claim: 2,000 resamples of 10,000 predictions, for all scores and both curves, take at most 5 s on one core.

    python benchmarks/bootstrap.py [--images 10000] [--resamples 2000]        # about a minute

Two images a lesion in the mean, two thresholds. Beside it, the loop that a user would write: whole lesions drawn with
NumPy, and ten of scikit-learn's functions. The loop runs for 20 resamples; its time is told for as many as ours. Also
all of `evaluate` on 2,500 test images.
"""

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from measure import Goal, Row, figure, in_fresh_process, in_turns, medians, peak_memory, report
from scipy.special import expit
from sklearn import metrics
from threadpoolctl import threadpool_limits

from skinexp.evaluation import EvaluationOptions, Resampling, bootstrap, evaluate

OURS, LOOP, EVIDENCE = "skinexp's bootstrap", "a loop over scikit-learn", "evidence of 2,500 test images"
MOST, MOST_EVIDENCE = 5.0, 2.0  # seconds
TRIED = 20  # resamples of the loop
TEST_IMAGES = 2_500
THRESHOLDS = {"": 0.5, "_youden": 0.3}

Cases = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def cases(images: int) -> Cases:
    """Labels, logits, probabilities and lesions."""
    generator = np.random.default_rng(0)
    lesions = generator.integers(0, images // 2, images)
    labels = (generator.random(images // 2) < 0.2)[lesions].astype(int)
    logits = generator.normal(2 * labels - 1.5, 1.2)
    return labels, logits, expit(logits), lesions


def table(images: int) -> pd.DataFrame:
    """Predictions of as many images of val and as many of test, with metadata."""
    labels, logits, probabilities, lesions = cases(2 * images)
    generator = np.random.default_rng(1)
    split = np.repeat(["val", "test"], images)
    return pd.DataFrame(
        {
            "image_id": [f"image_{number}" for number in range(2 * images)],
            "group": lesions,
            "split": split,
            "label": labels,
            "logit": logits,
            "probability": probabilities,
            "sex": generator.choice(["f", "m"], 2 * images),
            "age": generator.integers(18, 90, 2 * images),
        }
    )


def loop(given: Cases, resamples: int) -> pd.DataFrame:
    """What a notebook does: draw lesions, gather their images, call ten functions."""
    labels, logits, probabilities, lesions = given
    generator = np.random.default_rng(0)
    names = np.unique(lesions)
    of_lesion = {name: np.flatnonzero(lesions == name) for name in names}
    rows = []
    for _ in range(resamples):
        drawn = np.concatenate([of_lesion[name] for name in generator.choice(names, len(names))])
        label, probability = labels[drawn], probabilities[drawn]
        called = probability >= THRESHOLDS[""]
        rows.append(
            {
                "roc_auc": metrics.roc_auc_score(label, logits[drawn]),
                "average_precision": metrics.average_precision_score(label, logits[drawn]),
                "partial": metrics.roc_auc_score(1 - label, -logits[drawn], max_fpr=0.2),
                "brier": metrics.brier_score_loss(label, probability),
                "log_loss": metrics.log_loss(label, probability),
                "accuracy": metrics.accuracy_score(label, called),
                "precision": metrics.precision_score(label, called),
                "recall": metrics.recall_score(label, called),
                "f1": metrics.f1_score(label, called),
                "mcc": metrics.matthews_corrcoef(label, called),
            }
        )
    return pd.DataFrame(rows).quantile([0.025, 0.975])


def memory(images: int, resamples: int) -> float:
    """Peak megabytes of ours, once NumPy and SciPy have been used."""
    bootstrap(*cases(100), THRESHOLDS, Resampling(10))
    given = cases(images)
    with peak_memory(interval=0.005) as peak:
        bootstrap(*given, THRESHOLDS, Resampling(resamples))
    return peak.megabytes


def main() -> None:
    """Times all three in turns, on one thread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    given, predictions = cases(options.images), table(TEST_IMAGES)
    asked = EvaluationOptions("sensitivity>=0.9", "isotonic", 0.02, options.resamples)
    tried = min(TRIED, options.resamples)
    contestants: dict[str, Callable[[], object]] = {
        OURS: lambda: bootstrap(*given, THRESHOLDS, Resampling(options.resamples)),
        LOOP: lambda: loop(given, tried),
        EVIDENCE: lambda: evaluate(predictions, asked),
    }
    with threadpool_limits(1):
        seconds = medians(in_turns(contestants, options.runs))
    scores = len(bootstrap(*given, THRESHOLDS, Resampling(1)).intervals)
    whole_loop = seconds[LOOP] * options.resamples / tried
    megabytes = in_fresh_process(memory, options.images, options.resamples)
    note = f"{tried} resamples measured, the rest extrapolated; 10 scores, no curves"
    rows = [
        Row(OURS, seconds[OURS], "s", megabytes, f"{scores} scores, two curves"),
        Row(LOOP, whole_loop, "s", note=note),
        Row(EVIDENCE, seconds[EVIDENCE], "s", note="threshold, calibration, intervals, subgroups"),
    ]
    what = f"{options.resamples:,} resamples of {options.images:,} predictions, {scores} scores, one core"
    report(
        __file__,
        f"{what}: at most {MOST:g} s",
        rows,
        against=LOOP,
        goals=[
            Goal(
                what,
                f"at most {MOST:g} s",
                f"{figure(seconds[OURS])} s, {figure(megabytes)} MB",
                seconds[OURS] <= MOST,
                f"{LOOP}, 10 scores (extrapolated from {tried} resamples): {figure(whole_loop)} s",
            ),
            Goal(
                f"all evidence of {TEST_IMAGES:,} test images",
                f"less than {MOST_EVIDENCE:g} s",
                f"{figure(seconds[EVIDENCE])} s",
                seconds[EVIDENCE] < MOST_EVIDENCE,
                f"{EVIDENCE}: threshold, calibration, intervals, subgroups",
            ),
        ],
        images=options.images,
        resamples=options.resamples,
    )


if __name__ == "__main__":
    main()
