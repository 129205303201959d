"""Reads who is in a data set: a folder, a set of the Hugging Face hub, or generated phantoms."""

import hashlib
import itertools
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from skinexp.config.schema import Data
from skinexp.core.digest import digest
from skinexp.core.errors import UserError
from skinexp.core.randomness import rng
from skinexp.data.leaky_copies import ORIGINAL, with_copies
from skinexp.data.readers import FileReader, HubReader, PhantomReader
from skinexp.data.sources.licence import licence_of
from skinexp.data.sources.listing import everything, is_image_name, printable, why_no_file
from skinexp.data.table import GIVEN_SPLIT, Reader, Table

log = logging.getLogger(__name__)

GROUP_COLUMNS = ("group", "lesion_id", "patient_id")  # in the order in which `data.split.group=auto` looks for them
IMAGE_COLUMNS = ("file", "image", "path", "filename", "image_id")
PARTS = {  # names of parts of a split that came with a set, as folders or on the hub, and what they are called here
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
UNLABELLED = "unlabelled"  # the class of an image whose label is missing


def load(options: Data, seed: int, one_class: bool = False) -> Table:
    """Reads the table of `data.name`: labels mapped, left-out classes dropped, groups found.

    Args:
        one_class: whether images of one class alone are enough, as they are to test a network on.

    Raises:
        UserError: where the source is not there or not of the promised shape, or a class has no label.
    """
    frame, reader, name = SOURCES[options.name](options, seed)
    frame = _with_given_split(_with_unique_ids(frame))
    frame, excluded = _with_labels(frame, options, one_class)
    frame, grouped_by = _with_groups(frame, options.split.group)
    if options.limit is not None:
        frame = _limited(frame, options.limit, seed)
    frame, truth = frame.reset_index(drop=True), {}
    licence = licence_of(options, frame, reader)
    if options.name == "phantom":
        truth = _best_possible(options)
        if options.phantom.shortcut.flip_test:
            frame, reader = _with_flipped_shortcut(frame, reader, options, seed, all_tested=one_class)
    if options.augmented_copies:
        frame, reader = with_copies(frame, reader, options.augmented_copies, seed)
        if options.split.group is None:
            frame["group"] = frame["image_id"]  # who splits image by image tears the copies apart
        else:
            grouped_by = grouped_by or ORIGINAL
    return Table(name, frame.reset_index(drop=True), reader, grouped_by, excluded, truth, licence)


def _folder(options: Data, seed: int) -> tuple[pd.DataFrame, Reader, str]:
    directory = Path(str(options.path))
    manifest = directory / options.manifest
    frame = _read_manifest(manifest, options) if manifest.is_file() else _list_class_folders(directory)
    files = _with_suffixes(frame.pop("file"), directory)
    frame["path"] = [printable(str(directory / file)) for file in files]
    # A manifest's own checksums say what the files once were; these say what they are.
    frame["sha256"] = [_sha256_of_file(directory / file) for file in files]
    if "image_id" not in frame:
        frame.insert(0, "image_id", _ids(files))
    frame["position"] = np.arange(len(frame))
    return frame, FileReader(directory, files), directory.resolve().name


def _ids(files: Sequence[str]) -> list[str]:
    """File names without their suffix, or with it where that leaves two of one name; a file named twice is numbered."""
    names = [printable(file) for file in files]
    short = {name: os.path.splitext(Path(name))[0] for name in names}
    return _numbered([short[name] for name in names] if len(set(short.values())) == len(short) else names)


def _numbered(names: Sequence[str]) -> list[str]:
    """The names; one that repeats has a number from its second time on, as in `a`, `a (2)`."""
    taken, numbered = set(names), dict[str, None]()
    for name in names:
        others = (f"{name} ({number})" for number in itertools.count(2))
        is_free = name not in numbered
        numbered[name if is_free else next(new for new in others if new not in taken and new not in numbered)] = None
    return list(numbered)


def _with_suffixes(names: pd.Series, directory: Path) -> tuple[str, ...]:
    """File names; where a manifest names images without their suffix (as HAM10000's own does), the files it means."""
    if any(is_image_name(name) for name in names):
        return tuple(names)
    files = {Path(file).stem: file for file, _ in everything(directory) if is_image_name(file)}
    return tuple(files.get(name, name) for name in names)


def _read_manifest(manifest: Path, options: Data) -> pd.DataFrame:
    try:
        frame = pd.read_csv(manifest, dtype={"image_id": str, "lesion_id": str, "patient_id": str, "group": str})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"data.manifest: {manifest} is no CSV table: {error}") from error
    column = _image_column(frame.columns, options.image_column, manifest)
    if options.label_column not in frame:
        raise UserError(
            f"data.label_column: {manifest} has no column {options.label_column!r}. It has: {', '.join(frame.columns)}"
        )
    if missing := int(frame[column].isna().sum()):
        raise UserError(f"data.image_column: {missing} rows of {manifest} name no image in column {column!r}")
    frame[column] = frame[column].astype(str)
    # These two names are ours from here on: other columns of that name give way.
    taken = {"file", "class"} - {column, options.label_column}
    frame = frame.drop(columns=taken, errors="ignore").rename(columns={column: "file", options.label_column: "class"})
    if column == "image_id":
        frame.insert(0, "image_id", frame["file"])
    return frame


