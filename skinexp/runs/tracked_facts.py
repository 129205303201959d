"""The metrics and tags that MLflow gets from a run's summary; params are the configuration."""

import math
from dataclasses import fields
from typing import Any

from skinexp.runs.health_summary import HealthSummary
from skinexp.runs.run_summary import RunSummary


def metrics(summary: RunSummary) -> dict[str, float]:
    """Returns all numbers of a summary by the name of their MLflow metric, without those that are NaN."""
    found = dict(summary.metrics)
    if summary.audit is not None:
        found |= {f"audit/{name}": count for name, count in summary.audit.findings.items()}
    if summary.shift is not None:
        found |= {"shift/far": summary.shift.far, "shift/median_distance": summary.shift.median_distance}
    if summary.health is not None:
        found |= {f"health/{name}": value for name, value in _readings(summary.health).items()}
    return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}


def tags(summary: RunSummary) -> dict[str, Any]:
    """Returns the MLflow tags that follow from a summary, without those that it has no value for."""
    found: dict[str, Any] = {
        "model": summary.model.name if summary.model else summary.setting("model.name"),
        "data_digest": summary.data_digest,
        "audit": summary.audit and summary.audit.verdict,
    }
    if summary.git is not None:
        found |= {"git_sha": summary.git.sha, "git_dirty": summary.git.dirty}
    if summary.health is not None:
        found |= {"health": summary.health.verdict, "health_cause": summary.health.cause or "none"}
    if summary.failures:
        found["failed_stages"] = ", ".join(summary.failures)
    if summary.evaluates is not None:
        found["evaluates"] = summary.evaluates.run_id or summary.evaluates.run
    return {name: value for name, value in found.items() if value is not None}


def _readings(health: HealthSummary) -> dict[str, float]:
    values = {item.name: getattr(health, item.name) for item in fields(health)}
    return {name: value for name, value in values.items() if isinstance(value, float)}
