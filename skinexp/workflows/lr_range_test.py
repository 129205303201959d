"""The story of a range test, one noun a line: table, images, network, curve, suggestion, figure."""

import json
import logging
import time
from pathlib import Path
from typing import Any

import pandas as pd

from skinexp import models
from skinexp.config.schema import RangeTest
from skinexp.core import terminal
from skinexp.data import audit, pipeline
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.data.split import split
from skinexp.report.figures import style
from skinexp.report.figures.lr_range_curve import range_curve
from skinexp.runs.result import plain
from skinexp.training import range_test
from skinexp.training.lr_ramp import run_lr_range_test

log = logging.getLogger(__name__)

FIGURE = Path("figures") / "lr_find.png"


def run(config: RangeTest, directory: Path, about: dict[str, Any]) -> range_test.Suggestion:
    """Tests the rates, writes lr_find.csv, lr_find.json and the figure, and says what they suggest.

    Args:
        directory: to write into.
        about: what else lr_find.json shall hold.
    """
    table = registry.load(config.data, config.seed)
    log.info("Data      %s", table)
    prepared = image_cache.prepare(table, config.data)
    prepared, _ = audit.acted_on(prepared, audit.audit_prepared(prepared, config.data), config.data)  # as in training
    frame = prepared.table.frame
    frame["split"] = split(frame, config.data.split, config.seed)
    batches = pipeline.batches(prepared.images, frame, config.augment, config.optim.batch_size, config.seed)
    classifier = models.build(config.model, config.data.preprocess.size)

    start = time.perf_counter()
    curve = run_lr_range_test(classifier, batches, config)
    seconds = time.perf_counter() - start
    log.info("          %s, in %.0f s", _how_it_ended(curve, config.lr_find.steps), seconds)
    suggestion = range_test.suggest(curve)

    curve.to_csv(directory / "lr_find.csv", index=False)
    values = {"suggestion": vars(suggestion), "steps": len(curve), "seconds": round(seconds, 3), **about}
    (directory / "lr_find.json").write_text(json.dumps(plain(values), indent=2) + "\n")
    style.save(range_curve(config.model.name, curve, suggestion.lr, suggestion.steepest), directory / FIGURE)
    _tell(suggestion, directory)
    return suggestion


def _how_it_ended(curve: pd.DataFrame, steps: int) -> str:
    last = curve.iloc[-1]
    ending = "all" if len(curve) == steps else "stopped where the loss left all bounds, after"
    return f"{ending} {len(curve)} steps: loss {last['loss']:.3f} at rate {last['lr']:.1e}"


def _tell(suggestion: range_test.Suggestion, directory: Path) -> None:
    if suggestion.lr is None:
        log.warning("Suggested nothing. %s", suggestion.reason)
    else:
        log.info("Suggested optim.lr=%g, %s", suggestion.lr, suggestion.reason)
        log.info("          (it falls fastest around %.2g)", suggestion.steepest)
    log.info("Figure    %s", terminal.from_here(directory / FIGURE))
