"""Delivers records of runs to the MLflow store that could not be delivered while it was unavailable."""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from skinexp.core.credentials import HidingFormatter, keep_password
from skinexp.core.errors import UserError, exit_on_user_error
from skinexp.core.links import refuse_links_out_of
from skinexp.core.number_format import counted
from skinexp.core.python_command import skinexp_command
from skinexp.core.result_file import note_ids
from skinexp.core.run_files import UPLOADER_LOG
from skinexp.core.terminal import from_here
from skinexp.tracking import uploader
from skinexp.tracking.outbox import Outbox, find
from skinexp.tracking.undelivered import undelivered

LEFT = 1  # exit code: something could not be delivered


def main(arguments: list[str] | None = None) -> None:
    """Runs the command `python -m skinexp.sync`. Exit codes: 0, 1 (records are left), 2 (a mistake in the command)."""
    options = _parser().parse_args(arguments)
    with exit_on_user_error():
        sys.exit(LEFT if sync(options.directories, options.uri) else 0)


def sync(directories: list[Path], uri: str | None = None) -> int:
    """Delivers the outboxes of runs and sweeps, and prints the outcome of each.

    The store is asked what it has: what it does not have any more, after it was restored from a backup for instance,
    is delivered again, and what it has is not changed. A run whose process was killed is marked as killed there.

    Args:
        directories: of runs or of sweeps.
        uri: the store, if it has moved; None: the store that each run began with.

    Returns:
        The number of outboxes that could not be delivered completely.

    Raises:
        UserError: if there is no run in a directory, or a link in it leads out of it.
    """
    found = []
    for directory in directories:
        outboxes = find(directory.resolve())
        if not outboxes:
            raise UserError(f"{directory}: no run or sweep of skinexp is in this directory")
        refuse_links_out_of(directory.resolve(), "sync")
        found += outboxes
    known: set[str] = set()
    return sum(not _deliver(outbox, uri, known) for outbox in found)


def _deliver(outbox: Outbox, uri: str | None, known: set[str]) -> bool:
    """Delivers one outbox and prints the outcome; adds a store's reason to the known ones, and prints it once."""
    from skinexp.tracking.delivery import Delivery  # later than --help: it brings MLflow
    from skinexp.tracking.store_errors import Unavailable, as_command_line

    name = from_here(outbox.place)
    try:
        with outbox.deliverer.acquire(blocking=False), _complaints_go_to(outbox.directory / UPLOADER_LOG):
            _mark_if_killed(outbox)
            store = uri or outbox.store
            delivery = Delivery(outbox, store, anew=True)
            count = delivery.deliver()
            if note_ids(outbox.place, delivery.run_id, delivery.experiment_id):
                Delivery(outbox, store, anew=True).deliver()  # the file itself is among what is delivered
    except Timeout:
        print(f"{name}: the run is still running and delivers its own records")
        return True
    except Unavailable as error:
        left, why = outbox.left, as_command_line(str(error))
        if left:
            reason = ", for the same reason" if why in known else f". {why}"
            print(f"{name}: {counted(left, 'record')} {'is' if left == 1 else 'are'} not delivered{reason}")
            known.add(why)
        else:
            print(f"{name}: all records were delivered before. {why}")
        return not left and uri is None
    if outbox.left:
        print(f"{name}: {counted(count, 'record')} delivered; {undelivered(outbox, store, moved=uri is not None)}")
        return False
    print(f"{name}: {counted(count, 'record')} delivered" if count else f"{name}: all records were delivered before")
    return True


@contextmanager
def _complaints_go_to(file: Path) -> Iterator[None]:
    handler = logging.FileHandler(file)
    handler.setFormatter(HidingFormatter())
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _mark_if_killed(outbox: Outbox) -> None:
    """Records the end of a run whose process is gone."""
    try:
        with outbox.writer.acquire(blocking=False):
            if not outbox.closed:
                uploader.mark_killed(outbox)
    except Timeout:
        return  # it is at work


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=skinexp_command("sync"), description=__doc__)
    parser.add_argument("directories", nargs="+", type=Path, help="directories of runs or of sweeps")
    uri_help = "MLflow store to deliver to (default: the store that each run began with)"
    parser.add_argument("--uri", type=keep_password, help=uri_help)
    return parser


if __name__ == "__main__":
    main()
