"""An external validation on the terminal: a sentence on how similar its images are, and a table of scores."""

import math
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from skinexp.core.number_format import three_decimals, whole
from skinexp.core.terminal import console
from skinexp.evaluation import CLASSES

NOTABLE = 0.5  # standard deviations of the training images beyond which a difference in appearance is reported
UNKNOWN = (
    "The similarity of these images to the training images is unknown: the model's file holds no statistics of those "
    "(train again to have them), or the network's features of these images are not finite numbers."
)
COLUMNS = {  # score -> heading
    "roc_auc": "ROC-AUC",
    "average_precision": "average\nprecis.",
    "accuracy": "accuracy",
    "recall": "sensi-\ntivity",
    "specificity": "speci-\nficity",
    "f1": "F1",
}
WORDS = {"brightness": ("darker", "brighter"), "contrast": ("less contrast", "more contrast")}
NO_INTERVALS: dict[str, tuple[float, float]] = {}


def sentences(shift: Mapping[str, Any] | None) -> list[str]:
    """Returns what a domain shift means for the scores; `shift` holds `evaluation.domain_shift.Shift`, or is None."""
    if shift is None:
        return [UNKNOWN]
    far = (
        f"{100 * shift['far']:.0f} % of the images are farther from the training images than 95 % of the validation "
        "images were"
    )
    if shift["is_shift"]:
        found = [f"{far}: scores may not carry over."]
    else:
        found = [f"{far}; of similar images 5 % would be. There is no clear sign of a domain shift."]
    found += [_look(name, *shift["looks"][name]) for name in WORDS if abs(shift["looks"][name][2]) >= NOTABLE]
    casts = {name: shift["looks"][name][2] - shift["looks"]["brightness"][2] for name in ("red", "green", "blue")}
    strongest = max(casts, key=lambda name: abs(casts[name]))
    if abs(casts[strongest]) >= NOTABLE:
        found.append(f"Their colour is different: {'more' if casts[strongest] > 0 else 'less'} {strongest}.")
    if seen := shift["seen"]:
        of_them = f"{whole(seen)} of the {whole(shift['images'])} images"
        found.append(f"{of_them} were in training or validation: scores on them are optimistic.")
    return found


def undefined(counts: Mapping[str, int]) -> list[str]:
    """Returns why scores are undefined if a class is missing; an empty list if both are present."""
    present = [name for name in CLASSES if counts.get(name)]
    if len(present) != 1:
        return []
    (only,) = present
    missing = "specificity" if only == CLASSES[1] else "sensitivity"
    return [
        f"All images are {only}: without images of the other class, ROC-AUC, average precision and {missing} are not "
        "defined (n/a)."
    ]


def show(
    name: str,
    images: int,
    metrics: Mapping[str, float],
    threshold: float,
    own: Mapping[str, Any] | None,
    intervals: Mapping[str, tuple[float, float]] = NO_INTERVALS,
) -> None:
    """Prints the scores at both thresholds, and beside them those on the run's own test images.

    Args:
        name: of the images.
        own: metrics of the run whose model was evaluated; None if they are unknown.
        intervals: score of these images -> limits of its 95 % CI, NaN if it has none; shown below the score.
    """
    # Limits leave no room for more in 80 characters.
    padding = (0, 0 if intervals else 1)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=padding, show_edge=not intervals)
    table.add_column("images", overflow="fold", min_width=13)
    table.add_column("thres-\nhold", justify="right")
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    rows = [(f"{name} ({whole(images)})", metrics, intervals)]
    if own:
        rows.append(("[dim]the run's own test images[/dim]", own, NO_INTERVALS))
    for words, scores, limits in rows:
        for at, suffix in ((threshold, "_chosen"), (0.5, "")):
            ranked = {"roc_auc": "", "average_precision": ""}
            names = [f"{score}{ranked.get(score, suffix)}" for score in COLUMNS]
            cells = [_number(scores.get(f"test/{score}")) + _limits(limits.get(score)) for score in names]
            shown = words if words.startswith("[") else escape(words)
            table.add_row(shown if suffix else "", three_decimals(at), *(cells if suffix else ["", "", *cells[2:]]))
    below = "; below each score: 95 % CI" if intervals else ""
    console.print(
        f"\n[bold]External validation[/bold] (first line: at the operating threshold, chosen in training{below})"
    )
    console.print(table)


def _limits(limits: tuple[float, float] | None) -> str:
    """Returns a 95 % CI in a line of its own; empty if there is none."""
    if limits is None or any(map(math.isnan, limits)):
        return ""
    return f"\n[dim]{limits[0]:.2f}-{limits[1]:.2f}[/dim]"


def _number(value: Any) -> str:
    return three_decimals(float(value) if isinstance(value, (int, float)) else math.nan)


def _look(name: str, now: float, before: float, difference: float) -> str:
    word = WORDS[name][difference > 0]
    verb = "have" if name == "contrast" else "are"
    return (
        f"They {verb} {word}: {now:.0f} grey levels, the training images have {before:.0f} "
        f"({abs(difference):.1f} standard deviations)."
    )
