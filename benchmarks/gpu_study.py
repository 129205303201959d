"""Claim: the amount of work of the seed study takes at most 5 minutes on one H100, and no training waits for PyTorch.

    python benchmarks/gpu_study.py --images DIRECTORY --weights DIRECTORY       # on a machine with a GPU and JAX for it
    python benchmarks/gpu_study.py --parts peers --trainings mobilenet:fine_tune --batch-sizes 256
    python benchmarks/gpu_study.py --small                                      # anywhere: does the script work?

Two parts. "study": 17,214 images at 224 px, the scratch CNN for 47 epochs, MobileNetV2 and EfficientNetB0 for 86 epochs
of the head and 30 of fine-tuning, on Keras' JAX backend, with everything that a run does: preparation, tracking,
evaluation, Grad-CAM, figures. Phantoms are drawn before the clock starts where no images are given, and weights are
random where none are given. "peers": images a second of each training beside PyTorch + timm (eager, compiled, compiled
with CUDA graphs; each in a process of its own) with the same batch and precision; how busy the GPU was; and how far a
step is from the floor that memory bandwidth sets (`traffic.py` says how that is counted). That part takes about a
minute for each contestant, training and batch size; what other calls with the same settings measured stays.

Absolute figures count on a GPU only: without one the script refuses to measure, and `--small` keeps nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import photographs
from gpu_peers import TORCHES
from gpu_watch import Watch
from measure import Goal, Row, at_least, earlier, figure, gpu_name, report
from runs import NEVER, folder, train

EPOCHS = {"scratch": (47, 0), "mobilenet": (86, 30), "efficientnet": (86, 30)}  # first phase, fine-tuning
MINUTES = 5
TRAININGS = ("scratch:train", "mobilenet:head", "mobilenet:fine_tune", "efficientnet:head", "efficientnet:fine_tune")
TIMES = {32: 2.0, 256: 1.0}  # batch size: how many times the better of the PyTorch contestants
SMALL = {
    "models": ["scratch", "mobilenet"],
    "precision": "float32",
    "photographs": 80,
    "size": 32,
    "share": 0.01,
    "trainings": ["mobilenet:fine_tune"],
    "batch_sizes": [8],
    "contestants": ["torch"],  # compiling for a CPU takes minutes
    "peer_images": 16,
}
JAX_HAS_GPU = "import jax; raise SystemExit(jax.default_backend() != 'gpu')"
TORCH_HAS_GPU = "import timm, torch; raise SystemExit(not torch.cuda.is_available())"
TORCH_IS_THERE = "import timm, torch"

Measured = dict[str, Any]  # what `gpu_peers.py` says


def main() -> None:
    """Runs the parts that were asked for; what is known is told after each."""
    options = arguments()
    settings = {"precision": options.precision, "size": options.size}
    known = {} if options.small else earlier(__file__, settings)
    known = {"settings": settings, "study": known.get("study"), "peers": known.get("peers", {})}
    if "study" in options.parts:
        known["study"] = study(options)
        tell(known, options)
    if "peers" in options.parts:
        contestants = ["skinexp", *torches(options)]
        for training in options.trainings:
            for batch_size in options.batch_sizes:
                known["peers"][f"{training}:{batch_size}"] = {
                    contestant: measure(contestant, training, batch_size, options) for contestant in contestants
                }
                tell(known, options)
    if options.small:
        print("\nNo GPU figure was measured: this was the script at a tiny size, to see that it works.")


def arguments() -> argparse.Namespace:
    """What the command line says; ends the script where it asks for figures that this machine cannot give."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a directory of JPEG files with a manifest.csv")
    parser.add_argument("--photographs", type=int, default=17_214, help="phantoms drawn where there is none")
    parser.add_argument("--weights", type=Path, help="a directory of .weights.h5 files; random ones without it")
    parser.add_argument("--parts", nargs="+", choices=("study", "peers"), default=["study", "peers"])
    parser.add_argument("--models", nargs="+", choices=list(EPOCHS), default=list(EPOCHS), help="of the study")
    parser.add_argument("--trainings", nargs="+", default=list(TRAININGS), help="MODEL:PHASE: train, head, fine_tune")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=list(TIMES), help="of the peers")
    parser.add_argument("--contestants", nargs="+", choices=TORCHES, default=list(TORCHES), help="beside skinexp")
    parser.add_argument("--peer-images", type=int, default=8192, help="images an epoch of the peers")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--share", type=float, default=1.0, help="of the study's epochs")
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--overrides", nargs="*", default=[], help="more of skinexp's options for the study")
    parser.add_argument("--small", action="store_true", help="a tiny size, on whatever there is; keeps nothing")
    options = parser.parse_args()
    if options.small:
        parser.set_defaults(**SMALL)
        return parser.parse_args()
    if gpu_name() is None:
        sys.exit("No GPU here, so nothing was measured. --small tries the script at a tiny size")
    if not succeeds(JAX_HAS_GPU):
        sys.exit(f"JAX does not find the {gpu_name()}, so nothing was measured. It needs: uv sync --extra gpu")
    return options


