"""Options of an evaluation."""

import math
from dataclasses import dataclass

from skinexp.evaluation.decision.calibration import validate_calibration_method
from skinexp.evaluation.decision.net_benefit import validate_risk_threshold
from skinexp.evaluation.decision.prevalence import validate_prevalence
from skinexp.evaluation.decision.threshold_rules import parse_rule
from skinexp.evaluation.intervals.bootstrap import RESAMPLES
from skinexp.evaluation.intervals.resampling import CASE_CONTROL, validate_sampling


@dataclass(frozen=True)
class EvaluationOptions:
    """How predictions are calibrated, thresholded and resampled.

    Attributes:
        threshold: rule that chooses the operating threshold on validation images: see `choose_threshold`.
        calibration: method that is fitted on validation images: see `fit_calibrator`.
        prevalence: share of malignant lesions among the patients that the model is for, 0 to 1, exclusive; adds
            `ppv_at_prevalence`, `npv_at_prevalence` and `net_benefit_at_prevalence`, at the operating threshold.
        resamples: number of bootstrap resamples of the test images.
        seed: of the resamples.
        risk_threshold: the risk from which on a lesion should be excised, 0 to 1, exclusive: the price of a false
            positive in every net benefit. Without, a net benefit has the price of its own threshold.
        sampling: `case_control` (a study chose how many malignant images there are) or `cohort`
            (they were found so: another sample has another number): what varies in resamples.

    Raises:
        ValueError: if the rule, the method or the sampling is unknown, or the prevalence or the risk threshold is out
            of range.
    """

    threshold: str | float = "youden"
    calibration: str = "none"
    prevalence: float | None = None
    resamples: int = RESAMPLES
    seed: int = 0
    risk_threshold: float | None = None
    sampling: str = CASE_CONTROL

    def __post_init__(self) -> None:
        """Refuses a mistake before anything is computed."""
        parse_rule(self.threshold)
        validate_calibration_method(self.calibration)
        validate_sampling(self.sampling)
        if self.prevalence is not None:
            validate_prevalence(self.prevalence)
        if self.risk_threshold is not None:
            validate_risk_threshold(self.risk_threshold)

    @property
    def stated_risk_threshold(self) -> float:
        """Returns the risk threshold that is stated, by itself or as the ratio of a cost rule; NaN if none is."""
        own = self.risk_threshold
        return parse_rule(self.threshold).risk_threshold if own is None else own

    @property
    def common_risk_threshold(self) -> float:
        """Returns the risk threshold that is stated for all runs; NaN if none is."""
        return math.nan if self.risk_threshold is None else self.risk_threshold


DEFAULTS = EvaluationOptions()
