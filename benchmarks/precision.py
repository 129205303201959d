"""Claim: what `compute=auto` chooses on a CPU (backend, precision, XLA, threads, layout) is what trains fastest there.

Each way of computing is a process of its own; the processes take turns at training steps, and at predicting, of each
of the three models on the same random pixels, through Keras' `train_on_batch` and `predict_on_batch`. A way whose first
step is not there after `--patience` seconds is left out, and said to be. The last lines are the table of
docs/concepts/compute.md.

    python benchmarks/precision.py [--backends tensorflow jax torch] [--size 96] [--batch 32]

About 6 minutes with TensorFlow alone on 2 cores, three times that with all three backends; up to 2 GB of memory a way.
"""

import argparse
import dataclasses
import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import MEGABYTE, Row, in_turns, medians, report

MODELS = ("scratch", "mobilenet", "efficientnet")
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


@dataclass(frozen=True)
class Way:
    """One way of computing."""

    backend: str
    precision: str = "float32"
    jit_compile: bool = False
    threads: int | None = None
    layout: str = "channels_last"

    @property
    def name(self) -> str:
        parts = [NAMES[self.backend], self.precision.removeprefix("mixed_")]
        parts += ["XLA"] if self.jit_compile and self.backend == "tensorflow" else []
        parts += [self.layout] if self.layout != "channels_last" else []
        parts += [f"{self.threads} thread"] if self.threads else []
        return ", ".join(parts)


WAYS = (
    Way("tensorflow"),
    Way("tensorflow", "mixed_bfloat16"),
    Way("tensorflow", jit_compile=True),
    Way("tensorflow", "mixed_bfloat16", jit_compile=True),
    Way("tensorflow", layout="channels_first"),
    Way("tensorflow", threads=1),
    Way("jax", jit_compile=True),
    Way("jax", "mixed_bfloat16", jit_compile=True),
    Way("jax", jit_compile=True, layout="channels_first"),
    Way("torch"),
    Way("torch", "mixed_bfloat16"),
    Way("torch", layout="channels_first"),
)


class Contestant:
    """A process that computes one way; `train` and `predict` make it do so many batches and wait for the last."""

    def __init__(self, way: Way, model: str, size: int, batch: int):
        self.way, self.megabytes = way, 0.0
        job = json.dumps({**dataclasses.asdict(way), "model": model, "size": size, "batch": batch})
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--contestant", job],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"KERAS_BACKEND": way.backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def ready(self, end: float) -> bool:
        """Waits for the first steps, until `end` on the monotonic clock; a process that is not there is ended."""
        readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
        if readable and self._answer() is not None:
            return True
        self.close()
        return False

    def training(self) -> None:
        self._ask("training")

    def predicting(self) -> None:
        self._ask("predicting")

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()

    def _ask(self, what: str) -> None:
        self._process.stdin.write(f"{what}\n".encode())
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> float | None:
        line = self._process.stdout.readline()
        self.megabytes = float(line) if line else self.megabytes
        return self.megabytes if line else None


def main() -> None:
    """Measures model after model and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--backends", nargs="+", choices=NAMES, default=["tensorflow"])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--patience", type=float, default=120, help="seconds that a first step may take to compile")
    parser.add_argument("--contestant", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        compute_when_asked(**options.contestant)
        return
    rows: list[Row] = []
    left_out: list[str] = []
    for model in options.models:
        contestants, late = start(model, options)
        rows += measured(model, contestants, options)
        left_out += late
    report(
        __file__,
        f"Training and predicting on a CPU, {options.size} px, batches of {options.batch}: what helps and what hurts",
        rows,
        size=options.size,
        batch=options.batch,
        left_out=left_out,
    )
    print(markdown(rows))


def start(model: str, options: argparse.Namespace) -> tuple[dict[Way, Contestant], list[str]]:
    """The contestants that made their first steps in time, and words about those that did not.

    They start one after the other: compiling side by side would take each other's time.
    """
    contestants, late = {}, []
    for way in (way for way in WAYS if way.backend in options.backends):
        begin = time.monotonic()
        contestant = Contestant(way, model, options.size, options.batch)
        if contestant.ready(begin + options.patience):
            contestants[way] = contestant
            print(f"{model}, {way.name}: ready after {time.monotonic() - begin:.0f} s", flush=True)
        else:
            late.append(f"{model}, {way.name}: no first step within {options.patience:.0f} s")
            print(late[-1], flush=True)
    return contestants, late


def measured(model: str, contestants: dict[Way, Contestant], options: argparse.Namespace) -> list[Row]:
    """Two rows a way: training and predicting."""
    rows = []
    for what in ("training", "predicting"):
        turns = {way.name: getattr(contestant, what) for way, contestant in contestants.items()}
        seconds = medians(in_turns(turns, options.runs, warm_up=1))
        for way, contestant in contestants.items():
            rate = options.batch / seconds[way.name]
            rows.append(Row(f"{model} {what}: {way.name}", rate, "images a second", contestant.megabytes))
    for contestant in contestants.values():
        contestant.close()
    return rows


def compute_when_asked(
    model: str, size: int, batch: int, backend: str, precision: str, jit_compile: bool, threads: int | None, layout: str
) -> None:
    """The contestant's side: builds the model, then does what each line of its input says and answers with its peak."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries print
    sys.path.insert(0, str(Path(__file__).parents[1]))
    if threads:  # on TensorFlow
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    import keras
    import numpy as np

    from skinexp import models
    from skinexp.config.schema import Model

    keras.config.set_dtype_policy(precision)
    keras.config.set_image_data_format(layout)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    labels = rng.integers(0, 2, (batch, 1)).astype(np.float32)
    network = models.build(Model(name=model), size).network
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    network.compile("adam", loss, jit_compile=jit_compile)
    steps = {
        "training": lambda: network.train_on_batch(pixels, labels),
        "predicting": lambda: network.predict_on_batch(pixels),
    }
    for step in steps.values():
        step()
    print(peak(), file=answers)
    for line in sys.stdin:
        steps[line.strip()]()
        print(peak(), file=answers)


def peak() -> float:
    """Most megabytes that this process held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def markdown(rows: Sequence[Row]) -> str:
    """A line a way, a column a model: images a second in training, then in predicting."""
    cells: dict[tuple[str, str], Row] = {}
    for row in rows:
        column, _, way = row.name.partition(": ")
        cells[way, column] = row
    columns = list(dict.fromkeys(column for _, column in cells))
    columns.sort(key=lambda column: column.endswith("predicting"))
    lines = [f"| images a second | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for way in dict.fromkeys(way for way, _ in cells):
        values = [f"{cells[way, column].value:.0f}" if (way, column) in cells else "-" for column in columns]
        lines.append(f"| {way} | {' | '.join(values)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
