"""Leakage: images of one photograph, lesion or patient on both sides of a split, and the end of a run because of it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinexp.config.schema import Data, Split
from skinexp.core.errors import UserError
from skinexp.data.audit import copies
from skinexp.data.audit.finding import Finding, Findings
from skinexp.data.groups import AUTO, holds_ids, identity_columns
from skinexp.data.table import GIVEN_SPLIT, Table

GIVEN, OWN = "straddles_given_split", "straddles_split"  # the findings
NOT_IDENTITIES = ("duplicate", "part", "image_id", "path")  # columns of their rows; each other one names a case


def given_split_leakage(table: Table, clusters: npt.NDArray[np.int64]) -> Finding | None:
    """Returns the images that the split of the source itself puts on both of its sides, if there are any.

    Args:
        table: the images.
        clusters: (images,) number of each image's cluster of duplicates.
    """
    frame = table.frame
    if GIVEN_SPLIT not in frame:
        return None
    together = {"duplicate": clusters, **copies.cases(frame)}
    if table.grouped_by not in identity_columns(frame.drop(columns="group")):
        name = str(table.grouped_by) if "group" in together else "group"
        together[name] = frame["group"].to_numpy()
    return copies.straddling(
        frame,
        frame[GIVEN_SPLIT],
        together,
        GIVEN,
        "Training does not use the split that came with the set, but scores that others published for it are too high",
    )


def split_leakage(findings: Findings, frame: pd.DataFrame, options: Data) -> Finding | None:
    """Returns the images whose copy, lesion or patient is in another part of the run's own split, if there are any.

    Without an audit, copies are not known, but lesions and patients are.

    Args:
        findings: of the audit of these images.
        frame: one row per image, in the order of the findings' clusters, with column `split`.
        options: `split` decides what the finding recommends.
    """
    together: dict[str, npt.NDArray] = {} if findings.mode == "off" else {"duplicate": findings.clusters}
    columns = identity_columns(frame)
    if options.split.group == AUTO:  # which has decided about the others, with all images at hand
        frame = frame.drop(columns=[column for column in columns if column != "group" and not holds_ids(column)])
    together |= copies.cases(frame)
    if "original" in frame and findings.mode != "off":
        together["original"] = frame["original"].to_numpy()
    leakage = copies.straddling(frame, frame["split"], together, OWN)
    if leakage and (keys := _remedy(leakage, options.split)):
        return replace(leakage, sentence=f"{leakage.sentence}. Keep them together: {keys}")
    return leakage


def refuse_leakage(findings: Findings, options: Data) -> None:
    """Ends a run whose scores a leak would make too high, unless `data.on_leak` is `warn`.

    These are copies, lesions and patients on both sides of the run's own split. Lesions and patients on both sides of
    the split that the set comes with end it as well: what is compared with scores on that split is not comparable.

    Raises:
        UserError: with the finding, and what to do.
    """
    leaks = [leak for leak in leaks_of(findings) if _ends_a_run(leak)]
    if leaks and options.on_leak == "stop":
        raise UserError(f"data.on_leak: {leaks[0].sentence}. To train nevertheless: data.on_leak=warn")


def leaks_of(findings: Findings) -> list[Finding]:
    """Returns the findings about images on both sides of the run's own split, and of the split that the set has."""
    return [leak for leak in (findings.named(OWN), findings.named(GIVEN)) if leak]


def _ends_a_run(leak: Finding) -> bool:
    return leak.name == OWN or bool(_identities(leak))


def _identities(leak: Finding) -> set[str]:
    return set(leak.rows.columns) - set(NOT_IDENTITIES)


def _remedy(leak: Finding, split: Split) -> str:
    """Returns the overrides that keep the images of a leak together; empty if the split should do so already."""
    keys = []
    if split.group is None or (split.group != AUTO and _identities(leak)):
        keys.append("data.split.group=auto")
    if "duplicate" in leak.rows and not split.copies:
        keys.append("data.split.copies=true")
    return " ".join(keys)
