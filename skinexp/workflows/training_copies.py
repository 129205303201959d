"""The search for training images among the images of an external validation.

The file of a model holds checksums of its training images, which find identical files alone. Files that were
re-encoded or resized are found by the search of the audit, if the training images are still where the run read them.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.audit.other_set import images_of_other_set, without_rows
from skinexp.data.preparation import image_cache
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.sources import registry
from skinexp.evaluation.domain_shift import Reference
from skinexp.models.training_statistics import image_fingerprints
from skinexp.runs.json_fields import from_json
from skinexp.runs.lookup import TrainedRun

log = logging.getLogger(__name__)

CHECKSUMS = "Training images among these are recognised by identical files alone, because "
MISSING = "{} of the {} training and validation images are not where the run read them"
PHANTOM = "phantom"


@dataclass(frozen=True)
class TrainingCopies:
    """The images that were in training or validation.

    Attributes:
        images: how many there are.
        limitation: a sentence that says what was not searched for; empty if nothing.
    """

    images: int
    limitation: str = ""


def find_training_copies(run: TrainedRun, reference: Reference, prepared: Prepared, options: Data) -> TrainingCopies:
    """Returns how many images show photographs of the training or the validation.

    Args:
        run: whose network is evaluated.
        reference: of its training images.
        prepared: the images that are evaluated, as the training images were prepared.
        options: of these images; without an audit, identical files are counted alone.
    """
    identical = np.isin(image_fingerprints(prepared.table.frame["sha256"]), reference.seen)
    by_checksum = int(identical.sum())
    if identical.all():
        return TrainingCopies(by_checksum)
    if options.audit == "off":
        return TrainingCopies(by_checksum, f"{CHECKSUMS}data.audit=off.")
    known, reason = _training_images(run, reference, options)
    if known is None:
        return TrainingCopies(by_checksum, f"{CHECKSUMS}{reason}.")
    found = identical | images_of_other_set(prepared, known, options)
    return TrainingCopies(int(found.sum()), f"{CHECKSUMS}{reason}." if reason else "")


def _training_images(run: TrainedRun, reference: Reference, options: Data) -> tuple[Prepared | None, str]:
    """Returns the images of training and validation that are at hand, and why not all are; None if there are none."""
    recorded = run.summary.setting("data")
    if not isinstance(recorded, dict):
        return None, "the record of the run does not name them"
    data = from_json(Data, recorded)
    if data.name != PHANTOM and not (data.path and Path(data.path).is_dir()):
        # A name on a hub is not looked up: a record must not decide what is downloaded.
        return None, f"they are not at hand (data.path={data.path})"
    # Prepared as for the network, in the cache of this command; what cannot be read is not compared.
    data = replace(data, preprocess=run.preprocess, cache=options.cache, workers=options.workers, on_bad_image="skip")
    try:
        table = registry.load(data, (run.summary.seed or 0) if data.split.seed is None else data.split.seed)
        known = np.isin(image_fingerprints(table.frame["sha256"]), reference.seen)
        prepared = image_cache.prepare(table, data) if known.any() else None
    except UserError as error:
        return None, f"they cannot be read: {str(error).splitlines()[0].rstrip('.')}"
    if prepared is None:
        return None, f"data.path={data.path} holds other images now"
    seen = np.isin(image_fingerprints(prepared.table.frame["sha256"]), reference.seen)
    missing = len(reference.seen) - len(np.unique(image_fingerprints(prepared.table.frame["sha256"])[seen]))
    reason = MISSING.format(f"{missing:,}", f"{len(reference.seen):,}") if missing > 0 else ""
    return without_rows(prepared, ~seen, "not images of this training"), reason
