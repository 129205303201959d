"""The registry of data sources, and the way from a source's listing to a table.

A new source is a file with a subclass of `Source`, an entry of `SOURCES`, and a file in conf/data/.
"""

from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.groups import with_groups
from skinexp.data.image_readers import RangeReader
from skinexp.data.leaky_copies import add_leaky_copies
from skinexp.data.preparation.pixel_range import PixelRange
from skinexp.data.sources.folder import FolderSource
from skinexp.data.sources.hub import HubSource
from skinexp.data.sources.labels import with_labels
from skinexp.data.sources.licence import licence_column
from skinexp.data.sources.phantoms import PhantomSource
from skinexp.data.sources.source import Listing, Source
from skinexp.data.sources.source_range import pixel_range
from skinexp.data.sources.table_rows import (
    limited,
    require_unique_ids,
    with_given_split,
)
from skinexp.data.table import Reader, Table

SOURCES: dict[str, Source] = {source.name: source for source in (PhantomSource(), FolderSource(), HubSource())}


def load(options: Data, seed: int, one_class: bool = False) -> Table:
    """Loads the table of the images that `data` describes: classes mapped to labels, images grouped.

    Args:
        options: group `data` of the configuration.
        seed: of everything random.
        one_class: whether images of a single class are enough, as they are to test a network.

    Raises:
        UserError: if there is no such source, if the source does not exist or is not of the promised shape, or if a
            class has no label.
    """
    if options.name not in SOURCES:
        raise UserError(f"data.name: must be one of {', '.join(SOURCES)}. Received: {options.name}")
    source = SOURCES[options.name]
    listing = source.list_images(options, seed)
    require_unique_ids(listing.frame)
    frame, excluded = with_labels(with_given_split(listing.frame), options, one_class)
    deep = frame[frame["position"].isin(listing.deep)]
    scale = pixel_range(listing.reader, deep["position"].tolist(), deep["sha256"].tolist(), options)
    grouping = with_groups(frame, options.split.group)
    frame = grouping.frame
    eligible = len(frame)
    if options.limit is not None:
        frame = limited(frame, options.limit, seed)
    licence = options.licence or licence_column(frame) or listing.licence
    frame = frame.reset_index(drop=True)
    table = Table(
        listing.name,
        frame,
        _scaling(listing, scale),
        grouping.grouped_by,
        excluded,
        listing.truth,
        licence,
        unused=listing.unused,
        pixel_range=scale,
        left_out={f"not drawn (data.limit={options.limit})": eligible - len(frame)} if len(frame) < eligible else {},
        sampling=listing.sampling,
    )
    table = source.finish(table, options, seed, all_tested=one_class)
    if options.augmented_copies:
        table = add_leaky_copies(table, options.augmented_copies, seed, grouped=options.split.group is not None)
    return table


def _scaling(listing: Listing, scale: PixelRange | None) -> Reader:
    """Returns the reader of the listing, which scales all files of more than 8 bits a channel alike."""
    return RangeReader(listing.reader, scale.bits, frozenset(listing.deep)) if scale else listing.reader
