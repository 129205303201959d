"""Numbers as pages and tables show them."""

import math
import re
from collections.abc import Sequence

from skinexp.evaluation import Interval

ABSENT = "n/a"
LISTED = 4  # names that a sentence lists; more are counted


def three_decimals(value: float) -> str:
    """A score, without the 0 that most of them begin with; `n/a` where there is none."""
    return ABSENT if math.isnan(value) else re.sub(r"^(-?)0\.", r"\1.", f"{value:.3f}").replace("-.000", ".000")


def limits(interval: Interval) -> str:
    """Where a score may lie; nothing where that is unknown."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return ""
    return f"{three_decimals(interval.low)} to {three_decimals(interval.high)}"


def chance(p_value: float) -> str:
    """A p-value, with as many digits as tell something."""
    if math.isnan(p_value):
        return ABSENT
    if p_value < 0.001:
        return "< .001"
    return (f"{p_value:.3f}" if p_value < 0.1 else f"{p_value:.2f}").removeprefix("0")


def cosine(value: float) -> str:
    """A cosine between features; those of a collapsed network differ from 1 in later decimals only."""
    return "> .999" if 0.9995 <= value < 1 else three_decimals(value)


def two_digits(value: float) -> str:
    """A number whose size matters more than its exact value."""
    return f"{value:.2g}"


def percent(value: float) -> str:
    """A share."""
    return f"{value:.1%}"


def whole(value: float) -> str:
    """A count."""
    return f"{value:,.0f}"


def clock(seconds: float | None) -> str:
    """A time in few characters: minutes and seconds, and hours where there are any; `n/a` where there is none."""
    if seconds is None:
        return ABSENT
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """A time in the two units that matter."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def listing(names: Sequence[str]) -> str:
    """Names as a sentence lists them: a, b and c."""
    shown = [*names[:LISTED], f"{len(names) - LISTED} more"] if len(names) > LISTED + 1 else list(names)
    *first, last = shown
    return f"{', '.join(first)} and {last}" if first else last
