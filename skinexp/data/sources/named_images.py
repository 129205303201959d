"""Images that words of a command name: files, folders with all that lies below them, patterns, or a list on stdin."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from skinexp.core.errors import UserError
from skinexp.data.sources.listing import (
    IMAGE_SUFFIXES,
    everything,
    is_hidden,
    is_image_name,
    is_mask_name,
    why_no_photograph,
)

STDIN = "-"
ABSENT = "no such file"


@dataclass(frozen=True)
class NamedImage:
    """A file that is to be read as an image.

    Attributes:
        file: its path, as the words name it.
        error: why it cannot be read, if that is known already.
    """

    file: str
    error: str | None = None


@dataclass(frozen=True)
class NamedImages:
    """What the words name.

    Attributes:
        images: in the order of the words, those of a folder sorted; each file once.
        ignored: number of files in folders that are hidden, masks by their names, or lack the suffix of an image.
        repeated: number of files that were named again.
    """

    images: tuple[NamedImage, ...]
    ignored: int
    repeated: int


def find_images(words: Sequence[str], stdin: BinaryIO) -> NamedImages:
    """Finds the images that words name. A path that exists is taken as it is, even if it looks like a pattern.

    Args:
        words: files, folders, patterns (`*`, `?`, `[...]`, `**`), or `-` for the paths on stdin.
        stdin: one path a line, or paths that end in a zero byte.

    Raises:
        UserError: if there is no image at all.
    """
    images: dict[str, NamedImage] = {}
    ignored = repeated = 0
    for word in words:
        named = _listed(stdin) if word == STDIN else _named(word)
        for image in named:
            if image is None:
                ignored += 1
            elif (path := os.path.abspath(image.file)) in images:
                repeated += 1
            else:
                images[path] = image
    if not any(image.error is None and os.path.exists(image.file) for image in images.values()):
        raise UserError(_nothing_found(words, list(images.values()), ignored))
    return NamedImages(tuple(images.values()), ignored, repeated)


def _listed(stdin: BinaryIO) -> Iterator[NamedImage | None]:
    content = stdin.read()
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    for line in lines:
        if line:
            yield from _path(os.fsdecode(line))


def _named(word: str) -> Iterable[NamedImage | None]:
    if os.path.lexists(word) or not glob.has_magic(word):
        return _path(word)
    return _matches(word)


def _path(path: str) -> Iterable[NamedImage | None]:
    """Returns the image of this path, or the images below it."""
    if os.path.isdir(path):
        return _below(path)
    return [NamedImage(path, None if os.path.lexists(path) else ABSENT)]


def _below(folder: str) -> Iterator[NamedImage | None]:
    """Yields the images below a folder, and None for each file that is ignored."""
    for name, reason in everything(Path(folder)):
        file = folder if name == os.curdir else os.path.join(folder, name)
        if is_hidden(name) or (reason is None and why_no_photograph(name)):
            yield None
        else:
            yield NamedImage(file, reason)


def _matches(pattern: str) -> Iterator[NamedImage | None]:
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        yield NamedImage(pattern, "no file has this name or matches this pattern")
    for path in found:
        if not os.path.isdir(path):
            yield None if not is_image_name(path) or is_mask_name(Path(path).name) else NamedImage(path)
        elif "**" not in pattern:  # which matches the files in its folders as well
            yield from _below(path)


def _nothing_found(words: Sequence[str], images: Sequence[NamedImage], ignored: int) -> str:
    if images:
        first = images[0]
        more = f"; {len(images) - 1} more cannot be read either" if len(images) > 1 else ""
        return f"predict: found no image. {first.file}: {first.error or ABSENT}{more}"
    suffixes = ", ".join(IMAGE_SUFFIXES)
    left_out = (
        f"; {ignored} files there are hidden, masks or have no suffix of an image ({suffixes})" if ignored else ""
    )
    return f"predict: found no image. Received: {' '.join(words)}{left_out}"