def _list_class_folders(directory: Path) -> pd.DataFrame:
    """One row an image: file, class, and split where the class folders stand in folders train, val and test."""
    files = [Path(file) for file, _ in everything(directory) if is_image_name(file) and len(Path(file).parts) > 1]
    is_split = all(_part(file.parts[0]) in PARTS.values() for file in files)
    files = [file for file in files if len(file.parts) > 1 + is_split]
    if not files:
        raise UserError(
            f"data.path: {directory} holds neither a manifest.csv nor one sub-folder of images a class "
            f"({directory.name}/benign/*.jpg, {directory.name}/malignant/*.jpg; or {directory.name}/train/benign/*.jpg)"
        )
    # As objects: pandas' own strings refuse names that are no UTF-8.
    names = pd.Series([str(file) for file in files], dtype=object)
    frame = pd.DataFrame({"file": names, "class": [printable(file.parts[int(is_split)]) for file in files]})
    return frame.assign(**{GIVEN_SPLIT: [_part(file.parts[0]) for file in files]}) if is_split else frame


def _part(name: str) -> str:
    """What a part of a given split is called here; a name that is none of a part stays."""
    return PARTS.get(name.lower(), name)


def _hub(options: Data, seed: int) -> tuple[pd.DataFrame, Reader, str]:
    import datasets

    from skinexp.data.sources.hub import open_dataset

    names = options.hub_split.split("+")
    parts = [open_dataset(str(options.path), name) for name in names]
    dataset = datasets.concatenate_datasets(parts)
    column = _image_column(dataset.column_names, options.image_column, options.path)
    if not isinstance(dataset.features[column], datasets.Image):
        raise UserError(f"data.image_column: column {column!r} of {options.path} holds no images")
    label = dataset.features.get(options.label_column)
    if label is None:
        raise UserError(
            f"data.label_column: {options.path} has no column {options.label_column!r}. "
            f"It has: {', '.join(dataset.column_names)}"
        )
    dataset = dataset.cast_column(column, datasets.Image(decode=False))
    frame = dataset.remove_columns(column).to_pandas()
    classes = frame.pop(options.label_column)
    frame["class"] = classes.map(dict(enumerate(label.names))) if isinstance(label, datasets.ClassLabel) else classes
    reader = HubReader(dataset, column)
    frame["sha256"] = [hashlib.sha256(reader(position)).hexdigest() for position in range(len(dataset))]
    frame["path"] = [f"{options.path}[{position}]" for position in range(len(dataset))]
    frame["position"] = np.arange(len(frame))
    if len(parts) > 1 and not {"split", GIVEN_SPLIT} & set(frame):
        given = [_part(name.partition("[")[0].strip()) for name in names]  # of a slice, such as train[:10%]
        frame[GIVEN_SPLIT] = np.repeat(np.array(given, dtype=object), [len(part) for part in parts])
    if "image_id" not in frame:
        frame.insert(0, "image_id", [f"{position:06d}" for position in range(len(frame))])
    return frame, reader, Path(str(options.path)).name


