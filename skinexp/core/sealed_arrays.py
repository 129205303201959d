"""Arrays in NumPy's format whose file ends with a checksum, so that damage to any byte of it is found.

Other programs read such a file as they read any `.npy` file: what follows the numbers is ignored.
"""

import io
import math
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from skinexp.core.digest import digest

BLOCK = 2**22  # bytes of which one checksum is taken
THREADS = 4  # that read blocks; computing a checksum leaves the interpreter to the others
LENGTH = 16  # bytes of the checksum at the end of a file


def seal(file: Path, key: str) -> None:
    """Appends the checksum to a file that `numpy.lib.format.open_memmap` wrote.

    Args:
        file: of the array.
        key: of its content; `read_sealed` accepts the file for this key alone.
    """
    with file.open("r+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.write(_checksum(stream.fileno(), end, key))
        stream.flush()
        os.fsync(stream.fileno())


def read_sealed(file: Path, key: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """Returns the array of a sealed file, memory-mapped copy-on-write.

    Args:
        file: of the array.
        key: of its content.
        shape: of the array.

    Returns:
        (shape) float32 array; None if the file is absent, damaged, or holds something else.
    """
    with suppress(OSError), file.open("rb") as stream:
        end = os.fstat(stream.fileno()).st_size - LENGTH
        if end <= 0 or os.pread(stream.fileno(), LENGTH, end) != _checksum(stream.fileno(), end, key):
            return None
        header = npy_header(shape, np.float32)
        if stream.read(len(header)) != header or end != len(header) + math.prod(shape) * np.dtype(np.float32).itemsize:
            return None
        # Of the stream that was checked: another process may put another file in its place.
        return np.memmap(stream, np.float32, "c", len(header), shape)
    return None


def npy_header(shape: tuple[int, ...], dtype: npt.DTypeLike) -> bytes:
    """Returns what a `.npy` file of an array begins with, the same each time."""
    written = io.BytesIO()
    described = np.lib.format.dtype_to_descr(np.dtype(dtype))
    np.lib.format.write_array_header_1_0(written, {"shape": shape, "fortran_order": False, "descr": described})
    return written.getvalue()


def _checksum(descriptor: int, end: int, key: str) -> bytes:
    """Returns the checksum of the first bytes of a file, `LENGTH` hexadecimal digits."""

    def of_block(start: int) -> int:
        return zlib.crc32(os.pread(descriptor, min(BLOCK, end - start), start))

    with ThreadPoolExecutor(THREADS) as threads:
        return digest(key, end, list(threads.map(of_block, range(0, end, BLOCK)))).encode()
