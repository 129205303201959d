"""Claim: shuffled batches at half the speed of memcpy or more, augmented ones at 10 times the seed study's or more.

    uv run python benchmarks/input_pipeline.py                       # on phantoms; about 2 minutes on 2 cores
    uv run python benchmarks/input_pipeline.py --images DIRECTORY    # on JPEG files with a manifest.csv

What each contestant delivers to the network from the second epoch on, when skinexp has prepared the images:
"memcpy" copies the memory-mapped images in order into one buffer that is used again, with a hot page cache: the floor;
"into new arrays", as batches must be that somebody still holds, it is slower. "skinexp" is what its training reads,
shuffled; it augments on the device, so that it is timed with and without. "the seed study's pipeline" decodes, crops,
removes hair, resizes and augments in every epoch. The peers between them read the same prepared images, and augment
nothing.
"""

import argparse
import dataclasses
import importlib.util
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import photographs
from measure import Goal, Row, at_least, in_turns, medians, peak_memory, report

from skinexp.config.schema import Augment, Data, Preprocess
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.data.table import Table

LIGHT = Augment(flip=True, rotation=0.05, zoom=0.1, brightness=0.01, contrast=0.01)  # as conf/augment/light.yaml
PIXELS = 520  # a side of a drawn photograph: as many as HAM10000's 600x450
COPY, HUGGING_FACE, TORCH = "memcpy into new arrays", "datasets.to_tf_dataset", "torch DataLoader, 2 workers"


@dataclass(frozen=True)
class Contestant:
    """Something that brings images, and how many an epoch."""

    name: str
    epoch: Callable[[], object]
    images: int


@dataclass(frozen=True)
class Mapped:
    """The images as torch takes them: one by one, from the same memory map."""

    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.float32]:
        return np.array(self.pixels[index]), np.float32(index % 2)


def main() -> None:
    """Prepares images once, then lets the contestants take turns at each batch size."""
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        images = options.images or photographs.draw(place / "photographs", options.photographs, options.pixels)
        preprocess = Preprocess(size=options.size)
        cache = str(place / "cache")
        data = Data("folder", str(images), exclude=["premalignant"], cache=cache, preprocess=preprocess)
        table = registry.load(data, seed=0)
        pixels = repeated(image_cache.prepare(table, data).images, options.epoch, place / "epoch.npy")
        # Before TensorFlow is imported: the workers are forked, and its threads would not come along.
        loaders = {size: torch_loader(pixels, size) for size in options.batch_sizes}
        rows: list[Row] = []
        goals: list[Goal] = []
        for batch_size in options.batch_sizes:
            loader = loaders[batch_size]
            contestants = [
                *copies(pixels, batch_size),
                *skinexps(pixels, batch_size, options.augmented),
                hugging_face(pixels, batch_size),
                *([Contestant(TORCH, partial(consume, loader), len(pixels))] if loader else []),
                seeds_way(table, images, batch_size, options),
            ]
            measured = measure(contestants, options)
            goals += goals_of(measured, batch_size, options.size)
            rows += [dataclasses.replace(row, name=f"{row.name}, batches of {batch_size}") for row in measured]
    report(
        __file__,
        f"Batches of {options.size} px from the second epoch on: at least half of memcpy's speed, and augmented ones "
        "at least 10 times the seed study's pipeline.",
        rows,
        goals=goals,
        images=options.images.name if options.images else "phantoms",
        images_an_epoch={contestant.name: contestant.images for contestant in contestants},
        page_cache="hot",
        torch="installed" if importlib.util.find_spec("torch") else "not installed",
    )


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a directory of JPEG files with a manifest.csv")
    parser.add_argument("--photographs", type=int, default=256, help="phantoms drawn where there is no such directory")
    parser.add_argument("--pixels", type=int, default=PIXELS, help="a side of these phantoms")
    parser.add_argument("--epoch", type=int, default=12_050, help="images an epoch, as the seed study trains on")
    parser.add_argument("--augmented", type=int, default=1024, help="of these, how many are augmented")
    parser.add_argument("--seeds-epoch", type=int, default=128, help="images an epoch of the seed study's pipeline")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 256])
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


def repeated(pixels: np.ndarray, count: int, file: Path) -> np.ndarray:
    """A memory map of `count` images, those in `pixels` over and over: more than the processor's caches hold."""
    many = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(count, *pixels.shape[1:]))
    for start in range(0, count, len(pixels)):
        many[start : start + len(pixels)] = pixels[: count - start]
    many.flush()
    return np.load(file, mmap_mode=getattr(pixels, "mode", "r"))


