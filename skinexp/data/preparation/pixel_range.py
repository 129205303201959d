"""The range that the values of a data set's files fill, if these store more than 8 bits a channel.

A file's depth says how large its values may be, not how large they are: 12 bits of a camera or of DICOM are stored in
16. So the largest value of the *whole data set* decides which value is white, and all its files are scaled alike: an
image that is darker than another stays so.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from skinexp.core.errors import UserError
from skinexp.data.preparation import preprocess
from skinexp.data.preparation.pixel_depth import BITS, FULL, PNG, PNG_DEPTH, colours, is_deep_tiff, values

TIFFS = (b"II*\x00", b"MM\x00*")


@dataclass(frozen=True)
class PixelRange:
    """The range of the values in the files of a data set that store more than 8 bits a channel.

    Attributes:
        files: number of these files.
        largest: value in them; None if it was not looked for, because `data.pixel_bits` is set.
        bits: that the values fill: 2**bits - 1 is white.
    """

    files: int
    largest: int | None
    bits: int

    @property
    def sentence(self) -> str:
        """Returns the rule and its result in one sentence."""
        count = "One file stores" if self.files == 1 else f"{self.files:,} files store"
        why = "as data.pixel_bits says"
        if self.largest is not None:
            why = f"the fewest of {', '.join(map(str, BITS))} that hold the data set's largest value, {self.largest:,}"
        return f"{count} more than 8 bits a channel, read as {self.bits} bits ({2**self.bits - 1:,} is white): {why}"


def is_deep(stream: BinaryIO) -> bool:
    """Returns whether a file stores more than 8 bits a channel and does not say itself how many of them it uses."""
    stream.seek(0)
    start = stream.read(PNG_DEPTH + 1)
    if start.startswith(PNG):
        return start[PNG_DEPTH:] == bytes([FULL])
    if not start.startswith(TIFFS):
        return False
    try:
        with preprocess.without_warnings, Image.open(stream, formats=("TIFF",)) as image:
            return is_deep_tiff(image)
    except Exception:  # a damaged header, in one of many ways: preparation reports the file
        return False


def largest_value(reads: Iterable[Callable[[], bytes]], threads: int) -> int:
    """Returns the largest value in files that store more than 8 bits a channel; 0 if none can be read.

    Args:
        reads: return the bytes of a file each.
        threads: files that are in memory at a time.

    Raises:
        UserError: if a file changed since it was listed.
    """
    with ThreadPoolExecutor(threads) as pool:
        return max(pool.map(_largest, reads), default=0)


def _largest(read: Callable[[], bytes]) -> int:
    try:
        data = read()
        with preprocess.without_warnings, preprocess.opened(data) as image:
            found = values(image, data)
    except UserError:
        raise  # the file has changed since it was listed
    except Exception:  # preparation reports the file, with the reason
        return 0
    if found is None or not found.size:
        return 0
    value = int(colours(found).max())
    return value if value < 2**FULL else 0  # such a file is refused
