"""ROC-AUC by subgroup, and the widest gap of each run."""

import math

import pandas as pd

from skinexp.comparison.analyse import Comparison
from skinexp.core.number_format import limits_text, three_decimals, whole
from skinexp.report.figures.forest import subgroup_forest
from skinexp.report.pages.captioned import Captioned, panels_note, with_panel
from skinexp.report.pages.embedded_figure import embed
from skinexp.report.pages.section import Content, Section

CAPTION = (
    "Test ROC-AUC by subgroup, with 95 % CIs (Newcombe); the number of images is in parentheses. A subgroup with "
    "fewer than 10 images of either class has no ROC-AUC. If intervals overlap widely, the subgroups need not differ."
)


def content(comparison: Comparison) -> Content | None:
    """Returns the figure and the widest gaps; None if no run has subgroups."""
    figure = subgroup_figure(comparison)
    if figure is None:
        return None
    return {"figure": figure, "note": panels_note(comparison.finished), "gaps": _gaps(comparison)}


def subgroup_figure(comparison: Comparison) -> Captioned | None:
    """Returns the ROC-AUC of each subgroup, a panel per run; None if no run has subgroups."""
    runs = [run for run in comparison.finished if len(run.evidence.get("subgroups", ())) and not run.collapsed]
    levels = {run.name: run.evidence["subgroups"].fillna({"note": ""}) for run in with_panel(runs)}
    if not levels:
        return None
    texts = [f"{name}: " + "; ".join(_level(row) for _, row in table.iterrows()) for name, table in levels.items()]
    return Captioned(CAPTION, embed(subgroup_forest(levels), f"ROC-AUC by subgroup. {'. '.join(texts)}."))


def _gaps(comparison: Comparison) -> list[tuple[str, str, str, str, str, str]]:
    """Returns the widest gap of each run and metadata column: run, column, best and worst level, gap, its limits."""
    return [
        (
            run.name,
            str(row["column"]),
            str(row["best"]),
            str(row["worst"]),
            three_decimals(row["gap"]),
            limits_text(row["low"], row["high"]),
        )
        for run in comparison.finished
        if not run.collapsed
        for _, row in run.evidence.get("subgroup_gaps", pd.DataFrame()).iterrows()
    ]


def _level(row: pd.Series) -> str:
    area = float(row["roc_auc"])
    limits = limits_text(row["roc_auc_low"], row["roc_auc_high"])
    known = three_decimals(area) + (f" (95 % CI {limits})" if limits else "")
    text = str(row["note"] or "undefined") if math.isnan(area) else known
    return f"{row['column']} {row['level']}, {whole(row['images'])} images: {text}"


SECTION = Section("subgroups", "Subgroups", "subgroups.html.j2", content)
