"""The scores of the finished runs: the main ones, all others by theme, and those of each fold."""

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.cross_validation import mean_and_deviation
from skinexp.comparison.decisions import sampling_sentence, shared_risk_threshold
from skinexp.comparison.operating_rules import threshold_sentences
from skinexp.core.number_format import three_decimals
from skinexp.report.pages import score_table
from skinexp.report.pages.section import Content, Section


def content(comparison: Comparison) -> Content | None:
    """Returns the score tables; None if no run finished."""
    finished = comparison.finished
    if not finished:
        return None
    return {
        "tables": score_table.tables(finished, comparable=comparison.may_mark_best),
        "has_health": any(run.health for run in finished),
        "without_evidence": [run.name for run in finished if "scores" not in run.evidence],
        "unreadable": [(run.name, file) for run in finished for file in run.unreadable],
        "fold_rows": fold_rows(comparison),
        "risk_threshold": shared_risk_threshold(finished),
        "sampling": sampling_sentence(finished),
        "rules": threshold_sentences(finished),
    }


def fold_rows(comparison: Comparison) -> list[tuple[str, list[str], str]]:
    """Returns for each pooled configuration its name, the ROC-AUC of each fold, and their mean and deviation."""
    pooled = {run.name: run for run in comparison.runs}
    return [
        (
            name,
            [three_decimals(run.roc_auc) for run in sorted(members, key=lambda run: run.fold or 0)],
            mean_and_deviation(pooled[name]),
        )
        for name, members in comparison.folds.folds.items()
        if name in pooled
    ]


SECTION = Section("scores", "Scores", "scores.html.j2", content)
