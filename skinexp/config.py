"""Everything that can be chosen, with its type, unit and meaning; and what is refused before any data is read.

The dataclasses are plain: every room takes its own part of them and none needs Hydra. `register` hands them to Hydra,
which then refuses unknown keys and wrong types while composing; `check` refuses what only several keys together, or a
range, can tell.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skinexp.errors import UserError


def choice(default: str | None, *others: str) -> Any:
    """A field that takes one of a few words."""
    options = (default, *others) if default is not None else others
    return field(default=default, metadata={"choices": options})


def number(default: float | int | None, *, above=-math.inf, least=-math.inf, most=math.inf, below=math.inf) -> Any:
    """A field that takes a number within bounds: `above` and `below` are excluded, `least` and `most` included."""
    return field(default=default, metadata={"bounds": (above, least, most, below)})


@dataclass
class Split:
    """How images are shared out among training, validation and test; fractions of the images, sum 1.

    With `folds`, the test part is one fold of a partition, and `train` and `val` share the rest in their proportion.
    """

    train: float = number(0.70, above=0, below=1)
    val: float = number(0.15, above=0, below=1)
    test: float = number(0.15, above=0, below=1)
    group: str | None = (
        "auto"  # column whose equal values stay together; auto: lesion or patient, and copies of an image; null: none
    )
    folds: int | None = None  # parts of a cross-validation, 2 or more; null or 0: one split, no cross-validation
    fold: int | None = None  # the one of them that is tested, counted from 0; sweep over all: fold=0,1,2,3,4


@dataclass
class Preprocess:
    """What happens to each image once, before training, in this order."""

    crop_border: bool = True  # cut away a black frame or vignette around the picture
    remove_hair: bool = True  # paint over dark hair and ruler marks
    size: int = number(224, least=32, most=1024)  # pixels a side of the square that the model sees
    colour_constancy: bool = False  # shades of gray (Minkowski norm, p = 6): as if lit by white light


@dataclass
class Shortcut:
    """A mark beside the lesion that gives its class away: ink, planted on purpose into generated images."""

    ink_given_malignant: float | None = number(None, least=0, most=1)  # share of malignant ones; null: as of all
    ink_given_benign: float | None = number(None, least=0, most=1)
    flip_test: bool = False  # in the test part the two shares are exchanged: there, who relies on ink is wrong


@dataclass
class Phantom:
    """Generated images: how many there are, how sure their labels are, and what disturbs them."""

    images: int = number(600, least=40)  # images generated, half of them malignant
    size: int = number(96, least=32, most=1024)  # pixels a side of the generated picture
    photographs: int = number(1, least=1, most=20)  # of each lesion, turned, enlarged and lit anew; they stay together
    label_noise: float = number(0.0, least=0, most=10)  # of logistic noise on the score of 1.0 to 8.9; 0: a sure label
    hair: float = number(0.3, least=0, most=1)  # share of images with hair
    light_hair: float = number(0.15, least=0, most=1)  # share of those whose hair is light
    border: float = number(0.2, least=0, most=1)  # share of images with a black frame or vignette
    ruler: float = number(0.05, least=0, most=1)  # share of images with the marks of a ruler
    gel: float = number(0.08, least=0, most=1)  # share of images with bubbles in the gel
    ink: float = number(0.03, least=0, most=1)  # share of images with ink of a skin marker
    jpeg: float = number(0.5, least=0, most=1)  # share of images that went through a JPEG file, of any quality
    shortcut: Shortcut = field(default_factory=Shortcut)


@dataclass
class Data:
    """Which images are used, what their labels mean, and how they are split and prepared."""

    name: str = choice("phantom", "folder", "hub")  # where images come from
    path: str | None = (
        None  # folder: a directory; hub: a name on the Hugging Face hub, or a local directory of that shape
    )
    manifest: str = (
        "manifest.csv"  # folder: the CSV in path that lists the images; without it each folder is a class, see README
    )
    hub_split: str = "train"  # hub: which part of the data set is read, or several: train+test (and split again here)
    image_column: str | None = None  # holds the image or its file name; null: file, image, path, filename or image_id
    label_column: str = "label"  # column with the class
    labels: dict[str, int] = field(default_factory=lambda: {"benign": 0, "malignant": 1})  # class name -> 0 or 1
    exclude: list[str] = field(default_factory=list)  # classes left out on purpose; others without a label are an error
    limit: int | None = number(None, least=20)  # use at most so many images, drawn by label with the seed; null: all
    on_bad_image: str = choice("fail", "skip")  # stop at images that cannot be read, or go on without; both list them
    audit: str = choice("quick", "full", "off")  # look for copies, contradictory labels and confounds before training
    on_conflict: str = choice("keep", "drop", "fail")  # images that are there under both labels; all are listed
    augmented_copies: int = number(0, least=0, most=50)  # changed copies of each image, made before the split: a leak
    licence: str | None = None  # of the images, for the data card; null: as the source says, if it does
    cache: str = ".cache"  # directory of prepared images; safe to delete
    workers: int | None = number(None, least=1)  # processes that prepare images; null: one a CPU core
    phantom: Phantom = field(default_factory=Phantom)
    split: Split = field(default_factory=Split)
    preprocess: Preprocess = field(default_factory=Preprocess)


@dataclass
class Augment:
    """Random changes to each training image, drawn afresh in every epoch."""

    flip: bool = False  # left-right and up-down, each with probability 1/2
    rotation: float = number(0.0, least=0, most=0.5)  # at most this fraction of a full turn, either way
    zoom: float = number(0.0, least=0, below=1)  # height and width scaled by a factor in 1 +- zoom, drawn apart
    brightness: float = number(0.0, least=0, most=1)  # at most this fraction of the value range added or taken
    contrast: float = number(0.0, least=0, below=1)  # distance from the mean colour scaled by a factor in 1 +- contrast
    quarter_turns: bool = False  # 0, 90, 180 or 270 degrees, each with probability 1/4
    colour_jitter: float = number(0.0, least=0, below=1)  # each channel scaled by its own factor in 1 +- colour_jitter


@dataclass
class Head:
    """What stands on a pretrained backbone: pooling, dropout, a dense layer, unit dropout, one logit."""

    dropout: float = number(0.3, least=0, below=1)  # after pooling
    units: int = number(128, least=1)  # width of the dense layer
    unit_dropout: float = number(0.5, least=0, below=1)  # after the dense layer


@dataclass
class FineTune:
    """The second phase of a pretrained model: the end of its backbone is trained as well."""

    fraction: float = number(0.25, least=0, most=1)  # share of the backbone's layers, counted from its end
    epochs: int = number(20, least=0)  # at most; 0: no second phase
    lr: float = number(1e-4, above=0)  # learning rate of the phase


@dataclass
class Model:
    """Which network is trained, from which weights, and what its input is scaled to."""

    name: str = choice("scratch", "mobilenet", "efficientnet")
    # of the backbone: null (random), phantom (which come with skinexp), imagenet, a .weights.h5 file, an .npz file of
    # skinexp.pretrain, or a directory of .weights.h5 files
    weights: str | None = None
    frozen: bool | None = None  # keep the backbone as loaded in the first phase; null: yes where it has weights
    input_scaling: str = choice("contract", "unit", "tf", "byte")  # what the network expects; or 0..1, -1..1, 0..255
    batch_norm: str = choice("frozen", "trained")  # of a pretrained backbone: as loaded, or learning in every phase
    alpha: float = number(1.0, above=0)  # width of MobileNetV2: 0.35, 0.5, 0.75, 1.0, 1.3 or 1.4 of the standard's
    batch_norm_momentum: float = number(
        0.9, least=0, below=1
    )  # of random weights; Keras' own asks for thousands of steps
    head: Head = field(default_factory=Head)
    fine_tune: FineTune = field(default_factory=FineTune)


@dataclass
class ReduceLr:
    """When a plateau lowers the learning rate."""

    factor: float = number(0.2, above=0, below=1)  # the learning rate is multiplied by it
    patience: int = number(5, least=0)  # epochs without a better monitor before that
    min_lr: float = number(1e-6, least=0)


@dataclass
class Optim:
    """How weights are updated, and when training stops."""

    name: str = choice("adam", "adamw", "sgd")
    lr: float = number(1e-3, above=0)  # learning rate of the first phase
    schedule: str = choice(
        "plateau", "cosine"
    )  # lower it when the monitor stalls, or along a cosine to 0 over the phase
    weight_decay: float = number(0.0, least=0)  # decoupled, as in AdamW
    momentum: float = number(0.9, least=0, below=1)  # of sgd
    batch_size: int = number(32, least=1)
    epochs: int = number(100, least=1)  # at most, in the first phase
    patience: int = number(10, least=1)  # epochs without a better monitor before a phase stops
    monitor: str = choice("val_loss", "val_auc", "val_accuracy")  # chooses the best epoch, whose weights are kept
    reduce_lr: ReduceLr = field(default_factory=ReduceLr)


@dataclass
class Training:
    """How phases are carried out."""

    features: str = choice("auto", "head", "off")  # frozen layers see each view once: always, in head phases, or never
    views: int = number(4, least=1)  # differently augmented views of each training image that frozen layers see
    redraw: int | None = number(None, least=1)  # epochs after which other views are drawn; null: never


@dataclass
class Tracking:
    """Where runs are recorded."""

    uri: str = "sqlite:///mlflow.db"  # an MLflow tracking address: a local SQLite file or a server
    experiment: str = "skinexp"
    required: bool = True  # refuse to begin where the store cannot be used; false: begin, and deliver later
    wait: float = number(60.0, least=0)  # seconds that a run waits at its end for what is not delivered yet
    model: bool = True  # log the trained model itself too (10 to 20 MB and some seconds a run)
    system_metrics: bool = True  # sample processor, memory and GPU load while the run goes on
    tensorboard: bool = True  # write TensorBoard logs into the run directory
    histograms: bool = True  # of all weights, each epoch, in TensorBoard


@dataclass
class Compute:
    """On what a run computes, and how; what is left open is decided from the machine, as result.json then says."""

    backend: str = choice("auto", "tensorflow", "jax", "torch")
    precision: str = choice("auto", "float32", "mixed_bfloat16")
    jit_compile: bool | None = None  # Keras' option: compile whole steps (XLA, torch.compile); null: where it pays
    threads: int | None = number(None, least=1)  # CPU threads; null: all cores that the process may use
    layout: str = choice("auto", "channels_last", "channels_first")  # of what networks compute; images come alike
    deterministic: bool = True  # same command, same numbers on the CPU


@dataclass
class Explain:
    """Which images are explained, and how."""

    method: str = choice("gradcam", "none")
    images: int = number(8, least=1, most=64)  # test images on a run's sheet
    shared: int = number(32, least=1, most=256)  # test images that every run explains, for a comparison to choose from


@dataclass
class Evaluate:
    """How probabilities become answers, and for whom the answers are meant; all of it is chosen on validation."""

    threshold: str = "youden"  # rule for `malignant`: youden, sensitivity:0.9, specificity:0.9, cost:10, or a number
    calibration: str = choice("temperature", "isotonic", "none")  # what makes probabilities of logits
    prevalence: float | None = number(
        None, above=0, below=1
    )  # share of malignant lesions where the model is to be used; null: no scores for there
    resamples: int = number(2000, least=200)  # of the test images, for intervals


@dataclass
class Health:
    """What the doctor does: it looks for what is wrong with a training, and says so."""

    policy: str = choice("warn", "stop", "off")  # at what is found before training: say it, or stop; off: do not look
    preflight: bool = True  # look at data and network before training, some seconds


@dataclass
class Config:
    """A whole experiment."""

    seed: int = number(0, least=0)  # everything random derives from it
    objective: str = choice("val/roc_auc", "val/average_precision", "val/accuracy", "val/f1")  # what sweepers maximise
    resume: str | None = None  # directory of a run or a sweep to go on with; the command line's alone
    data: Data = field(default_factory=Data)
    augment: Augment = field(default_factory=Augment)
    model: Model = field(default_factory=Model)
    optim: Optim = field(default_factory=Optim)
    training: Training = field(default_factory=Training)
    tracking: Tracking = field(default_factory=Tracking)
    compute: Compute = field(default_factory=Compute)
    explain: Explain = field(default_factory=Explain)
    evaluate: Evaluate = field(default_factory=Evaluate)
    health: Health = field(default_factory=Health)


@dataclass
class LrFind:
    """The learning rates that a range test goes through, one a step, each larger by the same factor."""

    min: float = number(1e-7, above=0)  # of the first step
    max: float = number(10.0, above=0)  # of the last step; the test stops earlier where the loss leaves all bounds
    steps: int = number(100, least=20)  # more of them average over more batches


@dataclass
class RangeTest(Config):
    """An experiment, and the range test of its learning rate: what `python -m skinexp.lr_find` takes."""

    lr_find: LrFind = field(default_factory=LrFind)


@dataclass
class Pretrain:
    """How a backbone learns to tell the factors of phantoms."""

    small_epochs: int = number(6, least=0)  # of optim.epochs, the first: they see small images, which cost less
    small_size: int = number(64, least=32, most=1024)  # pixels a side of those
    warm_up: float = number(0.1, least=0, below=1)  # share of the steps in which the learning rate rises to optim.lr
    statistics: int = number(1024, least=32)  # images of each size that BatchNormalization's final statistics are of


@dataclass
class Pretraining(Config):
    """An experiment on phantoms, and how a backbone learns from them: what `python -m skinexp.pretrain` takes."""

    pretrain: Pretrain = field(default_factory=Pretrain)


SHORTEST_RANGE = 100  # times the smallest rate: one tenfold for the descent, and one for what is around it

MOBILENET_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)  # that ImageNet weights exist for

GROUPS = {
    "data": Data,
    "augment": Augment,
    "model": Model,
    "optim": Optim,
    "tracking": Tracking,
    "compute": Compute,
    "explain": Explain,
}


def register(whole: type[Config] = Config) -> None:
    """Hands the schema to Hydra: `schema` for the whole, `<group>/schema` for each group."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="schema", node=whole)
    for group, node in GROUPS.items():
        store.store(group=group, name="schema", node=node)


