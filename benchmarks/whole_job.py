"""Claim: a whole job takes a fifth of the time that a plain Keras script takes, for no worse a network.

    uv run python benchmarks/whole_job.py --images DIRECTORY --weights DIRECTORY                 # about an hour
    uv run python benchmarks/whole_job.py --models scratch --seeds 0 1 2 --share 0.25            # on phantoms

`benchmarks/plain_keras.py` against `python -m skinexp.train`, each in a fresh process with empty caches, on the same
images, split, weights, size and epochs (early stopping is kept from stopping either), from the first import to the
last file. Everything that skinexp adds is left on. A fifth is asked for of the transfer models, 1 in 1.2 of the scratch
CNN. What a job came to is kept: models and seeds can be run one by one, and the table counts all jobs of the same
settings. Without images it draws phantoms, and without weights it makes random ones: times then count, scores don't.
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import photographs
from measure import Goal, Row, at_least, earlier, report
from runs import NEVER, folder, run, train
from sklearn.metrics import roc_auc_score

from skinexp.config.schema import Data
from skinexp.data.sources import registry

EPOCHS = {"scratch": (47, 0), "mobilenet": (86, 30), "efficientnet": (86, 30)}  # first phase, fine-tuning
GOALS = {"scratch": 1.2, "mobilenet": 5.0, "efficientnet": 5.0}
PLAIN, OURS = "plain Keras script", "skinexp"
TYPED = ("--images", "DIRECTORY", "--weights", "DIRECTORY", "--models", "MODEL", "--share", "SHARE")  # in several calls
RESAMPLES = 1_000  # of the test images, for the error of a difference


@dataclass(frozen=True)
class Outcome:
    """What a job came to."""

    model: str
    seed: int
    share: float  # of the seed study's epochs
    contestant: str
    seconds: float
    memory: float  # peak megabytes
    auc: float  # of the test images
    auc_error: float | None = None  # standard error of the difference to the plain script's
    stages: dict[str, float] | None = None  # seconds of skinexp's stages


def main() -> None:
    """Runs the jobs that were asked for, one after the other, and reports them beside those of the same settings."""
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        images = (options.images or photographs.draw(place / "photographs", options.photographs)).resolve()
        weights = (options.weights or photographs.stand_in_weights(place / "weights")).resolve()
        settings = {
            "images": options.images.name if options.images else f"{options.photographs} phantoms",
            "weights": "given" if options.weights else "random",
            "size": options.size,
        }
        outcomes = [Outcome(**job) for job in earlier(__file__, settings).get("jobs", [])]
        for seed in options.seeds:
            for model in options.models:
                pair = contest(model, seed, place / f"{model}_{seed}", images, weights, options)
                same = {"model": model, "seed": seed, "share": options.share}
                outcomes = [item for item in outcomes if not same.items() <= asdict(item).items()] + pair
                tell(outcomes, settings)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a directory of JPEG files with a manifest.csv")
    parser.add_argument("--photographs", type=int, default=600, help="phantoms drawn where there is no such directory")
    parser.add_argument("--weights", type=Path, help="a directory of .weights.h5 files")
    parser.add_argument("--models", nargs="+", choices=list(EPOCHS), default=list(EPOCHS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--share", type=float, default=1.0, help="of the seed study's epochs")
    return parser.parse_args()


def contest(
    model: str, seed: int, place: Path, images: Path, weights: Path, options: argparse.Namespace
) -> list[Outcome]:
    """Both jobs of one model and seed."""
    place.mkdir()
    first, second = (round(options.share * epochs) for epochs in EPOCHS[model])
    common = {"model": model, "size": options.size, "epochs": max(1, first), "fine_tune": second, "seed": seed}

    job, result = train(place, "skinexp", overrides(images, weights, **common))
    ours = pd.read_parquet(place / "skinexp" / "predictions.parquet")
    listed = images_as_split(images, ours, seed)
    listed[["file", "label", "split"]].to_csv(place / "split.csv", index=False)
    script = run(plain_command(place, images, weights, **common), place, "plain.log")
    theirs = pd.read_csv(place / "plain" / "predictions.csv").merge(listed[["file", "image_id"]], on="file")

    tested = ours[ours["split"] == "test"]
    both = theirs.merge(tested[["image_id", "logit"]], on="image_id")
    if not len(both) == len(theirs) == len(tested):
        raise ValueError(f"split: the two jobs were tested on different images. Received: {len(theirs)}, {len(tested)}")
    labels, logits, probabilities = (both[name].to_numpy() for name in ("label", "logit", "probability"))
    error = difference_error(labels, logits, probabilities)
    known = (model, seed, options.share)
    outcomes = [
        Outcome(*known, PLAIN, script.seconds, script.memory, roc_auc_score(labels, probabilities)),
        Outcome(*known, OURS, job.seconds, job.memory, roc_auc_score(labels, logits), error, result["seconds"]),
    ]
    for outcome in outcomes:
        print(f"{model}, seed {seed}, {outcome.contestant}: {outcome.seconds:.0f} s, AUC {outcome.auc:.3f}", flush=True)
    return outcomes


def images_as_split(images: Path, predictions: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row an image, with its file, and the part of the split that a training of skinexp has put it in."""
    frame = registry.load(Data("folder", str(images), exclude=["premalignant"]), seed).frame
    frame["file"] = [str(Path(path).relative_to(images)) for path in frame["path"]]
    frame["split"] = frame["image_id"].map(predictions.set_index("image_id")["split"]).fillna("train")
    return frame


