"""Table 1: the patients, lesions and images of a data set, by part of the split and class.

It is what readers of a study see first of its data (TRIPOD+AI, item 20b: Collins et al., BMJ 385 (2024) e078378): age,
sex, site, diagnosis and skin tone, as far as the table has such columns, and how many values are missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinexp.data.groups import canonical, identity_columns, known
from skinexp.data.split import NAMES
from skinexp.data.table import CLASS_NAMES, GIVEN_SPLIT

Mask: TypeAlias = npt.NDArray[np.bool_]

MOST_LEVELS = 15  # of a characteristic that have a row of their own
ALL = "all"  # images of all parts, or of both classes
UNKNOWN, NOT_RECORDED, OTHERS = "unknown", "not recorded", "other values"
COUNT, QUARTILES = "count", "quartiles"  # what the values of a row are
COLUMNS = {  # characteristic -> names of its column, in lower case and with underscores
    "age": ("age", "age_approx", "age_years", "age_at_diagnosis", "patient_age", "age_group", "age_band"),
    "sex": ("sex", "gender", "patient_sex", "patient_gender"),
    "site": (
        *("site", "anatom_site_general", "anatom_site_general_challenge", "anatom_site", "anatom_site_1"),
        *("anatom_site_special", "localization", "localisation", "location", "body_site", "anatomic_site"),
        *("anatomical_site", "anatomic_location", "body_part", "body_region", "region", "lesion_site"),
    ),
    "diagnosis": ("diagnosis", "dx", "diagnosis_full", "diagnosis_3", "diagnosis_2", "histology", "disease"),
    "skin tone": (
        *("skin_tone", "skin_type", "fitzpatrick", "fitzpatrick_skin_type", "fitzpatrick_type", "fitzpatrick_scale"),
        *("fitspatrick", "fst", "phototype", "skin_phototype", "monk_skin_tone", "mst"),
    ),
}


@dataclass(frozen=True)
class Characteristic:
    """One row of Table 1.

    Attributes:
        name: patients, lesions, images, or a characteristic of the images.
        level: its value; empty if the row is about all of its images, `not recorded` if there is no such column.
        statistic: `count` (of images; of patients or lesions in their own rows), or `quartiles` (first, median, third).
        column: of the table that it was counted in; None if there is none.
        values: part of the split -> class -> the number, or the three quartiles; None if there is none. `all` stands
            for all parts, and for both classes.
    """

    name: str = ""
    level: str = ""
    statistic: str = COUNT
    column: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


def characteristics(frame: pd.DataFrame) -> list[Characteristic]:
    """Returns the rows of Table 1; images are counted, and patients and lesions if a column identifies them.

    A patient with benign and malignant images is counted in both classes, and once in `all`.

    Args:
        frame: one row per image: `label` (0/1), metadata, and `split` or `given_split` if the images are split.
    """
    cells = _Cells(frame)
    everything = np.ones(len(frame), dtype=bool)
    rows = [*_identities(frame, cells), Characteristic("images", values=cells.count(everything))]
    for name, names in COLUMNS.items():
        column = _column(frame, names)
        if column is None and name == "diagnosis" and not set(frame.get("class", [])) <= {*CLASS_NAMES}:
            column = "class"
        rows += [Characteristic(name, NOT_RECORDED)] if column is None else _rows(frame, cells, name, column)
    return rows


class _Cells:
    """The cells of a row of Table 1: each class of each part of the split, and all."""

    def __init__(self, frame: pd.DataFrame) -> None:
        """
        Args:
            frame: as for `characteristics`.
        """
        labels = frame["label"].to_numpy()
        classes = {name: labels == label for label, name in enumerate(CLASS_NAMES)} | {ALL: np.ones(len(labels), bool)}
        self._masks = {
            part: {name: of_part & of_class for name, of_class in classes.items()}
            for part, of_part in _parts(frame).items()
        }

    def measure(self, function: Callable[[Mask], Any]) -> dict[str, dict[str, Any]]:
        """Returns part of the split -> class -> what a function returns for the images of the cell.

        Args:
            function: takes (images,) whether an image is in the cell.
        """
        return {part: {name: function(mask) for name, mask in masks.items()} for part, masks in self._masks.items()}

    def count(self, counted: npt.ArrayLike) -> dict[str, dict[str, Any]]:
        """Returns part of the split -> class -> the number of images.

        Args:
            counted: (images,) whether an image is counted.
        """
        array = np.asarray(counted, dtype=bool)
        return self.measure(lambda mask: int((array & mask).sum()))


def _parts(frame: pd.DataFrame) -> dict[str, Mask]:
    """Returns which images each part of the split has, in its order, and then all; all alone if they are not split."""
    everything = np.ones(len(frame), dtype=bool)
    column = next((name for name in ("split", GIVEN_SPLIT) if name in frame), None)
    if column is None:
        return {ALL: everything}
    values = frame[column].astype(object).to_numpy()
    present = dict.fromkeys((*NAMES, *map(str, frame[column].dropna().unique())))
    found = {name: mask for name in present if (mask := values == name).any()}
    return {ALL: everything} if len(found) < 2 else found | {ALL: everything}


def _identities(frame: pd.DataFrame, cells: _Cells) -> Iterator[Characteristic]:
    """Yields how many patients and lesions there are, and how many images name none."""
    found = identity_columns(frame.drop(columns="group", errors="ignore"))
    for what in ("patient", "lesion"):
        column = next((column for column, identifies in found.items() if identifies == what), None)
        if column is None:
            yield Characteristic(f"{what}s", NOT_RECORDED)
            continue
        numbers = pd.factorize(known(frame[column]))[0]  # -1 if missing
        different = cells.measure(_count_different(numbers))
        yield Characteristic(f"{what}s", column=column, values=different)
        if (numbers < 0).any():
            yield Characteristic(f"images without a {what}", column=column, values=cells.count(numbers < 0))


def _count_different(numbers: npt.NDArray[np.int64]) -> Callable[[Mask], int]:
    return lambda mask: len(np.unique(numbers[mask & (numbers >= 0)]))


def _column(frame: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    """Returns the first of the columns of these names that has a value."""
    alike = {canonical(str(column)): column for column in reversed(frame.columns)}
    present = (alike[name] for name in names if name in alike)
    return next((str(column) for column in present if known(frame[column]).notna().any()), None)


def _rows(frame: pd.DataFrame, cells: _Cells, name: str, column: str) -> Iterator[Characteristic]:
    values = known(frame[column])
    numbers = pd.to_numeric(values, errors="coerce")
    are_numbers = numbers.notna().equals(values.notna())
    if are_numbers and (numbers.dropna() % 1 == 0).all():  # pandas stores them with .0 if one is missing
        values = numbers.map("{:.0f}".format, na_action="ignore")
    if name == "age" and are_numbers:
        array = numbers.to_numpy(dtype=float)
        yield Characteristic(name, "years", QUARTILES, column, cells.measure(lambda mask: _quartiles(array[mask])))
    else:
        yield from _levels(frame[column], cells, name, values)
    if values.isna().any():
        yield Characteristic(name, UNKNOWN, column=column, values=cells.count(values.isna()))


def _levels(original: pd.Series, cells: _Cells, name: str, values: pd.Series) -> Iterator[Characteristic]:
    """Yields a row for each value: in their own order if they have one, or else the most frequent first."""
    column = str(original.name)
    counts = values.value_counts()
    if isinstance(original.dtype, pd.CategoricalDtype) and original.cat.ordered:
        levels = [str(level) for level in original.cat.categories if str(level) in counts]
    elif pd.to_numeric(pd.Series(counts.index), errors="coerce").notna().all():
        levels = sorted(counts.index, key=float)  # types of skin are numbered
    else:
        levels = list(counts.index)
    for level in levels[:MOST_LEVELS]:
        yield Characteristic(name, level, column=column, values=cells.count(values == level))
    if rest := levels[MOST_LEVELS:]:
        others = cells.count(values.isin(rest))
        yield Characteristic(name, f"{OTHERS} ({len(rest)})", column=column, values=others)


def _quartiles(numbers: npt.NDArray[np.float64]) -> list[float] | None:
    """Returns the three quartiles of the numbers that are known; None if none is."""
    known_numbers = numbers[~np.isnan(numbers)]
    return [float(value) for value in np.quantile(known_numbers, [0.25, 0.5, 0.75])] if len(known_numbers) else None
