"""Claim: tracking and checkpoints take at most 3 % of the training time, for epochs of a second or longer.

    uv run python benchmarks/overhead.py        # about 4 minutes on 2 cores

The scratch CNN on drawn images, the same epochs each time: tracked into a SQLite store while it trains, with samples of
the machine's load and with checkpoints; and with nothing written at all. The runs take turns. What counts is the time
of the whole training, its compilation included; the courier, which is a process of its own, is started before.
"""

import argparse
import dataclasses
import statistics
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import photographs
from measure import Goal, Row, figure, report

from skinexp import compute, tracking
from skinexp.config import Augment, Config, Data, Model, Optim, Preprocess, Tracking

ON, OFF = "tracked, with checkpoints", "nothing written"
MOST = 0.03  # of the training time


def main() -> None:
    """Prepares the images, then lets both train in turns."""
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        images = photographs.draw(place / "photographs", options.photographs)
        data = Data("folder", str(images), cache=str(place / "cache"), preprocess=Preprocess(size=options.size))
        optim = Optim(epochs=options.epochs, patience=options.epochs)
        augment = Augment(flip=True, rotation=0.05, zoom=0.1)
        config = Config(data=data, model=Model("scratch"), optim=optim, augment=augment)
        config.tracking = Tracking(uri=f"sqlite:///{place}/mlflow.db", tensorboard=False)
        seconds: dict[str, list[float]] = {OFF: [], ON: []}
        for turn in range(options.runs + 1):
            for name, measured in seconds.items():
                took = train(config, place / f"{turn}_{name == ON}", written=name == ON)
                print(f"{name}: {took:.2f} s{' (not counted)' if not turn else ''}", flush=True)
                measured += [took] * bool(turn)
    rows = [Row(name, statistics.median(measured), "s") for name, measured in seconds.items()]
    share = statistics.median(on / off - 1 for on, off in zip(seconds[ON], seconds[OFF], strict=True))
    epoch = rows[0].value / options.epochs
    goal = Goal(
        what=f"tracking and checkpoints on, epochs of {epoch:.1f} s",
        asked=f"at most {100 * MOST:g} % of the training time",
        measured=f"{100 * share:.1f} % (median of {options.runs} pairs): {figure(rows[1].value)} s",
        met=share <= MOST,
        peers=f"{OFF}: {figure(rows[0].value)} s",
    )
    report(
        __file__,
        "Tracking and checkpoints take at most 3 % of the training time.",
        rows,
        goals=[goal],
        photographs=options.photographs,
        size=options.size,
        epochs=options.epochs,
        seconds=seconds,
    )


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=300)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


def train(config: Config, directory: Path, written: bool) -> float:
    """Seconds of one training."""
    config.compute = compute.configure(config).settle(config.compute)
    from skinexp import models, training
    from skinexp.data import pipeline, sources, store
    from skinexp.data.split import split
    from skinexp.training import checkpoints

    prepared = store.prepare(sources.load(config.data, config.seed), config.data)
    frame = prepared.table.frame
    frame["split"] = split(frame, config.data.split, config.seed)
    batches = pipeline.batches(prepared.images, frame, config.augment, config.optim.batch_size, config.seed)
    classifier = models.build(config.model, config.data.preprocess.size)
    directory.mkdir()
    if not written:
        with patch.object(checkpoints, "write"):
            start = time.perf_counter()
            training.fit(classifier, batches, config, directory)
            return time.perf_counter() - start
    record = tracking.start(config.tracking, directory, directory.name, {})
    record.confirm()
    record.params(dataclasses.asdict(config))
    start = time.perf_counter()
    training.fit(classifier, batches, config, directory, on_epoch=record.epoch)
    took = time.perf_counter() - start
    record.close("finished", None)
    return took


if __name__ == "__main__":
    main()