def plain_command(
    place: Path, images: Path, weights: Path, *, model: str, size: int, epochs: int, fine_tune: int, seed: int
) -> list[str]:
    """The plain script's job."""
    script = Path(__file__).with_name("plain_keras.py")
    paths = {"--images": images, "--split": place / "split.csv", "--weights": weights, "--out": place / "plain"}
    numbers = {"--size": size, "--epochs": epochs, "--fine-tune-epochs": fine_tune, "--patience": NEVER, "--seed": seed}
    arguments = [str(word) for pair in (paths | numbers).items() for word in pair]
    return [sys.executable, str(script), "--model", model, *arguments]


def overrides(
    images: Path, weights: Path, *, model: str, size: int, epochs: int, fine_tune: int, seed: int
) -> dict[str, Any]:
    """The same job for skinexp, with everything that is on by default."""
    return {
        **folder(images, weights),
        "model": model,
        "data.preprocess.size": size,
        "model.fine_tune.epochs": fine_tune,
        "optim.epochs": epochs,
        "optim.patience": NEVER,
        "seed": seed,
    }


def difference_error(labels: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> float:
    """Standard error of the difference between two areas under ROC curves on the same images, by bootstrap."""
    rng = np.random.default_rng(0)
    classes = [np.flatnonzero(labels == value) for value in (0, 1)]
    differences = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([rng.choice(members, len(members)) for members in classes])
        differences.append(roc_auc_score(labels[drawn], ours[drawn]) - roc_auc_score(labels[drawn], theirs[drawn]))
    return float(np.std(differences))


def tell(outcomes: list[Outcome], settings: dict[str, Any]) -> None:
    """Reports what is known by now."""
    rows: list[Row] = []
    goals: list[Goal] = []
    order = list(EPOCHS)
    outcomes = sorted(outcomes, key=lambda item: (order.index(item.model), item.seed, item.contestant != PLAIN))
    for model, share in dict.fromkeys((outcome.model, outcome.share) for outcome in outcomes):
        some = [outcome for outcome in outcomes if (outcome.model, outcome.share) == (model, share)]
        jobs = {name: [outcome for outcome in some if outcome.contestant == name] for name in (PLAIN, OURS)}
        epochs = "" if share == 1 else f", {share:.0%} of the epochs"
        named = {name: f"{model}{epochs}, {name}" for name in jobs}
        rows += [row_of(named[name], jobs[name]) for name in (PLAIN, OURS)]
        what = f"whole job, {model}, {settings['size']} px{epochs}"
        goals.append(at_least(GOALS[model], named[PLAIN], named[OURS], rows, what))
        if model == "scratch" or settings["weights"] == "given":  # a head on random features learns nothing
            goals.append(auc_goal(model, jobs))
    report(
        __file__,
        "A whole job against a plain Keras script: transfer models at least 5 times as fast, the scratch CNN 1.2 "
        "times, with equal or better test AUC.",
        rows,
        goals=goals,
        typed=TYPED,
        settings=settings,
        jobs=[asdict(outcome) for outcome in outcomes],
    )


def row_of(name: str, jobs: list[Outcome]) -> Row:
    """Medians of time over seeds, and the mean score."""
    auc = statistics.mean(job.auc for job in jobs)
    seconds = statistics.median(job.seconds for job in jobs)
    return Row(name, seconds, "s", max(job.memory for job in jobs), f"test AUC {auc:.3f}, seeds {len(jobs)}")


def auc_goal(model: str, jobs: dict[str, list[Outcome]]) -> Goal:
    """Equal or better, to within one standard error of the difference."""
    means = {name: statistics.mean(job.auc for job in some) for name, some in jobs.items()}
    difference = means[OURS] - means[PLAIN]
    error = float(np.sqrt(sum(job.auc_error**2 for job in jobs[OURS]))) / len(jobs[OURS])
    return Goal(
        what=f"test AUC of these jobs, {model}",
        asked="equal (within a standard error) or better",
        measured=f"{means[OURS]:.3f} (difference {difference:+.3f} ± {error:.3f})",
        met=difference >= -error,
        peers=f"{PLAIN}: {means[PLAIN]:.3f}",
    )


if __name__ == "__main__":
    main()
