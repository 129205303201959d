"""The result of an audit: findings, each with its severity, the number of images, a sentence, and the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

SERIOUS, WARNING, NOTE = SEVERITIES = ("serious", "warning", "note")  # the most severe first
MOST_ROWS = 1000  # of a finding that audit.json holds; the tables beside the full audit's page hold all


@dataclass(frozen=True)
class Finding:
    """One problem, or possible problem, of a data set.

    Attributes:
        name: kind of finding, a word for programs.
        severity: serious (scores are not reliable), warning (must be checked), or note (for information).
        count: number of images, or of groups, that it is about.
        sentence: what, where, and what to do.
        rows: one row per image, pair or group, with ids and paths.
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
        mode: quick, full, or off (no audit).
        images: number of images that were audited.
        found: the findings, the most severe first.
        pairs: what the search for duplicates found (columns first, second, kind, relation, score).
        clusters: (images,) number of the cluster of duplicates that each image is in.
        brightness: (images,) mean grey value (0 to 255) of each image; NaN for one whose range is not known.
    """

    mode: str
    images: int
    found: tuple[Finding, ...] = ()
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    clusters: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    brightness: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    def with_findings(self, *more: Finding | None) -> "Findings":
        """Returns these findings and more, the most severe first; None stands for no finding."""
        found = [*self.found, *(finding for finding in more if finding is not None)]
        return replace(self, found=tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))))

    def without(self, images: npt.NDArray[np.bool_]) -> "Findings":
        """Returns these findings about the images that are left.

        Args:
            images: (images,) whether to leave out each image.
        """
        brightness = self.brightness[~images] if len(self.brightness) else self.brightness
        return replace(self, clusters=self.clusters[~images], brightness=brightness)

    def named(self, name: str) -> Finding | None:
        """Returns the finding of that name, if there is one."""
        return next((finding for finding in self if finding.name == name), None)

    @property
    def worst(self) -> str:
        """Returns the highest severity; `ok` if nothing worse than a note was found."""
        grave = [finding.severity for finding in self if finding.severity != NOTE]
        return grave[0] if grave else "ok"

    @property
    def sentence(self) -> str:
        """Returns a summary in one line."""
        grave = [finding for finding in self if finding.severity != NOTE]
        notes = len(self.found) - len(grave)
        audit = "quick audit" if self.mode == "quick" else "full audit"
        if not grave:
            noted = f"; {_counted(notes, 'note')} in audit.json" if notes else ""
            return f"{audit} of {self.images:,} images: no problem found{noted}"
        more = f" (and {_counted(len(self.found) - 1, 'more finding')}, see audit.json)" if len(self.found) > 1 else ""
        return f"{grave[0].severity}: {grave[0].sentence}{more}"

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
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
