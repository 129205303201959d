"""Rules that choose the operating threshold, written in a few characters: `sensitivity:0.9`, `cost:10`."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from skinexp.evaluation.cases import validated_labels_probabilities, warn_undefined, why_undefined
from skinexp.evaluation.decision.youden import Candidates, youden_threshold

RULES = (
    "youden, sensitivity:0.9 (at least), specificity:0.9, cost:10 (a missed malignant costs 10 false alarms), "
    "or a number"
)
# With >= and = as well, as a paper has them; a colon needs no quotes in Hydra's command line.
FORM = re.compile(r"(?:(youden)|(sensitivity|specificity)\s*(?:>=|:)\s*(\S+)|(cost)\s*[=:]\s*(\S+)|(\S+))")


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is chosen on validation.

    Attributes:
        kind: `youden`, `sensitivity`, `specificity`, `cost` or `number`.
        value: the least sensitivity or specificity, the cost ratio, or the threshold itself; exact, so that 9 of 10
            is a sensitivity of at least 0.9. 0 for `youden`.
    """

    kind: str
    value: Fraction = Fraction(0)

    @property
    def risk_threshold(self) -> float:
        """Returns the risk from which on an excision is worth its price, as the rule states it; NaN if it does not.

        A missed malignant lesion that costs ten false alarms is worth ten of them: from a risk of 1 / 11 on.
        """
        return float(1 / (1 + self.value)) if self.kind == "cost" else math.nan


def parse_rule(rule: str | float) -> ThresholdRule:
    """Reads a rule: `youden`, `sensitivity:0.9` (or `>=`), `specificity:0.9`, `cost:10` (or `=`), or a number.

    Raises:
        ValueError: if it is none of these, or its number is out of range.
    """
    found = FORM.fullmatch(str(rule).strip())
    if found is None:
        raise ValueError(f"threshold rule: must be one of {RULES}. Received: {rule!r}")
    youden, rate, least, cost, ratio, number = found.groups()
    if youden:
        return ThresholdRule("youden")
    text = least or ratio or number
    try:
        value = Fraction(text)
        float(text)  # a Fraction may also be written 1/3, which no config file would mean as a number
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"threshold rule: must be one of {RULES}. Received: {rule!r}") from None
    if rate:
        # At 0 any threshold would do, and the best by the other rate is the one that gives this rate up.
        _require(0 < value <= 1, f"{rate}: must lie above 0 and be at most 1", rule)
        return ThresholdRule(rate, value)
    if cost:
        _require(value > 0, "cost: must be above 0", rule)
        return ThresholdRule("cost", value)
    _require(0 <= value <= 1, "a threshold is a probability, 0 to 1", rule)
    return ThresholdRule("number", value)


def choose_threshold(rule: str | float, labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Returns the threshold that a rule chooses on these cases: those of validation, never of test.

    * `youden`: see `youden_threshold`.
    * `sensitivity>=0.9`: the highest threshold with that sensitivity, hence the most specific one.
    * `specificity>=0.9`: the lowest threshold with that specificity, hence the most sensitive one.
    * `cost=10`: the lowest total cost where a missed malignant costs ten times a false alarm; of equals, the lowest
      threshold, as for Youden. The cost is that of these cases, so of their prevalence.
    * a number: itself.

    All but the last are halfway between two neighbouring scores, as Youden's. A rule that has nothing predicted
    malignant gives a threshold above the highest score: just above 1 where that is 1.

    Args:
        rule: as above.
        labels: (n,) array of 0/1.
        probabilities: (n,) array in 0..1.

    Returns:
        A number; NaN, with a warning, if a class is absent or a probability is NaN, unless the rule is a number.

    Raises:
        ValueError: if the rule is none of these, a label is not 0 or 1, a probability lies outside 0..1, or the
            lengths differ.
    """
    parsed = parse_rule(rule)
    label_array, probability_array = validated_labels_probabilities(labels, probabilities)
    if parsed.kind == "number":
        return float(parsed.value)
    if parsed.kind == "youden":
        return youden_threshold(label_array, probability_array)
    reason = why_undefined(label_array, probability_array)
    if reason is not None:
        warn_undefined(f"the threshold of {rule}", reason)
        return math.nan
    points = Candidates(label_array, probability_array)
    # Whole numbers of any size: 9 of 10 is compared with 9/10, not with the float nearest to it.
    numerator, denominator = parsed.value.numerator, parsed.value.denominator
    malignant, benign = points.malignant.astype(object), points.benign.astype(object)
    if parsed.kind == "sensitivity":
        return points.threshold(int(np.flatnonzero(malignant * denominator >= numerator * malignant[0])[-1]))
    if parsed.kind == "specificity":
        return points.threshold(int(np.flatnonzero((benign[0] - benign) * denominator >= numerator * benign[0])[0]))
    return points.threshold(int(np.argmax(malignant * numerator - benign * denominator)))


def _require(holds: bool, message: str, rule: str | float) -> None:
    if not holds:
        raise ValueError(f"threshold rule: {message}. Received: {rule!r}")
