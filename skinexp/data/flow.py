"""The flow of images: how many the source lists, which were left out and why, and how many are used (STARD, item 19).

Reference: Bossuyt et al., "STARD 2015", BMJ 351 (2015) h5527.
"""

from dataclasses import dataclass

from skinexp.data.table import Table

LISTED, LEFT_OUT, ADDED, USED = "listed", "left out", "added", "used"


@dataclass(frozen=True)
class FlowStep:
    """A step of the flow of images: how many images are listed, left out, added or used, and why."""

    step: str = ""
    images: int = 0
    reason: str = ""


def flow(table: Table) -> list[FlowStep]:
    """Returns the steps from the images that the source lists to those that are used; the numbers add up.

    Files that are no rows of the source (masks, notes) are not among the images: see `unused` of the table.

    Args:
        table: the images that are used.
    """
    left_out = [
        *(FlowStep(LEFT_OUT, count, f"class {name} (data.exclude)") for name, count in table.excluded.items()),
        *(FlowStep(LEFT_OUT, count, reason) for reason, count in table.left_out.items()),
    ]
    used = len(table.frame)
    listed = used - table.copies + sum(step.images for step in left_out)
    added = [FlowStep(ADDED, table.copies, "changed copies (data.augmented_copies)")] if table.copies else []
    return [FlowStep(LISTED, listed), *left_out, *added, FlowStep(USED, used)]
