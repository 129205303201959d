"""Configurations over several seeds, compared with the best one."""

import math

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.seed_summary import RepeatedConfiguration
from skinexp.core.number_format import limits_text, p_value_text, three_decimals
from skinexp.report.pages.section import Content, Section


def content(comparison: Comparison) -> Content | None:
    """Returns one row per configuration; None if none was repeated."""
    return {"rows": [row(one) for one in comparison.seeds]} if comparison.seeds else None


def row(one: RepeatedConfiguration) -> dict[str, object]:
    """Returns a configuration as text: seeds, mean and deviation, difference from the best with its CI and p-value."""
    mean, deviation, seeds = one.summary
    behind = one.behind
    return {
        "name": one.name,
        "seeds": seeds,
        "area": three_decimals(mean) + ("" if math.isnan(deviation) else f" ± {three_decimals(deviation)}"),
        "difference": three_decimals(behind.difference) if behind else "",
        "limits": limits_text(behind.low, behind.high) if behind else "",
        "p_value": p_value_text(one.p_holm) if behind else "",
        "test": behind.test if behind else "",
    }


SECTION = Section("seeds", "Repetitions with other seeds", "seeds.html.j2", content)