def check(config: Config) -> None:
    """Refuses, by key, what no run could use; reads no data.

    Raises:
        UserError: with the key, what was received, and what to do.
    """
    _check_fields(config, "")
    if config.resume is not None:
        raise UserError(f"resume: belongs on the command line, not in a file. Received: {config.resume}")
    _check_data(config.data)
    _check_model(config.model)
    _check_threshold(config.evaluate.threshold)
    if config.compute.threads is not None and config.compute.backend == "jax":
        raise UserError(
            "compute.threads: JAX shares out threads by itself. Use compute.threads=null. "
            f"Received: {config.compute.threads}"
        )
    if isinstance(config, RangeTest):
        _check_rates(config.lr_find)
    if isinstance(config, Pretraining):
        _check_pretraining(config)


def _check_fields(node: Any, prefix: str) -> None:
    known = {item.name for item in dataclasses.fields(node)}
    if added := sorted(set(vars(node)) - known):  # Hydra's +key=value adds keys that nothing reads
        raise UserError(f"{prefix}{added[0]}: no such key. All keys: python -m skinexp.train --cfg job")
    for item in dataclasses.fields(node):
        key, value = f"{prefix}{item.name}", getattr(node, item.name)
        if dataclasses.is_dataclass(value):
            _check_fields(value, f"{key}.")
        elif value is not None:
            _check_value(key, value, item.metadata)


