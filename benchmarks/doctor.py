"""Claim: with default settings, the doctor takes at most 3 % of the training time.

    uv run python benchmarks/doctor.py                                               # on phantoms, about 5 minutes
    uv run python benchmarks/doctor.py --images DIRECTORY --weights DIRECTORY        # on real images too: an hour more

Whole commands as a user types them. health.json says how many seconds the doctor's questions took before, while and
after the training, result.json how long the training took: counted, because runs with and without the doctor differ by
more than 3 % on a shared machine whatever they do.

Most questions are asked once a training, so that short trainings on small images, such as those on the default
phantoms, give the doctor its largest share. `--epochs` shortens the trainings on real images, which raises it too.
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


@dataclass(frozen=True)
class Images:
    """What is trained on, and what the table of results calls it."""

    name: str
    overrides: dict[str, Any]


def main() -> None:
    """Trains each model on each kind of images as often as asked, and adds up."""
    options = arguments()
    rows: list[Row] = []
    goals: list[Goal] = []
    for images in kinds(options):
        known: dict[str, list[Taken]] = {model: [] for model in options.models}
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            for turn in range(options.runs):
                for model, measured in known.items():
                    measured.append(take(Path(scratch) / f"{model}_{turn}", {"model": model, **images.overrides}))
                    print(f"{model}, {images.name}: {measured[-1]}, {measured[-1].share:.1%}", flush=True)
        for model, measured in known.items():
            rows += rows_of(f"{model}, {images.name}", measured)
            goals.append(goal_of(f"the doctor, {model} on {images.name}", measured))
    report(
        __file__,
        "With default settings, the doctor takes at most 3 % of the training time.",
        rows,
        goals=goals,
        typed=typed(options),
        runs=options.runs,
    )


def kinds(options: argparse.Namespace) -> list[Images]:
    """Phantoms, and what the command line names."""
    found = [Images("phantoms", {})]
    if options.images:
        chosen = folder(options.images.resolve(), options.weights.resolve())
        name = options.images.name
        if options.epochs:
            chosen |= {"optim.epochs": options.epochs, "model.fine_tune.epochs": options.epochs}
            name += f", {options.epochs} epochs a phase"
        found.append(Images(name, chosen))
    return found


def typed(options: argparse.Namespace) -> tuple[str, ...]:
    """What the command line said, without a path of this machine."""
    words = ["--images", "DIRECTORY", "--weights", "DIRECTORY"] if options.images else []
    if options.epochs:
        words += ["--epochs", str(options.epochs)]
    if set(options.models) < set(MODELS):
        words += ["--models", *options.models]
    return tuple(words)


def take(place: Path, overrides: dict[str, Any]) -> Taken:
    """One command."""
    _, result = train(place, "run", overrides)
    health = json.loads((place / "run" / "health.json").read_text())
    return Taken(result["seconds"]["training"], health["seconds"])


def rows_of(name: str, measured: list[Taken]) -> list[Row]:
    """Seconds of a training and of its doctor."""
    training = statistics.median(one.training for one in measured)
    doctor = statistics.median(sum(one.doctor.values()) for one in measured)
    return [Row(f"{name}, training", training, "s"), Row(f"{name}, doctor", doctor, "s")]


def goal_of(what: str, measured: list[Taken]) -> Goal:
    """The doctor's share, and what it is made of."""
    share = statistics.median(one.share for one in measured)
    parts = {name: statistics.median(one.doctor[name] for one in measured) for name in measured[0].doctor}
    told = ", ".join(f"{name} {value:.1f} s" for name, value in parts.items())
    return Goal(
        what=what,
        asked=f"at most {100 * MOST:g} % of the training time",
        measured=f"{100 * share:.1f} %: {told}",
        met=share <= MOST,
        peers=f"training: {statistics.median(one.training for one in measured):.0f} s",
    )


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a directory of JPEG files with a manifest.csv")
    parser.add_argument("--weights", type=Path, help="a directory of .weights.h5 files; needed with --images")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--epochs", type=int, help="of each phase on these images, at most; else the default")
    parser.add_argument("--runs", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
