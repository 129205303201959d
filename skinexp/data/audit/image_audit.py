"""The whole audit: pairs, clusters and findings, and what a training changes because of them."""

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
from skinexp.data.audit import class_sizes, confounds, copies, file_checks, grouping, leaks, parts, photographs
from skinexp.data.audit.finding import Findings
from skinexp.data.audit.unused_files import unused_files
from skinexp.data.duplicates import clusters, find_duplicates
from skinexp.data.groups import joined
from skinexp.data.preparation import preprocess
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.table import Reader, Table

log = logging.getLogger(__name__)

Read = Callable[[int], npt.NDArray[np.uint8] | None]
Progress = Callable[[str, int, int], None]

SIDE = 256  # pixels of the shorter side of the images that are compared


def audit(table: Table, options: Data) -> Findings:
    """Inspects all files of a table as they are, and compares all images with each other.

    Args:
        table: the images, not prepared.
        options: where the images come from, and how many worker threads there are.
    """
    frame = table.frame
    with _progress_bar("Auditing") as progress:
        properties = file_checks.inspect_files(frame, table.reader, options.workers, progress)
        usable = properties["reason"].isna().to_numpy()
        # Unusable files are not duplicates of each other.
        sha256 = [
            name if good else f"unusable {row}"
            for row, (name, good) in enumerate(zip(frame["sha256"], usable, strict=True))
        ]
        read = _read_original(table.reader, frame["position"].tolist(), usable)
        pairs = find_duplicates(read, sha256, options.workers, progress)
    findings = _findings("full", table, pairs, properties)
    findings = replace(findings, brightness=properties["brightness"].to_numpy(dtype=float))
    return findings.with_findings(
        file_checks.unusable(frame["path"].tolist(), properties["reason"].tolist()),
        *file_checks.findings(frame, properties),
        *photographs.findings(frame, properties, table.pixel_range),
    )


def audit_prepared(prepared: Prepared, options: Data) -> Findings:
    """Audits prepared images before a training, as `data.audit` asks: quick, full or off.

    The quick audit compares images as they are prepared and opens no file again. It does not search for cropped and
    zoomed copies, unless the set turns out to hold many copies: then it searches once more, for these as well.

    Returns:
        Findings whose rows are those of `prepared`.
    """
    if options.audit == "off":
        return Findings("off", len(prepared.table.frame))
    findings = audit(prepared.table, options) if options.audit == "full" else _quick_audit(prepared, options)
    return findings.with_findings(file_checks.unusable(list(prepared.bad), list(prepared.bad.values())))


def _quick_audit(prepared: Prepared, options: Data) -> Findings:
    frame, images = prepared.table.frame, prepared.images
    rows = frame["row"].to_numpy()

    def read(place: int) -> npt.NDArray[np.uint8]:
        return np.asarray(images[rows[place]])

    def search(quick: bool) -> pd.DataFrame:
        with _progress_bar("Auditing") as progress:
            return find_duplicates(read, frame["sha256"].tolist(), options.workers, progress, quick)

    pairs = search(quick=True)
    # The originals of the copies that `data.augmented_copies` made are known.
    crops = not options.augmented_copies and copies.has_many_copies(pairs, clusters(len(frame), pairs))
    if crops:
        log.info("Many images are copies of others: searching for cropped and zoomed copies as well")
        pairs = search(quick=False)
    found = _findings("quick", prepared.table, pairs, None, crops)
    measures = photographs.measure_all(read, len(frame))
    found = replace(found, brightness=measures["brightness"].to_numpy(dtype=float))
    return found.with_findings(*photographs.findings(frame, measures, prepared.table.pixel_range))


def _findings(
    mode: str, table: Table, pairs: pd.DataFrame, properties: pd.DataFrame | None, crops: bool = True
) -> Findings:
    frame = table.frame
    together = clusters(len(frame), pairs)
    groups = joined(frame["group"], together)
    return Findings(mode, len(frame), pairs=pairs, clusters=together).with_findings(
        *copies.pair_findings(frame, pairs, together, mode, crops),
        copies.lesion_conflicts(frame),
        unused_files(table),
        leaks.given_split_leakage(table, together),
        grouping.giant(frame, groups),
        *confounds.findings(confounds.links(frame, properties, groups)),
        *class_sizes.findings(frame, groups),
    )


def apply_findings(prepared: Prepared, findings: Findings, options: Data) -> tuple[Prepared, Findings]:
    """Treats conflicting labels as `data.on_conflict` asks, and joins groups with copies of their images.

    Groups are not joined if there are none (`data.split.group=null`), or with `data.split.copies=false`.

    Returns:
        The images that are left, and the findings, whose clusters are in the order of these images.

    Raises:
        UserError: if labels contradict each other and `data.on_conflict` is `fail`.
    """
    if findings.mode == "off":
        return prepared, findings
    table = prepared.table
    if (conflicting := copies.conflicting(table.frame, findings.pairs)).any():
        _report_conflicts(table.frame[conflicting], options.on_conflict)
        if options.on_conflict == "drop":
            reason = "contradictory labels (data.on_conflict=drop)"
            table, findings = table.without(conflicting, reason), findings.without(conflicting)
    return replace(prepared, table=with_copies_joined(table, findings, options)), findings


def with_copies_joined(table: Table, findings: Findings, options: Data) -> Table:
    """Returns the table whose groups are joined with copies of their images, if the split keeps copies together.

    Args:
        table: the images.
        findings: of their audit.
        options: `split` says whether groups and copies are kept together.
    """
    if options.split.group is None or not options.split.copies:
        return table
    return table.with_groups(joined(table.frame["group"], findings.clusters))


def with_split_findings(findings: Findings, frame: pd.DataFrame, options: Data) -> Findings:
    """Returns the findings and those about the run's own split: leakage, and parts that differ in brightness.

    Args:
        findings: of the audit of these images.
        frame: one row per image, in the order of the findings' clusters, with column `split`.
        options: `split` decides what the finding about leakage recommends.
    """
    return findings.with_findings(
        leaks.split_leakage(findings, frame, options), parts.brightness_differences(findings, frame)
    )


def _report_conflicts(frame: pd.DataFrame, policy: str) -> None:
    lines = listed(frame["path"].tolist())
    if policy == "fail":
        raise UserError(
            f"data.on_conflict: {len(frame):,} images occur under both labels, or belong to a lesion that does:\n"
            f"{lines}\nCorrect their labels, exclude them (data.on_conflict=drop) or use them as they are "
            f"(data.on_conflict=keep)"
        )
    verb = "Left out" if policy == "drop" else "Kept"
    log.warning("%s %s images with contradictory labels (all are in audit.json):\n%s", verb, f"{len(frame):,}", lines)


def _read_original(reader: Reader, positions: list[int], usable: npt.NDArray[np.bool_]) -> Read:
    def read(place: int) -> npt.NDArray[np.uint8] | None:
        if not usable[place]:
            return None
        try:
            pixels = reader(positions[place])
            return preprocess.decode(pixels, SIDE) if isinstance(pixels, bytes) else pixels
        except (preprocess.ImageError, OSError):  # the file has disappeared since it was inspected
            return None

    return read


@contextmanager
def _progress_bar(title: str) -> Iterator[Progress]:
    """Yields a function that shows a stage's name, and how many images of how many are done."""
    with terminal.bar(title, 0) as bar:

        def show(stage: str, done: int, total: int) -> None:
            if done % 50 == 0 or done == total:
                bar.say(f"{stage} {done:,}/{total:,}")

        yield show
