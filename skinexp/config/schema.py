"""All configuration keys, each with its type, default, meaning and accepted values.

The dataclasses are plain and frozen: each room takes its own part of them and none needs Hydra. A changed configuration
is a new object, made with `dataclasses.replace`. `skinexp.config.compose` hands the dataclasses to Hydra, which refuses
unknown keys and wrong types; `skinexp.config.validation` checks choices, bounds and combinations of keys.
"""

from dataclasses import dataclass, field

from skinexp.config.conf_files import names
from skinexp.config.option_fields import choice, number, option, registered
from skinexp.contracts import backbones, losses


@dataclass(frozen=True)
class Split:
    """The division of images into training, validation and test; fractions of the images, sum 1.

    With `folds`, the test part is one fold of a partition, and `train` and `val` share the rest in their proportion.
    """

    train: float = number(0.70, "fraction of the images for training", gt=0, lt=1)
    val: float = number(0.15, "fraction of the images for validation", gt=0, lt=1)
    test: float = number(0.15, "fraction of the images for the test", gt=0, lt=1)
    group: str | None = option(
        "auto",
        "column whose equal values stay in one part; auto: all columns that name lesions or patients, joined; "
        "null: no groups",
    )
    seed: int | None = number(
        None,
        "seed of which images there are and in which part: generated images, data.limit, copies, and the split; null: "
        "the run's seed, so that each seed has another split",
        ge=0,
    )
    copies: bool = option(True, "with groups, copies of an image that the audit finds stay in one part as well")
    folds: int | None = option(None, "number of folds of a cross-validation, 2 or more; null or 0: a single split")
    fold: int | None = option(None, "the fold that is tested, counted from 0; all of them in a sweep: fold=0,1,2,3,4")


@dataclass(frozen=True)
class Preprocess:
    """The steps that are applied to each image once, before training, in this order."""

    crop_border: bool = option(True, "cut away a black frame or vignette around the image")
    remove_hair: bool = option(True, "paint over dark hair and ruler marks")
    size: int = number(224, "side in pixels of the square image that the model takes", ge=32, le=1024)
    colour_constancy: bool = option(False, "shades of gray (Minkowski norm, p = 6): colours as if lit by white light")


@dataclass(frozen=True)
class Shortcut:
    """A mark beside the lesion that predicts its class: ink, planted on purpose into generated images."""

    ink_given_malignant: float | None = number(
        None, "fraction of the malignant images with ink; null: data.phantom.ink", ge=0, le=1
    )
    ink_given_benign: float | None = number(
        None, "fraction of the benign images with ink; null: data.phantom.ink", ge=0, le=1
    )
    flip_test: bool = option(
        False, "exchange the two fractions in the test part: a model that relies on ink is wrong there"
    )


@dataclass(frozen=True)
class Phantom:
    """Generated images: their number, the noise of their labels, and the artefacts in them."""

    images: int = number(600, "images to generate, half of them malignant", ge=40)
    size: int = number(96, "side in pixels of a generated image", ge=32, le=1024)
    photographs: int = number(
        1, "photographs of each lesion, with another rotation, scale and light each; they stay in one part", ge=1, le=20
    )
    label_noise: float = number(
        0.0, "scale of logistic noise on the score (1.0 to 8.9) that decides the label; 0: no noise", ge=0, le=10
    )
    hair: float = number(0.3, "fraction of the images with hair", ge=0, le=1)
    light_hair: float = number(0.15, "fraction of the images with hair whose hair is light", ge=0, le=1)
    border: float = number(0.2, "fraction of the images with a black frame or vignette", ge=0, le=1)
    ruler: float = number(0.05, "fraction of the images with ruler marks", ge=0, le=1)
    gel: float = number(0.08, "fraction of the images with gel bubbles", ge=0, le=1)
    ink: float = number(0.03, "fraction of the images with skin marker ink", ge=0, le=1)
    jpeg: float = number(0.5, "fraction of the images that were compressed as JPEG, at any quality", ge=0, le=1)
    shortcut: Shortcut = field(default_factory=Shortcut)


@dataclass(frozen=True)
class DataCard:
    """What only people know of the images: stated on the data card, and what is null is listed there as unknown."""

    reference_standard: str | None = option(
        None, "how the diagnosis of a lesion was established, such as histopathology or follow-up"
    )
    assessors: str | None = option(
        None, "who made the diagnoses: profession, experience, and what was hidden from them"
    )
    devices: str | None = option(None, "dermatoscopes and cameras that took the images")
    dates: str | None = option(None, "when the images were taken: first and last day or year")
    centres: str | None = option(None, "where the images were taken: number, kind and country of the centres")
    eligibility: str | None = option(None, "which patients and lesions were eligible")
    enrolment: str | None = option(None, "how patients were enrolled: consecutively, at random, or selected")
    consent: str | None = option(None, "ethics committee that approved the study, and consent of the patients")


