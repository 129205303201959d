"""An evaluation on other images in words: whether scores may carry over, and what the terminal shows."""

import math
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from skinexp.core.number_format import three_decimals, whole
from skinexp.core.terminal import console
from skinexp.evaluation import CLASSES

NOTABLE = 0.5  # standard deviations of the training images beyond which a difference in looks is told
UNKNOWN = (
    "Whether these images are like the training images cannot be said: the model's file keeps nothing of those. It was "
    "written by an earlier version, or its features were not finite; train again to have it."
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


def sentences(shift: Mapping[str, Any] | None) -> list[str]:
    """What a shift means for who reads the scores; `shift` is what `evaluation.domain_shift.Shift` holds, or None."""
    if shift is None:
        return [UNKNOWN]
    far = (
        f"{100 * shift['far']:.0f} % of the images are farther from the training images than 95 % of the validation "
        "images were"
    )
    if shift["is_shift"]:
        said = [f"{far}: scores may not carry over."]
    else:
        said = [f"{far}; of images like those 5 % would be. That is no clear sign of a difference."]
    said += [_look(name, *shift["looks"][name]) for name in WORDS if abs(shift["looks"][name][2]) >= NOTABLE]
    casts = {name: shift["looks"][name][2] - shift["looks"]["brightness"][2] for name in ("red", "green", "blue")}
    strongest = max(casts, key=lambda name: abs(casts[name]))
    if abs(casts[strongest]) >= NOTABLE:
        said.append(f"Their colour is different: {'more' if casts[strongest] > 0 else 'less'} {strongest}.")
    if seen := shift["seen"]:
        of_them = f"{whole(seen)} of the {whole(shift['images'])} images"
        said.append(f"{of_them} were in training or validation: scores on them flatter.")
    return said


def undefined(counts: Mapping[str, int]) -> list[str]:
    """Why scores are missing where a class is; nothing where both are there."""
    present = [name for name in CLASSES if counts.get(name)]
    if len(present) != 1:
        return []
    (only,) = present
    missing = "specificity" if only == CLASSES[1] else "sensitivity"
    return [
        f"All images are {only}: without images of the other class, ROC-AUC, average precision and {missing} are not "
        "defined (n/a)."
    ]


def show(name: str, images: int, metrics: Mapping[str, float], threshold: float, own: Mapping[str, Any] | None) -> None:
    """Prints the scores at both thresholds, and beside them those on the run's own test images.

    Args:
        name: of the images.
        own: metrics of the run whose model was asked; None where they are not known.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("images", overflow="fold", min_width=12)
    table.add_column("threshold", justify="right")
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    rows = [(f"{name} ({whole(images)})", metrics)]
    if own:
        rows.append(("[dim]the run's own test images[/dim]", own))
    for words, scores in rows:
        for at, suffix in ((0.5, ""), (threshold, "_chosen")):
            ranked = {"roc_auc": "", "average_precision": ""}
            cells = [_number(scores.get(f"test/{score}{ranked.get(score, suffix)}")) for score in COLUMNS]
            shown = words if words.startswith("[") else escape(words)
            table.add_row("" if suffix else shown, three_decimals(at), *(cells if not suffix else ["", "", *cells[2:]]))
    console.print("\n[bold]Scores on other images[/bold] (second line: at the threshold that was chosen in training)")
    console.print(table)


def _number(value: Any) -> str:
    return three_decimals(float(value) if isinstance(value, (int, float)) else math.nan)


def _look(name: str, now: float, before: float, difference: float) -> str:
    word = WORDS[name][difference > 0]
    verb = "have" if name == "contrast" else "are"
    return (
        f"They {verb} {word}: {now:.0f} grey levels, the training images have {before:.0f} "
        f"({abs(difference):.1f} standard deviations)."
    )
