"""Delivers records of runs to the MLflow store that could not be delivered while it was unavailable."""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from skinexp.core.errors import UserError, exit_on_user_error
from skinexp.core.terminal import from_here
from skinexp.tracking import uploader
from skinexp.tracking.outbox import Outbox, find

LEFT = 1  # exit code: something could not be delivered


def main(arguments: list[str] | None = None) -> None:
    """The command `python -m skinexp.sync`. Exit codes: 0, 1 (something is left), 2 (a mistake in the command)."""
    options = _parser().parse_args(arguments)
    with exit_on_user_error():
        sys.exit(LEFT if sync(options.directories, options.uri) else 0)


def sync(directories: list[Path], uri: str | None = None) -> int:
    """Delivers the outboxes of runs and sweeps, and says of each what became of it.

    Delivering twice changes nothing. A run whose process ended without a word is told to the store as killed.

    Args:
        uri: the store, where it has moved; None: the one that each run began with.

    Returns:
        How many outboxes could not be delivered as a whole.

    Raises:
        UserError: where a directory holds no run.
    """
    found = []
    for directory in directories:
        outboxes = find(directory.resolve())
        if not outboxes:
            raise UserError(f"{directory}: holds no run of skinexp, nor a sweep of them")
        found += outboxes
    return sum(not _deliver(outbox, uri) for outbox in found)


def _deliver(outbox: Outbox, uri: str | None) -> bool:
    from skinexp.tracking.delivery import Delivery, Unavailable  # later than --help: it brings MLflow

    name = from_here(outbox.place)
    try:
        with outbox.deliverer.acquire(blocking=False), _complaints_go_to(outbox.directory / "courier.log"):
            _bury(outbox)
            store = uri or outbox.opening["uri"]
            count = Delivery(outbox, store).deliver()
    except Timeout:
        print(f"{name}: its run delivers for itself")
        return True
    except Unavailable as error:
        print(f"{name}: {outbox.left} records are left. {error}")
        return False
    print(f"{name}: {count} records delivered" if count else f"{name}: nothing was left")
    return True


@contextmanager
def _complaints_go_to(file: Path) -> Iterator[None]:
    handler = logging.FileHandler(file)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _bury(outbox: Outbox) -> None:
    """Writes down the end of a run whose process is gone."""
    try:
        with outbox.writer.acquire(blocking=False):
            if not outbox.closed:
                uploader.bury(outbox)
    except Timeout:
        return  # it is at work


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m skinexp.sync", description=__doc__)
    parser.add_argument("directories", nargs="+", type=Path, help="directories of runs or of sweeps")
    parser.add_argument("--uri", help="MLflow store to deliver to (default: the one that each run began with)")
    return parser


if __name__ == "__main__":
    main()