def torch_loader(pixels: np.ndarray, batch_size: int) -> Iterable[object] | None:
    """A DataLoader whose workers run; None where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    from torch.utils.data import DataLoader

    loader = DataLoader(Mapped(pixels), batch_size, shuffle=True, num_workers=2, persistent_workers=True)
    next(iter(loader))
    return loader


def copies(pixels: np.ndarray, batch_size: int) -> list[Contestant]:
    """What no reader can beat."""
    buffer = np.empty((batch_size, *pixels.shape[1:]), np.uint8)

    def into_one_buffer() -> None:
        for start in range(0, len(pixels), batch_size):
            batch = pixels[start : start + batch_size]
            np.copyto(buffer[: len(batch)], batch)

    def into_new_arrays() -> None:
        kept: deque[np.ndarray] = deque(maxlen=2)  # as a reader's that works ahead
        for start in range(0, len(pixels), batch_size):
            kept.append(np.array(pixels[start : start + batch_size]))

    return [
        Contestant("memcpy", into_one_buffer, len(pixels)),
        Contestant(COPY, into_new_arrays, len(pixels)),
    ]


def skinexps(pixels: np.ndarray, batch_size: int, augmented: int) -> list[Contestant]:
    """What training reads, and what comes out of the augmentation on the device."""
    import pandas as pd
    import tensorflow as tf

    from skinexp.data import pipeline
    from skinexp.data.augment import Augmentation

    count = len(pixels)
    frame = pd.DataFrame({"label": np.arange(count) % 2, "split": "train", "row": np.arange(count)})
    parts = pd.concat([frame, frame[:2].assign(split="val"), frame[:2].assign(split="test")])
    train = pipeline.batches(pixels, parts, LIGHT, batch_size, seed=0).train
    dataset = train.dataset()
    some = dataset.take(max(1, augmented // batch_size))
    change = tf.function(Augmentation(LIGHT))

    def read() -> None:
        train.epoch += 1
        consume(dataset)

    def augment() -> None:
        train.epoch += 1
        for (images, draws), _ in some:
            change(images, draws)

    return [
        Contestant("skinexp", read, count),
        Contestant("skinexp, augmented", augment, min(count, batch_size * max(1, augmented // batch_size))),
    ]


def hugging_face(pixels: np.ndarray, batch_size: int) -> Contestant:
    """A data set whose transform reads the prepared images: faster than PNG or arrays within the data set."""
    import datasets

    rows = datasets.Dataset.from_dict(
        {"row": range(len(pixels)), "label": np.arange(len(pixels), dtype=np.float32) % 2}
    )
    images = rows.with_transform(lambda some: {"image": [pixels[row] for row in some["row"]], "label": some["label"]})
    batches = images.to_tf_dataset(batch_size, columns="image", label_cols="label", shuffle=True, prefetch=True)
    return Contestant(HUGGING_FACE, lambda: consume(batches), len(pixels))


def seeds_way(table: Table, images: Path, batch_size: int, options: argparse.Namespace) -> Contestant:
    """From JPEG files to augmented batches on each epoch, as the plain script would without its cache."""
    import tensorflow as tf
    from plain_keras import load, with_augmentation

    files = table.frame["path"].head(options.seeds_epoch).tolist()
    paths = tf.data.Dataset.from_tensor_slices((files, np.zeros(len(files), np.float32)))
    loaded = paths.map(lambda path, label: (load(path, options.size), label), num_parallel_calls=tf.data.AUTOTUNE)
    batches = with_augmentation(loaded, batch_size)
    return Contestant("the seed study's pipeline", lambda: consume(batches), len(files))


def consume(batches: Iterable[object]) -> None:
    """Takes all of them and keeps none."""
    for _ in batches:
        pass


def measure(contestants: list[Contestant], options: argparse.Namespace) -> list[Row]:
    """What memory each needs in its first epoch; then images a second of each, in turns."""
    memory: dict[str, float | None] = {}
    for contestant in contestants:
        with peak_memory() as peak:
            contestant.epoch()
        memory[contestant.name] = peak.megabytes
    memory[TORCH] = None  # its workers began with theirs
    epochs = {contestant.name: contestant.epoch for contestant in contestants}
    seconds = medians(in_turns(epochs, options.runs, warm_up=0))
    rows = []
    for contestant in contestants:
        rate = contestant.images / seconds[contestant.name]
        note = f"{rate * 3 * options.size**2 / 1e9:.2f} GB/s"
        rows.append(Row(contestant.name, rate, "images a second", memory[contestant.name], note))
        print(f"{contestant.name}: {rows[-1]}", flush=True)
    return rows


def goals_of(rows: list[Row], batch_size: int, size: int) -> list[Goal]:
    """What was asked for at one batch size."""
    what = f"shuffled batches of {batch_size} at {size} px from the prepared cache"
    names = [row.name for row in rows]
    others = [name for name in (COPY, HUGGING_FACE, TORCH) if name in names]
    reading = at_least(0.5, "memcpy", "skinexp", rows, what, beside=others)
    if TORCH not in names:
        reading = dataclasses.replace(reading, peers=f"{reading.peers}; {TORCH}: not installed")
    what_augmented = f"{what}, augmented on the device"
    augmented = at_least(10, "the seed study's pipeline", "skinexp, augmented", rows, what_augmented)
    return [reading, augmented]


if __name__ == "__main__":
    main()
