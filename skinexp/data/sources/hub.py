"""The source `hub`: a data set of the Hugging Face hub, or a local directory of that shape."""

import hashlib
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.image_readers import CheckedReader, HubReader
from skinexp.data.preparation.pixel_range import is_deep
from skinexp.data.sources.source import Listing, Source, image_column, part_name
from skinexp.data.table import GIVEN_SPLIT

if TYPE_CHECKING:  # a slow import, which other sources do without
    import datasets

NETWORK_ERRORS = (
    "ConnectionError",
    "OfflineModeIsEnabled",
    "ConnectTimeout",
    "MaxRetryError",
    "LocalEntryNotFoundError",
)


class HubSource(Source):
    """Images of the data set `data.path`, which `datasets.load_dataset` reads."""

    name: ClassVar[str] = "hub"

    def list_images(self, options: Data, seed: int) -> Listing:
        """Lists the images of the parts `data.hub_split`; several parts are a given split."""
        import datasets

        names = options.hub_split.split("+")
        parts = [open_dataset(str(options.path), name) for name in names]
        dataset = datasets.concatenate_datasets(parts)
        column = _checked_columns(dataset, options)
        dataset = dataset.cast_column(column, datasets.Image(decode=False))
        reader = HubReader(dataset, column)
        inspected = [_inspect(reader(position)) for position in range(len(dataset))]
        frame = _with_class(dataset.remove_columns(column), options).assign(
            sha256=[sha256 for sha256, _ in inspected],
            path=[f"{options.path}[{position}]" for position in range(len(dataset))],
            position=np.arange(len(dataset)),
        )
        if len(parts) > 1 and not {"split", GIVEN_SPLIT} & set(frame):
            given = [part_name(name.partition("[")[0].strip()) for name in names]  # of a slice, such as train[:10%]
            parts_of_rows = np.repeat(np.array(given, dtype=object), [len(part) for part in parts])
            frame = frame.assign(**{GIVEN_SPLIT: parts_of_rows})
        listed = tuple(zip(frame["sha256"], frame["path"], strict=True))
        if "image_id" not in frame:
            frame.insert(0, "image_id", [f"{position:06d}" for position in range(len(frame))])
        deep = tuple(position for position, (_, is_deep) in enumerate(inspected) if is_deep)
        checked = CheckedReader(reader, listed)
        return Listing(Path(str(options.path)).name, frame, checked, dataset.info.license or None, deep=deep)


def _inspect(data: bytes) -> tuple[str, bool]:
    """Returns the checksum of an image, and whether it stores more than 8 bits a channel."""
    return hashlib.sha256(data).hexdigest(), is_deep(io.BytesIO(data))


def _checked_columns(dataset: "datasets.Dataset", options: Data) -> str:
    """Returns the column of images; raises a UserError if it has no images, or if there is no column of classes."""
    import datasets

    column = image_column(dataset.column_names, options.image_column, options.path)
    if not isinstance(dataset.features[column], datasets.Image):
        raise UserError(f"data.image_column: column {column!r} of {options.path} holds no images")
    if options.label_column not in dataset.features:
        raise UserError(
            f"data.label_column: {options.path} has no column {options.label_column!r}. "
            f"It has: {', '.join(dataset.column_names)}"
        )
    return column


def _with_class(dataset: "datasets.Dataset", options: Data) -> pd.DataFrame:
    """Returns the rows of a data set without images; the class is in column `class`, by its name."""
    import datasets

    label, frame = dataset.features[options.label_column], dataset.to_pandas()
    classes = frame.pop(options.label_column)
    named = isinstance(label, datasets.ClassLabel)
    return frame.assign(**{"class": classes.map(dict(enumerate(label.names))) if named else classes})


def open_dataset(path: str, split: str) -> "datasets.Dataset":
    """Opens one part of a data set.

    Args:
        path: a name on the hub such as `owner/name`, or a directory that `datasets.load_dataset` reads.
        split: the part, such as `train`.

    Raises:
        UserError: if the data set cannot be loaded or has no such part; the message says what to do.
    """
    import datasets

    datasets.disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # otherwise it reports each retry
    try:
        return datasets.load_dataset(path, split=split)
    except Exception as error:  # each storage behind the hub raises errors of its own
        raise UserError(_explain(path, split, error)) from error


def _explain(path: str, split: str, error: Exception) -> str:
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 10:
        chain.append(cause)
    if "Unknown split" in str(error):
        return f"data.hub_split: {path} has no part {split!r}: {error}"
    if Path(path).exists():
        return f"data.path: {path} could not be read as a data set (part {split!r}): {error}"
    if any(type(item).__name__ in NETWORK_ERRORS for item in chain):
        return (
            f"data.path: the Hugging Face hub cannot be reached, so {path!r} could not be loaded. Connect to the "
            f"network, or download the data set elsewhere and give its directory: data=hub data.path=<directory>"
        )
    return f"data.path: neither a local directory nor a readable data set of the Hugging Face hub: {path!r} ({error})"