def _check_value(key: str, value: Any, metadata: Any) -> None:
    if "choices" in metadata and value not in metadata["choices"]:
        raise UserError(f"{key}: must be one of {', '.join(metadata['choices'])}. Received: {value}")
    if "bounds" in metadata:
        above, least, most, below = metadata["bounds"]
        if not (value > above and value >= least and value <= most and value < below):  # also refuses nan
            raise UserError(f"{key}: must be {_bounds_in_words(above, least, most, below)}. Received: {value}")


def _bounds_in_words(above: float, least: float, most: float, below: float) -> str:
    bounds = (("above", above), ("at least", least), ("at most", most), ("below", below))
    return " and ".join(f"{word} {bound:g}" for word, bound in bounds if math.isfinite(bound))


def _check_data(data: Data) -> None:
    split = data.split
    total = split.train + split.val + split.test
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise UserError(
            f"data.split: the fractions must sum to 1. "
            f"Received: train={split.train}, val={split.val}, test={split.test} (sum {total:g})"
        )
    _check_folds(split)
    if set(data.labels.values()) != {0, 1}:
        raise UserError(
            f"data.labels: must give at least one class the label 0 and one the label 1. Received: {data.labels}"
        )
    if both := sorted(set(data.labels) & set(data.exclude)):
        raise UserError(
            f"data.exclude: {both[0]} also has a label in data.labels; a class is used or left out, not both"
        )
    if data.augmented_copies and data.phantom.shortcut.flip_test:
        raise UserError(
            "data.augmented_copies: copies would carry a flipped shortcut out of the test part. Use "
            f"data.phantom.shortcut.flip_test=false with it. Received: {data.augmented_copies}"
        )
    if data.name == "folder":
        _check_folder(data)
    if data.name == "hub" and not data.path:
        raise UserError(
            "data.path: data=hub needs the name of a data set, or a local directory of that shape. Received: null"
        )


