"""What an audit says: findings, each with how grave it is, how many images it is about, a sentence, and the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

SERIOUS, WARNING, NOTE = SEVERITIES = ("serious", "warning", "note")  # the gravest first
MOST_ROWS = 1000  # of a finding that audit.json holds; the tables beside the full audit's page hold all


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        name: which kind of finding, a word for programs.
        severity: serious (scores cannot be believed), warning (look at it), or note (good to know).
        count: how many images, or groups of them, it is about.
        sentence: what, where, and what to do.
        rows: one row an image, a pair or a group, with what a person needs to find it.
        shown: positions in the table of the images that illustrate it, those of a pair or cluster together.
    """

    name: str
    severity: str
    count: int
    sentence: str
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    shown: Sequence[Sequence[int]] = ()


@dataclass(frozen=True, eq=False)
class Findings:
    """All that an audit found.

    Attributes:
        mode: quick, full, or off: nobody looked.
        images: how many were looked at.
        found: the findings, the gravest first.
        pairs: what the search for duplicates found (columns first, second, kind, relation, score).
        clusters: (images,) number of the cluster of duplicates that each image is in.
    """

    mode: str
    images: int
    found: tuple[Finding, ...] = ()
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    clusters: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    def having(self, *more: Finding | None) -> "Findings":
        """With these as well, the gravest first."""
        found = [*self.found, *(finding for finding in more if finding is not None)]
        return replace(self, found=tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))))

    def named(self, name: str) -> Finding | None:
        """The finding of that name, if there is one."""
        return next((finding for finding in self if finding.name == name), None)

    @property
    def worst(self) -> str:
        """The gravest severity; `ok` where nothing worse than a note was found."""
        grave = [finding.severity for finding in self if finding.severity != NOTE]
        return grave[0] if grave else "ok"

    @property
    def sentence(self) -> str:
        """What was found, in one line."""
        grave = [finding for finding in self if finding.severity != NOTE]
        notes = len(self.found) - len(grave)
        looked = "at a quick look" if self.mode == "quick" else "at all files"
        if not grave:
            noted = f"; {_counted(notes, 'note')} in audit.json" if notes else ""
            return f"nothing speaks against these {self.images:,} images {looked}{noted}"
        more = f" (and {_counted(len(self.found) - 1, 'more finding')}, see audit.json)" if len(self.found) > 1 else ""
        return f"{grave[0].severity}: {grave[0].sentence}{more}"

    def to_dict(self) -> dict[str, Any]:
        """In JSON's terms."""
        return {
            "mode": self.mode,
            "images": self.images,
            "verdict": self.worst,
            "sentence": self.sentence,
            "findings": [_plain(finding) for finding in self],
        }


def _plain(finding: Finding) -> dict[str, Any]:
    shown = finding.rows.head(MOST_ROWS).astype(object)
    return {
        "name": finding.name,
        "severity": finding.severity,
        "count": finding.count,
        "sentence": finding.sentence,
        "rows": shown.where(shown.notna(), None).to_dict(orient="records"),
        "rows_left_out": max(0, len(finding.rows) - MOST_ROWS),
    }


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
