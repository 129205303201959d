"""Groups that copies of one photograph have made too large for a split."""

import pandas as pd

from skinexp.data.audit.copies import GIANT
from skinexp.data.audit.finding import WARNING, Finding

LEAST_GIANT = 20  # images


def giant(frame: pd.DataFrame, groups: pd.Series) -> Finding | None:
    """Returns a finding if joining has made one group too large for a split.

    Args:
        frame: one row per image, with the groups before joining.
        groups: (images,) after joining.
    """
    sizes = groups.value_counts()
    largest = int(sizes.iloc[0]) if len(sizes) else 0
    before = int(frame["group"].value_counts().iloc[0]) if len(frame) else 0
    if largest < max(LEAST_GIANT, GIANT * len(frame)) or largest == before:
        return None
    name = sizes.index[0]
    members = frame[(groups == name).to_numpy()]
    sentence = (
        f"Chains of near-duplicates connect {largest:,} images ({largest / len(frame):.0%}) into one group, which goes "
        f"into one part of the split as a whole. Check the pairs; to split without them, if they are no copies: "
        f"data.split.copies=false data.on_leak=warn"
    )
    return Finding("giant_group", WARNING, largest, sentence, members[["image_id", "path", "group"]])