def _check_folds(split: Split) -> None:
    if not split.folds:
        if split.fold is not None:
            raise UserError(
                "data.split.fold: says which fold of a cross-validation is tested, so it needs data.split.folds as "
                f"well. Received: fold={split.fold}, folds={'null' if split.folds is None else 0}"
            )
        return
    if split.folds < 2:
        raise UserError(f"data.split.folds: must be at least 2, or null for a single split. Received: {split.folds}")
    every = ",".join(map(str, range(split.folds))) if split.folds <= 10 else f"0,...,{split.folds - 1}"
    if split.fold is None:
        raise UserError(
            f"data.split.fold: a run tests one fold of the {split.folds}. "
            f"Run them all as a sweep: -m data.split.fold={every}. Received: null"
        )
    if not 0 <= split.fold < split.folds:
        raise UserError(
            f"data.split.fold: must be at least 0 and below data.split.folds={split.folds}. Received: {split.fold}"
        )


def _check_folder(data: Data) -> None:
    if not data.path:
        raise UserError("data.path: data=folder needs the directory that holds the images. Received: null")
    if not Path(data.path).is_dir():
        raise UserError(f"data.path: no such directory. Received: {data.path}")
    manifest = Path(data.path) / data.manifest
    if data.manifest != Data.manifest and not manifest.is_file():
        raise UserError(
            f"data.manifest: no such file: {manifest}. Name a CSV file in {data.path}. Received: {data.manifest}"
        )


