"""The doctor's verdict on a training, drawn from all observations."""

from dataclasses import asdict, dataclass
from typing import Any

from skinexp.health.diagnosis import Diagnosis
from skinexp.health.observations import Observations
from skinexp.health.rules import diagnose
from skinexp.health.rules.outcome import failed
from skinexp.health.verdict_text import describe_diagnosis, describe_training


@dataclass(frozen=True)
class Verdict:
    """The doctor's verdict on a training.

    Attributes:
        verdict: ok, warning, or collapsed: the predictions are constant, not better than chance, or there are none.
        sentence: one paragraph for a person.
        diagnoses: the causes that were found, the first cause first; consequences are within their cause.
    """

    verdict: str
    sentence: str
    diagnoses: list[Diagnosis]

    @classmethod
    def conclude(cls, observations: Observations) -> "Verdict":
        """Returns the verdict on a training that has ended."""
        diagnoses = diagnose(observations)
        verdict = "collapsed" if failed(observations) else "warning" if diagnoses else "ok"
        return cls(verdict, describe_training(observations, diagnoses), diagnoses)

    @classmethod
    def of_preflight(cls, observations: Observations) -> "Verdict | None":
        """Returns the verdict before the first step; None if nothing is wrong."""
        diagnoses = diagnose(observations)
        return cls("warning", describe_diagnosis(diagnoses[0]), diagnoses) if diagnoses else None

    @property
    def cause(self) -> Diagnosis | None:
        """The first cause, which must be removed first."""
        return self.diagnoses[0] if self.diagnoses else None

    @property
    def meaningless(self) -> str | None:
        """The reason why explanations of this network mean nothing; None if they mean something."""
        if self.verdict != "collapsed":
            return None
        return "collapsed" + (f": {self.cause.name.replace('_', ' ')}" if self.cause else "")

    def summary(self) -> dict[str, Any]:
        """Returns the entries of result.json."""
        cause = self.cause
        return {
            "verdict": self.verdict,
            "cause": cause.name if cause else None,
            "sentence": self.sentence,
            "cure": cause.cure if cause else None,
        }

    def to_dict(self) -> dict[str, Any]:
        """Returns the entries of health.json."""
        return {**self.summary(), "diagnoses": [asdict(diagnosis) for diagnosis in self.diagnoses]}
