"""Optimism from leakage: the same training with copies of images on both sides of the split, and with them together."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from skinexp.core.number_format import limits_text, three_decimals, with_interval
from skinexp.evaluation import Interval, auc_interval, independent_difference
from skinexp.evaluation.scores_with_intervals import NEWCOMBE
from skinexp.evaluation.tables import groups_of
from skinexp.runs.run_outputs import RunOutputs

KEY = "data.split.group"
COPIES = "data.augmented_copies"
ORIGINAL = "original"


@dataclass(frozen=True)
class LeakagePair:
    """The same training on two splits of a set that was augmented before the split.

    Attributes:
        name: of the pair.
        image_level: test ROC-AUC with copies of an image on both sides of the split.
        grouped: test ROC-AUC with all copies of an image in one part.
        optimism: image_level less grouped.
        leaked: test images of the first run with a copy outside the test part.
        tested: all test images of the first run.
    """

    name: str
    image_level: Interval
    grouped: Interval
    optimism: Interval
    leaked: int
    tested: int

    @property
    def sentence(self) -> str:
        """The pair in words."""
        low, high = self.optimism.low, self.optimism.high
        limits = f", 95 % CI {limits_text(low, high)}" if limits_text(low, high) else ""
        doubt = "; the interval includes 0, so the optimism is not significant" if low <= 0 else ""
        return (
            f"{self.name}: with an image-level split the test ROC-AUC is {with_interval(self.image_level, NEWCOMBE)}; "
            f"{self.leaked:,} of its {self.tested:,} test images have a copy in training or validation. With all "
            f"copies of an image in one part the test ROC-AUC is {with_interval(self.grouped, NEWCOMBE)}. The optimism "
            f"from leakage is {three_decimals(self.optimism.estimate)}{limits}{doubt}."
        )


def leakage_pairs(records: Sequence[RunOutputs]) -> list[LeakagePair]:
    """Returns pairs of finished runs that differ in `data.split.group` alone, on a set augmented before the split."""
    pairs: dict[str, dict[bool, RunOutputs]] = {}
    for record in records:
        if record.finished and record.summary.setting(COPIES) and _names_originals(record):
            pairs.setdefault(_without_group(record), {})[record.summary.setting(KEY) is None] = record
    whole = [pair for pair in pairs.values() if len(pair) == 2]
    return [_pair(pair[True], pair[False], len(whole)) for pair in whole]


def _pair(image_level: RunOutputs, grouped: RunOutputs, pairs: int) -> LeakagePair:
    model = image_level.summary.model
    name = (model and model.name) or image_level.name
    if pairs > 1:
        name = f"{name}, seed {image_level.summary.seed}"
    areas = (_area(image_level), _area(grouped))
    return LeakagePair(name, *areas, independent_difference(*areas), *_leaked_test_images(image_level))


def _area(record: RunOutputs) -> Interval:
    """Returns the ROC-AUC with the copies of an image as one case, whatever the run took for its groups."""
    test = record.test
    if test is None:
        return Interval(record.roc_auc, math.nan, math.nan)
    return auc_interval(test["label"], test["logit"], groups_of(test.assign(group=test[ORIGINAL])))


def _leaked_test_images(record: RunOutputs) -> tuple[int, int]:
    """Returns the number of test images whose original has copies in another part, and of all test images.

    Predictions do not contain the training part: that a copy is there follows from the number of copies in test.
    """
    test = record.test
    if test is None:
        return 0, 0
    versions = int(record.summary.setting(COPIES)) + 1
    tested = test.groupby(ORIGINAL)[ORIGINAL].transform("size")
    return int((tested < versions).sum()), len(test)


def _names_originals(record: RunOutputs) -> bool:
    return record.predictions is not None and ORIGINAL in record.predictions


def _without_group(record: RunOutputs) -> str:
    """Returns all settings except how images are grouped."""
    config = json.loads(json.dumps(record.summary.requested_config, default=str))
    config.get("data", {}).get("split", {}).pop("group", None)
    return json.dumps(config, sort_keys=True)