def _check_model(model: Model) -> None:
    if model.name == "scratch":
        if model.frozen:
            raise UserError(
                "model.frozen: the scratch CNN has no backbone to freeze. Use model=mobilenet or model=efficientnet"
            )
        if model.weights and Path(model.weights).is_file():
            raise UserError(f"model.weights: the scratch CNN takes no weights file. Received: {model.weights}")
    elif model.frozen and model.weights is None:
        raise UserError(
            "model.frozen: a backbone without weights cannot be frozen, its features would be constant. "
            "Give model.weights=phantom, imagenet, a file or a directory; or model.frozen=false. "
            "Received: model.weights=null"
        )
    widths = MOBILENET_WIDTHS if model.name == "mobilenet" else (1.0,)
    if model.alpha not in widths:
        raise UserError(
            f"model.alpha: {model.name} exists in width {', '.join(map(str, widths))}. Received: {model.alpha}"
        )
    if model.weights == "phantom" and model.alpha != 1.0:
        raise UserError(
            "model.weights: those that come with skinexp are of width 1. Use model.alpha=1.0, or make some of this "
            "width (python -m skinexp.pretrain), or use model.weights=null. "
            f"Received: model.weights=phantom, model.alpha={model.alpha}"
        )
    if model.weights not in (None, "imagenet", "phantom") and not Path(model.weights).exists():
        raise UserError(
            f"model.weights: must be null, phantom, imagenet, a .weights.h5 file, or a directory of such files. "
            f"No such file or directory: {model.weights}"
        )


def _check_threshold(rule: str) -> None:
    from skinexp.evaluation.threshold_rules import parse_rule  # later than --help: it brings scikit-learn

    try:
        parse_rule(rule)
    except ValueError as error:
        raise UserError(f"evaluate.threshold: {error}") from None


def _check_rates(lr_find: LrFind) -> None:
    if lr_find.max < SHORTEST_RANGE * lr_find.min:
        raise UserError(
            f"lr_find.max: must be at least {SHORTEST_RANGE} times lr_find.min, or a descent cannot be told from what "
            f"is around it. Received: lr_find.min={lr_find.min:g}, lr_find.max={lr_find.max:g}"
        )


def _check_pretraining(config: Pretraining) -> None:
    pretrain, size = config.pretrain, config.data.preprocess.size
    if config.data.name != "phantom":
        raise UserError(
            f"data: a backbone is pretrained on phantoms, whose factors are known. Use data=phantom. "
            f"Received: data={config.data.name}"
        )
    if config.model.name == "scratch":
        raise UserError(
            "model: the scratch CNN has no backbone to pretrain. Use model=mobilenet or model=efficientnet. "
            "Received: model=scratch"
        )
    if config.data.augmented_copies:
        raise UserError(
            "data.augmented_copies: a backbone is pretrained on phantoms as they are drawn, the factors of changed "
            f"copies are not known. Use data.augmented_copies=0. Received: {config.data.augmented_copies}"
        )
    if config.data.phantom.shortcut.flip_test:
        raise UserError(
            "data.phantom.shortcut.flip_test: a backbone learns to tell ink where it is, it has no test part to flip. "
            "Use data.phantom.shortcut.flip_test=false. Received: true"
        )
    if config.model.weights is not None:
        raise UserError(
            "model.weights: a backbone is pretrained from random weights. Use model.weights=null. "
            f"Received: {config.model.weights}"
        )
    if pretrain.small_epochs > config.optim.epochs:
        raise UserError(
            f"pretrain.small_epochs: must be at most optim.epochs={config.optim.epochs}. "
            f"Received: {pretrain.small_epochs}"
        )
    if pretrain.small_size > size:
        raise UserError(
            f"pretrain.small_size: must be at most data.preprocess.size={size}. Received: {pretrain.small_size}"
        )
