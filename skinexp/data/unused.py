"""Files below a directory of images that no row of its table is: what every place says of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

MOST_REASONS = 6  # in the sentence; the rest is one number


@dataclass(frozen=True)
class UnusedFile:
    """A file that is not used: its path, printable, and why."""

    path: str
    reason: str


def counts_by_reason(files: tuple[UnusedFile, ...]) -> dict[str, int]:
    """Returns the number of files for each reason, the most frequent first."""
    return dict(Counter(sorted(file.reason for file in files)).most_common())


def unusable_by_reason(reasons: Iterable[str]) -> dict[str, int]:
    """Returns how many images cannot be used for each reason, without its details in parentheses."""
    return dict(Counter(sorted(f"cannot be used: {reason.partition(' (')[0]}" for reason in reasons)).most_common())


def unused_sentence(files: tuple[UnusedFile, ...]) -> str:
    """Returns the one sentence about unused files in the log, on the data card and on the page."""
    counts = counts_by_reason(files)
    shown = [f"{reason} ({count:,})" for reason, count in list(counts.items())[:MOST_REASONS]]
    if left := sum(list(counts.values())[MOST_REASONS:]):
        shown.append(f"other reasons ({left:,})")
    count = f"{len(files):,} files are" if len(files) > 1 else "One file is"
    return f"{count} below data.path and not used: {', '.join(shown)}. Check whether any of them should be"
