"""Names for what is wrong with a training, with the evidence, how sure that is, and what to type against it."""

from dataclasses import asdict, dataclass, field
from typing import Any

SURE, LIKELY, POSSIBLE = "high", "medium", "low"  # confidence


@dataclass(frozen=True)
class Diagnosis:
    """One cause.

    Attributes:
        name: as the rules have it.
        confidence: high (shown by a check or an experiment), medium (its signature), low (nothing fits better).
        why: what was seen, as a sentence with its numbers.
        cure: an override to type; None where the data or the program must be mended.
        evidence: the numbers.
        consequences: names of what follows from it.
    """

    name: str
    confidence: str
    why: str
    cure: str | None
    evidence: dict[str, float]
    consequences: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Verdict:
    """What the doctor says of a training.

    Attributes:
        verdict: ok, warning, or collapsed: the network gives all images the same answer, or one that chance would give.
        sentence: one paragraph for a person.
        diagnoses: what was found, the first cause first; consequences are within their cause.
    """

    verdict: str
    sentence: str
    diagnoses: list[Diagnosis]

    @property
    def cause(self) -> Diagnosis | None:
        """What to mend first."""
        return self.diagnoses[0] if self.diagnoses else None

    @property
    def meaningless(self) -> str | None:
        """Why explanations of this network mean nothing; None where they mean something."""
        if self.verdict != "collapsed":
            return None
        return "collapsed" + (f": {self.cause.name.replace('_', ' ')}" if self.cause else "")

    def summary(self) -> dict[str, Any]:
        """The entries of result.json."""
        cause = self.cause
        return {
            "verdict": self.verdict,
            "cause": cause.name if cause else None,
            "sentence": self.sentence,
            "cure": cause.cure if cause else None,
        }

    def described(self) -> dict[str, Any]:
        """The entries of health.json."""
        return {**self.summary(), "diagnoses": [asdict(diagnosis) for diagnosis in self.diagnoses]}
