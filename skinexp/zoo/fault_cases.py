"""The cases of the fault benchmark: which fault is planted, how, and the cause that the doctor must name first.

A fault is planted by overrides, as a user would make the mistake, or by training steps. The doctor must find nothing in
healthy trainings.
"""

from dataclasses import dataclass

from skinexp.workflows.training_steps import STANDARD_STEPS, TrainingSteps
from skinexp.zoo import faults

PHANTOMS = (  # generated images; a training takes some seconds
    "data=phantom",
    "data.phantom.images=400",
    "data.phantom.size=64",
    "data.preprocess.size=48",
    "model.batch_norm_momentum=0.8",
)
PHOTOGRAPHS = (  # real images and weights, from the directories that the command names
    "data=folder",
    "data.path={photographs}",
    "data.exclude=[premalignant]",
    "data.preprocess.size=96",
    "model.weights={weights}",
    "model.fine_tune.epochs=0",
    "optim.epochs=15",
)


@dataclass(frozen=True)
class Case:
    """One training of the fault benchmark.

    Attributes:
        name: the planted fault, in words.
        expected: the cause that the doctor must name first; None if the training is healthy and it must name none.
        overrides: as on the command line; a name in braces stands for a directory that the benchmark fills in.
        steps: the functions that the training calls.
    """

    name: str
    expected: str | None
    overrides: tuple[str, ...]
    steps: TrainingSteps = STANDARD_STEPS

    @property
    def real(self) -> bool:
        """Whether the case needs real photographs and weights."""
        return any("{photographs}" in override for override in self.overrides)


def phantoms(name: str, expected: str | None, *overrides: str, steps: TrainingSteps = STANDARD_STEPS) -> Case:
    """Returns a case that trains a scratch CNN on generated images, unless overrides say otherwise."""
    epochs = "optim.epochs=8" if expected else "optim.epochs=20"
    return Case(name, expected, (*PHANTOMS, epochs, *overrides), steps)


def mobilenet(name: str, expected: str | None, *overrides: str) -> Case:
    """Returns a case that trains MobileNetV2 with pretrained weights on real photographs."""
    return Case(name, expected, (*PHOTOGRAPHS, "model=mobilenet", *overrides))


def efficientnet(name: str, expected: str | None, *overrides: str) -> Case:
    """Returns a case that trains EfficientNetB0 with pretrained weights on real photographs."""
    return Case(name, expected, (*PHOTOGRAPHS, "model=efficientnet", *overrides))


