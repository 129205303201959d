"""Everything that can be chosen, with its type, unit and meaning.

The dataclasses are plain: every room takes its own part of them and none needs Hydra. `register` hands them to Hydra,
which then refuses unknown keys and wrong types while composing; the bounds and choices of a field are asked for by
`skinexp.config.validation`.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from skinexp.contracts import backbones, losses


def choice(default: str | None, *others: str) -> Any:
    """A field that takes one of a few words."""
    options = (default, *others) if default is not None else others
    return field(default=default, metadata={"choices": options})


def registered(default: str, names: Collection[str]) -> Any:
    """A field that takes a name of a registry."""
    return field(default=default, metadata={"choices": names})


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

    name: str = registered("scratch", backbones.MODEL_NAMES)
    # of the backbone: null (random), phantom (which come with skinexp for some), imagenet, a .weights.h5 file, an .npz
    # file of skinexp.pretrain, or a directory of .weights.h5 files or files of Keras' ImageNet release
    weights: str | None = None
    frozen: bool | None = None  # keep the backbone as loaded in the first phase; null: yes where it has weights
    # what the network expects; or 0..1 (unit), -1..1 (tf), 0..255 (byte), standardised as ImageNet (torch), BGR (caffe)
    input_scaling: str = registered("contract", backbones.SCALING_NAMES)
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
    loss: str = registered("cross_entropy", losses.LOSS_NAMES)  # focal: images that are classified well count less
    class_weight: str = choice(
        "none", "balanced"
    )  # balanced: both classes count alike in the loss, whatever their share
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
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("preset_weights", backbones.preset_weights, replace=True)
    store = ConfigStore.instance()
    store.store(name="schema", node=whole)
    for group, node in GROUPS.items():
        store.store(group=group, name="schema", node=node)
