"""The doctor: what is wrong with a training, why, and what to do about it."""

from skinexp.health.diagnosis import Diagnosis
from skinexp.health.doctor import FILE, Doctor
from skinexp.health.health_verdict import Verdict

__all__ = ["FILE", "Diagnosis", "Doctor", "Verdict"]
