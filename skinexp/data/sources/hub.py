"""Opens a data set of the Hugging Face hub, or a local directory of that shape, and explains why it could not."""

import logging
from pathlib import Path

import datasets

from skinexp.core.errors import UserError

NETWORK_ERRORS = (
    "ConnectionError",
    "OfflineModeIsEnabled",
    "ConnectTimeout",
    "MaxRetryError",
    "LocalEntryNotFoundError",
)


def open_dataset(path: str, split: str) -> datasets.Dataset:
    """Reads one part of a data set.

    Args:
        path: a hub name such as `owner/name`, or a directory that `datasets.load_dataset` reads.
        split: the part, such as `train`.

    Raises:
        UserError: with what to do, where the set cannot be had or has no such part.
    """
    datasets.disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of each retry; the outcome is enough
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
