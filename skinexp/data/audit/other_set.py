"""Images of one set that show photographs of another set, in the same file or re-encoded, resized or changed."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from skinexp.config.schema import Data
from skinexp.core import terminal
from skinexp.data.duplicates import clusters, find_duplicates
from skinexp.data.preparation.image_cache import Prepared


def images_of_other_set(new: Prepared, known: Prepared, options: Data) -> npt.NDArray[np.bool_]:
    """Returns (images,) whether each image of a set shows a photograph of another set, by the search of the audit.

    Args:
        new: the images in question.
        known: the images of the other set, prepared in the same way.
        options: `audit=full` searches for cropped and zoomed copies as well; `workers` is the number of threads.
    """
    rows = [(part.images, row) for part in (new, known) for row in part.table.frame["row"]]
    sha256 = [*new.table.frame["sha256"], *known.table.frame["sha256"]]

    def read(place: int) -> npt.NDArray[np.uint8]:
        images, row = rows[place]
        return np.asarray(images[row])

    with terminal.bar("Comparing with training images", 0):
        pairs = find_duplicates(read, sha256, options.workers, quick=options.audit != "full")
    together, count = clusters(len(rows), pairs), len(new.table.frame)
    return np.isin(together[:count], together[count:])


def without_rows(prepared: Prepared, left_out: npt.NDArray[np.bool_], reason: str) -> Prepared:
    """Returns the images without some of them.

    Args:
        prepared: the images.
        left_out: (images,) whether to leave out each row of the table.
        reason: why, for the flow of images.
    """
    return replace(prepared, table=prepared.table.without(left_out, reason))
