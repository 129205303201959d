"""One contestant's training, measured alone in its process: images a second, GPU memory and utilisation, as JSON.

    python benchmarks/gpu_peers.py skinexp --model mobilenet --phase fine_tune --batch-size 32

Called by `gpu_study.py`. Every contestant gets uint8 images from host memory, in batches that hold different images,
augments them on the device, computes in the same precision, and trains the same layers with Adam. skinexp is timed
as it trains, validation of one batch, checkpoints and records included; PyTorch gets its batches in order from pinned
memory and does nothing between epochs.
"""

import argparse
import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from gpu_watch import Watch
from runs import NEVER

from skinexp.config.schema import Augment, Compute, Config, Data, FineTune, Model, Optim, Tracking, Training

LIGHT = Augment(flip=True, rotation=0.05, zoom=0.1, brightness=0.01, contrast=0.01)
TORCHES = ("torch", "torch compiled", "torch compiled, CUDA graphs")


def main() -> None:
    """Measures what the command line names, and prints it on the last line."""
    options = arguments()
    if options.contestant == "skinexp":
        with tempfile.TemporaryDirectory() as place:
            measured = skinexp(options, Path(place))
    else:
        import torch_peer

        measured = torch_peer.measure(options, pixels(options))
    first, *others = measured.pop("seconds")
    middle = statistics.median(others)
    rates = {
        "images_a_second": options.images / middle,
        "seconds_a_step": middle * options.batch_size / options.images,
        "seconds_of_the_first_epoch": first,
    }
    print(json.dumps(rates | measured))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contestant", choices=("skinexp", *TORCHES))
    parser.add_argument("--model", choices=("scratch", "mobilenet", "efficientnet"), required=True)
    parser.add_argument("--phase", choices=("train", "head", "fine_tune"), required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--images", type=int, default=8192, help="of an epoch; a multiple of the batch size")
    parser.add_argument("--epochs", type=int, default=4, help="of which the first, which compiles, does not count")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="mixed_bfloat16")
    return parser.parse_args()


def pixels(options: argparse.Namespace) -> np.ndarray:
    """Any pixels do, but not zeros: those are faster."""
    shape = (options.images, options.size, options.size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def skinexp(options: argparse.Namespace, place: Path) -> dict[str, Any]:
    """Trains through `training.fit` on Keras' JAX backend; the GPU is watched from the phase's second epoch on."""
    from skinexp import compute

    config = configuration(options, place)
    config = compute.configure(config).resolve(config)

    import jax
    import traffic

    from skinexp import models, training

    classifier = models.build(config.model, options.size)
    watch, phases = Watch(), []
    with ExitStack() as stack:

        def on_epoch(record: dict[str, Any]) -> None:
            phases.append(record["phase"])
            if record["phase"] == options.phase and phases.count(options.phase) == 1:
                stack.enter_context(watch)

        history = training.fit(classifier, batches(options, place), config, place, on_epoch=on_epoch).history
    device = jax.devices()[0]
    element = 2 if options.precision == "mixed_bfloat16" else 4
    return {
        "seconds": history.loc[history["phase"] == options.phase, "seconds"].tolist(),
        "utilisation": watch.utilisation,
        "device": device.device_kind,
        "memory_megabytes": (device.memory_stats() or {}).get("peak_bytes_in_use", 0) / 1e6 or None,
        "bytes_a_step": traffic.bytes_a_step(classifier.network, options.batch_size, element),
        "bytes_a_second": bandwidth(),
    }


def configuration(options: argparse.Namespace, place: Path) -> Config:
    """The phase alone, or fine-tuning after a head phase of one epoch; no features are cached."""
    fine_tune = options.phase == "fine_tune"
    return Config(
        augment=LIGHT,
        model=Model(
            options.model,
            frozen=options.phase != "train",
            fine_tune=FineTune(epochs=options.epochs if fine_tune else 0),
        ),
        training=Training(features="off"),
        data=Data(cache=str(place)),
        optim=Optim(lr=1e-4, batch_size=options.batch_size, epochs=1 if fine_tune else options.epochs, patience=NEVER),
        tracking=Tracking(tensorboard=False),
        compute=Compute(backend="jax", precision=options.precision),
    )


def batches(options: argparse.Namespace, place: Path) -> Any:
    """The images as a memory map, as skinexp's cache is; the first batch serves as validation too."""
    import pandas as pd

    from skinexp.data import pipeline

    np.save(place / "images.npy", pixels(options))
    mapped = np.load(place / "images.npy", mmap_mode="c")
    frame = pd.DataFrame({"label": np.arange(len(mapped)) % 2, "split": "train", "row": np.arange(len(mapped))})
    some = frame[: options.batch_size]
    parts = pd.concat([frame, some.assign(split="val"), some.assign(split="test")])
    return pipeline.batches(mapped, parts, LIGHT, options.batch_size, seed=0)


def bandwidth() -> float:
    """Bytes a second that the device reads and writes when it copies."""
    import jax
    import jax.numpy as jnp

    count = 1_000_000_000 if jax.default_backend() == "gpu" else 50_000_000  # a GPU copies 4 GB in milliseconds
    numbers = jnp.ones(count, jnp.float32)
    copy = jax.jit(lambda values: values + 1)
    copy(numbers).block_until_ready()
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        copy(numbers).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return 2 * numbers.nbytes / statistics.median(seconds)


if __name__ == "__main__":
    main()
