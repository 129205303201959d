"""Table 1: the patients, lesions and images of a data set, by part of the split and class.

It is what readers of a study see first of its data (TRIPOD+AI, item 20b: Collins et al., BMJ 385 (2024) e078378): age,
sex, site, diagnosis and skin tone, as far as the table has such columns, and how many values are missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from skinexp.data.groups import canonical, identity_columns, known
from skinexp.data.split import NAMES
from skinexp.data.table import CLASS_NAMES, GIVEN_SPLIT

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
    rows = [*_identities(frame), Characteristic("images", values=_cells(frame, lambda part: len(part)))]
    for name, names in COLUMNS.items():
        column = _column(frame, names)
        if column is None and name == "diagnosis" and not set(frame.get("class", [])) <= {*CLASS_NAMES}:
            column = "class"
        rows += [Characteristic(name, NOT_RECORDED)] if column is None else _rows(frame, name, column)
    return rows


def _identities(frame: pd.DataFrame) -> Iterator[Characteristic]:
    """Yields how many patients and lesions there are; how many is not known if some images have none."""
    found = identity_columns(frame.drop(columns="group", errors="ignore"))
    for what in ("patient", "lesion"):
        column = next((column for column, identifies in found.items() if identifies == what), None)
        if column is None:
            yield Characteristic(f"{what}s", NOT_RECORDED)
            continue
        names = known(frame[column])
        yield Characteristic(
            f"{what}s", column=column, values=_cells(frame, lambda part, names=names: names[part.index].nunique())
        )
        if names.isna().any():
            without = f"images without a {what}"
            yield Characteristic(
                without, column=column, values=_cells(frame, lambda part, names=names: names[part.index].isna().sum())
            )


def _column(frame: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    """Returns the first of the columns of these names that has a value."""
    alike = {canonical(str(column)): column for column in reversed(frame.columns)}
    present = (alike[name] for name in names if name in alike)
    return next((str(column) for column in present if known(frame[column]).notna().any()), None)


def _rows(frame: pd.DataFrame, name: str, column: str) -> Iterator[Characteristic]:
    values = known(frame[column])
    numbers = pd.to_numeric(values, errors="coerce")
    are_numbers = numbers.notna().equals(values.notna())
    if are_numbers and (numbers.dropna() % 1 == 0).all():  # pandas stores them with .0 if one is missing
        values = numbers.map("{:.0f}".format, na_action="ignore")
    if name == "age" and are_numbers:
        yield Characteristic(
            name, "years", QUARTILES, column, _cells(frame, lambda part: _quartiles(numbers[part.index]))
        )
    else:
        yield from _levels(frame, name, column, values)
    if values.isna().any():
        cells = _cells(frame, lambda part: values[part.index].isna().sum())
        yield Characteristic(name, UNKNOWN, column=column, values=cells)


def _levels(frame: pd.DataFrame, name: str, column: str, values: pd.Series) -> Iterator[Characteristic]:
    """Yields a row for each value: in their own order if they have one, or else the most frequent first."""
    ordered = isinstance(frame[column].dtype, pd.CategoricalDtype) and frame[column].cat.ordered
    counts = values.value_counts()
    levels = (
        [str(level) for level in frame[column].cat.categories if str(level) in counts]
        if ordered
        else list(counts.index)
    )
    if not ordered and pd.to_numeric(pd.Series(levels), errors="coerce").notna().all():
        levels = sorted(levels, key=float)  # types of skin are numbered
    for level in levels[:MOST_LEVELS]:
        yield Characteristic(
            name,
            level,
            column=column,
            values=_cells(frame, lambda part, level=level: (values[part.index] == level).sum()),
        )
    if rest := levels[MOST_LEVELS:]:
        cells = _cells(frame, lambda part: values[part.index].isin(rest).sum())
        yield Characteristic(name, f"{OTHERS} ({len(rest)})", column=column, values=cells)


def _quartiles(numbers: pd.Series) -> list[float] | None:
    if numbers.notna().sum() == 0:
        return None
    return [float(value) for value in numbers.quantile([0.25, 0.5, 0.75])]


def _cells(frame: pd.DataFrame, measure: Any) -> dict[str, dict[str, Any]]:
    """Returns part of the split -> class -> what a function measures in its images."""
    return {
        part: {name: _plain(measure(of_part if label is None else of_part[of_part["label"] == label]))
               for name, label in ((CLASS_NAMES[0], 0), (CLASS_NAMES[1], 1), (ALL, None))}
        for part, of_part in parts(frame).items()
    }  # fmt: skip


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else int(value)


def parts(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Returns the labels of each part of the split in its order, and then of all; all alone if they are not split."""
    column = next((name for name in ("split", GIVEN_SPLIT) if name in frame), None)
    if column is None:
        return {ALL: frame[["label"]]}
    frame = frame[["label", column]]
    present = list(dict.fromkeys((*NAMES, *map(str, frame[column].dropna().unique()))))
    found = {name: frame[frame[column] == name] for name in present if (frame[column] == name).any()}
    return {ALL: frame} if len(found) < 2 else found | {ALL: frame}
