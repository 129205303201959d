"""The limits beyond which a reading is evidence of a fault: one table, with the origin of each.

No limit was fitted to the planted faults. They come from theory, from measurements of networks that were known to be
dead or healthy, or from the spread that chance alone gives.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """A limit and its origin."""

    value: float
    origin: str


LIMITS = {
    # --- the outcome
    "chance": Limit(2.0, "standard errors above 0.5 that a ROC-AUC must reach: chance alone does so in 1 of 40 cases"),
    "informative": Limit(3.0, "the same for a probe that claims information: chance alone does so in 1 of 700 cases"),
    "undecidable": Limit(
        0.1, "standard error of chance above which a ROC-AUC says nothing: fewer than about 34 images"
    ),
    "constant_logits": Limit(
        0.05, "standard deviation of logits; dead networks measured 6e-8 to 0.04, healthy ones 0.3 to 2"
    ),
    # --- images and labels
    "bad_images": Limit(0.02, "share of images of one colour, or of noise: no data set of photographs has that many"),
    "copies": Limit(0.5, "share of images that are equal to others: more copies than originals"),
    "byte_range": Limit(2.0, "largest pixel of images that were scaled to 0..1 (or -1..1) before they were stored"),
    "label_mismatch": Limit(0.0, "share of images of a batch whose label is not the table's: none is allowed"),
    "label_disagreement": Limit(
        0.15, "ROC-AUC by which training labels can be predicted worse than validation labels can"
    ),
    # --- the network as it was built
    "input_error": Limit(0.1, "standard deviations between what enters the backbone and what its contract asks for"),
    "constant_features": Limit(
        0.99, "mean pairwise cosine; dead backbones measured 0.9994 and more, healthy ones 0.64 and less"
    ),
    "awake": Limit(0.9, "the same cosine of a backbone that distinguishes images again: between dead and healthy ones"),
    "untrained": Limit(
        0.5,
        "share of frozen kernels that could come from their initializer; 0 to 5 % after days of training, 8 to 39 % "
        "after half an hour",
    ),
    "sure_and_wrong": Limit(10.0, "first loss in units of the labels' entropy; new heads start at 1 to 2"),
    # --- learning
    "fitted": Limit(0.8, "loss on 16 images after 12 steps over that before: healthy networks need 3 to 8 steps"),
    "wild": Limit(10.0, "largest loss on the way over that before: Adam's first steps overshoot up to 4.4 times"),
    "stuck": Limit(0.98, "loss on 16 images after 12 steps over that before, of a network whose loss does not move"),
    "loss_above_entropy": Limit(1.1, "training loss in units of the labels' entropy: worse than a constant prediction"),
    "loss_far_above": Limit(
        5.0, "the same at its largest; dropout and the statistics of a batch take untrained networks to 2.6"
    ),
    "blocked_layer": Limit(0.98, "share of dead units in one layer; half is common in healthy MobileNetV2 heads"),
    "vanishing": Limit(1e-5, "smallest gradient of a layer over the largest, each in units of its weights"),
    "small_updates": Limit(0.01, "change of the weights in a whole training, in units of the weights"),
    # --- normalization
    "mode_gap": Limit(
        0.3, "nats between the loss with running statistics and with the batch's own, on the same images"
    ),
    "order_lost": Limit(0.1, "ROC-AUC that 32 images lose with running statistics against the batch's own"),
    "stale": Limit(0.5, "share of the initial value in the running statistics of BatchNormalization"),
    # --- generalisation
    "restored": Limit(
        0.05, "relative difference between the validation loss of the kept epoch and that of the kept weights"
    ),
    "memorised": Limit(0.2, "training loss in units of the labels' entropy: most training images are memorised"),
    "unlearned_again": Limit(1.5, "validation loss at the end over that of the best epoch"),
    "weak_fit": Limit(0.9, "training loss in units of the labels' entropy: hardly better than a constant prediction"),
    "much_dropout": Limit(0.7, "rate of dropout: the usual rates are 0.2 to 0.5"),
    "shrunk": Limit(0.3, "norm of the weights at the end over that at the beginning"),
    "short": Limit(50.0, "updates in which Adam at its usual rate cannot be expected to learn"),
    "shortcut": Limit(0.85, "ROC-AUC of colours, rim or size of an image alone, less two standard errors"),
}


def limit(name: str) -> float:
    """Returns the value of a limit.

    Raises:
        KeyError: if there is no limit of this name.
    """
    return LIMITS[name].value