@dataclass(frozen=True)
class Data:
    """The images, the meaning of their labels, their split and their preparation."""

    name: str = choice("phantom", *names("data"), help="where images come from")
    path: str | None = option(
        None, "folder: a directory; hub: a name on the Hugging Face hub, or a local directory in its format"
    )
    manifest: str = option(
        "manifest.csv",
        "folder: the CSV file in data.path that lists the images; if it does not exist, each sub-folder is a class",
    )
    hub_split: str = option(
        "train", "hub: the part of the data set that is read, or several: train+test (they are split again here)"
    )
    image_column: str | None = option(
        None, "column with the image or its file name; null: file, image, path, filename or image_id"
    )
    label_column: str = option("label", "column with the class")
    labels: dict[str, int] = field(
        default_factory=lambda: {"benign": 0, "malignant": 1},
        metadata={"help": "class name -> 0 (benign) or 1 (malignant)"},
    )
    exclude: list[str] = field(
        default_factory=list, metadata={"help": "classes to leave out; any other class without a label is an error"}
    )
    limit: int | None = number(None, "largest number of images, drawn by label with the seed; null: all images", ge=20)
    on_bad_image: str = choice("fail", "skip", help="unreadable images: stop, or leave them out; both list them")
    pixel_bits: int | None = number(
        None,
        "bits a channel that the values of 16-bit files fill: 2**bits - 1 becomes white, 0 black; null: the fewest of "
        "8, 10, 12, 14 and 16 that hold the largest value of the data set",
        ge=8,
        le=16,
    )
    audit: str = choice(
        "quick", "full", "off", help="before training, look for copies, contradictory labels and confounds"
    )
    on_conflict: str = choice(
        "keep", "drop", "fail", help="images that occur under both labels: keep, leave out or stop; all are listed"
    )
    on_leak: str = choice(
        "stop", "warn", help="copies, lesions or patients on both sides of the split: stop, or train and report it"
    )
    augmented_copies: int = number(
        0, "changed copies of each image, made before the split: a leak on purpose", ge=0, le=50
    )
    licence: str | None = option(None, "licence of the images, for the data card; null: as the source states it")
    card: DataCard = field(default_factory=DataCard)
    cache: str = option(".cache", "directory of prepared images; safe to delete")
    workers: int | None = number(None, "processes that prepare images; null: one per CPU core", ge=1)
    phantom: Phantom = field(default_factory=Phantom)
    split: Split = field(default_factory=Split)
    preprocess: Preprocess = field(default_factory=Preprocess)


@dataclass(frozen=True)
class Augment:
    """Random changes to each training image, drawn anew in every epoch."""

    flip: bool = option(False, "left-right and up-down, each with probability 1/2")
    rotation: float = number(0.0, "largest rotation as a fraction of a full turn, in both directions", ge=0, le=0.5)
    zoom: float = number(0.0, "height and width are scaled by factors in 1 +- zoom, drawn separately", ge=0, lt=1)
    brightness: float = number(
        0.0, "largest change of brightness as a fraction of the value range, up or down", ge=0, le=1
    )
    contrast: float = number(0.0, "distance from the mean colour is scaled by a factor in 1 +- contrast", ge=0, lt=1)
    quarter_turns: bool = option(False, "0, 90, 180 or 270 degrees, each with probability 1/4")
    colour_jitter: float = number(
        0.0, "each colour channel is scaled by its own factor in 1 +- colour_jitter", ge=0, lt=1
    )


@dataclass(frozen=True)
class Head:
    """The layers on a pretrained backbone: pooling, dropout, a dense layer, dropout, one logit."""

    dropout: float = number(0.3, "dropout rate after pooling", ge=0, lt=1)
    units: int = number(128, "width of the dense layer", ge=1)
    unit_dropout: float = number(0.5, "dropout rate after the dense layer", ge=0, lt=1)


@dataclass(frozen=True)
class FineTune:
    """The second phase of a pretrained model, in which the last layers of its backbone are trained as well."""

    fraction: float = number(0.25, "fraction of the backbone's layers to train, counted from its end", ge=0, le=1)
    epochs: int = number(20, "largest number of epochs; 0: no second phase", ge=0)
    lr: float = number(1e-4, "learning rate of the second phase", gt=0)


