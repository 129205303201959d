"""The doctor's findings in a run's summary, and the runs of a comparison by what the doctor found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from skinexp.runs.json_fields import OPTIONAL

VERDICTS = ("ok", "warning", "collapsed")  # from best to worst


@dataclass(frozen=True)
class HealthSummary:
    """What the doctor found in a run.

    Attributes:
        verdict: one of `VERDICTS`.
        cause: name of the first cause, with underscores; None if there is nothing to explain.
        sentence: the finding in words.
        cure: an override to type; None if there is none.
        feature_cosine: mean cosine between the pooled features of two images, or NaN; 1 if all are alike.
        probe_auc: test ROC-AUC of a linear probe on these features, or NaN.
        feature_rank: effective rank of these features, or NaN.
        logit_std: standard deviation of the logits, or NaN.
        predicted_positive: share of images that are predicted malignant, or NaN.
        dead_units: share of units that are 0 for all images, or NaN.
    """

    verdict: str = ""
    cause: str | None = None
    sentence: str = ""
    cure: str | None = None
    feature_cosine: float = field(default=math.nan, metadata=OPTIONAL)
    probe_auc: float = field(default=math.nan, metadata=OPTIONAL)
    feature_rank: float = field(default=math.nan, metadata=OPTIONAL)
    logit_std: float = field(default=math.nan, metadata=OPTIONAL)
    predicted_positive: float = field(default=math.nan, metadata=OPTIONAL)
    dead_units: float = field(default=math.nan, metadata=OPTIONAL)

    @property
    def cause_words(self) -> str | None:
        """The cause with spaces; None if there is nothing to explain."""
        return self.cause.replace("_", " ") if self.cause else None

    @property
    def words(self) -> str:
        """The verdict, with its cause if it has one."""
        return f"{self.verdict}: {self.cause_words}" if self.cause else self.verdict

    @property
    def severity(self) -> int:
        """0 for the best verdict, and more for worse ones."""
        return VERDICTS.index(self.verdict)


@dataclass(frozen=True)
class Ailment:
    """What the doctor found in all runs with one verdict and cause.

    Attributes:
        words: the verdict, with its cause.
        cure: the override that cures it; None if there is none, or not the same for all.
        said: each run's name, with the doctor's sentence on it.
    """

    words: str
    cure: str | None
    said: list[tuple[str, str]]


def ailments(patients: Mapping[str, HealthSummary | None]) -> list[Ailment]:
    """Returns unhealthy runs by verdict and cause, the worst verdict first, then the most frequent cause."""
    ill = {name: found for name, found in patients.items() if found is not None and found.verdict != VERDICTS[0]}
    groups: dict[str, list[str]] = {}
    for name, found in ill.items():
        groups.setdefault(found.words, []).append(name)
    ordered = sorted(groups.items(), key=lambda group: (-ill[group[1][0]].severity, -len(group[1])))
    return [
        Ailment(words, _only({ill[name].cure for name in names}), [(name, ill[name].sentence) for name in names])
        for words, names in ordered
    ]


def _only(cures: set[str | None]) -> str | None:
    return next(iter(cures)) if len(cures) == 1 else None
