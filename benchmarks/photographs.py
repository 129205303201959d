"""Images and weights that benchmarks fall back on: phantoms written as JPEG files, and backbones of random weights."""

import csv
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2

from skinexp.config.schema import Phantom
from skinexp.data import phantom

SIZE = 300  # pixels a side of a drawn photograph
QUALITY = 90  # of its JPEG file
CHUNK = 64  # phantoms a task

BACKBONES = {  # name of a model, and of the file in which keras.applications would look its weights up
    "mobilenet": ("MobileNetV2", "mobilenet_v2_1.0_224_no_top.weights.h5"),
    "efficientnet": ("EfficientNetB0", "efficientnet_b0_224_no_top.weights.h5"),
}


def draw(directory: Path, count: int, size: int = SIZE) -> Path:
    """Fills a directory as `data=folder` reads it: JPEG files and their manifest.csv.

    Returns:
        The directory.
    """
    (directory / "images").mkdir(parents=True, exist_ok=True)
    # Not fork: the caller may hold TensorFlow's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), context) as pool:
        labels = list(pool.map(partial(_write, directory, size), range(count), chunksize=CHUNK))
    with (directory / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "image_id", "label"))
        writer.writerows((_file(index), f"phantom_{index:05d}", label) for index, label in enumerate(labels))
    return directory


def stand_in_weights(directory: Path) -> Path:
    """A directory of random weights: as fast as those of ImageNet, and as good as none."""
    import keras

    directory.mkdir(parents=True, exist_ok=True)
    for function, file in BACKBONES.values():
        backbone = getattr(keras.applications, function)(include_top=False, weights=None, input_shape=(224, 224, 3))
        backbone.save_weights(directory / file)
    return directory


def _write(directory: Path, size: int, index: int) -> str:
    drawn = phantom.render(0, index, Phantom(size=size))
    colours = cv2.cvtColor(drawn.image, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(directory / _file(index)), colours, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "malignant" if drawn.factors.label else "benign"


def _file(index: int) -> str:
    return f"images/phantom_{index:05d}.jpg"
