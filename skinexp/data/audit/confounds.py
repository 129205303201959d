"""Confounds: properties other than the lesion that are linked with the class, such as source, format, size or border.

A network that learns one of these scores well on its own set and nowhere else. The strength of a link is measured by
Cramer's V (categories) and by the area under the ROC curve (numbers); its p-value is corrected by Holm's method over
all columns. Images of one group are one observation.

References: Cramer, "Mathematical Methods of Statistics" (1946); Bergsma, "A bias-correction for Cramer's V and
Tschuprow's T", Journal of the Korean Statistical Society 42 (2013).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from skinexp.data.audit.finding import NOTE, WARNING, Finding
from skinexp.data.table import CLASS_NAMES, metadata_columns
from skinexp.evaluation import holm

STRONG_V, STRONG_AUC = 0.2, 0.1  # effects from which a link is one: V, and distance of the area from 0.5
STRONG_FINER = 0.5  # V with a finer class, which may be linked although benign and malignant are not
CHANCE = 0.001  # corrected p-value below which it is not chance
MOST_LEVELS = 20  # of a column of words: ids have more; of one about acquisition, levels beyond the commonest are rare
FEWEST = 10  # groups of a level, below which it is counted among the rare ones
FEW_NUMBERS = 10  # different numbers up to which a column of numbers is read as words
RARE, UNKNOWN = "rare", "unknown"

# Columns that say how a picture was taken and where it comes from; other columns are about patient and lesion, and may
# tell classes apart for good reason.
ACQUISITION = (
    "source", "dataset", "data_set", "origin", "archive", "attribution", "licence", "license", "copyright", "device",
    "camera", "dermatoscope", "dermoscope", "scanner", "vendor", "manufacturer", "clinic", "hospital", "centre",
    "center", "institution", "image_type", "format", "mode", "quality", "exposure",
)  # fmt: skip
FILE_PROPERTIES = {  # columns of `file_checks.inspect_files`, and their names in findings
    "format": "file format", "mode": "file mode", "width": "width", "height": "height", "aspect": "aspect ratio",
    "compression": "JPEG compression", "border": "black border",
}  # fmt: skip


@dataclass(frozen=True)
class Link:
    """The link between a column and the class.

    Attributes:
        column: its name.
        measure: V or AUC.
        value: Cramer's V (0..1), or the ROC-AUC (0..1) of the column for malignant.
        p_value: of the test that there is no link.
        detail: description in words.
        refines: whether each level has one class only, as a finer diagnosis does.
        acquisition: whether the column is about how the image was acquired.
        finer: name and V of the finer class that the column is linked with more closely than with the class, if any.
    """

    column: str
    measure: str
    value: float
    p_value: float
    detail: str
    refines: bool
    acquisition: bool
    finer: tuple[str, float] | None = None

    @property
    def is_strong(self) -> bool:
        if self.finer is not None:
            return True
        return self.value >= STRONG_V if self.measure == "V" else abs(self.value - 0.5) >= STRONG_AUC


def links(frame: pd.DataFrame, properties: pd.DataFrame | None, groups: pd.Series) -> list[Link]:
    """Returns how each column is linked with the class; p-values after Holm's correction.

    Args:
        frame: one row per image: label, and metadata.
        properties: of the files, from `file_checks.inspect_files`, row by row as `frame`; None if files were not
            inspected.
        groups: (images,) the group of each; the first image of a group counts.
    """
    columns = {name: (frame[name], is_acquisition(name)) for name in metadata_columns(frame)}
    if properties is not None:
        inspected = properties.assign(aspect=properties["width"] / properties["height"])
        columns |= {words: (inspected[name], True) for name, words in FILE_PROPERTIES.items()}
    first = ~groups.duplicated().to_numpy()
    labels = frame.loc[first, "label"].to_numpy()
    found = [link for name, (values, ours) in columns.items() if (link := _link(name, values[first], labels, ours))]
    found += [link for name in metadata_columns(frame) if (link := _of_known(name, frame.loc[first, name], labels))]
    if not found:
        return []
    corrected = holm([link.p_value for link in found])
    words = frame[first].reset_index(drop=True)
    finer = [link.column for link in found if link.refines and not link.acquisition]
    return [
        replace(link, p_value=float(p_value), finer=_finer(words, link, finer))
        for link, p_value in zip(found, corrected, strict=True)
    ]


def findings(all_links: list[Link]) -> list[Finding]:
    """Returns a warning for each strong link with the acquisition, and one note about the other strong links."""
    strong = [link for link in all_links if link.is_strong and (link.finer or link.p_value < CHANCE)]
    rows = pd.DataFrame(
        [(link.column, link.measure, link.value, link.p_value, link.detail) for link in strong],
        columns=["column", "measure", "value", "p_value", "detail"],
    )
    found = []
    for number, link in enumerate(strong):
        if link.acquisition:
            sentence = (
                f"The class is associated with {link.column} ({_measured(link)}): {link.detail}. A network may learn "
                f"{link.column} instead of lesions; judge it by results within each {link.column}, or on other images"
            )
            found.append(Finding("confounded", WARNING, 1, sentence, rows.iloc[[number]]))
    of_patients = [number for number, link in enumerate(strong) if not link.acquisition]
    if of_patients:
        names = ", ".join(
            f"{link.column} (a finer class)" if link.refines else f"{link.column} ({_measured(link)})"
            for link in (strong[number] for number in of_patients)
        )
        sentence = (
            f"The class is also associated with {names}, which may be a property of the disease and not of "
            f"the acquisition: examine the scores by subgroup as well"
        )
        found.append(Finding("linked", NOTE, len(of_patients), sentence, rows.iloc[of_patients]))
    return found


def is_acquisition(column: str) -> bool:
    """Returns whether a column's name says that it is about how images were acquired."""
    return any(word in column.lower() for word in ACQUISITION)


