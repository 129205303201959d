"""The prediction workflow: images that need no label, prepared, predicted and written batch by batch."""

import logging
import math
import os
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from skinexp.config import evaluation_config
from skinexp.config.compose import compose
from skinexp.core import terminal
from skinexp.core.number_format import counted
from skinexp.data.sources.listing import printable, why_no_file
from skinexp.data.sources.named_images import NamedImage, NamedImages, find_images
from skinexp.runs.lookup import TrainedRun, locate_run
from skinexp.workflows.prediction_table import check_output, prediction_table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from skinexp.models.predictor import Predictor

log = logging.getLogger(__name__)

AHEAD = 1  # batches that are prepared while another one is predicted


def run(name: str, words: list[str], output: Path | None, batch_size: int, uri: str | None = None) -> None:
    """Predicts images with a run's network.

    Args:
        name: the run's directory, its MLflow id, or a model file.
        words: files, folders, patterns, or `-` for a list on stdin.
        output: a .csv or .parquet file; None: CSV on the standard output.
        batch_size: images of one step; predictions do not depend on it.
        uri: MLflow store in which an id is looked up; None: the default one.

    Raises:
        UserError: if there is no such run, no image at all, or if the output cannot be written.
    """
    if output is not None:
        check_output(output)
    named = find_images(words, sys.stdin.buffer)
    trained = locate_run(name, uri)
    with terminal.libraries_write_to(Path(os.devnull)), terminal.messages_shown(on_stderr=output is None):
        predictor = _with_pixel_range(_load(trained), named.images)
        _warn(trained, named)
        shown = terminal.bar("Predicting", len(named.images)) if output is not None else nullcontext()
        predicted: Counter[str] = Counter()
        failed = 0
        with prediction_table(output) as write, shown as progress:
            for rows in predict_images(predictor, named.images, batch_size):
                write(rows)
                predicted.update(rows["predicted"].dropna())
                failed += int(rows["error"].notna().sum())
                if progress is not None:
                    progress.advance(len(rows))
        _summarise(predicted, len(named.images) - failed, failed, output)


def predict_images(predictor: "Predictor", images: Iterable[NamedImage], batch_size: int) -> "Iterator[pd.DataFrame]":
    """Yields the predictions of each batch of images: columns file, probability, predicted, logit, error.

    Memory does not grow with the number of images: while a batch is predicted the next one is read and prepared, and
    no more.

    Args:
        predictor: the trained network.
        images: which files; a generator is consumed as predictions go on.
        batch_size: images of a batch.
    """
    left = iter(images)
    ahead: deque[tuple[list[NamedImage], list[Future[np.ndarray | str]]]] = deque()
    with ThreadPoolExecutor() as threads:
        while batch := list(islice(left, batch_size)):
            ahead.append((batch, [threads.submit(_prepare, predictor, image) for image in batch]))
            if len(ahead) > AHEAD:
                yield _predict(predictor, *ahead.popleft())
        while ahead:
            yield _predict(predictor, *ahead.popleft())


def _prepare(predictor: "Predictor", image: NamedImage) -> "np.ndarray | str":
    from skinexp.data.image_readers import read_file

    return image.error or predictor.prepare(partial(read_file, Path(image.file)))


def _predict(
    predictor: "Predictor", images: list[NamedImage], prepared: "list[Future[np.ndarray | str]]"
) -> "pd.DataFrame":
    rows = predictor.predict([future.result() for future in prepared])
    rows.insert(0, "file", [printable(image.file) for image in images])
    return rows


def _load(run: TrainedRun) -> "Predictor":
    """Loads the network on the backend that it was trained with, if that is installed."""
    from skinexp import compute

    config = evaluation_config.match_run(compose(), (), run.preprocess, run.summary.to_dict())
    compute.configure(config)  # before anything else imports Keras

    from skinexp.evaluation import OperatingPoint
    from skinexp.models.predictor import load_predictor

    return load_predictor(run.model_file, run.preprocess, OperatingPoint(run.threshold, run.calibrator))


def _with_pixel_range(predictor: "Predictor", images: Iterable[NamedImage]) -> "Predictor":
    """Returns the predictor with the pixel range of these images, if its training had no file of more than 8 bits."""
    from skinexp.data.image_readers import read_file
    from skinexp.data.preparation.pixel_depth import bits_for
    from skinexp.data.preparation.pixel_range import PixelRange, largest_value

    if predictor.pixel_bits is not None:
        return predictor
    deep = [Path(image.file) for image in images if image.error is None and _is_deep(Path(image.file))]
    if not deep:
        return predictor
    largest = largest_value([partial(read_file, file) for file in deep], os.cpu_count() or 1)
    found = PixelRange(len(deep), largest, bits_for(largest))
    log.info("Range     %s", found.sentence)
    return replace(predictor, pixel_bits=found.bits)


def _is_deep(file: Path) -> bool:
    from skinexp.data.preparation.pixel_range import is_deep

    try:
        if why_no_file(file):  # a pipe would be read to its end, for nothing
            return False
        with file.open("rb") as stream:
            return is_deep(stream)
    except OSError:  # the row of the image says so
        return False


def _warn(run: TrainedRun, named: NamedImages) -> None:
    """Logs what a reader of the table would otherwise look for in vain."""
    if named.ignored:
        log.info(
            "Ignored   files that are hidden, masks by their names, or have no suffix of an image: %s",
            f"{named.ignored:,}",
        )
    if named.repeated:
        log.info("Repeated  files that were named again: %s. Each file has one row", f"{named.repeated:,}")
    if math.isnan(run.threshold):
        log.warning("Threshold The model has none, as its validation images allowed none: column `predicted` is empty")


def _summarise(predicted: Counter[str], usable: int, failed: int, output: Path | None) -> None:
    classes = ", ".join(f"{count:,} {name}" for name, count in sorted(predicted.items()))
    log.info("Predicted %s%s", counted(usable, "image"), f": {classes}" if classes else "")
    if failed:
        log.warning("Failed    images that cannot be used: %s. Column `error` has the reasons", f"{failed:,}")
    if output is not None:
        log.info("Table     %s", output)
