"""The licence of images, as a table or a file beside the images states it."""

from pathlib import Path

import pandas as pd

COLUMNS = ("licence", "license", "copyright_license")  # of a manifest; the last is the ISIC archive's
FILES = ("LICENSE", "LICENCE", "LICENSE.txt", "LICENCE.txt", "LICENSE.md")


def licence_column(frame: pd.DataFrame) -> str | None:
    """Returns the licences in a column of the table, with their number of images; None if there is no such column."""
    for column in COLUMNS:
        if column in frame and frame[column].notna().any():
            counts = frame[column].fillna("not stated").astype(str).value_counts()
            return ", ".join(f"{name} ({count:,} images)" for name, count in counts.items())
    return None


def licence_file(directory: Path) -> str | None:
    """Returns a reference to the licence file beside the images; None if there is none."""
    found = [name for name in FILES if (directory / name).is_file()]
    return f"see the file {found[0]} beside the images" if found else None
