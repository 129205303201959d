"""How far a run's test scores can be believed: chosen on validation, judged on test, each with its interval."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinexp.evaluation.decision.calibration import Calibrator, fit_calibrator
from skinexp.evaluation.decision.prevalence import at_prevalence
from skinexp.evaluation.decision.threshold_rules import choose_threshold, parse_rule
from skinexp.evaluation.intervals.bootstrap import RESAMPLES
from skinexp.evaluation.judgement import UNDEFINED, Judgement, judge_answers
from skinexp.evaluation.tables import require_columns


@dataclass(frozen=True)
class Evidence(Judgement):
    """What the test split shows, and what was chosen before; `metrics` holds `threshold/chosen` too.

    Attributes:
        threshold: chosen by the rule on validation, for calibrated probabilities; NaN where a class is absent there.
        calibrator: fitted on validation; `calibrator.apply(logits)` are the probabilities that the threshold is for.
    """

    threshold: float
    calibrator: Calibrator


def evidence(
    predictions: pd.DataFrame,
    threshold_rule: str | float = "youden",
    calibration: str = "none",
    prevalence: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Evidence:
    """Everything that is to be said of one model's predictions.

    Scores with a plain name are those of `evaluate`: of uncalibrated probabilities, and at 0.5. `_calibrated` is after
    calibration, and `_chosen` at the threshold that the rule chose, on calibrated probabilities.

    Args:
        predictions: one row an image of val and test, columns `split`, `label`, `logit`, `probability`, optionally
            `image_id`, `group` and metadata.
        threshold_rule: see `choose_threshold`.
        calibration: see `fit_calibrator`.
        prevalence: share of malignant lesions among the patients that the model is for, 0 to 1, exclusive; adds
            `ppv_at_prevalence`, `npv_at_prevalence` and `net_benefit_at_prevalence`, at the chosen threshold.
        seed: of the resamples.
        resamples: how many.

    Returns:
        An `Evidence`. What is undefined is NaN, with a warning.

    Raises:
        ValueError: where a column is missing, the rule or the calibration is none of those known, the prevalence is
            out of range, a label is not 0 or 1, or a probability lies outside 0..1.
    """
    require_columns(predictions, ("split", "label", "logit", "probability"))
    parse_rule(threshold_rule)  # a typo is told before anything is computed
    if prevalence is not None:
        at_prevalence(UNDEFINED, UNDEFINED, prevalence, 0.5)
    val, test = (predictions[predictions["split"] == split].reset_index(drop=True) for split in ("val", "test"))
    calibrator = fit_calibrator(calibration, val["label"], val["logit"])
    threshold = choose_threshold(threshold_rule, val["label"], calibrated(calibrator, val))
    return judge(test, threshold, calibrator, prevalence, seed, resamples)


def judge(
    test: pd.DataFrame,
    threshold: float,
    calibrator: Calibrator,
    prevalence: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Evidence:
    """What `evidence` says of test images, at a threshold and a calibration that were chosen before.

    Args:
        test: one row an image, columns as in `evidence`; all of them are judged.
        threshold: from which calibrated probability on an image is called malignant; NaN where there was none.
        calibrator: that the threshold is for.

    Raises:
        ValueError: as `evidence`.
    """
    answered = test.assign(calibrated=calibrated(calibrator, test), threshold=threshold)
    judged = judge_answers(answered, calibrator.method != "none", prevalence, seed, resamples)
    known = vars(judged) | {"metrics": judged.metrics | {"threshold/chosen": threshold}}
    return Evidence(**known, threshold=threshold, calibrator=calibrator)


def calibrated(calibrator: Calibrator, part: pd.DataFrame) -> np.ndarray:
    """Probabilities after calibration. Without one they are the model's own, to the last digit, not made anew."""
    if calibrator.method == "none":
        return part["probability"].to_numpy(dtype=np.float64)
    return calibrator.apply(part["logit"])
