"""Prepares every image once, in parallel processes, into a content-addressed cache that training memory-maps."""

import json
import logging
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from skinexp import terminal
from skinexp.config import Data, Preprocess
from skinexp.data import preprocess
from skinexp.data.table import Reader, Table
from skinexp.digest import digest
from skinexp.errors import UserError

log = logging.getLogger(__name__)

VERSION = 1  # of the preparation: raise it when the same image and options give other pixels
FEWEST_FOR_PROCESSES = 200  # below, starting processes costs more than it saves
CHUNK = 16  # images a task
LISTED = 20  # bad images named in the error message


@dataclass(frozen=True)
class Prepared:
    """Images as the model sees them.

    Attributes:
        images: (N, size, size, 3) uint8 RGB, memory-mapped.
        table: one row an image, in the order of `images`; images that cannot be read are not in it.
        bad: path and reason of each image left out.
        directory: where the cache keeps them.
    """

    images: np.ndarray
    table: Table
    bad: dict[str, str]
    directory: Path


def prepare(table: Table, options: Data) -> Prepared:
    """Decodes and preprocesses all images of a table, or finds them in the cache.

    Raises:
        UserError: where images cannot be read and `data.on_bad_image` is `fail`; the message lists them by path.
    """
    key = digest(VERSION, options.preprocess, table.frame["sha256"].tolist())
    directory = Path(options.cache) / "prepared" / key
    if directory.is_dir():
        log.info("Prepared  %s images, found in the cache", f"{len(table.frame):,}")
    else:
        _write(directory, table, options)
    reasons = json.loads((directory / "bad.json").read_text())
    bad = {table.frame["path"].iloc[int(row)]: reason for row, reason in reasons.items()}
    _report(bad, len(table.frame), options.on_bad_image)
    images = np.load(directory / "images.npy", mmap_mode="r")
    readable = np.setdiff1d(np.arange(len(table.frame)), [int(row) for row in reasons])
    frame = table.frame.iloc[readable].reset_index(drop=True)
    # Bad images leave rows of zeros behind: `row` skips them without a copy of the rest.
    return Prepared(images, replace(table, frame=frame.assign(row=readable)), bad, directory)


def _write(directory: Path, table: Table, options: Data) -> None:
    """Fills a directory beside the final one, then renames it: a reader sees all of it or nothing."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{directory.name}.", dir=directory.parent))
    try:
        size = options.preprocess.size
        images = np.lib.format.open_memmap(
            unfinished / "images.npy", mode="w+", dtype=np.uint8, shape=(len(table.frame), size, size, 3)
        )
        reasons = {}
        with terminal.bar("Preparing", len(table.frame)) as progress:
            for row, result in enumerate(_prepare_all(table, options)):
                if isinstance(result, str):
                    reasons[row] = result
                else:
                    images[row] = result
                progress.advance()
        images.flush()
        (unfinished / "bad.json").write_text(json.dumps(reasons))
        try:
            unfinished.rename(directory)
        except OSError:
            if not directory.is_dir():  # else another run prepared the same images meanwhile
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    log.info("Prepared  %s images at %d px", f"{len(table.frame):,}", size)


def _prepare_all(table: Table, options: Data) -> Iterator[np.ndarray | str]:
    positions = table.frame["position"].tolist()
    workers = options.workers or len(os.sched_getaffinity(0))
    if workers == 1 or len(positions) < FEWEST_FOR_PROCESSES:
        yield from map(partial(prepare_one, table.reader, options.preprocess), positions)
        return
    # Not fork: the parent may hold TensorFlow's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (table.reader, options.preprocess)) as pool:
        yield from pool.map(_work, positions, chunksize=CHUNK)


def prepare_one(reader: Reader, options: Preprocess, position: int) -> np.ndarray | str:
    """One prepared image, or the reason why there is none."""
    try:
        return preprocess.apply(read(reader, position), options)
    except preprocess.ImageError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)


def read(reader: Reader, position: int) -> np.ndarray:
    """The original picture, (height, width, 3) uint8 RGB."""
    pixels = reader(position)
    return preprocess.decode(pixels) if isinstance(pixels, bytes) else pixels


_task: partial[np.ndarray | str]  # of a worker process


def _start_worker(reader: Reader, options: Preprocess) -> None:
    import cv2

    global _task
    cv2.setNumThreads(1)  # the processes are the parallelism
    _task = partial(prepare_one, reader, options)


def _work(position: int) -> np.ndarray | str:
    return _task(position)


def _report(bad: dict[str, str], total: int, policy: str) -> None:
    if not bad:
        return
    listed = [f"  {path}: {reason}" for path, reason in list(bad.items())[:LISTED]]
    if len(bad) > LISTED:
        listed.append(f"  and {len(bad) - LISTED} more")
    lines = "\n".join(listed)
    if policy == "fail":
        raise UserError(
            f"data.on_bad_image: {len(bad)} of {total:,} images cannot be used:\n{lines}\n"
            f"Repair or remove them, or leave them out with data.on_bad_image=skip"
        )
    log.warning("Left out %d of %s images that cannot be used:\n%s", len(bad), f"{total:,}", lines)
