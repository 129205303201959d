"""The workflow of a learning-rate range test: loads the images, builds the network, tests the rates, suggests one."""

import logging
import time
from pathlib import Path
from typing import Any

import pandas as pd

from skinexp import models
from skinexp.config.schema import RangeTest
from skinexp.core import run_files, terminal
from skinexp.core.strict_json import write_json
from skinexp.data.table import Table
from skinexp.report.figures import style
from skinexp.report.figures.lr_range_curve import range_curve
from skinexp.training import range_test
from skinexp.training.lr_ramp import run_lr_range_test
from skinexp.workflows import dataset

log = logging.getLogger(__name__)

FIGURE = Path(run_files.FIGURES) / "lr_find.png"


def run(config: RangeTest, table: Table, directory: Path, about: dict[str, Any]) -> range_test.Suggestion:
    """Tests the rates, writes lr_find.csv, lr_find.json and the figure, and prints the suggested rate.

    Args:
        config: the experiment, and the rates to test.
        table: the images, loaded.
        directory: to write into.
        about: further entries of lr_find.json.

    Returns:
        The suggested rate, or the reason why there is none.
    """
    loaded = dataset.load_dataset(config, load=lambda data, seed: table)
    batches = dataset.make_batches(loaded.prepared, config)
    classifier = models.build(config.model, config.data.preprocess.size)

    start = time.perf_counter()
    curve = run_lr_range_test(classifier, batches, config)
    seconds = time.perf_counter() - start
    log.info("          %s, in %.0f s", _ending(curve, config.lr_find.steps), seconds)
    curve.to_csv(directory / run_files.LR_CURVE, index=False)
    suggestion = range_test.suggest(curve)

    values = {"suggestion": vars(suggestion), "steps": len(curve), "seconds": round(seconds, 3), **about}
    write_json(directory / run_files.LR_SUGGESTION, values)
    style.save(range_curve(config.model.name, curve, suggestion.lr, suggestion.steepest), directory / FIGURE)
    _print_suggestion(suggestion, directory)
    return suggestion


def _ending(curve: pd.DataFrame, steps: int) -> str:
    last = curve.iloc[-1]
    ending = "all" if len(curve) == steps else "stopped because the loss diverged, after"
    return f"{ending} {len(curve)} steps: loss {last['loss']:.3f} at rate {last['lr']:.1e}"


def _print_suggestion(suggestion: range_test.Suggestion, directory: Path) -> None:
    if suggestion.lr is None:
        log.warning("No rate suggested. %s", suggestion.reason)
    else:
        log.info("Suggested optim.lr=%g, %s", suggestion.lr, suggestion.reason)
        log.info("          (the loss falls fastest around %.2g)", suggestion.steepest)
    log.info("Figure    %s", terminal.from_here(directory / FIGURE))
