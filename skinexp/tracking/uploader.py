"""A process that delivers an outbox while the run goes on, and detects when the run has ended.

    python -m skinexp.tracking.uploader DIRECTORY URI WAIT [--system-metrics]

It replies to the run: {"run_id": ..., "experiment_id": ...} once the store has the run, and again after trouble;
{"trouble": sentence} if the store cannot be used. A byte on the parent pipe means that there is something to deliver.
A run that ended without a status was killed, and is recorded as such.
"""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from skinexp.core.child_processes import follow_parent, ignore_interrupts
from skinexp.core.credentials import HidingFormatter
from skinexp.core.result_file import mark_interrupted, read_result
from skinexp.core.run_files import RESULT
from skinexp.tracking.outbox import STATUSES, Outbox, now

if TYPE_CHECKING:
    from skinexp.tracking.delivery import Delivery

POLL = 1.0  # seconds between two looks at the outbox without a signal from the run
MARGIN = 10.0  # seconds that the end may take beyond the wait that was given
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)  # seconds between tries while the store cannot be used


class ParentPipe:
    """The pipe from the run: data means that there is something to deliver, its end that the run has ended.

    Attributes:
        news: set when there is something to deliver, and at the end.
        ended: set when the run has ended.
    """

    def __init__(self, at_end: Callable[[], None]) -> None:
        """Begins to read.

        Args:
            at_end: called in a thread when the run has ended.
        """
        self.news, self.ended = threading.Event(), threading.Event()
        self._at_end = at_end
        follow_parent(self.news.set, self._end)

    def _end(self) -> None:
        self.ended.set()
        self.news.set()
        self._at_end()


class Uploader:
    """Delivers records repeatedly, and reports to the run when the delivery begins to succeed or to fail."""

    def __init__(self, delivery: "Delivery") -> None:
        self._delivery, self._works = delivery, False

    def follow(self, pipe: ParentPipe) -> None:
        """Delivers while the run goes on."""
        pauses = _pauses()
        while not pipe.ended.is_set():
            if self._deliver():
                pauses = _pauses()
                pipe.news.wait(POLL)
                pipe.news.clear()
            else:
                pipe.ended.wait(next(pauses))

    def finish(self, wait: float) -> None:
        """Delivers the remaining records after the run's end, for at most `wait` seconds."""
        deadline, pauses = time.monotonic() + wait, _pauses()
        while not self._deliver() and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(next(pauses), left))

    def _deliver(self) -> bool:
        from skinexp.tracking.store_errors import Unavailable

        try:
            self._delivery.deliver()
        except Unavailable as error:
            self._works = False
            _say(trouble=str(error))
            return False
        if not self._works:
            self._works = True
            _say(run_id=self._delivery.run_id, experiment_id=self._delivery.experiment_id)
        return not self._delivery.worth_repeating


def main(directory: Path, uri: str, wait: float, system_metrics: bool) -> None:
    """Delivers until the run has ended and everything is delivered, or `wait` seconds are over."""
    ignore_interrupts()
    log = logging.StreamHandler()
    log.setFormatter(HidingFormatter())
    logging.getLogger().addHandler(log)
    outbox = Outbox(directory)
    pipe = ParentPipe(at_end=lambda: _give_up_after(wait + MARGIN, outbox))
    with outbox.deliverer:  # the uploader of an earlier attempt may be at its end
        from skinexp.tracking.delivery import Delivery
        from skinexp.tracking.system_sampler import Sampler

        uploader = Uploader(Delivery(outbox, uri))
        sampler = Sampler(outbox) if system_metrics else None
        uploader.follow(pipe)
        if sampler is not None:
            sampler.finish()
        if not outbox.closed:
            mark_killed(outbox)
        uploader.finish(wait)


def _give_up_after(seconds: float, outbox: Outbox) -> None:
    """Ends this process after some seconds: a server that never replies, or a lock, may hold it up for ever."""
    time.sleep(min(seconds, threading.TIMEOUT_MAX))
    if not outbox.closed:
        mark_killed(outbox)
    os._exit(1)


def _pauses() -> Iterator[float]:
    return chain(PAUSES, repeat(PAUSES[-1]))


def mark_killed(outbox: Outbox) -> None:
    """Records the end of a run whose process could not do so itself."""
    if read_result(outbox.place):
        mark_interrupted(outbox.place, "killed")  # unless it was killed when it had just said how it ended
        outbox.append("file", path=RESULT)
    status = read_result(outbox.place).get("status", "killed")
    outbox.append("status", status=STATUSES.get(str(status), STATUSES["killed"]), time=now())


def _say(**words: str | None) -> None:
    try:
        print(json.dumps(words), flush=True)
    except BrokenPipeError:  # the run was killed
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


if __name__ == "__main__":
    place, address, seconds, *flags = sys.argv[1:]
    main(Path(place), address, float(seconds), system_metrics=bool(flags))
