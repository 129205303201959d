"""The validation ROC-AUC of the runs of a sweep over learning rates."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from skinexp.comparison.swept_keys import Value, is_number, settings, swept_keys, value_text
from skinexp.runs.run_outputs import RunOutputs

KEY = "optim.lr"
RATES = 3  # that it takes to see which are too low and too high
FAILED, UNEXAMINED = "failed", "not examined"


def learning_rate_trials(records: Sequence[RunOutputs]) -> pd.DataFrame | None:
    """Returns the runs of a sweep over learning rates.

    Returns:
        One row per run: `line` (what else varies, as text), `lr`, `auc` (validation ROC-AUC, by which a learning rate
        is chosen; NaN of a failed run), `state` (the doctor's verdict, `failed` or `not examined`) and `note` (a cause
        or status; may be empty). None if fewer than three learning rates above 0 were tried.
    """
    keys = swept_keys(records)
    rates = [value for value in keys.pop(KEY, []) if _has_place(value)]
    if len(rates) < RATES:
        return None
    rows = []
    for record in records:
        if not (own := settings(record)) or not _has_place(own[KEY]):
            continue
        cause = (record.health and record.health.cause_words) or ""
        state = FAILED if not record.finished else record.health.verdict if record.health else UNEXAMINED
        rows.append(
            {
                "line": " ".join(f"{key}={value_text(own[key])}" for key in keys),
                "lr": own[KEY],
                "auc": record.metric("val/roc_auc") if record.finished else np.nan,
                "state": state,
                "note": (cause or record.status) if state == FAILED else "" if state == "ok" else cause,
            }
        )
    return pd.DataFrame(rows)


def _has_place(rate: Value) -> bool:
    """Returns whether a logarithmic axis has a place for it; it has none for 0."""
    return isinstance(rate, (int, float)) and is_number(rate) and rate > 0
