"""What the doctor measured at one moment of a training, as typed fields: a misspelt name is an error."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

MISSING = math.nan  # the value of a reading that was not measured, or that is not defined

PREFIXES = {  # of the keys in health.json that hold one value of a reading by name
    "cosine_by_scaling": "cosine_if_",
    "gradient_by_kernel": "gradient/",
    "movement_by_kernel": "moved/",
}


@dataclass(frozen=True, slots=True)
class Readings:
    """Numbers that the doctor measured at one moment: before training, at the end of a phase, or after training.

    NaN means not measured or not defined. ROC-AUC is between 0 and 1, a share between 0 and 1, a loss in nats. The
    field names are the keys in health.json.
    """

    # --- training images
    constant_images: float = MISSING  # share of images with only one colour
    noise_images: float = MISSING  # share of images that are noise
    duplicate_images: float = MISSING  # share of images that equal an earlier one, pixel by pixel
    dark_images: float = MISSING  # share of images that are nearly black, in the part of the split with most of them
    pixel_min: float = MISSING  # smallest pixel value
    pixel_max: float = MISSING  # 99.9th percentile of the pixel values
    nonfinite_pixels: float = MISSING  # number of pixel values that are NaN or infinite

    # --- labels
    prevalence: float = MISSING  # share of malignant images in training
    label_mismatch: float = MISSING  # share of images whose label differs from the table's, in the worst part
    appearance_auc_train: float = MISSING  # ROC-AUC of a logistic model on appearance, within training images
    appearance_error_train: float = MISSING  # standard error of chance of that ROC-AUC
    appearance_auc_val: float = MISSING  # ROC-AUC of a logistic model on appearance, within validation images
    appearance_error_val: float = MISSING  # standard error of chance of that ROC-AUC
    appearance_auc_transferred: float = MISSING  # ROC-AUC of that model, fitted on training, on validation images

    # --- shortcuts: a logistic model on one property of the training images
    colour_auc: float = MISSING  # ROC-AUC from the mean colour
    colour_error: float = MISSING  # standard error of chance of that ROC-AUC
    rim_auc: float = MISSING  # ROC-AUC from the colours of edges and corners
    rim_error: float = MISSING  # standard error of chance of that ROC-AUC
    size_auc: float = MISSING  # ROC-AUC from the height and width of the file
    size_error: float = MISSING  # standard error of chance of that ROC-AUC

    # --- the input of the backbone
    input_error: float = MISSING  # root mean square difference from the contract, in standard deviations
    input_min: float = MISSING  # smallest value that enters the backbone
    input_max: float = MISSING  # largest value that enters the backbone
    cosine_by_scaling: dict[str, float] = field(default_factory=dict)  # feature_cosine under other input scalings

    # --- logits and features
    logit_std: float = MISSING  # standard deviation of the logits
    predicted_positive: float = MISSING  # share of images predicted malignant at threshold 0.5
    nonfinite_answers: float = MISSING  # number of logits and features that are NaN or infinite
    feature_cosine: float = MISSING  # mean cosine between the pooled features of two images
    feature_rank: float = MISSING  # effective rank of the pooled features, in directions
    probe_auc: float = MISSING  # ROC-AUC of a logistic model on the pooled features, cross-validated
    probe_error: float = MISSING  # standard error of chance of that ROC-AUC
    initial_loss: float = MISSING  # cross-entropy of validation images before training
    val_auc: float = MISSING  # ROC-AUC of the kept weights on the validation images
    val_loss: float = MISSING  # cross-entropy of the kept weights on the validation images
    best_epoch: float = MISSING  # the epoch whose weights were kept, counted from 1

    # --- weights, gradients and units
    dead_units: float = MISSING  # share of units that are 0 for every image, in the layer with most of them
    untrained_kernels: float = MISSING  # share of frozen kernels that could come from their initializer
    nonfinite_weights: float = MISSING  # number of weights that are NaN or infinite
    nonfinite_gradients: float = MISSING  # number of gradient values that are NaN or infinite
    gradient_min: float = MISSING  # smallest gradient norm of a kernel, in units of the kernel's norm
    gradient_max: float = MISSING  # largest gradient norm of a kernel, in units of the kernel's norm
    gradient_by_kernel: dict[str, float] = field(default_factory=dict)  # these norms, by the path of the kernel
    weight_change: float = MISSING  # median change of a kernel in the phase, in units of its norm before
    weight_norm: float = MISSING  # median norm of a kernel after the phase, in units of its norm before
    movement_by_kernel: dict[str, float] = field(default_factory=dict)  # these changes, by the path of the kernel

    # --- BatchNormalization
    normalizations_learning: float = MISSING  # number of BatchNormalization layers in training mode
    stale_statistics: float = MISSING  # share of the initial value in the running statistics, at most
    inference_loss: float = MISSING  # cross-entropy of training images with running statistics
    own_statistics_loss: float = MISSING  # cross-entropy of the same images with the statistics of their batch
    inference_auc: float = MISSING  # ROC-AUC of training images with running statistics
    own_statistics_auc: float = MISSING  # ROC-AUC of the same images with the statistics of their batch

    def __or__(self, other: "Readings") -> "Readings":
        """Returns these readings together with those that the other one has measured, which take precedence."""
        return Readings(**{name: value if is_measured(value) else getattr(self, name) for name, value in _items(other)})

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured."""
        return not any(is_measured(value) for _, value in _items(self))

    @property
    def mode_gap(self) -> float:
        """The loss with running statistics less the loss with the statistics of the batch, in nats."""
        return self.inference_loss - self.own_statistics_loss

    def to_dict(self) -> dict[str, float]:
        """Returns what was measured, as health.json holds it."""
        found: dict[str, float] = {}
        for name, value in _items(self):
            if isinstance(value, dict):
                found |= {f"{PREFIXES[name]}{key}": number for key, number in value.items()}
            elif is_measured(value):
                found[name] = value
        return found

    @classmethod
    def from_dict(cls, values: dict[str, float | None]) -> "Readings":
        """Returns the readings that `to_dict` returned; None, which stands for a number that is not finite, is NaN.

        Raises:
            TypeError: if a key is not the name of a reading.
        """
        plain: dict[str, float] = {}
        by_name: dict[str, dict[str, float]] = {name: {} for name in PREFIXES}
        for key, value in values.items():
            number = MISSING if value is None else value
            name = next((name for name, prefix in PREFIXES.items() if key.startswith(prefix)), None)
            if name is None:
                plain[key] = number
            else:
                by_name[name][key.removeprefix(PREFIXES[name])] = number
        return cls(**plain, **by_name)  # type: ignore[arg-type]


def is_measured(value: float | dict[str, float]) -> bool:
    """Returns whether a reading has a value: a number that is not NaN, or a dictionary that is not empty."""
    return bool(value) if isinstance(value, dict) else not math.isnan(value)


def measured(**values: float) -> dict[str, float]:
    """Returns the numbers that are not NaN, by name: the evidence of a diagnosis."""
    return {name: value for name, value in values.items() if not math.isnan(value)}


def _items(readings: Readings) -> list[tuple[str, Any]]:
    return [(item.name, getattr(readings, item.name)) for item in fields(readings)]
