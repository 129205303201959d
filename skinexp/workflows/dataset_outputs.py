"""The outputs of a run about its images: a summary, figures, and the data sets of its MLflow run."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from skinexp.config.schema import Config, Preprocess
from skinexp.core.digest import digest
from skinexp.core.randomness import rng
from skinexp.data import augment
from skinexp.data.pipeline import TrainingBatches
from skinexp.data.preparation import image_cache, preprocess
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.sampling import Sampling
from skinexp.data.split import NAMES
from skinexp.data.table import CLASS_NAMES
from skinexp.report.figures.image_grids import augmentation_sheet, preprocessing_sheet
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_summary import DataSummary

PREPROCESSED, CONSIDERED = 5, 40  # images of the preprocessing figure: of 40 training images, the 5 that changed most
AUGMENTED = 3  # pairs of the augmentation figure


def summarise_dataset(prepared: Prepared, facts: Mapping[str, str], sampling: Sampling | None = None) -> dict[str, Any]:
    """Returns the entries of result.json about the data: counts by split and class, excluded images, digests.

    Args:
        prepared: images whose table has column `split`.
        facts: topic -> sentence, as they are logged.
        sampling: how the images were collected; None if that is unknown.
    """
    table, frame = prepared.table, prepared.table.frame
    counts = {
        name: {
            label: int(((frame["split"] == name) & (frame["label"] == value)).sum())
            for value, label in enumerate(CLASS_NAMES)
        }
        for name in NAMES
    }
    return {
        "data_digest": table.digest,
        "test_digest": _test_digest(frame),
        "data": DataSummary(
            name=table.name,
            images=len(frame),
            groups=frame["group"].nunique(),
            counts=counts,
            excluded=table.excluded,
            bad_images=len(prepared.bad),
            grouped_by=table.grouped_by,
            truth=table.truth or {},
            facts=dict(facts),
            sampling=None if sampling is None else sampling.design,
        ),
    }


def _test_digest(frame: pd.DataFrame) -> str:
    """Returns a digest that changes with any test image, its file or its label."""
    test = frame.loc[frame["split"] == "test", ["image_id", "label", "sha256"]]
    return digest(sorted(test.astype(str).to_numpy().tolist()))


def log_dataset(run_log: RunLog, prepared: Prepared, source: str | None) -> None:
    """Logs the images of each part of the split as data sets of the MLflow run.

    Args:
        run_log: of the run.
        prepared: images whose table has column `split`.
        source: directory or name that the images come from.
    """
    for name, part in prepared.table.frame.groupby("split"):
        columns = part[["image_id", "group", "label", "sha256"]].astype(str)
        fingerprint = digest(columns.to_numpy().tolist())
        run_log.dataset(columns, source, f"{prepared.table.name}-{name}", fingerprint, str(name))


def dataset_figures(prepared: Prepared, batches: TrainingBatches, config: Config) -> dict[str, Figure]:
    """Returns figures of some training images, by name: before and after preparation, before and after augmentation."""
    return {
        "preprocessing": _preprocessing(prepared, config),
        "augmentation": _augmentation(batches, config),
    }


def _preprocessing(prepared: Prepared, config: Config) -> Figure:
    frame = prepared.table.frame
    training = frame[frame["split"] == "train"]
    drawn = training.iloc[rng(config.seed, "preprocessing sheet").permutation(len(training))[:CONSIDERED]]
    originals = [image_cache.read(prepared.table.reader, position) for position in drawn["position"]]
    stages = [preprocess.stages(original, config.data.preprocess) for original in originals]
    resized_only = Preprocess(crop_border=False, remove_hair=False, size=config.data.preprocess.size)
    changes = [
        np.abs(steps["prepared"].astype(float) - preprocess.apply(original, resized_only)).mean()
        for steps, original in zip(stages, originals, strict=True)
    ]
    most_changed = np.argsort(changes)[::-1][:PREPROCESSED]
    return preprocessing_sheet([stages[index] for index in most_changed], drawn["image_id"].iloc[most_changed].tolist())


def _augmentation(batches: TrainingBatches, config: Config) -> Figure:
    members = rng(config.seed, "augmentation sheet").permutation(len(batches.images))[:AUGMENTED]
    pixels = batches.images.read(members)
    changed = augment.Augmentation(config.augment)(pixels, batches.draws("augment", 0)[members])
    return augmentation_sheet(pixels, keras.ops.convert_to_numpy(changed).round().astype(np.uint8))