@dataclass(frozen=True)
class Model:
    """The network, its initial weights, and the scaling of its input."""

    name: str = registered("scratch", backbones.MODEL_NAMES, help="architecture")
    weights: str | None = option(
        None,
        "weights of the backbone: null (random), phantom (included in skinexp for some), imagenet, a .weights.h5 file, "
        "an .npz file of skinexp.pretrain, or a directory of .weights.h5 files or of files of Keras' ImageNet release",
    )
    frozen: bool | None = option(
        None, "do not train the backbone in the first phase; null: true if it has pretrained weights"
    )
    input_scaling: str = registered(
        "contract",
        backbones.SCALING_NAMES,
        help="what the backbone was trained with; or 0..1 (unit), -1..1 (tf), 0..255 (byte), standardised by "
        "ImageNet's mean and deviation (torch), BGR minus ImageNet's mean (caffe)",
    )
    batch_norm: str = choice(
        "frozen", "trained", help="BatchNormalization of a pretrained backbone: as loaded, or trained in every phase"
    )
    alpha: float = number(1.0, "width factor of MobileNetV2: 0.35, 0.5, 0.75, 1.0, 1.3 or 1.4", gt=0)
    batch_norm_momentum: float = number(
        0.9, "momentum of BatchNormalization with random weights; Keras' default needs thousands of steps", ge=0, lt=1
    )
    head: Head = field(default_factory=Head)
    fine_tune: FineTune = field(default_factory=FineTune)


@dataclass(frozen=True)
class ReduceLr:
    """The reduction of the learning rate on a plateau of the monitor."""

    factor: float = number(0.2, "the learning rate is multiplied by it", gt=0, lt=1)
    patience: int = number(5, "epochs without a better monitor before that", ge=0)
    min_lr: float = number(1e-6, "smallest learning rate", ge=0)


@dataclass(frozen=True)
class Optim:
    """The optimizer, the loss, and the end of training."""

    name: str = choice("adam", *names("optim"), help="optimizer")
    lr: float = number(1e-3, "learning rate of the first phase", gt=0)
    schedule: str = choice(
        "plateau", "cosine", help="lower the learning rate on a plateau of the monitor, or along a cosine to 0"
    )
    weight_decay: float = number(0.0, "decoupled weight decay, as in AdamW", ge=0)
    momentum: float = number(0.9, "momentum of sgd", ge=0, lt=1)
    loss: str = registered(
        "cross_entropy",
        losses.LOSS_NAMES,
        help="focal: images that are classified correctly with confidence count less",
    )
    class_weight: str = choice(
        "none", "balanced", help="balanced: both classes count alike in the loss, whatever their shares are"
    )
    batch_size: int = number(32, "images per training step", ge=1)
    epochs: int = number(100, "largest number of epochs in the first phase", ge=1)
    patience: int = number(10, "epochs without a better monitor before a phase stops", ge=1)
    monitor: str = choice(
        "val_loss", "val_auc", "val_accuracy", help="decides which epoch is best; its weights are kept"
    )
    reduce_lr: ReduceLr = field(default_factory=ReduceLr)


@dataclass(frozen=True)
class Training:
    """How phases are carried out."""

    features: str = choice(
        "auto",
        "head",
        "off",
        help="outputs of frozen layers are computed once and cached: in every phase, if only the head is trained, or "
        "never",
    )
    views: int = number(4, "augmented versions of each training image that are cached", ge=1)
    redraw: int | None = number(None, "epochs after which other versions are drawn; null: never", ge=1)


@dataclass(frozen=True)
class Tracking:
    """The recording of runs in MLflow and TensorBoard."""

    uri: str = option("sqlite:///mlflow.db", "MLflow tracking address: a local SQLite file or a server")
    experiment: str = option("skinexp", "name of the MLflow experiment")
    required: bool = option(True, "stop at the start if the store cannot be used; false: begin, and deliver later")
    wait: float = number(60.0, "seconds that a run waits at its end for the delivery of its records", ge=0)
    model: bool = option(True, "log the trained model as well (10 to 20 MB and some seconds per run)")
    system_metrics: bool = option(True, "record processor, memory and GPU load during the run")
    tensorboard: bool = option(True, "write TensorBoard logs into the run's directory")
    histograms: bool = option(True, "histograms of all weights in TensorBoard, in each epoch")


@dataclass(frozen=True)
class Compute:
    """Backend, precision and threads; open options are chosen for the machine and recorded in result.json."""

    backend: str = choice("auto", "tensorflow", "jax", "torch", help="backend of Keras")
    precision: str = choice("auto", "float32", "mixed_bfloat16", help="dtype policy of Keras")
    jit_compile: bool | None = option(
        None, "compile whole steps (XLA, torch.compile); null: only if that is faster on the machine"
    )
    threads: int | None = number(None, "CPU threads; null: all cores that the process may use", ge=1)
    layout: str = choice(
        "auto", "channels_last", "channels_first", help="memory layout inside networks; images are the same for all"
    )
    deterministic: bool = option(True, "the same command gives the same numbers on the CPU")


