"""The files that the names in a manifest mean, wherever below the directory they lie."""

import hashlib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from skinexp.config.override_syntax import override
from skinexp.core.errors import UserError, listed
from skinexp.data.sources.listing import FORMAT_OF, is_hidden, is_image_name, is_mask_name, printable

Names = Sequence[str]


def find_files(names: Iterable[str], directory: Path, manifest: Path, files: Names) -> tuple[str, ...]:
    """Returns the file that each name means, as a path below the directory; a name without a file stays as it is.

    A path that exists is that file. Any other name means the files whose path ends with it, in any Unicode form; a
    name without an image's suffix means all formats, a name with one the same suffix before another case of it and
    another suffix of its format. Masks are meant only by names that have a suffix and say themselves that they are
    masks.

    Args:
        names: as they are in the manifest.
        directory: that they are relative to.
        manifest: its path, for the message.
        files: all files below the directory, by relative path.

    Raises:
        UserError: if a name means several files with different content.
    """
    index = FileIndex(files)
    found: dict[str, str] = {}
    unclear: dict[str, list[str]] = {}
    names = tuple(names)
    for name in dict.fromkeys(names):
        meant = [name] if _exists(directory, name) else index.named(name) or [name]
        if len(meant) == 1 or _are_the_same(directory, meant):
            found[name] = meant[0]
        else:
            unclear[name] = meant
    if unclear:
        folder = _folder_that_has_all(unclear, found.values(), files)
        raise UserError(_several(unclear, directory, manifest, folder))
    return tuple(found[name] for name in names)


class FileIndex:
    """Image files by the last part of their path, without suffix."""

    def __init__(self, files: Iterable[str]) -> None:
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for file in files:
            if is_image_name(file) and not is_hidden(file):
                self._by_stem[_one_form(Path(file).stem)].append(file)

    def named(self, name: str) -> list[str]:
        """Returns the files that a name can mean; those of the closest spelling only."""
        parts = PurePosixPath(_one_form(name.strip().replace("\\", "/"))).parts
        if not parts or parts[0] == "/" or ".." in parts:
            return []
        *folders, last = parts
        has_suffix = is_image_name(last)
        stem, suffix = os.path.splitext(last) if has_suffix else (last, "")
        candidates = [
            file
            for file in self._by_stem.get(stem, ())
            if _lies_in(file, folders) and (not is_mask_name(file) or (has_suffix and is_mask_name(name)))
        ]
        if not has_suffix:
            return candidates
        spellings = (
            [file for file in candidates if Path(file).suffix == suffix],
            [file for file in candidates if Path(file).suffix.lower() == suffix.lower()],
            [file for file in candidates if FORMAT_OF[Path(file).suffix.lower()] == FORMAT_OF[suffix.lower()]],
        )
        return next((files for files in spellings if files), [])


def _lies_in(file: str, folders: Names) -> bool:
    """Returns whether the path of a file ends with these folders before its last part."""
    above = [_one_form(part) for part in Path(file).parts[:-1]]
    return above[len(above) - len(folders) :] == list(folders) if len(folders) <= len(above) else False


def _one_form(name: str) -> str:
    """Returns the name with composed letters: macOS writes a letter and its accent apart."""
    return unicodedata.normalize("NFC", name)


def _exists(directory: Path, name: str) -> bool:
    try:
        return (directory / name).is_file()
    except (OSError, ValueError):  # too long, or a zero byte
        return False


def _are_the_same(directory: Path, files: Names) -> bool:
    """Returns whether all files have the same bytes; then it does not matter which one is read."""
    if len({os.stat(directory / file).st_size for file in files}) > 1:
        return False
    return len({hashlib.sha256((directory / file).read_bytes()).digest() for file in files}) == 1


def _several(unclear: dict[str, list[str]], directory: Path, manifest: Path, folder: str | None) -> str:
    lines = listed([f"{printable(name)}: {_either(directory, meant)}" for name, meant in unclear.items()])
    count = "One name" if len(unclear) == 1 else f"{len(unclear):,} names"
    means = "means" if len(unclear) == 1 else "mean"
    remedy = "Write these names with folder and suffix, or move what is not meant out of data.path"
    if folder is not None:
        place = directory / folder
        words = override("data.path", str(place)), override("data.manifest", os.path.relpath(manifest, place))
        remedy = f"To read those in {folder}: {' '.join(words)}. {remedy}"
    return f"data.manifest: {count} in {manifest} {means} several files:\n{lines}\n{remedy}"


def _either(directory: Path, files: Names) -> str:
    return " or ".join(printable(str(directory / file)) for file in files)


def _folder_that_has_all(unclear: Iterable[str], certain: Iterable[str], files: Names) -> str | None:
    """Returns a folder directly below the directory in which each name means one file; None if there is none."""
    tops = sorted({Path(file).parts[0] for file in files if len(Path(file).parts) > 1 and is_image_name(file)})
    for top in tops:
        index = FileIndex(os.path.relpath(file, top) for file in files if Path(file).parts[0] == top)
        if all(len(index.named(name)) == 1 for name in unclear) and all(Path(file).parts[0] == top for file in certain):
            return top
    return None