def _phantom(options: Data, seed: int) -> tuple[pd.DataFrame, Reader, str]:
    from skinexp.data import phantom
    from skinexp.data.phantom import truth

    drawn = [phantom.factors(seed, index, options.phantom) for index in range(options.phantom.images)]
    frame = pd.DataFrame(
        {
            "image_id": [f"phantom-{index:05d}" for index in range(len(drawn))],
            "class": ["malignant" if item.label else "benign" for item in drawn],
            "sha256": [_phantom_digest(options, seed, index) for index in range(len(drawn))],
            "path": [f"phantom {index}" for index in range(len(drawn))],
            "position": np.arange(len(drawn)),
        }
    )
    if options.phantom.photographs > 1:
        frame["lesion_id"] = [f"lesion-{item.lesion:05d}" for item in drawn]
    metadata = pd.DataFrame([truth.columns(item) for item in drawn])
    return pd.concat([frame, metadata], axis=1), PhantomReader(seed, options.phantom), "phantom"


def _phantom_digest(options: Data, seed: int, index: int, flipped: bool = False) -> str:
    """Of all that the pixels of a phantom are a function of."""
    from skinexp.data import phantom

    return digest(phantom.VERSION, seed, index, options.phantom, flipped)


def _best_possible(options: Data) -> dict[str, float]:
    """Areas under the ROC curve that are known of phantoms; see `skinexp.data.phantom.truth`."""
    from skinexp.data.phantom import truth

    known = {"bayes_auc": truth.bayes_auc(options.phantom)}
    if (ink := truth.ink_auc(options.phantom)) != 0.5:
        known |= {"bayes_auc_with_ink": truth.bayes_auc(options.phantom, ink=True), "ink_auc": ink}
        if options.phantom.shortcut.flip_test:
            known["ink_auc_test"] = 1 - ink
    return known


def _with_flipped_shortcut(
    frame: pd.DataFrame, reader: Reader, options: Data, seed: int, all_tested: bool
) -> tuple[pd.DataFrame, Reader]:
    """Phantoms of the test part drawn anew, with the shares of ink exchanged.

    Labels and groups decide who is tested, and neither depends on ink: the part is the one that `split` will give.
    """
    from skinexp.data import phantom
    from skinexp.data.split import split

    tested = np.ones(len(frame), bool) if all_tested else (split(frame, options.split, seed) == "test").to_numpy()
    positions = frame.loc[tested, "position"].tolist()
    frame = frame.copy()
    frame.loc[tested, "ink"] = [phantom.factors(seed, index, options.phantom, flipped=True).ink for index in positions]
    frame.loc[tested, "sha256"] = [_phantom_digest(options, seed, index, flipped=True) for index in positions]
    return frame, PhantomReader(seed, options.phantom, frozenset(positions))


SOURCES: dict[str, Callable[[Data, int], tuple[pd.DataFrame, Reader, str]]] = {
    "folder": _folder,
    "hub": _hub,
    "phantom": _phantom,
}


def _image_column(columns: Iterable[str], wanted: str | None, place: object) -> str:
    candidates: Sequence[str] = (wanted,) if wanted else IMAGE_COLUMNS
    for column in candidates:
        if column in columns:
            return column
    raise UserError(
        f"data.image_column: {place} has no column {' or '.join(map(repr, candidates))}. It has: {', '.join(columns)}"
    )


