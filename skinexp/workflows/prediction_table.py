"""A table of predictions, written batch by batch: to a CSV or Parquet file, or as CSV to the standard output."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from skinexp.core.errors import UserError
from skinexp.runs.written_files import owner_of

if TYPE_CHECKING:
    import pandas as pd

Write = Callable[["pd.DataFrame"], None]
CSV, PARQUET = ".csv", ".parquet"
ROW_GROUP = 10_000  # rows of a Parquet file that are kept in memory, and read at once


def check_output(file: Path) -> None:
    """Refuses a file that cannot be written, before anything is computed.

    Raises:
        UserError: if its suffix is unknown, its directory is absent, it is a directory, or it is a file of a run.
    """
    if file.suffix.lower() not in (CSV, PARQUET):
        raise UserError(f"--output: must end in {CSV} or {PARQUET}. Received: {file}")
    if not file.parent.is_dir():
        raise UserError(f"--output: there is no directory {file.parent}. Create it first. Received: {file}")
    if file.is_dir():
        raise UserError(f"--output: is a directory; name a file. Received: {file}")
    if (owner := owner_of(file.absolute())) is not None:
        raise UserError(f"--output: {file.name} is a file of the run in {owner}. Name another file. Received: {file}")


@contextmanager
def prediction_table(output: Path | None) -> Iterator[Write]:
    """Opens a table of predictions.

    A file is written under another name, and gets its own at the end: an older file of its name stays until then.

    Args:
        output: a .csv or .parquet file, replaced if it exists; None: the standard output, as CSV.

    Yields:
        A function that appends rows with the columns file, probability, predicted, logit, error.

    Raises:
        UserError: if the file cannot be written.
    """
    if output is None:
        yield _csv_writer(sys.stdout)
        return
    unfinished = output.with_name(f"{output.name}.{os.getpid()}.part")
    try:
        with _disk_errors_of(output), _open(unfinished, output.suffix.lower()) as write:
            yield write
        with _disk_errors_of(output):
            unfinished.replace(output)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


@contextmanager
def _open(file: Path, suffix: str) -> Iterator[Write]:
    if suffix == PARQUET:
        with _parquet_writer(file) as write:
            yield write
    else:
        with file.open("w", encoding="utf-8", newline="") as stream:
            yield _csv_writer(stream)


def _csv_writer(stream: TextIO) -> Write:
    header = True

    def write(rows: "pd.DataFrame") -> None:
        nonlocal header
        rows.to_csv(stream, index=False, header=header, lineterminator="\n")
        stream.flush()
        header = False

    return write


@contextmanager
def _parquet_writer(file: Path) -> Iterator[Write]:
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

    text = pa.string()
    columns = [("file", text), ("probability", pa.float64()), ("predicted", text), ("logit", pa.float32())]
    schema = pa.schema([*columns, ("error", text)])
    waiting: list[pd.DataFrame] = []

    def write_waiting() -> None:
        if waiting:
            table = pa.Table.from_pandas(pd.concat(waiting), schema, preserve_index=False)
            writer.write_table(table)
            waiting.clear()

    def write(rows: pd.DataFrame) -> None:
        waiting.append(rows)
        if sum(map(len, waiting)) >= ROW_GROUP:
            write_waiting()

    with parquet.ParquetWriter(file, schema) as writer:
        yield write
        write_waiting()


@contextmanager
def _disk_errors_of(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"--output: {output} cannot be written: {error.strerror or error}") from error