def succeeds(program: str) -> bool:
    """Whether a line of Python does, in a process of its own: frameworks that look at a GPU keep a part of it."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


def study(options: argparse.Namespace) -> dict[str, Any]:
    """The models from JPEG files to the last figure, one command each; they share the prepared images."""
    jobs: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        images = (options.images or photographs.draw(place / "photographs", options.photographs)).resolve()
        weights = (options.weights or photographs.stand_in_weights(place / "weights")).resolve()
        with Watch() as watch:
            for model in options.models:
                ended, result = train(place / "jobs", model, overrides(model, images, weights, options))
                jobs[model] = {
                    "seconds": ended.seconds,
                    "memory": ended.memory,
                    "stages": result["seconds"],
                    "test_auc": result["metrics"]["test/roc_auc"],
                    "images": sum(sum(classes.values()) for classes in result["data"]["counts"].values()),
                }
                print(f"{model}: {ended.seconds:.0f} s", flush=True)
    return {"jobs": jobs, "utilisation": watch.utilisation, "share": options.share}


def overrides(model: str, images: Path, weights: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The recipe on these images, for the study's number of epochs; early stopping stops none."""
    first, second = (max(1, round(options.share * epochs)) if epochs else 0 for epochs in EPOCHS[model])
    return {
        "experiment": "seed_study",
        "model": model,
        **folder(images, weights),
        "data.preprocess.size": options.size,
        "optim.epochs": first,
        "optim.patience": NEVER,
        "model.fine_tune.epochs": second,
        "compute.backend": "jax",
        "compute.precision": options.precision,
        **dict(override.split("=", 1) for override in options.overrides),
    }


def torches(options: argparse.Namespace) -> list[str]:
    """The PyTorch contestants, where PyTorch and timm can take part."""
    if succeeds(TORCH_IS_THERE if options.small else TORCH_HAS_GPU):
        return options.contestants
    print("PyTorch takes no part: torch or timm is not installed, or does not find the GPU", flush=True)
    return []


def measure(contestant: str, training: str, batch_size: int, options: argparse.Namespace) -> Measured:
    """What `gpu_peers.py` says about one contestant; of PyTorch, where it fails, why.

    Raises:
        RuntimeError: where skinexp fails.
    """
    model, _, phase = training.partition(":")
    given = {
        "--model": model,
        "--phase": phase,
        "--batch-size": batch_size,
        "--size": options.size,
        "--images": options.peer_images,
        "--precision": options.precision,
    }
    arguments = [contestant, *(str(word) for pair in given.items() for word in pair)]
    script = Path(__file__).with_name("gpu_peers.py")
    ended = subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        measured = json.loads(ended.stdout.strip().splitlines()[-1])
    elif contestant == "skinexp":
        raise RuntimeError(f"{' '.join(arguments)}: exit code {ended.returncode}\n{ended.stderr[-2_000:]}")
    else:
        measured = {"failed": (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]}
    print(f"{training}, batch {batch_size}, {contestant}: {measured}", flush=True)
    return measured