@dataclass(frozen=True)
class Explain:
    """The images that are explained, and the method."""

    method: str = choice("gradcam", *names("explain", "method"), help="explanation method; none: no explanations")
    images: int = number(8, "test images on the run's figure; 0: no figure", ge=0, le=64)
    shared: int = number(
        32, "test images that all runs with the same test set explain, for their comparison; 0: none", ge=0, le=256
    )


@dataclass(frozen=True)
class Evaluate:
    """Decisions from probabilities; thresholds and calibration are chosen on the validation images."""

    threshold: str = option(
        "youden",
        "rule for the operating threshold: youden, sensitivity:0.9, specificity:0.9, cost:10, or a probability",
    )
    calibration: str = choice(
        "logistic",
        "temperature",
        "isotonic",
        "beta",
        "none",
        help="calibration: slope and intercept, one divisor, a rising line, three parameters, or none",
    )
    prevalence: float | None = number(
        None,
        "share of malignant lesions where the model is to be used, for predictive values; null: no such scores",
        gt=0,
        lt=1,
    )
    risk_threshold: float | None = number(
        None,
        "risk from which on a lesion should be excised, whose odds are the price of a false positive in net benefits "
        "and expected costs; null: each run has the price of its own threshold, and net benefits are not compared",
        gt=0,
        lt=1,
    )
    resamples: int = number(2000, "bootstrap resamples of the test images, for intervals", ge=200)
    sampling: str = choice(
        "auto",
        "case_control",
        "cohort",
        help="how the data were collected: so many malignant and benign lesions, or one after the other, as resamples "
        "are then drawn; auto: what the data say of themselves",
    )


@dataclass(frozen=True)
class Plan:
    """The precision that is planned for the test, from which the number of test images follows."""

    auc: float = number(0.85, "ROC-AUC that is assumed when the width of its 95 % CI is planned", ge=0.5, lt=1)
    width: float = number(0.1, "width of the 95 % CI that is wanted: upper limit less lower limit", gt=0, lt=1)


@dataclass(frozen=True)
class Health:
    """The doctor, which searches for the cause of a training that goes wrong."""

    policy: str = choice(
        "warn", "stop", "off", help="a finding before training: report it, or stop; off: no doctor at all"
    )
    preflight: bool = option(True, "examine data and network before training, for some seconds")


@dataclass(frozen=True)
class Config:
    """All settings of an experiment."""

    seed: int = number(
        0,
        "seed of everything random: split (unless data.split.seed is set), initial weights, order, augmentation",
        ge=0,
    )
    objective: str = choice(
        "val/roc_auc",
        "val/average_precision",
        "val/accuracy",
        "val/f1",
        help="score that a sweeper maximises",
    )
    resume: str | None = option(None, "directory of a run or a sweep to continue; only on the command line")
    overwrite: bool = option(
        False,
        "replace the run or sweep in a directory that is used again: files that skinexp wrote there are removed, "
        "others stay; false: such a directory is refused",
    )
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
    plan: Plan = field(default_factory=Plan)

    @property
    def data_seed(self) -> int:
        """The seed of the images and their split: `data.split.seed`, or else `seed`."""
        return self.seed if self.data.split.seed is None else self.data.split.seed


@dataclass(frozen=True)
class LrFind:
    """The learning rates of a range test, one per step, each larger by the same factor."""

    min: float = number(1e-7, "learning rate of the first step", gt=0)
    max: float = number(10.0, "learning rate of the last step; the test stops earlier if the loss diverges", gt=0)
    steps: int = number(100, "training steps; more of them average over more batches", ge=20)


@dataclass(frozen=True)
class RangeTest(Config):
    """An experiment and the range test of its learning rate: the configuration of `python -m skinexp.lr_find`."""

    lr_find: LrFind = field(default_factory=LrFind)


@dataclass(frozen=True)
class Pretrain:
    """The training of a backbone to predict the factors of phantoms."""

    small_epochs: int = number(6, "the first so many of optim.epochs use small images, which cost less", ge=0)
    small_size: int = number(64, "side in pixels of the small images", ge=32, le=1024)
    warm_up: float = number(0.1, "fraction of the steps in which the learning rate rises to optim.lr", ge=0, lt=1)
    statistics: int = number(
        1024, "images of each size from which the final statistics of BatchNormalization are computed", ge=32
    )


@dataclass(frozen=True)
class Pretraining(Config):
    """An experiment on phantoms and how a backbone learns from them: the configuration of `skinexp.pretrain`."""

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
