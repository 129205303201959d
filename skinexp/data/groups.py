"""Groups of images that stay in one part of a split: the columns that identify lesions and patients, joined."""

import logging
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from skinexp.core.errors import UserError

log = logging.getLogger(__name__)

AUTO = "auto"
SOURCE_GROUP = "source_group"  # the source's column `group`, if it is not among those that make the run's groups
COLUMNS = {  # what a column identifies -> its names, in lower case and with underscores
    "group": ("group", "group_id", SOURCE_GROUP),
    "lesion": ("lesion_id", "lesion", "lesionid", "lesion_no", "lesion_num", "lesion_number", "lesion_name"),
    "patient": (
        *("patient_id", "patient", "patientid", "patient_no", "patient_num", "patient_number", "patient_name"),
        *("subject_id", "subject", "subjectid", "participant_id", "participant", "person_id", "person", "pid"),
        *("individual_id", "individual", "case_id", "case", "caseid", "case_num", "case_no", "case_number"),
    ),
}
NOBODY = frozenset(  # values that identify no lesion and no patient, in lower case
    (
        *("", "nan", "na", "n/a", "n.a.", "<na>", "#n/a", "nat", "none", "null", "nil", "no id", "-1", "-1.0"),
        *("-", "--", "---", "?", "??", ".", "unknown", "unk", "undefined", "unspecified", "not specified", "missing"),
        *("not available", "not known", "not given", "not stated", "not provided", "anonymous", "anonymized"),
    )
)
CATEGORIES, LARGE = 10, 10  # a column of fewer values, each of more images on average, names kinds and not lesions


@dataclass(frozen=True)
class Grouping:
    """Images with their groups.

    Attributes:
        frame: one row per image, with column `group`.
        columns: those whose equal values are one group; empty if each image is a group of its own.
    """

    frame: pd.DataFrame
    columns: tuple[str, ...] = ()

    @property
    def grouped_by(self) -> str | None:
        """Returns the columns in words; None if there are none."""
        return " or ".join(self.columns) or None


def identity_columns(frame: pd.DataFrame) -> dict[str, str]:
    """Returns the columns that identify lesions or patients -> what each identifies: group, lesion or patient.

    A column of few values with many images each, such as a column `lesion` of diagnoses, identifies neither, unless
    its name says that it holds ids.
    """
    found: dict[str, str] = {}
    for what, names in COLUMNS.items():
        for name in names:
            matching = [column for column in frame.columns if canonical(str(column)) == name]
            found |= {column: what for column in matching if holds_ids(name) or not _names_kinds(frame[column])}
    return found


def holds_ids(column: str) -> bool:
    """Returns whether the name of a column says that it holds ids."""
    return canonical(column).endswith("id")


def canonical(column: str) -> str:
    """Returns the name of a column in lower case, without blanks around it and with underscores in it."""
    return re.sub(r"[\s\-.]+", "_", column.strip().lower())


def known(values: pd.Series) -> pd.Series:
    """Returns values as text; those that identify no lesion and no patient (unknown, none, -) are missing."""
    text = values.astype("string").str.strip()
    is_known = text.notna() & ~text.str.lower().isin(NOBODY)
    return text.astype(object).where(is_known, np.nan)


def with_groups(frame: pd.DataFrame, wanted: str | None) -> Grouping:
    """Adds column `group`; an image without a lesion or patient is a group of its own.

    Args:
        frame: one row per image, with column `image_id`.
        wanted: the option `data.split.group`: a column, auto (all columns that identify lesions or patients: images
            that any chain of them connects are one group), or None.

    Returns:
        The rows with their groups; in columns that identify lesions or patients, values such as `unknown` are missing.

    Raises:
        UserError: if there is no such column.
    """
    identities = list(identity_columns(frame))
    if wanted not in (AUTO, None):
        wanted = _column(frame, str(wanted))
    used = identities if wanted == AUTO else [wanted] if wanted else []
    frame = frame.assign(**{column: known(frame[column]) for column in {*identities, *used}})
    if "group" in frame and "group" not in used:  # the run's groups take its place
        frame = frame.assign(**{SOURCE_GROUP: frame["group"]})
    groups: pd.Series = frame["image_id"]
    joining: list[str] = []
    for column in used:
        if wanted == AUTO and frame[column].isna().all():
            continue
        more = _names(frame, column) if not joining else joined(groups, _clusters(frame[column]))
        if not joining or more.nunique() < groups.astype(str).nunique():  # another column may add nothing
            joining.append(column)
            groups = more
    return Grouping(frame.assign(group=groups), tuple(joining))


def joined(groups: pd.Series, clusters: npt.NDArray[np.int64]) -> pd.Series:
    """Returns groups joined with clusters of images: images that any chain of both connects have one name.

    A group that no cluster joins with another keeps its name; joined groups take the first of their names.

    Args:
        groups: (images,) names.
        clusters: (images,) numbers.
    """
    names, numbers = np.unique(groups.astype(str).to_numpy(dtype=object), return_inverse=True)
    nodes = len(names) + int(clusters.max(initial=-1)) + 1
    links = coo_matrix((np.ones(len(groups)), (numbers, len(names) + clusters)), shape=(nodes, nodes))
    _, part = connected_components(links, directed=False)
    _, first, places = np.unique(part[: len(names)], return_index=True, return_inverse=True)  # names are sorted
    return pd.Series(names[first[places[numbers]]], groups.index, name=groups.name)


def _column(frame: pd.DataFrame, wanted: str) -> str:
    """Returns the column that `data.split.group` names, in any case of its letters."""
    if wanted in frame:
        return wanted
    matching = [column for column in frame.columns if canonical(str(column)) == canonical(wanted)]
    if len(matching) == 1:
        return str(matching[0])
    raise UserError(
        f"data.split.group: the data has no column {wanted!r}. It has: {', '.join(map(str, frame.columns))}"
    )


def _names_kinds(values: pd.Series) -> bool:
    names = known(values).dropna()
    return bool(len(names)) and names.nunique() < CATEGORIES and len(names) > LARGE * names.nunique()


def _names(frame: pd.DataFrame, column: str) -> pd.Series:
    """Returns a group for each image by one column; an image without a value has its own id as its group."""
    values, own = frame[column], frame["image_id"].astype(str)
    own = own.where(~own.isin(values.dropna()), own + " (alone)")  # an id that is also the name of a group
    return values.where(values.notna(), own).astype(object)


def _clusters(values: pd.Series) -> npt.NDArray[np.int64]:
    """Returns (images,) numbers: equal ones for equal values, another one for each missing value."""
    numbers = pd.factorize(values)[0].astype(np.int64)  # -1 if missing
    alone = numbers < 0
    numbers[alone] = numbers.max(initial=-1) + 1 + np.arange(alone.sum())
    return numbers
