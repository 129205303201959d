"""Claim: a head phase of 50 epochs is at least 10 times as fast on cached features as through the frozen backbone.

    uv run python benchmarks/head_phase.py                                        # about 3 minutes on 2 cores
    uv run python benchmarks/head_phase.py --images DIRECTORY --weights DIRECTORY --models mobilenet efficientnet

Both train the same head for the same epochs, from fresh caches: `training.features=auto` computes the features of all
views and trains on them, `training.features=off` sends every image through the backbone in every epoch. What counts is
the training stage of result.json, which includes computing the features. Whether both end at the same score is another
question, which needs seeds: `benchmarks/seeds_table.py --by training.features`.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import photographs
from measure import Goal, Row, at_least, report
from runs import NEVER, folder, train

OFF, AUTO = "through the backbone", "on cached features"
CONTESTANTS = {OFF: "off", AUTO: "auto"}  # and their training.features


def main() -> None:
    """Runs the two trainings of each model in turns."""
    options = arguments()
    rows: list[Row] = []
    goals: list[Goal] = []
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        images = (options.images or photographs.draw(place / "photographs", options.photographs)).resolve()
        weights = (options.weights or photographs.stand_in_weights(place / "weights")).resolve()
        for model in options.models:
            common = {**folder(images, weights), **overrides(model, options)}
            rows += contest(place / model, model, common, options)
            what = f"head phase of {options.epochs} epochs, {model}, {options.size} px"
            goals.append(at_least(10, f"{model}, {OFF}", f"{model}, {AUTO}", rows, what))
    report(
        __file__,
        f"A head phase of {options.epochs} epochs on cached features, computing them included: at least 10 times as "
        "fast as through the frozen backbone.",
        rows,
        goals=goals,
        images=options.images.name if options.images else f"{options.photographs} phantoms",
        weights="given" if options.weights else "random",
        size=options.size,
        epochs=options.epochs,
    )


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a directory of JPEG files with a manifest.csv")
    parser.add_argument("--photographs", type=int, default=600, help="phantoms drawn where there is no such directory")
    parser.add_argument("--weights", type=Path, help="a directory of .weights.h5 files; random ones without it")
    parser.add_argument("--models", nargs="+", choices=list(photographs.BACKBONES), default=["mobilenet"])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--runs", type=int, default=1)
    return parser.parse_args()


def overrides(model: str, options: argparse.Namespace) -> dict[str, Any]:
    """A head phase of all its epochs, and no other."""
    return {
        "model": model,
        "model.fine_tune.epochs": 0,
        "data.preprocess.size": options.size,
        "optim.epochs": options.epochs,
        "optim.patience": NEVER,
    }


def contest(place: Path, model: str, common: dict[str, Any], options: argparse.Namespace) -> list[Row]:
    """Seconds of the training stage of both, each run with caches of its own."""
    seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    memory = dict.fromkeys(CONTESTANTS, 0.0)
    scores = {}
    for turn in range(options.runs):
        for name, features in CONTESTANTS.items():
            ended, result = train(place / f"{features}_{turn}", "run", {**common, "training.features": features})
            seconds[name].append(result["seconds"]["training"])
            memory[name] = max(memory[name], ended.memory)
            scores[name] = f"test AUC {result['metrics']['test/roc_auc']:.3f}"
            print(f"{model}, {name}: {seconds[name][-1]:.1f} s of training, {scores[name]}", flush=True)
    return [
        Row(f"{model}, {name}", statistics.median(seconds[name]), "s", memory[name], scores[name])
        for name in CONTESTANTS
    ]


if __name__ == "__main__":
    main()
