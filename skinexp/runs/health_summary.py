"""What the doctor said of a run, as `result.json` keeps it, in the words of a page."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERDICTS = ("ok", "warning", "collapsed")  # from best to worst


@dataclass(frozen=True)
class Health:
    """The doctor's findings.

    Attributes:
        verdict: one of `VERDICTS`.
        cause: its name, with spaces; None where there is nothing to explain.
        sentence: what was found, in words.
        cure: an override to type; None where there is none.
        feature_cosine: mean cosine between the pooled features of two images, or NaN; 1 where all are alike.
        probe_auc: test area under the ROC curve of a linear probe on these features, or NaN.
    """

    verdict: str
    cause: str | None = None
    sentence: str = ""
    cure: str | None = None
    feature_cosine: float = math.nan
    probe_auc: float = math.nan

    @property
    def words(self) -> str:
        """The verdict, with its cause where it has one."""
        return f"{self.verdict}: {self.cause}" if self.cause else self.verdict

    @property
    def severity(self) -> int:
        """0 for the best verdict, and more for worse ones."""
        return VERDICTS.index(self.verdict)


def read(entry: Any) -> Health | None:
    """The findings under `health` in a result; None where no doctor saw the run."""
    if not isinstance(entry, Mapping) or entry.get("verdict") not in VERDICTS:
        return None
    cause = entry.get("cause")
    return Health(
        verdict=entry["verdict"],
        cause=str(cause).replace("_", " ") if cause else None,
        sentence=str(entry.get("sentence") or ""),
        cure=entry.get("cure") or None,
        feature_cosine=_number(entry.get("feature_cosine")),
        probe_auc=_number(entry.get("probe_auc")),
    )


@dataclass(frozen=True)
class Ailment:
    """What the doctor said of all runs with one verdict and cause.

    Attributes:
        words: the verdict, with its cause.
        cure: the override that cures it; None where there is none, or not the same for all.
        said: each run's name, with the doctor's sentence on it.
    """

    words: str
    cure: str | None
    said: list[tuple[str, str]]


def ailments(patients: Mapping[str, Health | None]) -> list[Ailment]:
    """The runs that are not well, by what they suffer from: the worst verdict first, then the most frequent cause."""
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


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
