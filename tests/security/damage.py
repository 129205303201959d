"""Ways in which a disk, a kill, a power cut or a hand damages a file."""

from collections.abc import Callable
from pathlib import Path


def remove(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def zero(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def flip_first(file: Path) -> None:
    """A bit of the tenth byte, which is in the header of a .npy file, or in the first key of JSON."""
    flip(file, 9)


def flip_middle(file: Path) -> None:
    flip(file, file.stat().st_size // 2)


def lengthen(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0 {]\n")


def become_directory(file: Path) -> None:
    file.unlink()
    (file / "inside").mkdir(parents=True)


def flip(file: Path, position: int) -> None:
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)


Damage = Callable[[Path], None]

WAYS: tuple[Damage, ...] = (remove, empty, cut, zero, flip_first, flip_middle, lengthen, become_directory)
