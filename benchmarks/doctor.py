"""Claim: with default settings, the doctor takes at most 3 % of the training time.

    uv run python benchmarks/doctor.py                                                # on phantoms, about 10 minutes
    uv run python benchmarks/doctor.py --images DIRECTORY --weights DIRECTORY         # on real images, about 10 minutes

Whole commands as a user types them. health.json says how many seconds the doctor's questions took before, while and
after the training, result.json how long the training took: counted, because runs with and without the doctor differ by
more than 3 % on a shared machine whatever they do.
"""

import argparse
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Goal, Row, report
from runs import folder, train

MODELS = ("scratch", "mobilenet", "efficientnet")
MOST = 0.03  # of the training time


@dataclass(frozen=True)
class Taken:
    """Seconds of a training, and of the doctor before, while and after it."""

    training: float
    doctor: dict[str, float]

    @property
    def share(self) -> float:
        return sum(self.doctor.values()) / self.training


def main() -> None:
    """Trains each model as often as asked, and adds up."""
    options = arguments()
    known: dict[str, list[Taken]] = {model: [] for model in options.models}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for turn in range(options.runs):
            for model, measured in known.items():
                measured.append(take(Path(scratch), f"{model}_{turn}", model, options))
                print(f"{model}: {measured[-1]}, {measured[-1].share:.1%}", flush=True)
    rows, goals = [], []
    for model, measured in known.items():
        middle = statistics.median(one.share for one in measured)
        seconds = {name: statistics.median(one.doctor[name] for one in measured) for name in measured[0].doctor}
        training = statistics.median(one.training for one in measured)
        rows += [Row(f"{model}, training", training, "s"), Row(f"{model}, doctor", sum(seconds.values()), "s")]
        parts = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
        data = options.images.name if options.images else "phantoms"
        goals.append(
            Goal(
                what=f"the doctor, {model} on {data}",
                asked=f"at most {100 * MOST:g} % of the training time",
                measured=f"{100 * middle:.1f} %: {parts}",
                met=middle <= MOST,
                peers=f"training: {training:.0f} s",
            )
        )
    report(
        __file__,
        "With default settings, the doctor takes at most 3 % of the training time.",
        rows,
        goals=goals,
        typed=("--images", "DIRECTORY", "--weights", "DIRECTORY") if options.images else (),
        runs=options.runs,
    )


def take(place: Path, name: str, model: str, options: argparse.Namespace) -> Taken:
    """One command."""
    overrides: dict[str, Any] = {"model": model}
    if options.images:
        overrides |= {**folder(options.images.resolve(), options.weights.resolve()), "data.preprocess.size": 96}
        overrides |= {"optim.epochs": 50}
    (place / name).mkdir()
    _, result = train(place / name, "run", overrides)
    health = json.loads((place / name / "run" / "health.json").read_text())
    return Taken(result["seconds"]["training"], health["seconds"])


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--images", type=Path, help="a directory of JPEG files with a manifest.csv; phantoms without it"
    )
    parser.add_argument("--weights", type=Path, help="a directory of .weights.h5 files; needed with --images")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--runs", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
