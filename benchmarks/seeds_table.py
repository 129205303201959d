"""Prints a table of test scores by model, as mean and spread over seeds, from finished sweeps.

    uv run python benchmarks/seeds_table.py multirun/DATE/TIME [...]
    uv run python benchmarks/seeds_table.py --by training.features multirun/DATE/TIME

`--by` gives each value of a key its own line, and says how far runs of the same model and seed lie apart.
"""

import argparse
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

SCORES = {"test/roc_auc": "ROC-AUC", "test/average_precision": "average precision", "test/accuracy": "accuracy"}


def main() -> None:
    """Reads each run's result.json; a spread is the standard deviation over seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", type=Path, nargs="+", help="directories of sweeps")
    parser.add_argument("--by", help="a key of the configuration")
    options = parser.parse_args()
    runs = read(options.sweeps, options.by)
    print(table(runs, options.by))
    if options.by:
        print(f"\n{differences(runs)}")


def read(sweeps: list[Path], key: str | None) -> pd.DataFrame:
    """One row a finished run: model, seed, the key's value (empty without one), seconds, training, scores."""
    results = [json.loads(file.read_text()) for sweep in sweeps for file in sorted(sweep.glob("*/result.json"))]
    return pd.DataFrame(
        {
            "model": result["model"]["name"],
            "seed": result["config"]["seed"],
            "value": str(_find(result["config"], key)) if key else "",
            "seconds": result["seconds"]["total"],
            "training": result["seconds"]["training"],
            **{score: result["metrics"][score] for score in SCORES},
        }
        for result in results
        if result["status"] == "finished"
    )


def table(runs: pd.DataFrame, key: str | None) -> str:
    """One line a model and value, in Markdown."""
    headings = ["model", *([f"`{key}`"] if key else []), "seeds", *SCORES.values(), "minutes a run"]
    lines = [headings, ["---"] * len(headings)]
    for (model, value), group in runs.groupby(["model", "value"], sort=False):
        scores = [f"{group[score].mean():.3f} ± {group[score].std():.3f}" for score in SCORES]
        minutes = f"{group['seconds'].mean() / 60:.{0 if group['seconds'].mean() > 600 else 1}f}"
        lines.append([model, *([value] if key else []), str(len(group)), *scores, minutes])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def differences(runs: pd.DataFrame) -> str:
    """Between values, on the same model and seed: mean difference of ROC-AUC and its standard error; time of training.

    Pairs leave out what the seeds' splits make easy or hard for both.
    """
    lines = []
    for model, group in runs.groupby("model", sort=False):
        for first, second in combinations(group["value"].unique(), 2):
            one, other = (group[group["value"] == value].set_index("seed") for value in (first, second))
            apart = (one["test/roc_auc"] - other["test/roc_auc"]).dropna()
            error = apart.std() / len(apart) ** 0.5
            times = (other["training"] / one["training"]).median()
            lines.append(
                f"{model}: ROC-AUC of {first} minus that of {second}: {apart.mean():+.3f}, standard error {error:.3f} "
                f"over {len(apart)} seeds; training {times:.1f} times as fast."
            )
    return "\n".join(lines)


def _find(config: dict[str, Any], key: str) -> Any:
    for name in key.split("."):
        config = config[name]
    return config


if __name__ == "__main__":
    main()