def tell(known: dict[str, Any], options: argparse.Namespace) -> None:
    """Reports what is known by now."""
    rows: list[Row] = []
    goals: list[Goal] = []
    if known["study"]:
        rows += study_rows(known["study"]["jobs"])
        goals.append(study_goal(known["study"], options.size))
    for case, contestants in known["peers"].items():
        rows += [row_of(case, name, measured) for name, measured in contestants.items() if "failed" not in measured]
        goals += goals_of(case, rows)
    report(
        __file__,
        f"The amount of work of the seed study on one GPU: at most {MINUTES} minutes; and each training against "
        "PyTorch + timm: at least as fast as the better one at batch 256, twice as fast at batch 32.",
        rows,
        goals=[] if options.small else goals,
        keep=not options.small,
        **known,
    )


def study_rows(jobs: dict[str, Any]) -> list[Row]:
    """A line a model, and all together."""
    rows = [
        Row(f"study: {model}", job["seconds"], "s", job["memory"], f"test AUC {job['test_auc']:.3f}")
        for model, job in jobs.items()
    ]
    return [*rows, Row("study: all", sum(row.value for row in rows), "s", max(row.memory for row in rows))]


def study_goal(study: dict[str, Any], size: int) -> Goal:
    """The time of all models together."""
    jobs = study["jobs"]
    total = sum(job["seconds"] for job in jobs.values())
    images = max(job["images"] for job in jobs.values())
    share = "" if study["share"] == 1 else f", {study['share']:g} of its epochs"
    return Goal(
        what=f"the seed study's work ({', '.join(jobs)}; {images:,} images, {size} px{share}) on one GPU",
        asked=f"{MINUTES} minutes on an H100",
        measured=f"{figure(total)} s",
        met=total <= 60 * MINUTES and set(jobs) == set(EPOCHS) and study["share"] >= 1,
        peers=f"GPU busy {study['utilisation']:.0f} % of the time" if study["utilisation"] is not None else "",
    )


def row_of(case: str, contestant: str, measured: Measured) -> Row:
    """One contestant's line: rate, GPU memory, how busy, how far from the floor."""
    notes = []
    if measured["utilisation"] is not None:
        notes.append(f"GPU busy {measured['utilisation']:.0f} %")
    if "bytes_a_step" in measured:
        floor = measured["bytes_a_step"] / measured["bytes_a_second"]
        notes.append(
            f"{measured['seconds_a_step'] / floor:.1f} times the bandwidth floor of {1e3 * floor:.3g} ms a step"
        )
    name = f"{in_words(case)}, {contestant}"
    return Row(name, measured["images_a_second"], "images a second", measured["memory_megabytes"], "; ".join(notes))


def goals_of(case: str, rows: list[Row]) -> list[Goal]:
    """The goal of one case, where something was asked for at its batch size and PyTorch was there."""
    batch_size = int(case.rpartition(":")[2])
    rates = {row.name: row.value for row in rows if row.name.startswith(f"{in_words(case)}, torch")}
    if not rates or batch_size not in TIMES:
        return []
    better = max(rates, key=rates.__getitem__)
    others = [name for name in rates if name != better]
    what = f"training on one GPU: {in_words(case)}"
    return [at_least(TIMES[batch_size], better, f"{in_words(case)}, skinexp", rows, what, beside=others)]


def in_words(case: str) -> str:
    """MODEL:PHASE:BATCH as a reader says it."""
    model, phase, batch_size = case.split(":")
    return f"{model} {phase}, batch {batch_size}"


if __name__ == "__main__":
    main()
