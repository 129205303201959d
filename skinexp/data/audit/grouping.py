"""Groups that stay in one part of a split: images of one lesion, joined with copies of one photograph."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from skinexp.data.audit.copies import GIANT
from skinexp.data.audit.finding import WARNING, Finding

LEAST_GIANT = 20  # images


def joined(groups: pd.Series, clusters: npt.NDArray[np.int64]) -> pd.Series:
    """Returns groups joined with clusters of duplicates: images that any chain of both connects have one name.

    A group that no cluster joins with another keeps its name; joined groups take the first of their names.

    Args:
        groups: (images,) names.
        clusters: (images,) numbers.
    """
    names, numbers = np.unique(groups.astype(str).to_numpy(dtype=object), return_inverse=True)
    nodes = len(names) + int(clusters.max(initial=-1)) + 1
    links = coo_matrix((np.ones(len(groups)), (numbers, len(names) + clusters)), shape=(nodes, nodes))
    _, part = connected_components(links, directed=False)
    _, first, places = np.unique(part[: len(names)], return_index=True, return_inverse=True)  # names are sorted
    return pd.Series(names[first[places[numbers]]], groups.index, name=groups.name)


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
        f"into one part of the split as a whole. Check the pairs; to split without them, name the column of lesions "
        f"or patients: data.split.group=lesion_id"
    )
    return Finding("giant_group", WARNING, largest, sentence, members[["image_id", "path", "group"]])
