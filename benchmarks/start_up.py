"""Claim: on a warm cache, a training begins shortly after Keras can be imported at all.

    uv run python benchmarks/start_up.py                        # on phantoms; about 3 minutes on 2 cores
    uv run python benchmarks/start_up.py --trees OLD . --weights DIRECTORY    # the same of two checkouts

From the command to the line that says that training begins: imports, checks, data table, prepared images, a quick
audit, the run in MLflow, the network with its weights, the doctor's preflight. Beside it, what no training can do
without, `import keras`, and the newest checkout without what looks at data and network. Random weights, which stand in
where none are given, have the doctor ask more questions than good ones.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import photographs
import psutil
from measure import Row, in_turns, medians, report
from runs import folder, run

KERAS = "import keras"
BEGINS = "Training "  # how that line begins
UNSEEN = ("data.audit=off", "health.policy=off")


def main() -> None:
    """Fills the caches, then lets the commands take turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=Path, nargs="+", default=[Path()], help="checkouts to compare")
    parser.add_argument("--photographs", type=int, default=600)
    parser.add_argument("--weights", type=Path, help="a directory of .weights.h5 files; random ones without it")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        images = photographs.draw(place / "photographs", options.photographs).resolve()
        weights = (options.weights or photographs.stand_in_weights(place / "weights")).resolve()
        overrides = {**folder(images, weights), "model": "mobilenet", "data.preprocess.size": 96, "optim.epochs": 1}
        overrides |= {"model.fine_tune.epochs": 0, "tracking.system_metrics": "false"}
        command = [sys.executable, "-u", "-m", "skinexp.train", *(f"{key}={value}" for key, value in overrides.items())]
        contestants = {KERAS: partial(run, [sys.executable, "-c", KERAS], place, "keras.log")}
        for tree in options.trees:
            contestants[f"skinexp{'' if tree == Path() else f' at {commit(tree)}'}"] = partial(
                begin, command, place, tree
            )
        contestants["skinexp, neither audit nor doctor"] = partial(begin, [*command, *UNSEEN], place, options.trees[-1])
        seconds = medians(in_turns(contestants, options.runs))
    rows = [Row(name, value, "s") for name, value in seconds.items()]
    report(__file__, "Seconds from the command to the beginning of the training, on a warm cache.", rows, against=KERAS)


def commit(tree: Path) -> str:
    """Which commit a checkout is at."""
    asked = ["git", "-C", str(tree), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def begin(command: list[str], place: Path, tree: Path) -> None:
    """Starts the command of a checkout and ends it as soon as it trains; the first time, caches are filled."""
    environment = os.environ | {"PYTHONPATH": str(tree.resolve())}
    with subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith(BEGINS):
                couriers = psutil.Process(process.pid).children(recursive=True)
                for one in (process, *couriers):  # a courier that outlives its run would slow the next contestant
                    one.kill()
                return
    raise RuntimeError(f"{' '.join(command)}: never trained\n{''.join(said)[-2_000:]}")


if __name__ == "__main__":
    main()
