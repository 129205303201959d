"""A learning-rate range test in numbers: the rates it tries, when it stops, and the rate that its losses suggest.

Each step trains at a larger rate than the one before. While rates are too small, the loss does not change; then it
falls; when they are too large, it stops falling, rises and diverges. A good rate lies where it falls.

Reference: Smith, Cyclical learning rates for training neural networks, WACV 2017.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinexp.config.schema import LrFind

REACH = 0.5  # common logarithms of the rate that the running average reaches back
BOUND = 4.0  # the test stops where the average is above so many times its minimum
CLEAR = 5.0  # standard errors that the average must fall: by noise alone, its lowest falls so far in 1 of 600 tests
LEAST = 0.02  # share of the loss at the beginning that it must fall, however little batches differ
NEAR = 0.1  # share of the descent above its lowest point where the valley begins, unless a standard error is more
MARGIN = 3.0  # that a rate keeps from the valley, at whose other end the loss rises: half of a factor of ten

AT_ONCE = "The loss diverged within a few steps. Begin with smaller rates: lr_find.min"


@dataclass(frozen=True)
class Suggestion:
    """The learning rate that a range test suggests.

    If it suggests none, all rates are None.

    Attributes:
        steepest: the rate around which the loss falls furthest while the rate grows tenfold.
        before_valley: a third of the rate from which on the loss falls no further.
        lr: the one to take, in two significant digits: the latter. A loss may fall in steps, of which the first, and
            often steepest, only takes a network that began worse than chance to chance.
        reason: a sentence: why this one; or why none, and what to do.
    """

    steepest: float | None
    before_valley: float | None
    lr: float | None
    reason: str


def rates(options: LrFind) -> np.ndarray:
    """Returns (steps,) learning rates from the smallest to the largest, each larger by the same factor."""
    return np.geomspace(options.min, options.max, options.steps)


def reach(tried: np.ndarray) -> float:
    """Returns the number of steps that the running average of a test at these rates reaches back; at least 1."""
    return max(1.0, REACH / math.log10(tried[1] / tried[0]))


def smooth(values: np.ndarray, steps: float) -> np.ndarray:
    """Returns (n,) running averages that weigh a value by (1 - 1 / steps) to the power of how many steps it lies back.

    They are divided by the sum of these weights, so that the first averages are not drawn to 0.
    """
    return pd.Series(values).ewm(alpha=1 / steps, adjust=True).mean().to_numpy()


def left_bounds(losses: np.ndarray, steps: float) -> bool:
    """Returns whether the (n,) losses so far end the test: the last is not finite, or their average has diverged."""
    smoothed = smooth(losses, steps)
    return not np.isfinite(losses[-1]) or bool(smoothed[-1] > BOUND * smoothed.min())


def table(planned: np.ndarray, losses: np.ndarray) -> pd.DataFrame:
    """Returns one row per step.

    Args:
        planned: (steps,) the rates of all steps of the test.
        losses: (n,) the losses of the batches of the steps that were made.

    Returns:
        step (from 1), lr, loss, smoothed (the running average of the loss), and smoothed_lr: the rate to which that
        belongs, which is the same average of the rates' logarithms. Drawn over `lr`, it would come late.
    """
    tried, steps = planned[: len(losses)], reach(planned)
    return pd.DataFrame(
        {
            "step": np.arange(1, len(losses) + 1),
            "lr": tried,
            "loss": losses,
            "smoothed_lr": np.exp(smooth(np.log(tried), steps)),
            "smoothed": smooth(losses, steps),
        }
    )


def suggest(curve: pd.DataFrame) -> Suggestion:
    """Returns the learning rate that a curve suggests.

    Args:
        curve: as `table` returns it.
    """
    finite = curve[np.isfinite(curve["loss"])]
    if len(finite) < 2:
        return _none(AT_ONCE)
    steps = reach(finite["lr"].to_numpy())
    settled = finite.iloc[round(steps) :]  # before, the average is of few batches
    if settled.empty:
        return _none(AT_ONCE)
    places, smoothed = np.log10(settled["smoothed_lr"].to_numpy()), settled["smoothed"].to_numpy()
    falls = tenfold_falls(places, smoothed)
    inner = np.flatnonzero(np.isfinite(falls))
    if len(inner) < 3:
        return _none(AT_ONCE)
    lowest = int(smoothed.argmin())
    error = standard_error(finite["loss"].to_numpy()[: round(steps) + lowest + 1], steps)
    fallen = smoothed[0] - smoothed[lowest]
    if fallen <= max(CLEAR * error, LEAST * smoothed[0]):
        return _none(
            f"The loss fell by {fallen:.3f} from {smoothed[0]:.3f}, but its standard error is {error:.3f}. "
            "Try more steps (lr_find.steps) or larger batches (optim.batch_size)"
        )
    valley = np.flatnonzero(smoothed <= smoothed[lowest] + max(error, NEAR * fallen))
    if valley[-1] == len(smoothed) - 1 and places[-1] - places[valley[0]] < REACH:
        return _none("The loss still falls at the largest rates. Test larger rates: lr_find.max")
    steepest = int(inner[falls[inner].argmax()])
    before_valley = float(10 ** places[valley[0]] / MARGIN)
    if steepest == inner[0] or before_valley < finite["lr"].iloc[0]:
        return _none("The loss already falls at the smallest rates. Begin with smaller rates: lr_find.min")
    return Suggestion(
        steepest=float(10 ** places[steepest]),
        before_valley=before_valley,
        lr=two_significant_digits(before_valley),
        reason="a third of the rate from which on the loss falls no further",
    )


def standard_error(losses: np.ndarray, steps: float) -> float:
    """Returns the standard error of the difference of two running averages of (n,) losses.

    It is estimated from how much neighbouring batches differ.
    """
    batch = math.sqrt(np.square(np.diff(losses)).mean() / 2)  # von Neumann's: a trend adds little to it
    average = batch / math.sqrt(2 * steps - 1)
    return math.sqrt(2) * average


def tenfold_falls(places: np.ndarray, smoothed: np.ndarray) -> np.ndarray:
    """Returns (n,) how far the loss falls while the rate grows tenfold around each place; NaN near the curve's ends.

    Args:
        places: (n,) common logarithms of rates, growing.
        smoothed: (n,) losses there.
    """
    before = np.interp(places - 0.5, places, smoothed, left=np.nan)
    after = np.interp(places + 0.5, places, smoothed, right=np.nan)
    return before - after


def two_significant_digits(value: float) -> float:
    """Returns a rate as it is typed on the command line."""
    return float(f"{value:.1e}")


def _none(reason: str) -> Suggestion:
    return Suggestion(None, None, None, reason)
