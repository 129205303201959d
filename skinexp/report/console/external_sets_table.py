"""Several external sets on the terminal: one row a set, and in words how much the sets differ."""

import math

import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table

from skinexp.core.number_format import (
    counted,
    limits_text,
    p_value_equation,
    percent,
    three_decimals,
    whole,
    with_interval,
)
from skinexp.core.terminal import console
from skinexp.evaluation.heterogeneity import Heterogeneity, PooledArea

ALPHA = 0.05
CAVEAT = (
    "With few sets, Q misses differences that are there, and I² is uncertain; I² depends on the sizes of the sets too. "
    "Sets differ in patients, devices and labels at once, and the numbers do not say in which. Both need sets without "
    "common lesions: equal files are searched for, re-encoded copies are not."
)
NOT_POOLED = (
    "No pooled ROC-AUC is shown, because the sets need not estimate one number; --pool shows a random-effects mean."
)
SHARED = (
    "in more than one set: the sets are not independent, so neither Cochran's Q, I² nor a pooled ROC-AUC is computed."
)


def show(rows: pd.DataFrame) -> None:
    """Prints a line per set.

    Args:
        rows: of `skinexp.workflows.external_sets.ExternalSets`.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("external set", overflow="fold", min_width=12)
    for heading in ("images", "malignant", "ROC-AUC\n95 % CI", "sensitivity\n95 % CI", "specificity\n95 % CI"):
        table.add_column(heading, justify="right", no_wrap=True)
    for _, row in rows.iterrows():
        scores = [_score(row, name) for name in ("roc_auc", "sensitivity", "specificity")]
        name = f"{row['directory']}: {row['set']}" + ("" if row["status"] == "finished" else f" ({row['status']})")
        table.add_row(escape(name), whole(row["images"]), whole(row["malignant"]), *scores)
    console.print(
        "\n[bold]External sets[/bold] (two scores at the operating threshold; 95 % CIs by Newcombe and Wilson)"
    )
    console.print(table)


def _score(row: pd.Series, name: str) -> str:
    limits = limits_text(row[f"{name}_low"], row[f"{name}_high"])
    return three_decimals(row[name]) + (f"\n{limits}" if limits else "")


def sentences(shared: int, found: Heterogeneity | None, pooled: PooledArea | None) -> list[str]:
    """Returns how much the sets differ, and the pooled mean if there is one.

    Args:
        shared: images that two sets have in common.
        found: the heterogeneity of the areas; None if sets share images.
        pooled: the random-effects mean; None if it was not asked for.
    """
    if found is None:
        return [f"{counted(shared, 'image is', 'images are')} {SHARED}"]
    if found.sets < 2:
        return ["Fewer than two sets have a ROC-AUC with a variance: nothing can be said of their differences."]
    lowest, highest = three_decimals(found.lowest), three_decimals(found.highest)
    spread = f"The ROC-AUC of {found.sets} sets is between {lowest} and {highest}."
    if math.isnan(found.q):
        return [f"{spread} All are 0 or 1, which shows no variation: Cochran's Q and I² are not defined.", NOT_POOLED]
    return [f"{spread} {_test(found)}", CAVEAT, NOT_POOLED if pooled is None else _mean(pooled)]


def _test(found: Heterogeneity) -> str:
    limits = "" if math.isnan(found.i_low) else f", 95 % CI {percent(found.i_low)} to {percent(found.i_high)}"
    numbers = (
        f"Cochran's Q = {found.q:.2f} on {counted(found.freedom, 'degree')} of freedom, "
        f"{p_value_equation(found.p_value)}; I² = {percent(found.i_squared)}{limits}"
    )
    if found.p_value < ALPHA:
        return f"The differences are significantly larger than sampling variation ({numbers})."
    return (
        f"The differences are not significantly larger than sampling variation ({numbers}); the sets may differ all "
        "the same."
    )


def _mean(pooled: PooledArea) -> str:
    mean = with_interval(pooled.mean, "Hartung-Knapp")
    tau = f"standard deviation between sets (tau) {three_decimals(pooled.tau)}, DerSimonian-Laird"
    limits = limits_text(pooled.prediction.low, pooled.prediction.high)
    another = f" In another set of this kind, 95 % of true ROC-AUCs are expected from {limits}." if limits else ""
    return f"Random-effects mean of the ROC-AUC: {mean}; {tau}.{another}"
