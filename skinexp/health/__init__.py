"""The doctor: what is wrong with a training, why, and what to do about it."""

from skinexp.health.diagnosis import Diagnosis, Verdict
from skinexp.health.doctor import FILE, Doctor

__all__ = ["FILE", "Diagnosis", "Doctor", "Verdict"]
