"""A diagnosis: one cause of a fault, with its evidence, its confidence, and an override that removes it."""

from dataclasses import dataclass, field

SURE, LIKELY, POSSIBLE = "high", "medium", "low"  # confidence


@dataclass(frozen=True)
class Diagnosis:
    """One cause of a fault.

    Attributes:
        name: the cause, as health.json and the tag `health_cause` have it.
        confidence: high (proved by a check or an experiment), medium (its typical readings), low (no better cause).
        why: what was found, as a sentence with its numbers.
        cure: an override that removes the cause; None if the data or the program must be corrected.
        evidence: the numbers, by name.
        consequences: names of the causes that follow from this one.
    """

    name: str
    confidence: str
    why: str
    cure: str | None
    evidence: dict[str, float]
    consequences: tuple[str, ...] = field(default=())
