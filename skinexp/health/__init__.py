"""The doctor: finds faults of a training, their cause, and a cure."""

from skinexp.health.diagnosis import Diagnosis
from skinexp.health.doctor import Doctor
from skinexp.health.health_verdict import Verdict

__all__ = ["Diagnosis", "Doctor", "Verdict"]
