"""The comparison as a page: what each of its sections holds, with figures as data inside the page.

The words and the layout are in `templates/comparison.html.j2`; here is what they are filled with.
"""

import datetime
import re
from collections.abc import Sequence

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from skinexp.comparison import collapse_rules, diagnosis_matrix, leakage, pairwise, reproduction
from skinexp.comparison.cross_validation import FoldLine
from skinexp.comparison.disagreement import shared_images
from skinexp.comparison.pairwise import Pairs
from skinexp.comparison.seed_summary import repetitions
from skinexp.core.number_format import three_decimals
from skinexp.evaluation import CLASSES
from skinexp.report.pages import audit_section, page_figures, score_table
from skinexp.report.pages.difference_tables import differences
from skinexp.runs import health_summary
from skinexp.runs.run_outputs import RunRecord


def render(
    records: Sequence[RunRecord],
    verdict: Sequence[str],
    comparable: bool,
    day: datetime.date,
    folds: Sequence[FoldLine] = (),
    paired: Pairs | None = None,
) -> str:
    """The page as HTML.

    Args:
        records: the runs, with distinct names.
        verdict: the sentences that open the page.
        comparable: whether the finished runs were tested on the same images.
        day: the date on the page.
        folds: of each record that pools the folds of a cross-validation.
        paired: what paired tests say of the runs.

    Returns:
        One HTML document that loads nothing from anywhere.
    """
    finished = [record for record in records if record.finished]
    histories = {record.name: record.history for record in finished if record.history is not None}
    pooled = {line.name for line in folds}
    paired = paired or Pairs()
    shown_pairs, other_pairs = pairwise.lines(paired)
    trained = [record for record in records if not record.evaluates]
    diagnosis = diagnosis_matrix.build(trained)
    leaked = leakage.leaks(finished)
    environment = Environment(
        loader=PackageLoader("skinexp.report"),
        autoescape=True,  # names and errors come from the command line and from files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    html = environment.get_template("comparison.html.j2").render(
        title=_title(records),
        day=day,
        finished=finished,
        unfinished=[(record, *_error_parts(record.error)) for record in records if not record.finished],
        verdict=verdict,
        comparable=comparable,
        tables=score_table.tables(finished, comparable),
        pairs=shown_pairs,
        other_pairs=other_pairs,
        calls=paired.calls,
        differences=differences(paired),
        refusal=paired.refusal,
        repetitions=repetitions(finished),
        unreadable=[(record.name, file) for record in finished for file in record.unreadable],
        explanations=collapse_rules.explain(records)
        if diagnosis or any(record.collapsed for record in records)
        else [],
        matrix=diagnosis,
        rates=page_figures.of_learning_rates(trained),
        ailments=health_summary.ailments({record.name: record.health for record in records}),
        has_health=any(record.health for record in finished),
        curves=page_figures.of_curves(finished),
        decisions=page_figures.of_decisions(finished),
        reliability=page_figures.of_reliability(finished),
        confusions=page_figures.of_confusions(finished),
        learning=page_figures.of_histories(histories),
        subgroups=page_figures.of_subgroups(finished),
        gaps=_gaps(finished),
        most_panels=page_figures.MOST_PANELS,
        without_predictions=[record.name for record in finished if record.predictions is None],
        without_history=[record.name for record in finished if record.name not in {*histories, *pooled}],
        without_evidence=[record.name for record in finished if "scores" not in record.evidence],
        without_maps=[record.name for record in finished if record.gradcam is None and record.name not in pooled],
        shared=shared_images([record for record in finished if record.gradcam is not None]),
        data=reproduction.used_data(finished),
        audits=audit_section.blocks(finished),
        leaks=leaked,
        leak_chart=leakage.of_leaks(leaked),
        has_maps=any(record.gradcam is not None for record in finished),
        folds=folds,
        has_single_folds=any(record.fold is not None for record in finished),
        has_single_runs=any(record.name not in pooled for record in finished),
        classes=CLASSES,
        facts=reproduction.facts(records),
    )
    return without_passwords(html)


def without_passwords(text: str) -> str:
    """Text whose addresses have lost the user and password that may be in them: a page is made to be passed on."""
    return re.sub(r"://[^/\s@<>]+@", "://", text)


def _title(records: Sequence[RunRecord]) -> str:
    names = dict.fromkeys(name for record in records if (name := reproduction.data_name(record)))
    runs = "1 run" if len(records) == 1 else f"{len(records)} runs"
    return f"{runs} on {' and '.join(names)}" if names else runs


def _gaps(finished: Sequence[RunRecord]) -> list[tuple[str, str, str, str, str, str]]:
    """The widest gap of each run and metadata column: run, column, best and worst level, gap, its limits."""
    return [
        (
            record.name,
            str(row["column"]),
            str(row["best"]),
            str(row["worst"]),
            three_decimals(row["gap"]),
            f"{three_decimals(row['low'])} to {three_decimals(row['high'])}",
        )
        for record in finished
        if not record.collapsed
        for _, row in record.evidence.get("subgroup_gaps", pd.DataFrame()).iterrows()
    ]


def _error_parts(error: str | None) -> tuple[str, str | None]:
    """The line of an error that says what went wrong, and the whole error where it has more lines.

    A traceback ends with that line; any other message begins with it.
    """
    lines = [line.strip() for line in (error or "").splitlines() if line.strip()]
    if not lines:
        return "No reason was recorded.", None
    return lines[-1 if lines[0].startswith("Traceback") else 0], error if len(lines) > 1 else None


def _breakable(text: str) -> Markup:
    """Text in which the name of a run may be broken before each of its overrides and values."""
    return Markup(re.sub(r"([,=])(?=[A-Za-z])", r"\1<wbr>", str(escape(text))))
