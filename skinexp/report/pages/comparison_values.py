"""The comparison of some runs as values: every score with its interval, every test, and the verdict."""

from typing import Any

import pandas as pd

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.seed_summary import RepeatedConfiguration
from skinexp.runs.run_outputs import RunOutputs

VERSION = 1  # of the format: see skinexp/report/schemas/comparison.schema.json
LEVEL = 0.95  # of all intervals
SCORE_COLUMNS = ["run", "score", "estimate", "low", "high", "level", "method"]


def comparison_values(comparison: Comparison, rows: pd.DataFrame) -> dict[str, Any]:
    """Returns the content of comparison.json.

    Args:
        comparison: the analysed runs.
        rows: one per run, as comparison.csv has them.
    """
    tables = evidence_tables(comparison)
    return {
        "version": VERSION,
        "verdict": _verdict(comparison),
        "runs": _records(rows),
        "scores": _records(tables["scores"]),
        "simultaneous_roc_auc": _simultaneous(comparison),
        "pairs": _records(tables["pairs"]),
        "pairs_refused": comparison.pairs.refusal or None,
        "differences": _records(tables["differences"]),
        "configurations": [_configuration(one) for one in comparison.seeds],
    }


def evidence_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Returns the tables `scores` (each score of each run), `pairs` (tests) and `differences` (of the best runs)."""
    scores = [_scores(run) for run in comparison.finished]
    pairs = comparison.pairs.table.rename(columns={"test": "roc_auc_test"})
    return {
        "scores": pd.concat(scores, ignore_index=True) if scores else pd.DataFrame(columns=SCORE_COLUMNS),
        "pairs": pairs.assign(level=LEVEL, adjustment="Holm", family=int(pairs["p_value"].notna().sum())),
        "differences": comparison.pairs.differences.assign(level=LEVEL, method="paired cluster bootstrap"),
    }


def _scores(run: RunOutputs) -> pd.DataFrame:
    """Returns each score of a run with its interval; a score without one has the reason as its method, if it is known.

    Scores of validation images have no interval: they choose, and judge nothing.
    """
    tested = {key.removeprefix("test/"): value for key, value in run.metrics.items() if key.startswith("test/")}
    names = dict.fromkeys([*run.intervals, *tested])
    limits = {f"{name}{end}" for name in names for end in ("_low", "_high")}
    rows = [
        (run.name, name, *run.interval(name), LEVEL, run.interval_method(name) or None)
        for name in names
        if name not in limits
    ]
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def _verdict(comparison: Comparison) -> dict[str, Any]:
    found = comparison.conclusion
    return {
        "case": found.case,
        "sentences": list(comparison.verdict),
        "best": found.best,
        "significantly_lower": list(found.significantly_lower),
        "not_significantly_different": list(found.not_significantly_different),
        "untested": list(found.untested),
        "chosen_on_validation": found.chosen_on_validation,
        "standings": {name: str(standing) for name, standing in found.standings.items()},
    }


def _simultaneous(comparison: Comparison) -> list[dict[str, Any]]:
    """Returns the ROC-AUC of each run with limits that hold for all of them at once."""
    areas = comparison.pairs.simultaneous
    return [
        {"run": name, "score": "roc_auc", **interval._asdict(), "level": LEVEL, "method": areas.method}
        | {"quantile": areas.quantile, "runs": len(areas.intervals)}
        for name, interval in areas.intervals.items()
    ]


def _configuration(one: RepeatedConfiguration) -> dict[str, Any]:
    """Returns a configuration over its seeds, and how far it is behind the best one."""
    behind = one.behind
    found: dict[str, Any] = {
        "name": one.name,
        "mean": one.summary.mean,
        "standard_deviation": one.summary.spread,
        "seeds": one.summary.seeds,
    }
    if behind is not None:
        found |= {"difference": behind.difference, "low": behind.low, "high": behind.high, "level": LEVEL}
        found |= {"p_value": behind.p_value, "p_holm": one.p_holm}
        found["test"] = getattr(behind, "test", "paired t-test")
    return found


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns rows with missing values as None."""
    values = table.astype(object)
    rows = values.where(values.notna(), None).to_dict(orient="records")
    return [{str(key): value for key, value in row.items()} for row in rows]
