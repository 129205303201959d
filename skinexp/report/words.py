"""Numbers as pages and tables show them."""

import math

ABSENT = "n/a"


def three_decimals(value: float) -> str:
    """A score; `n/a` where there is none."""
    return ABSENT if math.isnan(value) else f"{value:.3f}"


def cosine(value: float) -> str:
    """A cosine between features; those of a collapsed network differ from 1 in later decimals only."""
    return "> 0.999" if 0.9995 <= value < 1 else three_decimals(value)


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
