"""The cache of prepared images: each image is prepared once, in parallel processes; trainings memory-map the result."""

import logging
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from skinexp.config.schema import Data
from skinexp.core import terminal
from skinexp.core.digest import digest
from skinexp.core.errors import NO_ROOM, UserError, listed
from skinexp.core.number_format import counted
from skinexp.data import image_readers
from skinexp.data.preparation import chunks, preprocess, worker_pool
from skinexp.data.preparation.cache_files import CHUNK, CacheFiles
from skinexp.data.preparation.cache_lock import PREPARED, cache_lock, disk_error
from skinexp.data.preparation.chunks import Chunk, Written, prepare_one
from skinexp.data.preparation.pixel_depth import FULL
from skinexp.data.preparation.resumable_cache import ResumableCache
from skinexp.data.table import Reader, Table
from skinexp.data.unused import unusable_by_reason

__all__ = ["Prepared", "prepare", "prepare_one", "read"]

log = logging.getLogger(__name__)

VERSION = 4  # of the preparation: increase it if the same image and options give other pixels
FEWEST_FOR_PROCESSES = 200  # below, starting processes costs more than it saves


@dataclass(frozen=True)
class Prepared:
    """Prepared images.

    Attributes:
        images: (N, size, size, 3) uint8 RGB, memory-mapped.
        table: one row per image, in the order of `images`; column `row` is the position in `images`.
        bad: path and reason of each image that cannot be used and is not in the table.
        directory: of the cache that contains them.
    """

    images: np.ndarray
    table: Table
    bad: dict[str, str]
    directory: Path

    def with_split(self, parts: pd.Series | str) -> "Prepared":
        """Returns the images with the run's split in the table; see `Table.with_split`."""
        return replace(self, table=self.table.with_split(parts))


def prepare(table: Table, options: Data) -> Prepared:
    """Decodes and preprocesses all images of a table, or finds them in the cache.

    An interrupted preparation is resumed, and a damaged cache is repaired. If several jobs prepare the same images at
    the same time, one does it and the others wait.

    Args:
        table: the images.
        options: preprocessing, cache, number of processes, and the policy for images that cannot be used.

    Raises:
        UserError: if images cannot be used and `data.on_bad_image` is `fail`; the message lists them by path. Or if
            the cache cannot be written, or its disk has no room for them. Or if a file changed since the table was
            loaded.
    """
    key = digest(VERSION, options.preprocess, table.frame["sha256"].tolist(), *_scale(table))
    files = CacheFiles(Path(options.cache) / PREPARED / key, key, len(table.frame), options.preprocess)
    found = files.read()
    if found is not None or not _fill(files, table, options):
        log.info("Prepared  %s, found in the cache", counted(files.rows, "image"))
    else:
        log.info("Prepared  %s at %d px", counted(files.rows, "image"), options.preprocess.size)
    images, reasons = found or _written(files)
    bad = {table.frame["path"].iloc[row]: reason for row, reason in reasons.items()}
    _report(bad, files.rows, options.on_bad_image)
    readable = np.setdiff1d(np.arange(files.rows), list(reasons))
    frame = table.frame.iloc[readable].reset_index(drop=True)
    # Bad images leave rows of zeros behind: `row` skips them without a copy of the rest.
    left_out = table.left_out | unusable_by_reason(bad.values())
    return Prepared(images, replace(table, frame=frame.assign(row=readable), left_out=left_out), bad, files.directory)


def _written(files: CacheFiles) -> tuple[np.ndarray, dict[int, str]]:
    """Returns what was just written to the cache."""
    found = files.read()
    if found is None:
        raise disk_error(files.directory)
    return found


def _scale(table: Table) -> list[int]:
    """Returns what the key of the cache needs of the pixel range: nothing if files are read by their own depth."""
    return [table.pixel_range.bits] if table.pixel_range and table.pixel_range.bits != FULL else []


def read(reader: Reader, position: int) -> np.ndarray:
    """Returns the original image, (height, width, 3) uint8 RGB."""
    pixels = reader(position)
    return preprocess.decode(pixels) if isinstance(pixels, bytes) else pixels


def _fill(files: CacheFiles, table: Table, options: Data) -> bool:
    """Prepares what is not prepared yet; returns False if another job has done so meanwhile."""
    unprepared = files.rows
    try:
        with cache_lock(Path(options.cache), files.key, "prepares the same images"):
            if files.read() is not None:
                return False
            unfinished = ResumableCache(files)
            unprepared -= unfinished.done_rows
            if unfinished.is_repair:
                log.warning(
                    "Damaged   prepared images in %s: %s of %s are prepared again",
                    *(files.directory, f"{unprepared:,}", f"{files.rows:,}"),
                )
            if shutil.disk_usage(files.directory.parent).free < unprepared * unfinished.target.row_bytes:
                raise _no_room(options, unprepared)
            if (before := unfinished.done_rows) and not unfinished.is_repair:
                log.info("Preparing %s; prepared already: %s", counted(unfinished.rows, "image"), f"{before:,}")
            with (
                terminal.bar("Preparing", unfinished.rows) as progress,
                closing(_write(unfinished, table, options.workers)) as chunks_written,  # ends the processes in any case
            ):
                progress.advance(unfinished.done_rows)
                for written in chunks_written:
                    unfinished.mark(written)
                    unprepared -= written.size
                    progress.advance(written.size)
            unfinished.finish()
    except OSError as error:
        if error.errno in NO_ROOM:
            raise _no_room(options, unprepared) from error
        raise
    return True


def _write(unfinished: ResumableCache, table: Table, processes: int | None) -> Generator[Written, None, None]:
    """Writes all chunks that are left: in this process if they are few, or else in worker processes."""
    positions = table.frame["position"].to_numpy()

    def left() -> Iterator[Chunk]:
        for rows in unfinished.left():
            wanted = positions[rows.start : rows.stop].tolist()
            yield Chunk(rows.start, wanted, image_readers.part(table.reader, wanted))

    images = unfinished.rows - unfinished.done_rows
    processes = min(processes or joblib.cpu_count(), -(-images // CHUNK))
    if processes <= 1 or images < FEWEST_FOR_PROCESSES:
        return (chunks.write(chunk, unfinished.target) for chunk in left())
    return worker_pool.write_all(left(), unfinished.target, processes)


def _no_room(options: Data, images: int) -> UserError:
    needed, free = 3 * images * options.preprocess.size**2, shutil.disk_usage(_existing(Path(options.cache))).free
    return UserError(
        f"data.cache: the disk of {options.cache} has no room for {images:,} more images of {options.preprocess.size} "
        f"px: {needed:,} bytes are needed and {free:,} are free. Free some space, or name another "
        f"directory: data.cache=<directory>. The images prepared so far are kept"
    )


def _existing(path: Path) -> Path:
    """Returns the path, or the nearest directory above it that exists."""
    return path if path.exists() else _existing(path.parent)


def _report(bad: dict[str, str], total: int, policy: str) -> None:
    if not bad:
        return
    lines = listed([f"{path}: {reason}" for path, reason in bad.items()])
    if policy == "fail":
        raise UserError(
            f"data.on_bad_image: {len(bad)} of {total:,} images cannot be used:\n{lines}\n"
            f"Repair or remove them, or leave them out with data.on_bad_image=skip"
        )
    log.warning("Left out %d of %s images that cannot be used:\n%s", len(bad), f"{total:,}", lines)
