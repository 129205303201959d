"""A process that delivers an outbox while the run goes on, and knows when the run has ended.

    python -m skinexp.tracking.courier DIRECTORY URI WAIT [--system-metrics]

It tells the run on its standard output what became of it: {"run_id": ..., "experiment_id": ...} once the store has the
run, and again after trouble; {"trouble": sentence} where the store cannot be used. Its standard input is the run's
life line: a byte says that there is something to deliver, its end that the run has ended. A run that ended without
saying how was killed, and the store is told so.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from skinexp import result
from skinexp.tracking.outbox import STATUSES, Outbox, now

POLL = 1.0  # seconds after which the outbox is looked at, also when nothing was said
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)  # seconds between tries while the store cannot be used


class Line:
    """The run's life line, read in a thread of its own."""

    def __init__(self) -> None:
        self.ended = False
        self._news = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Until there is something new, or the time is over."""
        self._news.wait(seconds)
        self._news.clear()

    def _read(self) -> None:
        while os.read(0, 4096):
            self._news.set()
        self.ended = True
        self._news.set()


def main(directory: Path, uri: str, wait: float, system_metrics: bool) -> None:
    """Delivers until the run has ended and everything is delivered, or `wait` seconds are over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line, outbox = Line(), Outbox(directory)
    with outbox.deliverer:  # an earlier life's courier may be at its end
        from skinexp.tracking.delivery import Delivery, Unavailable
        from skinexp.tracking.sampler import Sampler

        delivery = Delivery(outbox, uri)
        sampler = Sampler(outbox) if system_metrics else None
        told, tries, deadline = False, 0, None
        while True:
            ended = line.ended  # before the last look at the outbox
            if ended and deadline is None:
                deadline = time.monotonic() + wait
                if sampler is not None:
                    sampler.finish()
                if not outbox.closed:
                    bury(outbox)
            try:
                delivery.deliver()
            except Unavailable as error:
                _say(trouble=str(error))
                told, tries = False, tries + 1
                pause = PAUSES[min(tries, len(PAUSES)) - 1]
                if deadline is not None:
                    pause = min(pause, deadline - time.monotonic())
                    if pause <= 0:
                        return
                line.wait(pause) if not ended else time.sleep(pause)
                continue
            tries = 0
            if not told:
                _say(run_id=delivery.run_id, experiment_id=delivery.experiment_id)
                told = True
            if ended:
                return
            line.wait(POLL)


def bury(outbox: Outbox) -> None:
    """Writes down the end of a run whose process could not do so itself."""
    if result.load(outbox.place):
        result.mark(outbox.place, "killed")  # unless it was killed when it had just said how it ended
        outbox.append("file", path=result.FILE)
    status = result.load(outbox.place).get("status", "killed")
    outbox.append("status", status=STATUSES[status], time=now())


def _say(**words: str | None) -> None:
    try:
        print(json.dumps(words), flush=True)
    except BrokenPipeError:  # the run was killed
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


if __name__ == "__main__":
    place, address, seconds, *flags = sys.argv[1:]
    main(Path(place), address, float(seconds), system_metrics=bool(flags))