FAULTS = (
    efficientnet("EfficientNet gets pixels 0..1", "wrong_input_range", "model.input_scaling=unit"),
    mobilenet("MobileNetV2 gets pixels 0..1", "wrong_input_range", "model.input_scaling=unit"),
    mobilenet("MobileNetV2 gets pixels 0..255", "wrong_input_range", "model.input_scaling=byte"),
    phantoms("images were stored as 0..1", "wrong_input_range", steps=faults.changed_images(faults.unit_range)),
    phantoms(
        "a frozen backbone of random weights", "frozen_random_backbone", "model=mobilenet", "model.weights={random}"
    ),
    mobilenet(
        "BatchNormalization of a pretrained backbone is trained",
        "batchnorm_unfrozen_or_stale",
        "model.batch_norm=trained",
        "data.preprocess.size=64",
        "optim.epochs=1",
    ),
    phantoms(
        "running statistics that stay at their initial values",
        "batchnorm_unfrozen_or_stale",
        "model.batch_norm_momentum=0.9999",
    ),
    phantoms("learning rate 3", "learning_rate_too_high", "optim.lr=3"),
    phantoms("learning rate 1e30", "learning_rate_too_high", "optim.lr=1e30"),
    phantoms("SGD at learning rate 300", "learning_rate_too_high", "optim=sgd", "optim.lr=300"),
    mobilenet("a head at learning rate 3", "learning_rate_too_high", "optim.lr=3"),
    mobilenet(
        "fine-tuning at learning rate 0.1",
        "learning_rate_too_high",
        "model.fine_tune.epochs=3",
        "model.fine_tune.lr=0.1",
    ),
    phantoms("learning rate 1e-9", "learning_rate_too_low", "optim.lr=1e-9"),
    mobilenet("a head at learning rate 1e-8", "learning_rate_too_low", "optim.lr=1e-8"),
    phantoms("ten layers of sigmoids", "vanishing_gradient", steps=faults.another_network(faults.sigmoids, "conv9")),
    phantoms(
        "a weight that is NaN",
        "exploding_or_nonfinite",
        steps=faults.changed_network(faults.changed_weights("block2_conv1", 0, faults.one_nan)),
    ),
    phantoms(
        "a head with dead units",
        "dead_units",
        steps=faults.changed_network(faults.changed_weights("head_dense", 1, lambda bias: bias - 100)),
    ),
    phantoms(
        "labels shuffled in the manifest",
        "labels_shuffled_or_misaligned",
        "optim.epochs=15",
        steps=faults.wrong_manifest(faults.shuffled),
    ),
    phantoms(
        "training labels shifted by one",
        "labels_shuffled_or_misaligned",
        steps=faults.wrong_training_labels(faults.shifted),
    ),
    phantoms(
        "training labels inverted", "labels_shuffled_or_misaligned", steps=faults.wrong_training_labels(faults.inverted)
    ),
    phantoms("a fixed output", "class_prior_only", steps=faults.changed_network(faults.fixed_output)),
    phantoms(
        "few images, many epochs",
        "overfitting",
        "data.limit=80",
        "augment=none",
        "optim.epochs=60",
        "optim.patience=60",
        "optim.reduce_lr.patience=60",
    ),
    phantoms(
        "one unit and dropout 0.9", "underfitting_capacity", steps=faults.another_network(faults.one_unit, "conv")
    ),
    phantoms("excessive weight decay", "underfitting_capacity", "optim=adamw", "optim.weight_decay=300"),
    phantoms(
        "the last weights are kept",
        "wrong_checkpoint_restored",
        "data.limit=120",
        "augment=none",
        "optim.epochs=25",
        "optim.patience=25",
        "optim.reduce_lr.patience=25",  # else the last weights would hardly differ from those of the best epoch
        steps=faults.last_weights_kept(),
    ),
    phantoms("the first weights are kept", "wrong_checkpoint_restored", steps=faults.first_weights_kept()),
    phantoms(
        "half of the images are blank", "data_constant_or_corrupt", steps=faults.changed_images(faults.half_blank)
    ),
    phantoms("images of noise", "data_constant_or_corrupt", steps=faults.changed_images(faults.noise)),
    phantoms("a sticker on malignant images", "shortcut_suspected", steps=faults.changed_images(faults.sticker)),
    phantoms("two cameras", "shortcut_suspected", steps=faults.changed_images(faults.red_cast)),
)

HEALTHY = (
    *(phantoms(f"scratch CNN, seed {seed}", None, f"seed={seed}") for seed in range(4)),
    *(phantoms(f"scratch CNN, learning rate {rate:g}", None, f"optim.lr={rate}") for rate in (3e-4, 3e-3)),
    *(phantoms(f"scratch CNN, {size} px", None, f"data.preprocess.size={size}") for size in (32, 64)),
    phantoms("scratch CNN, SGD", None, "optim=sgd", "optim.lr=0.01"),
    phantoms("scratch CNN, AdamW", None, "optim=adamw", "optim.weight_decay=0.01"),
    *(
        phantoms(
            f"{model} from random weights",
            None,
            f"model={model}",
            f"model.alpha={alpha}",
            "model.weights=null",
            "data.phantom.images=600",
        )
        for model, alpha in (("mobilenet", 0.35), ("efficientnet", 1.0))
    ),
    *(mobilenet(f"MobileNetV2, seed {seed}", None, f"seed={seed}") for seed in range(3)),
    *(mobilenet(f"MobileNetV2, learning rate {rate:g}", None, f"optim.lr={rate}") for rate in (1e-4, 1e-2)),
    mobilenet("MobileNetV2, width 0.35", None, "model.alpha=0.35"),
    mobilenet("MobileNetV2, fine-tuned", None, "model.fine_tune.epochs=4"),
    mobilenet("MobileNetV2, 64 px", None, "data.preprocess.size=64"),
    *(efficientnet(f"EfficientNetB0, seed {seed}", None, f"seed={seed}") for seed in range(3)),
    efficientnet("EfficientNetB0, fine-tuned", None, "model.fine_tune.epochs=3"),
)