def cramers_v(values: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[float, float]:
    """Returns the bias-corrected Cramer's V (0..1) of two columns of categories, and its chi-squared p-value."""
    counts = pd.crosstab(np.asarray(values), np.asarray(labels)).to_numpy()
    rows, columns = counts.shape
    if min(rows, columns) < 2:
        return 0.0, 1.0
    total = int(counts.sum())
    tested = stats.chi2_contingency(counts, correction=False)
    phi = max(0.0, float(tested.statistic) / total - (rows - 1) * (columns - 1) / (total - 1))
    smaller = min(rows - (rows - 1) ** 2 / (total - 1), columns - (columns - 1) ** 2 / (total - 1)) - 1
    return min(1.0, float(np.sqrt(phi / smaller))) if smaller > 0 else 0.0, float(tested.pvalue)


def _link(name: str, values: pd.Series, labels: npt.NDArray[np.int64], acquisition: bool) -> Link | None:
    """None if no association can be measured: one value, or almost as many values as images."""
    known = values.dropna()
    if not _is_numeric(values):
        return _of_words(name, values, labels, acquisition)
    magnitude = _of_numbers(name, values, labels, acquisition)
    if not acquisition or (known % 1 != 0).any() or known.nunique() * FEWEST > len(known):
        return magnitude
    # Whole numbers may be names, as those of clinics are: the stronger of both readings, at the price of two tests.
    code = _of_words(name, values, labels, acquisition)
    readings = [replace(link, p_value=min(1.0, 2 * link.p_value)) for link in (magnitude, code) if link]
    return max(readings, key=lambda link: (link.is_strong, -link.p_value), default=None)


def _is_numeric(values: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return numeric and values.nunique() > FEW_NUMBERS


def _of_known(name: str, values: pd.Series, labels: npt.NDArray[np.int64]) -> Link | None:
    """Returns the association of the class with whether a number is known; missing words are a level already."""
    known = values.notna()
    if not _is_numeric(values) or min(known.sum(), (~known).sum()) < FEWEST:
        return None
    words = known.map({True: "known", False: UNKNOWN})
    link = _of_words(f"whether {name} is known", words, labels, acquisition=False)
    return link and replace(link, refines=False)  # no finer class, however pure


def _of_words(name: str, values: pd.Series, labels: npt.NDArray[np.int64], acquisition: bool) -> Link | None:
    words = values.astype(object).where(values.notna(), UNKNOWN).astype(str)
    counts = words.value_counts()
    if len(counts) > MOST_LEVELS and not acquisition:
        return None  # names of patients or lesions: many images of each are few observations
    kept = counts.index[counts >= FEWEST][:MOST_LEVELS]
    words = words.where(words.isin(kept), RARE)
    if words.nunique() < 2:
        return None
    value, p_value = cramers_v(words, labels)
    table = pd.crosstab(words.to_numpy(), labels).reindex(columns=[0, 1], fill_value=0)
    refines = bool((table.min(axis=1) == 0).all())
    return Link(name, "V", value, p_value, _levels(table), refines, acquisition)


def _finer(frame: pd.DataFrame, link: Link, columns: list[str]) -> tuple[str, float] | None:
    """Returns the finer class that is most closely associated with a column of words; None if none is close."""
    if not link.acquisition or link.measure != "V" or link.column not in frame:
        return None
    known = {column: cramers_v(frame[link.column].astype(str), frame[column].astype(str))[0] for column in columns}
    closest = max(known, key=known.__getitem__, default=None)
    return None if closest is None or known[closest] < STRONG_FINER else (closest, known[closest])


def _of_numbers(name: str, values: pd.Series, labels: npt.NDArray[np.int64], acquisition: bool) -> Link | None:
    known = values.notna().to_numpy()
    numbers, classes = values.to_numpy(float)[known], labels[known]
    benign, malignant = numbers[classes == 0], numbers[classes == 1]
    if min(len(benign), len(malignant)) < FEWEST:
        return None
    tested = stats.mannwhitneyu(malignant, benign, method="asymptotic")
    area = float(tested.statistic) / (len(benign) * len(malignant))
    detail = f"median {np.median(benign):.3g} of benign and {np.median(malignant):.3g} of malignant images"
    return Link(name, "AUC", area, float(tested.pvalue), detail, False, acquisition)


def _levels(table: pd.DataFrame) -> str:
    """Returns the largest levels in words, with their share of malignant images."""
    sizes = table.sum(axis=1).sort_values(ascending=False)
    shares = [
        f"{table.loc[level, 1] / sizes[level]:.0%} of {sizes[level]:,} images with {level}" for level in sizes.index[:5]
    ]
    more = f" and {len(sizes) - 5} more" if len(sizes) > 5 else ""
    return f"{CLASS_NAMES[1]} are {', '.join(shares)}{more}"


def _measured(link: Link) -> str:
    value = f"Cramer's V {link.value:.2f}" if link.measure == "V" else f"AUC {link.value:.2f}"
    finer = f"; with {link.finer[0]}, a finer class, {link.finer[1]:.2f}" if link.finer else ""
    return f"{value}, p {'< 0.001' if link.p_value < 0.001 else f'{link.p_value:.3f}'}{finer}"
