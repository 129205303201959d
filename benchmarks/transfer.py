"""Claim: what a frozen backbone tells of images, by where its weights come from.

    python benchmarks/transfer.py --images DIRECTORY --weights DIRECTORY --markdown       # docs/concepts/weights.md
    python benchmarks/transfer.py                                                         # phantoms alone
    python benchmarks/transfer.py --cards                                                 # what cards say, in Markdown

For each backbone, the area under the ROC curve of a logistic regression on its standardised, pooled features, over five
folds in which no lesion is on both sides. Weights are those that come with skinexp (`phantom`), random ones whose
BatchNormalization has the statistics of the very images (without that they tell nothing), and those of files. A seed
draws other phantoms (none that `phantom` was learned from), other folds, and other random weights.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from keras import ops

from skinexp import models
from skinexp.config.schema import Data, Model, Phantom, Preprocess
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.health.probes import logistic_probe_auc
from skinexp.models import packed_weights
from skinexp.models.backbone_graphs import CONTRACTS
from skinexp.models.classifier import FEATURES
from skinexp.models.weights import shipped
from skinexp.pretraining.batchnorm_statistics import recompute_batchnorm_statistics

BATCH = 64
PHANTOMS, PHOTOGRAPHS = "phantoms", "photographs"


@dataclass(frozen=True)
class Images:
    """A data set as a network sees it: (n, size, size, 3) pixels, (n,) labels 0/1, (n,) groups."""

    pixels: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def batches(self) -> list[np.ndarray]:
        """Of `BATCH` images each; the last one may be smaller."""
        return [self.pixels[first : first + BATCH] for first in range(0, len(self.pixels), BATCH)]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="photographs as data=folder reads them; phantoms alone without it")
    parser.add_argument("--weights", type=Path, help="a directory of .weights.h5 files")
    parser.add_argument("--models", nargs="+", choices=sorted(CONTRACTS), default=["mobilenet", "efficientnet"])
    parser.add_argument("--size", type=int, default=96, help="pixels a side that the networks see")
    parser.add_argument("--phantoms", type=int, default=1000, help="drawn for each seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument(
        "--cards", action="store_true", help="print the scores in the cards of the shipped weights; measures nothing"
    )
    options = parser.parse_args()
    if options.cards:
        print(held_out_scores(options.models))
        return
    found = pd.DataFrame(measured(options))
    print(table(found) if options.markdown else found.to_string(index=False))


def measured(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row a backbone, source of weights, set of images and seed."""
    sets = {seed: {PHANTOMS: phantoms(options, seed)} for seed in range(options.seeds)}
    if options.images:
        photographs = read(Data(name="folder", path=str(options.images), exclude=["premalignant"]), options.size)
        for of_seed in sets.values():
            of_seed[PHOTOGRAPHS] = photographs
    given = {"phantom": "phantom", "random": None} | ({"file": str(options.weights)} if options.weights else {})
    for model in options.models:
        for source, weights in given.items():
            known: dict[int, np.ndarray] = {}  # features of images that several seeds share, where weights are the same
            for seed, of_seed in sets.items():
                for name, images in of_seed.items():
                    if weights is None or id(images) not in known:
                        known[id(images)] = features(model, weights, options.size, images, seed)
                    area = logistic_probe_auc(known[id(images)], images.labels, images.groups, seed)
                    yield {"model": model, "weights": source, "images": name, "seed": seed, "auc": area}


def phantoms(options: argparse.Namespace, seed: int) -> Images:
    """The phantoms of a seed."""
    drawn = Data(name="phantom", phantom=Phantom(images=options.phantoms, size=options.size))
    return read(drawn, options.size, seed)


def read(options: Data, size: int, seed: int = 0) -> Images:
    """Images as a training prepares them."""
    options = replace(options, preprocess=Preprocess(size=size))
    prepared = image_cache.prepare(registry.load(options, seed), options)
    frame = prepared.table.frame
    return Images(prepared.images[frame["row"]], frame["label"].to_numpy(), frame["group"].to_numpy())


def features(model: str, weights: str | None, size: int, images: Images, seed: int) -> np.ndarray:
    """(n, c) pooled features of the images."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    network = models.build(Model(name=model, weights=weights), size).network
    if weights is None:
        recompute_batchnorm_statistics(
            network, (batch.astype(np.float32) for batch in images.batches() if len(batch) == BATCH)
        )
    pooled = keras.Model(network.inputs, network.get_layer(FEATURES).output)
    return np.concatenate([ops.convert_to_numpy(pooled.predict_on_batch(batch)) for batch in images.batches()])


def held_out_scores(names: list[str]) -> str:
    """Returns the scores of each backbone on held-out phantoms, from its card: one line per factor, in Markdown."""
    cards = [json.loads(packed_weights.card_of(shipped(CONTRACTS[name], 1.0)).read_text()) for name in names]
    columns = [card["held_out_scores"] for card in cards]
    lines = [["factor", "score", *(f"`{name}`" for name in names)], ["---"] * (2 + len(names))]
    for factor, scores in columns[0].items():
        (score,) = scores
        name = {"roc_auc": "ROC-AUC", "r2": "R2"}[score]
        lines.append([factor, name, *(f"{column[factor][score]:.2f}" for column in columns)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table(found: pd.DataFrame) -> str:
    """One line a backbone and source of weights, in Markdown: mean and standard deviation over seeds."""
    sets = list(found["images"].unique())
    lines = [["backbone", "weights", *sets], ["---"] * (2 + len(sets))]
    for (model, weights), rows in found.groupby(["model", "weights"], sort=False):
        areas = [rows.loc[rows["images"] == name, "auc"] for name in sets]
        lines.append([f"`{model}`", f"`{weights}`", *(f"{area.mean():.3f} ± {area.std():.3f}" for area in areas)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
