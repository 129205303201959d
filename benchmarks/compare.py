"""How long `python -m skinexp.compare` takes for twenty finished runs, from the start of its process.

Claim: less than 5 s for 20 runs with 2,583 predictions each, the drawing of figures apart, without TensorFlow or Keras.

The runs are made up: directories with a result, predictions and a history, as trainings leave them. The command runs as
a user types it, and beside it with functions that draw put out of action: the difference is what figures cost.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from measure import Goal, Row, figure, in_turns, medians, report
from scipy.special import expit

from skinexp.evaluation import EvaluationOptions, evaluate

SECONDS = 5.0  # at most, without figures
EPOCHS = 30
WITHOUT_FIGURES = """
import sys
from skinexp import compare
from skinexp.report import page, pictures
stubs = {"picture": lambda *given, **named: pictures.Picture("", "", 1, 1)}
for module in [module for name, module in sys.modules.items() if name.startswith("skinexp.report")]:
    for name, value in list(vars(module).items()):
        if hasattr(value, "__wrapped__"):  # drawn in the house's style
            setattr(module, name, lambda *given, **named: None)
        elif name in stubs:
            setattr(module, name, stubs[name])
compare.main()
unwanted = sorted({"tensorflow", "keras", "mlflow"} & set(sys.modules))
sys.exit(f"imported: {unwanted}" if unwanted else 0)
"""


def main() -> None:
    """Makes the runs, times the command, and reports."""
    options = arguments()
    with tempfile.TemporaryDirectory() as place:
        runs = [
            str(write(Path(place) / f"run-{number:02d}", number, options.images)) for number in range(options.count)
        ]
        common = [*runs, "--output", str(Path(place) / "comparison")]
        contestants = {
            "with its figures": [sys.executable, "-m", "skinexp.compare", *common],
            "without figures": [sys.executable, "-c", WITHOUT_FIGURES, *common],
            "import pandas, scikit-learn, matplotlib": [
                sys.executable,
                "-c",
                "import pandas, sklearn.metrics, scipy.stats, matplotlib.figure",
            ],
        }
        timed = {name: partial(call, command) for name, command in contestants.items()}
        seconds = medians(in_turns(timed, options.runs))
    rows = [Row(name, value, "s") for name, value in seconds.items()]
    taken, whole = seconds["without figures"], seconds["with its figures"]
    goal = Goal(
        f"comparing {options.count} runs of {options.images:,} predictions, figures apart",
        f"at most {SECONDS:g} s",
        f"{figure(taken)} s, {taken / whole:.0%} of the whole command",
        taken <= SECONDS,
        "; ".join(f"{row.name}: {row}" for row in rows if row.name != "without figures"),
    )
    report(
        __file__,
        f"Comparing runs takes at most {SECONDS:g} s, figures apart, without TensorFlow, Keras or MLflow.",
        rows,
        goals=[goal],
        count=options.count,
        images=options.images,
    )


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="runs that are compared")
    parser.add_argument("--images", type=int, default=2_583, help="test images of each, and as many of validation")
    parser.add_argument("--runs", type=int, default=5, help="times that each contestant runs")
    return parser.parse_args()


def call(command: list[str]) -> None:
    """Runs a command to its end."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def write(directory: Path, number: int, images: int) -> Path:
    """A finished run's directory, of a network that is better the higher its number."""
    directory.mkdir()
    rng = np.random.default_rng(number)
    label = np.tile([0, 1], images)
    logit = rng.normal(size=label.size) + label * (1 + number / 20)
    predictions = pd.DataFrame(
        {
            "image_id": [f"image-{place:05d}" for place in range(label.size)],
            "split": np.repeat(["val", "test"], images),
            "label": label,
            "logit": logit.astype(np.float32),
            "probability": expit(logit),
        }
    )
    predictions.to_parquet(directory / "predictions.parquet", index=False)
    epoch = np.arange(1, EPOCHS + 1)
    scores = {f"{part}/{name}": 1 / epoch for part in ("train", "val") for name in ("loss", "accuracy", "auc")}
    pd.DataFrame({"epoch": epoch, "phase": "train", **scores, "best": epoch == EPOCHS}).to_csv(
        directory / "history.csv", index=False
    )
    scored = evaluate(predictions, EvaluationOptions(resamples=20))
    result = {
        "status": "finished",
        "name": f"optim.lr={number}",
        "config": {"seed": number, "optim": {"lr": number}, "data": {"split": {"folds": None, "fold": None}}},
        "test_digest": "the-images",
        "metrics": scored.metrics,
        "thresholds": scored.thresholds,
        "seconds": {"total": 60.0},
    }
    (directory / "result.json").write_text(json.dumps(result))
    return directory


if __name__ == "__main__":
    main()
