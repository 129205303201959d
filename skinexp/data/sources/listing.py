"""The files of a directory, what their names say of them, and file names that any system can print and write."""

import os
import re
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = {  # of each format that is read
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
FORMAT_OF = {suffix: name for name, suffixes in SUFFIXES.items() for suffix in suffixes}
IMAGE_SUFFIXES = tuple(FORMAT_OF)

HIDDEN = "hidden"
MASK = "a mask by its name"
MASK_WORDS = frozenset({"mask", "masks", "segmentation", "segmentations", "superpixel", "superpixels"})
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

# What programs leave beside files, and nothing else is called so.
DEBRIS = frozenset(
    {"__MACOSX", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Desktop.ini"}
)
APPLE_DOUBLE = "._"  # how names of files begin in which macOS keeps what other file systems have no place for
APPLE_DOUBLE_MAGIC = bytes.fromhex("00051607")

LOOP = "a link to a folder that contains it, which is not followed"
DANGLING = "a link to nothing"
ALWAYS_FOLLOWED = 2  # levels below the directory on which a folder may be a class


def printable(name: str) -> str:
    r"""Returns the name with bytes that are not UTF-8 as `\xff`, so that any file and terminal accepts it."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_image_name(name: str) -> bool:
    """Returns whether a file has the suffix of an image."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES


def is_mask_name(name: str) -> bool:
    """Returns whether a path says that it is a mask: a folder `masks`, a name that contains `_segmentation`."""
    return any(word.lower() in MASK_WORDS for word in WORDS.findall(name))


def is_hidden(name: str) -> bool:
    """Returns whether a relative path, or a folder in it, begins with a dot."""
    return any(part.startswith(".") and part not in (os.curdir, os.pardir) for part in Path(name).parts)


def why_no_photograph(name: str) -> str | None:
    """Returns what the name of a file in a directory says against a photograph; None if it says nothing against it."""
    if is_hidden(name):
        return HIDDEN
    if not is_image_name(name):
        suffix = printable(Path(name).suffix)
        return f"the suffix {suffix} is not an image's" if suffix else "a name without suffix"
    return MASK if is_mask_name(name) else None


def everything(directory: Path) -> Iterator[tuple[str, str | None]]:
    """Yields each file below a directory, sorted, by its relative path; with a reason if it cannot be opened.

    Links to folders are followed. A link to a folder that contains it is not, and a link to a folder that is read
    anyway is followed only if it may be the folder of a class, so that each picture of a class is there once. What
    programs leave beside files (`Thumbs.db`, `__MACOSX`, ...) is not listed.
    """
    yield from sorted(_Walk(directory).files(), key=lambda found: Path(found[0]).parts)


class _Walk:
    """One pass over the files of a directory: first those of its own folders, then those behind links."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._links: deque[str] = deque()
        self._read: dict[str, str] = {}  # real path of a folder -> the relative path by which it was read first

    def files(self) -> Iterator[tuple[str, str | None]]:
        yield from self._below(os.fspath(self._base))
        while self._links:
            link = self._links.popleft()
            if reason := self._why_not_followed(link):
                yield self._relative(link), reason
            else:
                yield from self._below(link)

    def _below(self, folder: str) -> Iterator[tuple[str, str | None]]:
        self._read.setdefault(os.path.realpath(folder), self._relative(folder))
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield self._relative(folder), error.strerror or str(error)
            return
        for entry in entries:
            if _is_debris(entry):
                continue
            if not _is_directory(entry):
                yield self._relative(entry.path), _why_no_target(entry)
            elif entry.is_symlink():
                self._links.append(entry.path)
            else:
                yield from self._below(entry.path)

    def _why_not_followed(self, link: str) -> str | None:
        target = os.path.realpath(link)
        way, above = self._relative(link), os.fspath(self._base)
        for part in (os.curdir, *Path(way).parts[:-1]):
            above = os.path.join(above, part)
            if Path(os.path.realpath(above)).is_relative_to(target):
                return LOOP
        if target in self._read and len(Path(way).parts) > ALWAYS_FOLLOWED:
            return f"a link to a folder that is read already as {printable(self._read[target])}"
        return None

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._base)


def _is_debris(entry: os.DirEntry[str]) -> bool:
    if entry.name in DEBRIS:
        return True
    if not entry.name.startswith(APPLE_DOUBLE):
        return False
    try:
        with open(entry.path, "rb") as stream:
            return stream.read(len(APPLE_DOUBLE_MAGIC)) == APPLE_DOUBLE_MAGIC
    except OSError:
        return False


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links: reading it reports that
        return False


def _why_no_target(entry: os.DirEntry[str]) -> str | None:
    """Returns a reason for a link to a folder that is gone; a link that is called as an image is left to its reader."""
    dangles = entry.is_symlink() and not is_image_name(entry.name) and not os.path.exists(entry.path)
    return DANGLING if dangles else None


def why_no_file(path: Path) -> str | None:
    """Returns the reason why a path is not a regular file; None if it is one.

    Raises:
        OSError: if it does not exist or may not be accessed.
    """
    try:
        kind = os.stat(path).st_mode
    except ValueError as error:  # a name with a zero byte, which no system knows
        raise OSError(str(error)) from error
    if stat.S_ISREG(kind):
        return None
    return "a directory, not a file" if stat.S_ISDIR(kind) else "not a regular file"
