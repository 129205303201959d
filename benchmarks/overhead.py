"""Claim: tracking and checkpoints take at most 3 % of the training time, for epochs of a second or longer.

    uv run python benchmarks/overhead.py        # about 5 minutes on 2 cores

The scratch CNN on drawn images, the same epochs each time: tracked into a SQLite store while it trains, with samples of
the machine's load and with checkpoints; and with nothing written at all. The runs take turns, but on a machine that is
shared their times differ by more than 3 % anyway. So what counts is taken down: the seconds that the training's own
thread spends in writing records and checkpoints, and the processor time of the courier, which is a process beside it.
"""

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import photographs
import psutil
from measure import Goal, Row, figure, report

from skinexp import compute, tracking
from skinexp.config.schema import Augment, Config, Data, Model, Optim, Preprocess, Tracking

ON, OFF = "tracked, with checkpoints", "nothing written"
MOST = 0.03  # of the training time


@dataclasses.dataclass(frozen=True)
class Taken:
    """Seconds: of a whole training, of its thread in writing, and of the courier's processor time meanwhile."""

    training: float
    writing: float = 0.0
    courier: float = 0.0

    def __str__(self) -> str:
        return f"{self.training:.2f} s, {self.writing:.2f} s of it writing; courier {self.courier:.2f} s"


class Stopwatch:
    """Adds up the seconds that calls take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - start

        return timed


def main() -> None:
    """Prepares the images, then lets both train in turns."""
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        images = photographs.draw(place / "photographs", options.photographs)
        data = Data("folder", str(images), cache=str(place / "cache"), preprocess=Preprocess(size=options.size))
        optim = Optim(epochs=options.epochs, patience=options.epochs)
        augment = Augment(flip=True, rotation=0.05, zoom=0.1)
        tracking = Tracking(uri=f"sqlite:///{place}/mlflow.db", tensorboard=False)
        config = Config(data=data, model=Model("scratch"), optim=optim, augment=augment, tracking=tracking)
        taken: dict[str, list[Taken]] = {OFF: [], ON: []}
        for turn in range(options.runs + 1):
            for name, measured in taken.items():
                took = train(config, place / f"{turn}_{name == ON}", written=name == ON)
                print(f"{name}: {took}{' (not counted)' if not turn else ''}", flush=True)
                measured += [took] * bool(turn)
    rows = [Row(name, statistics.median(one.training for one in measured), "s") for name, measured in taken.items()]
    share = statistics.median((one.writing + one.courier) / one.training for one in taken[ON])
    own = statistics.median(one.writing / one.training for one in taken[ON])
    epoch = rows[0].value / options.epochs
    goal = Goal(
        what=f"tracking and checkpoints, epochs of {epoch:.1f} s",
        asked=f"at most {100 * MOST:g} % of the training time",
        measured=f"{100 * share:.1f} % with the uploader's processor time, {100 * own:.1f} % in the training itself",
        met=share <= MOST,
        peers="; ".join(f"{name}: {figure(row.value)} s" for name, row in zip(taken, rows, strict=True)),
    )
    report(
        __file__,
        "Tracking and checkpoints take at most 3 % of the training time.",
        rows,
        goals=[goal],
        photographs=options.photographs,
        size=options.size,
        epochs=options.epochs,
        taken={name: [dataclasses.asdict(one) for one in measured] for name, measured in taken.items()},
    )


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=300)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


def train(config: Config, directory: Path, written: bool) -> Taken:
    """What one training takes."""
    config = compute.configure(config).resolve(config)
    from skinexp import models, training
    from skinexp.data import pipeline
    from skinexp.data.preparation import image_cache
    from skinexp.data.sources import registry
    from skinexp.data.split import split
    from skinexp.training import checkpoints

    prepared = image_cache.prepare(registry.load(config.data, config.seed), config.data)
    frame = prepared.table.frame
    frame["split"] = split(frame, config.data.split, config.seed)
    batches = pipeline.batches(prepared.images, frame, config.augment, config.optim.batch_size, config.seed)
    classifier = models.build(config.model, config.data.preprocess.size)
    directory.mkdir()
    if not written:
        with patch.object(checkpoints, "write"):
            start = time.perf_counter()
            training.fit(classifier, batches, config, directory)
            return Taken(time.perf_counter() - start)
    record = tracking.start(config.tracking, directory, directory.name, {})
    record.confirm()
    record.params(dataclasses.asdict(config))
    (courier,) = (child for child in psutil.Process().children() if "skinexp.tracking.uploader" in child.cmdline())
    before, watch, start = processor_time(courier), Stopwatch(), time.perf_counter()
    with patch.object(checkpoints, "write", watch.around(checkpoints.write)):
        training.fit(classifier, batches, config, directory, on_epoch=watch.around(record.epoch))
    taken = Taken(time.perf_counter() - start, watch.seconds, processor_time(courier) - before)
    record.close("finished", None)
    return taken


def processor_time(process: psutil.Process) -> float:
    """Seconds that a process has computed."""
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
