"""Prints a table of test scores by model, as mean and spread over seeds, from finished sweeps.

Run it with `uv run python benchmarks/seeds_table.py multirun/DATE/TIME [...]`.
"""

import sys
from pathlib import Path

import pandas as pd

SCORES = {"test/roc_auc": "ROC-AUC", "test/average_precision": "average precision", "test/accuracy": "accuracy"}


def main(sweeps: list[str]) -> None:
    """Reads each sweep's comparison.csv; a spread is the standard deviation over seeds."""
    runs = pd.concat([pd.read_csv(Path(sweep) / "comparison.csv") for sweep in sweeps])
    runs = runs[runs["status"] == "finished"]
    print(f"| model | seeds | {' | '.join(SCORES.values())} | minutes a run |")
    print(f"|---|---|{'---|' * len(SCORES)}---|")
    for model, group in runs.groupby("model", sort=False):
        cells = [f"{group[key].mean():.3f} ± {group[key].std():.3f}" for key in SCORES]
        print(f"| {model} | {len(group)} | {' | '.join(cells)} | {group['seconds'].mean() / 60:.0f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
