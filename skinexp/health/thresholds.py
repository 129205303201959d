"""From where on a number is evidence: one table, with where each limit comes from.

None was fitted to the planted faults: they come from theory, from measurements of networks that were known to be dead
or healthy, or from the spread that chance alone gives.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """A limit and its origin."""

    value: float
    origin: str


LIMITS = {
    # --- what came out
    "chance": Limit(2.0, "standard errors above 0.5 that an AUC must reach: chance alone does so once in 40 times"),
    "informative": Limit(3.0, "the same for a probe that claims information: once in 700 times"),
    "undecidable": Limit(0.1, "standard error of chance above which an AUC says nothing: fewer than about 34 images"),
    "constant_logits": Limit(
        0.05, "standard deviation of logits; dead networks measured 6e-8 to .04, healthy ones .3 to 2"
    ),
    # --- images and labels
    "bad_images": Limit(0.02, "share of images without a picture, or of noise: photographs are neither, in any number"),
    "copies": Limit(0.5, "share of images that are equal to others: more copies than pictures"),
    "byte_range": Limit(2.0, "largest pixel of images that were scaled to 0..1 (or -1..1) before they were stored"),
    "label_mismatch": Limit(0.0, "images of a batch whose label is not the table's: none is allowed"),
    "label_disagreement": Limit(
        0.15, "AUC by which training labels predict themselves worse than validation labels do"
    ),
    # --- the network as it was built
    "input_error": Limit(0.1, "standard deviations between what enters the backbone and what its contract asks for"),
    "constant_features": Limit(
        0.99, "mean pairwise cosine; measured .9994 and more in dead backbones, .64 and less in healthy ones"
    ),
    "awake": Limit(0.9, "the same of a backbone that tells images apart again; between the dead and the healthy ones"),
    "untrained": Limit(
        0.5,
        "share of frozen kernels that could come from their initializer; 0 to 5 % after days of training, 8 to 39 % "
        "after half an hour",
    ),
    "sure_and_wrong": Limit(10.0, "first loss in units of the labels' entropy; fresh heads start at 1 to 2"),
    # --- learning
    "fitted": Limit(0.8, "loss on 16 images after 12 steps over that before: healthy networks need 3 to 8 steps"),
    "wild": Limit(10.0, "largest loss on the way over that before: Adam's first steps overshoot up to 4.4 times"),
    "stuck": Limit(0.98, "the same of a network whose loss does not move"),
    "loss_above_entropy": Limit(1.1, "training loss in units of the labels' entropy: worse than a constant answer"),
    "loss_far_above": Limit(
        5.0, "the same at its worst; dropout and a batch's own statistics take untrained networks to 2.6"
    ),
    "blocked_layer": Limit(0.98, "share of dead units in one layer; half is common in healthy MobileNetV2 heads"),
    "vanishing": Limit(1e-5, "smallest gradient of a layer over the largest, each in units of its weights"),
    "small_updates": Limit(0.01, "change of the weights in a whole training, in units of the weights"),
    # --- normalization
    "mode_gap": Limit(0.3, "nats between the loss in inference and with a batch's own statistics, on the same images"),
    "order_lost": Limit(0.1, "area under the ROC curve that 32 images lose in inference against their own statistics"),
    "stale": Limit(0.5, "share of the initial statistics that BatchNormalization still holds"),
    # --- generalisation
    "restored": Limit(
        0.05, "relative difference between the validation loss of the kept epoch and that of the kept weights"
    ),
    "memorised": Limit(0.2, "training loss in units of the labels' entropy: most images are known by heart"),
    "unlearned_again": Limit(1.5, "validation loss at the end over that of the best epoch"),
    "weak_fit": Limit(0.9, "training loss in units of the labels' entropy: hardly better than a constant answer"),
    "much_dropout": Limit(0.7, "rate of dropout: above it, more is lost than the usual 0.2 to 0.5 ever takes"),
    "shrunk": Limit(0.3, "norm of the weights at the end over that at the beginning"),
    "short": Limit(50.0, "updates in which Adam at its usual rate cannot be expected to learn"),
    "shortcut": Limit(0.85, "AUC of colours, rim or size of a picture alone, less two standard errors"),
}


def limit(name: str) -> float:
    """The value of a limit."""
    return LIMITS[name].value
