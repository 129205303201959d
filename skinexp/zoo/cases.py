"""The animals of the zoo: what is planted, how, and the name that the doctor must give it first.

A fault is planted by overrides, as a user would make the mistake, or by a hook. Healthy trainings are there to be left
alone.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from skinexp.zoo import hooks
from skinexp.zoo.hooks import Hook

PHANTOMS = (  # a training of some seconds
    "data=phantom",
    "data.phantom.images=400",
    "data.phantom.size=64",
    "data.preprocess.size=48",
    "model.batch_norm_momentum=0.8",
)
PHOTOGRAPHS = (  # real images and weights, which the command line names
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
    """A training.

    Attributes:
        name: what is planted, in words.
        expected: the diagnosis that must come first; None: it is healthy, and there must be none.
        overrides: as on the command line.
        hook: in which it runs.
    """

    name: str
    expected: str | None
    overrides: tuple[str, ...]
    hook: Hook = nullcontext

    @property
    def real(self) -> bool:
        """Whether it takes real photographs and weights."""
        return any("{photographs}" in override for override in self.overrides)


def phantoms(name: str, expected: str | None, *overrides: str, hook: Hook = nullcontext) -> Case:
    """A scratch CNN on generated images, unless overrides say otherwise."""
    epochs = "optim.epochs=8" if expected else "optim.epochs=20"
    return Case(name, expected, (*PHANTOMS, epochs, *overrides), hook)


def mobilenet(name: str, expected: str | None, *overrides: str) -> Case:
    """MobileNetV2 with its weights on real photographs."""
    return Case(name, expected, (*PHOTOGRAPHS, "model=mobilenet", *overrides))


def efficientnet(name: str, expected: str | None, *overrides: str) -> Case:
    """EfficientNetB0, likewise."""
    return Case(name, expected, (*PHOTOGRAPHS, "model=efficientnet", *overrides))


FAULTS = (
    efficientnet("EfficientNet gets pixels 0..1", "wrong_input_range", "model.input_scaling=unit"),
    mobilenet("MobileNetV2 gets pixels 0..1", "wrong_input_range", "model.input_scaling=unit"),
    mobilenet("MobileNetV2 gets pixels 0..255", "wrong_input_range", "model.input_scaling=byte"),
    phantoms("images were stored as 0..1", "wrong_input_range", hook=hooks.images(hooks.unit_range)),
    phantoms(
        "a frozen backbone of random weights", "frozen_random_backbone", "model=mobilenet", "model.weights={random}"
    ),
    mobilenet(
        "BatchNormalization of a pretrained backbone learns",
        "batchnorm_unfrozen_or_stale",
        "model.batch_norm=trained",
        "data.preprocess.size=64",
        "optim.epochs=1",
    ),
    phantoms("running statistics that never arrive", "batchnorm_unfrozen_or_stale", "model.batch_norm_momentum=0.9999"),
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
    phantoms("ten layers of sigmoids", "vanishing_gradient", hook=hooks.another_network(hooks.sigmoids, "conv9")),
    phantoms(
        "a weight that is no number",
        "exploding_or_nonfinite",
        hook=hooks.network(hooks.weights("block2_conv1", 0, hooks.one_nan)),
    ),
    phantoms(
        "a head whose units are dead",
        "dead_units",
        hook=hooks.network(hooks.weights("head_dense", 1, lambda bias: bias - 100)),
    ),
    phantoms(
        "labels shuffled in the manifest",
        "labels_shuffled_or_misaligned",
        "optim.epochs=15",
        hook=hooks.table_labels(hooks.shuffled),
    ),
    phantoms(
        "training labels moved by one",
        "labels_shuffled_or_misaligned",
        hook=hooks.training_labels(lambda labels: np.roll(labels, 1)),
    ),
    phantoms(
        "training labels turned", "labels_shuffled_or_misaligned", hook=hooks.training_labels(lambda labels: 1 - labels)
    ),
    phantoms("an output that cannot move", "class_prior_only", hook=hooks.network(hooks.still_output)),
    phantoms(
        "few images, many epochs",
        "overfitting",
        "data.limit=80",
        "augment=none",
        "optim.epochs=60",
        "optim.patience=60",
        "optim.reduce_lr.patience=60",
    ),
    phantoms("one unit and much dropout", "underfitting_capacity", hook=hooks.another_network(hooks.one_unit, "conv")),
    phantoms("weight decay that eats the weights", "underfitting_capacity", "optim=adamw", "optim.weight_decay=300"),
    phantoms(
        "the last weights are kept",
        "wrong_checkpoint_restored",
        "data.limit=120",
        "augment=none",
        "optim.epochs=25",
        "optim.patience=25",
        "optim.reduce_lr.patience=25",  # or the last weights would be those of the best epoch, for want of movement
        hook=hooks.last_weights_kept,
    ),
    phantoms("the first weights are kept", "wrong_checkpoint_restored", hook=hooks.first_weights_kept),
    phantoms("half of the images are blank", "data_constant_or_corrupt", hook=hooks.images(hooks.half_blank)),
    phantoms("images of noise", "data_constant_or_corrupt", hook=hooks.images(hooks.noise)),
    phantoms("a sticker on malignant pictures", "shortcut_suspected", hook=hooks.images(hooks.sticker)),
    phantoms("two cameras", "shortcut_suspected", hook=hooks.images(hooks.red_cast)),
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
    mobilenet("MobileNetV2, a third as wide", None, "model.alpha=0.35"),
    mobilenet("MobileNetV2, fine-tuned", None, "model.fine_tune.epochs=4"),
    mobilenet("MobileNetV2, 64 px", None, "data.preprocess.size=64"),
    *(efficientnet(f"EfficientNetB0, seed {seed}", None, f"seed={seed}") for seed in range(3)),
    efficientnet("EfficientNetB0, fine-tuned", None, "model.fine_tune.epochs=3"),
)
