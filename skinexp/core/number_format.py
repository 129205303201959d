"""Numbers as pages and tables show them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skinexp.evaluation import Interval

ABSENT = "n/a"
LISTED = 4  # names that a sentence lists; more are counted


def three_decimals(value: float) -> str:
    """Returns a score with three decimals; `n/a` for NaN."""
    return ABSENT if math.isnan(value) else f"{value:.3f}".replace("-0.000", "0.000")


def two_decimals(value: float) -> str:
    """Returns a score with two decimals, as sentences have it; `n/a` for NaN."""
    return ABSENT if math.isnan(value) else f"{value:.2f}"


def limits_text(low: float, high: float) -> str:
    """Returns the two limits of a confidence interval; an empty text if one of them is NaN."""
    return "" if math.isnan(low) or math.isnan(high) else f"{three_decimals(low)} to {three_decimals(high)}"


def with_interval(interval: "Interval", method: str = "") -> str:
    """Returns an estimate followed by its confidence interval: `0.842 (95 % CI 0.811 to 0.866, Newcombe)`.

    Args:
        method: of the interval; it is left out if it is empty.
    """
    limits = limits_text(interval.low, interval.high)
    named = f", {method}" if method else ""
    return three_decimals(interval.estimate) + (f" (95 % CI {limits}{named})" if limits else "")


def p_value_text(p_value: float) -> str:
    """Returns a p-value with two or three decimals, `< 0.001` below that, and `n/a` for NaN."""
    if math.isnan(p_value):
        return ABSENT
    if p_value < 0.001:
        return "< 0.001"
    return f"{p_value:.3f}" if p_value < 0.1 else f"{p_value:.2f}"


def p_value_equation(p_value: float) -> str:
    """Returns a p-value as a sentence has it: `p = 0.16`, `p < 0.001`."""
    text = p_value_text(p_value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def cosine(value: float) -> str:
    """Returns a cosine between features; those of a collapsed network differ from 1 in later decimals only."""
    return "> 0.999" if 0.9995 <= value < 1 else three_decimals(value)


def two_digits(value: float) -> str:
    """Returns a number whose size matters more than its exact value."""
    return f"{value:.2g}"


def percent(value: float) -> str:
    """Returns a share in percent."""
    return f"{value:.1%}"


def whole(value: float) -> str:
    """Returns a count."""
    return f"{value:,.0f}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Returns a number of things in words: `1 image`, `1,200 images`.

    Args:
        count: how many.
        noun: for one of them.
        plural: for several; empty: the noun with an s.
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def clock(seconds: float) -> str:
    """Returns a time as minutes and seconds, with hours if there are any; `n/a` for NaN."""
    if math.isnan(seconds):
        return ABSENT
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """Returns a time in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def listing(names: Sequence[str]) -> str:
    """Returns names as a sentence lists them: `a, b and c`; of many, the first ones and how many more there are."""
    listed = [*names[:LISTED], f"{len(names) - LISTED} more"] if len(names) > LISTED + 1 else list(names)
    *first, last = listed
    return f"{', '.join(first)} and {last}" if first else last
