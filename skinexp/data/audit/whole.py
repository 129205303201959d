"""The audit from end to end: pairs, clusters and findings; and what a training does about them."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinexp.config.schema import Data
from skinexp.core import terminal
from skinexp.core.errors import UserError, listed
from skinexp.data.audit import class_sizes, confounds, copies, file_checks, grouping, unused_files
from skinexp.data.audit.finding import Finding, Findings
from skinexp.data.duplicates import clusters, find_duplicates
from skinexp.data.preparation import preprocess
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.table import Reader, Table

log = logging.getLogger(__name__)

Read = Callable[[int], npt.NDArray[np.uint8] | None]
Progress = Callable[[str, int, int], None]

SIDE = 256  # pixels of the shorter side of the pictures that are compared


def audit(table: Table, options: Data) -> Findings:
    """Looks at all files of a table, as they are, and compares all pictures with each other."""
    frame = table.frame
    with _told("Auditing") as progress:
        looks = file_checks.look_at_all(frame, table.reader, options.workers, progress)
        usable = looks["reason"].isna().to_numpy()
        # Files that hold nothing are no duplicates of each other.
        sha256 = [
            name if good else f"unusable {row}"
            for row, (name, good) in enumerate(zip(frame["sha256"], usable, strict=True))
        ]
        read = _original(table.reader, frame["position"].tolist(), usable)
        pairs = find_duplicates(read, sha256, options.workers, progress)
    found = _findings("full", table, pairs, looks)
    unusable = file_checks.unusable(frame["path"].tolist(), looks["reason"].tolist())
    return found.having(unusable, unused_files.left_aside(table, options), *file_checks.findings(frame, looks))


def audit_prepared(prepared: Prepared, options: Data) -> Findings:
    """The audit inside a training, as `data.audit` asks for it; the rows of its findings are those of `prepared`.

    The quick one compares pictures as they are prepared and opens no file again. It leaves out cuts and zooms, unless
    the set turns out to hold many copies: then it searches once more, for these as well.
    """
    if options.audit == "off":
        return Findings("off", len(prepared.table.frame))
    if options.audit == "full":
        found = audit(prepared.table, options)
    else:
        frame, images = prepared.table.frame, prepared.images
        rows = frame["row"].to_numpy()

        def read(place: int) -> npt.NDArray[np.uint8]:
            return np.asarray(images[rows[place]])

        def search(quick: bool) -> pd.DataFrame:
            with _told("Auditing") as progress:
                return find_duplicates(read, frame["sha256"].tolist(), options.workers, progress, quick)

        pairs = search(quick=True)
        # Of copies that `data.augmented_copies` made, the originals are known.
        cuts = not options.augmented_copies and copies.look_copied(pairs, clusters(len(frame), pairs))
        if cuts:
            log.info("Many images are copies of others: looking for cut and zoomed ones as well")
            pairs = search(quick=False)
        found = _findings("quick", prepared.table, pairs, None, cuts)
    return found.having(file_checks.unusable(list(prepared.bad), list(prepared.bad.values())))


def _findings(mode: str, table: Table, pairs: pd.DataFrame, looks: pd.DataFrame | None, cuts: bool = True) -> Findings:
    frame = table.frame
    together = clusters(len(frame), pairs)
    groups = grouping.joined(frame["group"], together)
    found = Findings(mode, len(frame), pairs=pairs, clusters=together)
    return found.having(
        *copies.of_pairs(frame, pairs, together, mode, cuts),
        copies.lesion_conflicts(frame),
        _given_split(table, together),
        grouping.giant(frame, groups),
        *confounds.findings(confounds.links(frame, looks, groups)),
        *class_sizes.findings(frame, groups),
    )


def _given_split(table: Table, clusters: npt.NDArray[np.int64]) -> Finding | None:
    """What a split that came with the set tears apart."""
    frame = table.frame
    if "split" not in frame:
        return None
    together = {"duplicate": clusters, **copies.cases(frame)}
    if table.grouped_by not in copies.CASES.values():
        together["group"] = frame["group"].to_numpy()
    return copies.straddling(
        frame,
        frame["split"],
        together,
        "straddles_given_split",
        "The column split of the set is not used for training here; scores that others published on it need a second "
        "look",
    )


def of_split(findings: Findings, frame: pd.DataFrame, options: Data) -> Findings:
    """The findings, with what the run's own split (column `split` of the frame) tears apart."""
    if findings.mode == "off":
        return findings
    together = {"duplicate": findings.clusters, **copies.cases(frame)}
    if "original" in frame:
        together["original"] = frame["original"].to_numpy()
    found = copies.straddling(frame, frame["split"], together, "straddles_split")
    if found and "patient" in found.rows and options.split.group in ("auto", "lesion_id"):  # lesions come first there
        found = replace(found, sentence=f"{found.sentence}. Keep patients together: data.split.group=patient_id")
    elif found and options.split.group != "auto":
        found = replace(found, sentence=f"{found.sentence}. Keep them together: data.split.group=auto")
    return findings.having(found)


def acted_on(prepared: Prepared, findings: Findings, options: Data) -> tuple[Prepared, Findings]:
    """What the findings change: conflicting labels by policy, and with `data.split.group=auto` the groups.

    Returns:
        The images that are left, and the findings about them: their positions are those of the new rows.

    Raises:
        UserError: where labels contradict each other and `data.on_conflict` is `fail`.
    """
    if findings.mode == "off":
        return prepared, findings
    frame = prepared.table.frame
    together = findings.clusters
    if (conflicting := copies.conflicting(frame, findings.pairs)).any():
        _report_conflicts(frame[conflicting], options.on_conflict)
        if options.on_conflict == "drop":
            frame, together = frame[~conflicting].reset_index(drop=True), together[~conflicting]
            findings = replace(findings, clusters=together)
    table = replace(prepared.table, frame=frame)
    if options.split.group == "auto":
        groups = grouping.joined(frame["group"], together)
        table = replace(
            table,
            frame=frame.assign(group=groups),
            joined_with_copies=groups.nunique() < frame["group"].astype(str).nunique(),
        )
    return replace(prepared, table=table), findings


def _report_conflicts(frame: pd.DataFrame, policy: str) -> None:
    lines = listed(frame["path"].tolist())
    if policy == "fail":
        raise UserError(
            f"data.on_conflict: {len(frame):,} images are there under both labels, or are of a lesion with both:\n"
            f"{lines}\nCorrect their labels, leave them out (data.on_conflict=drop) or use them as they are "
            f"(data.on_conflict=keep)"
        )
    verb = "Left out" if policy == "drop" else "Kept"
    log.warning(
        "%s %s images with contradictory labels, all of them in audit.json:\n%s", verb, f"{len(frame):,}", lines
    )


def _original(reader: Reader, positions: list[int], usable: npt.NDArray[np.bool_]) -> Read:
    def read(place: int) -> npt.NDArray[np.uint8] | None:
        if not usable[place]:
            return None
        try:
            pixels = reader(positions[place])
            return preprocess.decode(pixels, SIDE) if isinstance(pixels, bytes) else pixels
        except (preprocess.ImageError, OSError):  # it was there a moment ago
            return None

    return read


@contextmanager
def _told(title: str) -> Iterator[Progress]:
    """A progress bar a stage: what is done, of how many."""
    with terminal.bar(title, 0) as bar:

        def tell(stage: str, done: int, total: int) -> None:
            if done % 50 == 0 or done == total:
                bar.say(f"{stage} {done:,}/{total:,}")

        yield tell
