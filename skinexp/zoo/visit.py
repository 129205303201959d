"""One walk through the zoo: case by case, and a table at the end."""

import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
from rich import box
from rich.table import Table

from skinexp.core.errors import UserError
from skinexp.core.terminal import console
from skinexp.models.backbones import CONTRACTS, build_backbone
from skinexp.zoo.cases import FAULTS, HEALTHY, Case
from skinexp.zoo.runs import Outcome, attend

HEADINGS = ("planted", "trainings", "named first")


def visit(
    photographs: Path | None, weights: Path | None, only: str | None, output: Path | None, as_markdown: bool = False
) -> bool:
    """Attends all cases that can be trained here, and prints what the doctor said.

    Returns:
        Whether every fault was named first and no healthy training was called ill.

    Raises:
        UserError: where no case is left.
    """
    logging.getLogger("skinexp").setLevel(logging.ERROR)  # the stories of all these runs are not what one comes for
    cases = chosen(photographs is not None and weights is not None, only)
    outcomes = []
    with tempfile.TemporaryDirectory() as scratch:
        places = {
            "photographs": str(photographs),
            "weights": str(weights),
            "random": str(random_weights(Path(scratch))),
        }
        for case in cases:
            outcomes.append(attend(case, places, Path(scratch) / "cache"))
            tell(outcomes[-1])
            if output:
                output.write_text(json.dumps([described(outcome) for outcome in outcomes], indent=2) + "\n")
    if as_markdown:
        print(markdown(outcomes))
    else:
        show(outcomes)
    return all(outcome.right for outcome in outcomes)


def chosen(real: bool, only: str | None) -> list[Case]:
    """The cases to train.

    Args:
        real: whether there are photographs and weights.
        only: words that a case's name must contain.
    """
    known = [case for case in (*FAULTS, *HEALTHY) if real or not case.real]
    cases = [case for case in known if (only or "").lower() in case.name.lower()]
    if not cases:
        names = "; ".join(case.name for case in known)
        raise UserError(f"--only: no case has these words in its name. There are: {names}. Received: {only}")
    return cases


def random_weights(directory: Path) -> Path:
    """A directory with a file of weights that nobody trained."""
    keras.utils.set_random_seed(0)
    contract = CONTRACTS["mobilenet"]
    directory.mkdir(exist_ok=True)
    backbone = build_backbone(contract, 1.0, weights=None, input_shape=(224, 224, 3))
    file = directory / f"{contract.file_prefix(1.0)}random.weights.h5"
    backbone.save_weights(file)
    return file


def tell(outcome: Outcome) -> None:
    """Says what the doctor said of a case."""
    mark = "[green]right[/green]" if outcome.right else "[red]wrong[/red]"
    named = ", ".join(outcome.names) or "nothing"
    console.print(
        f"{mark}  {outcome.case.name}: {named} (AUC {outcome.auc:.2f}, {outcome.seconds['total']:.0f} s)",
        soft_wrap=True,
    )
    console.print(f"       {outcome.sentence}", style="dim", soft_wrap=True, markup=False)


def tally(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    """What was planted, how often, and how often it was named first; healthy trainings last, with the false alarms."""
    rows = []
    for name in dict.fromkeys(outcome.case.expected for outcome in outcomes):
        some = [outcome for outcome in outcomes if outcome.case.expected == name]
        right = sum(outcome.right for outcome in some)
        found = str(right) if name else f"{len(some) - right} false alarms"
        rows.append((name or "nothing (healthy)", str(len(some)), found))
    return rows


def show(outcomes: Sequence[Outcome]) -> None:
    """Prints the tally."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == HEADINGS[0] else "right")
    for row in tally(outcomes):
        table.add_row(*row)
    console.print(table)


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The tally as a table for a README."""
    rows = [HEADINGS, ("---", "---:", "---:"), *((f"`{name}`", *rest) for name, *rest in tally(outcomes))]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def described(outcome: Outcome) -> dict[str, object]:
    """An outcome in plain values."""
    values = asdict(outcome) | {"right": outcome.right}
    case = values.pop("case")
    return {"case": case["name"], "expected": case["expected"], **values}
