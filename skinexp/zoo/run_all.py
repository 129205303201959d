"""Runs the fault benchmark: case by case, with a table of the results at the end."""

import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
from rich import box
from rich.table import Table

from skinexp.core.errors import UserError
from skinexp.core.terminal import console
from skinexp.models.backbone_graphs import CONTRACTS, build_backbone
from skinexp.zoo.fault_cases import FAULTS, HEALTHY, Case
from skinexp.zoo.run_case import Outcome, run_case

HEADINGS = ("planted", "trainings", "named first")


def run_all(
    photographs: Path | None, weights: Path | None, only: str | None, output: Path | None, as_markdown: bool = False
) -> bool:
    """Runs all cases that can be run here and prints the doctor's verdicts.

    Args:
        photographs: a directory of real images with a manifest.csv, or None.
        weights: a directory of pretrained weights, or None.
        only: words that the names of the cases must contain, or None for all cases.
        output: a file for all outcomes, as JSON, or None.
        as_markdown: whether the table is printed as Markdown.

    Returns:
        Whether every planted fault was named first and nothing was named in a healthy training.

    Raises:
        UserError: if no case is left to run.
    """
    logging.getLogger("skinexp").setLevel(logging.ERROR)  # the messages of fifty trainings would hide the verdicts
    cases = select_cases(photographs is not None and weights is not None, only)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as scratch:
        places = {
            "photographs": str(photographs),
            "weights": str(weights),
            "random": str(write_random_weights(Path(scratch))),
        }
        for case in cases:
            outcomes.append(run_case(case, places, Path(scratch) / "cache"))
            print_outcome(outcomes[-1])
            if output:
                output.write_text(json.dumps([to_dict(outcome) for outcome in outcomes], indent=2) + "\n")
    if as_markdown:
        print(to_markdown(outcomes))
    else:
        print_counts(outcomes)
    return all(outcome.right for outcome in outcomes)


def select_cases(real: bool, only: str | None) -> list[Case]:
    """Returns the cases to run.

    Args:
        real: whether there are real photographs and pretrained weights.
        only: words that a case's name must contain, or None.

    Raises:
        UserError: if no case has these words in its name.
    """
    known = [case for case in (*FAULTS, *HEALTHY) if real or not case.real]
    cases = [case for case in known if (only or "").lower() in case.name.lower()]
    if not cases:
        names = "; ".join(case.name for case in known)
        raise UserError(f"--only: no case has these words in its name. Known cases: {names}. Received: {only}")
    return cases


def write_random_weights(directory: Path) -> Path:
    """Writes a file of MobileNetV2 weights that were never trained, and returns its path."""
    keras.utils.set_random_seed(0)
    contract = CONTRACTS["mobilenet"]
    directory.mkdir(exist_ok=True)
    backbone = build_backbone(contract, 1.0, weights=None, input_shape=(224, 224, 3))
    file = directory / f"{contract.file_prefix(1.0)}random.weights.h5"
    backbone.save_weights(file)
    return file


def print_outcome(outcome: Outcome) -> None:
    """Prints the doctor's verdict on one case."""
    mark = "[green]right[/green]" if outcome.right else "[red]wrong[/red]"
    named = ", ".join(outcome.names) or "nothing"
    console.print(
        f"{mark}  {outcome.case.name}: {named} "
        f"(validation ROC-AUC {outcome.auc:.2f}, {outcome.seconds['total']:.0f} s)",
        soft_wrap=True,
    )
    console.print(f"       {outcome.sentence}", style="dim", soft_wrap=True, markup=False)


def count_right(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    """Returns a row for each planted cause: its name, the number of trainings, and in how many it was named first.

    Healthy trainings are one row, with the number of false alarms.
    """
    rows = []
    for name in dict.fromkeys(outcome.case.expected for outcome in outcomes):
        same_cause = [outcome for outcome in outcomes if outcome.case.expected == name]
        right = sum(outcome.right for outcome in same_cause)
        found = str(right) if name else f"{len(same_cause) - right} false alarms"
        rows.append((name or "nothing (healthy)", str(len(same_cause)), found))
    return rows


def print_counts(outcomes: Sequence[Outcome]) -> None:
    """Prints the rows of `count_right` as a table."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == HEADINGS[0] else "right")
    for row in count_right(outcomes):
        table.add_row(*row)
    console.print(table)


def to_markdown(outcomes: Sequence[Outcome]) -> str:
    """Returns the rows of `count_right` as a Markdown table."""
    rows = [HEADINGS, ("---", "---:", "---:"), *((f"`{name}`", *rest) for name, *rest in count_right(outcomes))]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def to_dict(outcome: Outcome) -> dict[str, object]:
    """Returns an outcome as plain values for JSON."""
    # Not asdict(outcome): a case's steps are functions.
    values = {name: value for name, value in vars(outcome).items() if name != "case"}
    return {"case": outcome.case.name, "expected": outcome.case.expected, **values, "right": outcome.right}
