"""The doctor's verdict, written into a run's record and its log."""

import logging

from skinexp import health
from skinexp.runs.health_summary import HealthSummary
from skinexp.runs.run_log import RunLog

log = logging.getLogger(__name__)


def record_verdict(verdict: health.Verdict, doctor: health.Doctor, run_log: RunLog) -> None:
    """Records a verdict, with the readings that belong to it."""
    after = len(doctor.observations.epochs) + 1  # the step behind those of the epochs
    run_log.add(step=after, health=HealthSummary(**verdict.summary() | doctor.numbers()))
    log.info("Health    %s: %s", verdict.verdict, verdict.sentence)