def _sha256_of_file(file: Path) -> str:
    try:
        if reason := why_no_file(file):
            return f"unreadable: {reason}"
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror or error}"  # preparation lists the file, by path


def _with_unique_ids(frame: pd.DataFrame) -> pd.DataFrame:
    if missing := int(frame["image_id"].isna().sum()):
        raise UserError(f"data.path: {missing} images have no image_id. Name each one, or leave the column out")
    repeated = frame["image_id"][frame["image_id"].duplicated()]
    if len(repeated):
        raise UserError(f"data.path: image ids must be unique; {len(repeated)} repeat. First: {repeated.iloc[0]}")
    return frame


def _with_given_split(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the table whose column `split`, if it has one, is called `given_split`: `split` is the run's own."""
    if "split" not in frame:
        return frame
    return frame.drop(columns=GIVEN_SPLIT, errors="ignore").rename(columns={"split": GIVEN_SPLIT})


def _with_labels(frame: pd.DataFrame, options: Data, one_class: bool) -> tuple[pd.DataFrame, dict[str, int]]:
    """Classes to 0/1; a class that is neither labelled nor left out on purpose is refused."""
    classes = frame.pop("class").map(_class_name)
    counts = classes.value_counts()
    excluded = {name: int(counts[name]) for name in options.exclude if name in counts}
    unknown = [name for name in counts.index if name not in options.labels and name not in options.exclude]
    if unknown:
        listed = ", ".join(f"{name} ({counts[name]})" for name in unknown[:10])
        first = unknown[0]
        added = f"+data.labels.{first}=1" if first.isalnum() else f"'+data.labels={{{first}: 1}}'"
        raise UserError(
            f"data.labels: classes without a label: {listed}. Give each one 0 or 1 ({added}) "
            f"or leave it out ('data.exclude=[{first}]')"
        )
    labels = classes.map(options.labels)
    frame = frame.assign(label=labels)[labels.notna().to_numpy()]
    frame["label"] = frame["label"].astype(np.int64)
    if one_class and frame.empty:
        raise UserError(f"data.labels: no image has a label. Left out: {', '.join(excluded) or 'none'}")
    for label in (0, 1):
        if not one_class and not (frame["label"] == label).any():
            names = [name for name, value in options.labels.items() if value == label]
            raise UserError(f"data.labels: no image has label {label} (class {' or '.join(names)})")
    return frame, excluded


def _class_name(value: object) -> str:
    if value is None or value != value:  # NaN differs from itself
        return UNLABELLED
    if isinstance(value, float) and value.is_integer():  # pandas' form of whole numbers among which one is missing
        return str(int(value))
    return str(value)


def _with_groups(frame: pd.DataFrame, wanted: str | None) -> tuple[pd.DataFrame, str | None]:
    """Adds column `group`; an image without a lesion or patient is a group of its own."""
    column = next((name for name in GROUP_COLUMNS if name in frame), None) if wanted == "auto" else wanted
    if column is None:
        return frame.assign(group=frame["image_id"]), None
    if column not in frame:
        raise UserError(f"data.split.group: the data has no column {column!r}. It has: {', '.join(frame.columns)}")
    groups = frame[column].astype("string").fillna(frame["image_id"].astype("string"))
    return frame.assign(group=groups.astype(object)), column


def _limited(frame: pd.DataFrame, limit: int, seed: int) -> pd.DataFrame:
    """At most `limit` images, each class keeping its share, in the order of the source."""
    if limit >= len(frame):
        return frame
    share = limit / len(frame)
    chosen = [rng(seed, "limit", label).permutation(np.flatnonzero(frame["label"] == label)) for label in (0, 1)]
    positives = min(max(round(share * len(chosen[1])), 1), len(chosen[1]))
    return frame.iloc[np.sort(np.concatenate([chosen[0][: limit - positives], chosen[1][:positives]]))]
