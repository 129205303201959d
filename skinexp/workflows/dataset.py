"""The images of an experiment: loaded, prepared, audited, split and batched, in the same way for every workflow."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from skinexp.config.schema import Config, Data
from skinexp.data import audit, facts, pipeline
from skinexp.data.audit import Findings
from skinexp.data.pipeline import Batches
from skinexp.data.precision import PlannedPrecision, planned_precision, precision_sentence
from skinexp.data.preparation import image_cache
from skinexp.data.preparation.cache_lock import require_usable
from skinexp.data.preparation.image_cache import Prepared
from skinexp.data.sampling import Sampling, sampling_of
from skinexp.data.sources import registry
from skinexp.data.split import split
from skinexp.data.table import Table

log = logging.getLogger(__name__)

Stage = Callable[[str], AbstractContextManager[object]]  # what encloses a step, by the step's name


@dataclass(frozen=True)
class Dataset:
    """The images of an experiment, ready for batches.

    Attributes:
        prepared: the pixels, and the table with the run's split in column `split`.
        findings: of the audit, about these images and this split.
        precision: that the test part gives to the planned ROC-AUC.
        sampling: how the images were collected; None if that was not asked.
    """

    prepared: Prepared
    findings: Findings
    precision: Sequence[PlannedPrecision]
    sampling: Sampling | None = None


def load_dataset(
    config: Config,
    stage: Stage = nullcontext,
    load: Callable[[Data, int], Table] = registry.load,
    prepare: Callable[[Table, Data], Prepared] = image_cache.prepare,
) -> Dataset:
    """Loads, prepares, audits and splits the images of an experiment.

    Args:
        config: the experiment; `data`, `plan`, `seed` and `evaluate.sampling` are read.
        stage: encloses each of the steps `data`, `prepare`, `audit` and `split`, for instance to measure its time.
        load: reads the table of the images; the second argument is the seed.
        prepare: decodes and preprocesses the images of a table.

    Raises:
        UserError: if the images cannot be loaded, prepared or split, or if the audit stops the run.
    """
    with stage("data"):
        require_usable(Path(config.data.cache))
        table = load_table(config.data, config.data_seed, load)
    with stage("prepare"):
        prepared = prepare(table, config.data)
    with stage("audit"):
        findings = audit.audit_prepared(prepared, config.data)
        prepared, findings = audit.apply_findings(prepared, findings, config.data)
    with stage("split"):
        parts = split(prepared.table.frame, config.data.split, config.data_seed)
        prepared = prepared.with_split(parts)
        findings = audit.with_split_findings(findings, prepared.table.frame, config.data)
        audit.refuse_leakage(findings, config.data)
        frame, sampling = prepared.table.frame, sampling_of(prepared.table, config.evaluate.sampling)
        precision = planned_precision(frame[frame["split"] == "test"], config.plan)
        dataset = Dataset(prepared, findings, precision, sampling)
        log_facts(split_facts(dataset, config), warnings=["Leakage"] if audit.leaks_of(findings) else ())
        return dataset


def load_table(data: Data, seed: int, load: Callable[[Data, int], Table] = registry.load) -> Table:
    """Loads the table of the images and logs what it holds and what it leaves out."""
    table = load(data, seed)
    log_table(table)
    return table


def log_table(table: Table) -> None:
    """Logs the size of a data set, and what `skinexp.data.facts` says of its source."""
    log_facts({"Data": str(table)} | facts.table_facts(table))


def log_facts(sentences: Mapping[str, str], warnings: Collection[str] = ()) -> None:
    """Logs sentences by topic; those about some topics as warnings."""
    for topic, sentence in sentences.items():
        log.log(logging.WARNING if topic in warnings else logging.INFO, "%-10s%s", topic, sentence)


def split_facts(dataset: Dataset, config: Config) -> dict[str, str]:
    """Returns topic -> sentence: groups, leakage across the run's own split, sampling, planned precision."""
    findings = dataset.findings
    leaks = [leak.sentence for leak in audit.leaks_of(findings)]
    said = facts.split_facts(dataset.prepared.table, leaks, findings.mode != "off")
    planned = precision_sentence(dataset.precision, config.plan, config.data.split.folds or None)
    return said | sampling_facts(dataset.sampling) | {"Precision": planned}


def all_facts(dataset: Dataset, config: Config) -> dict[str, str]:
    """Returns topic -> sentence: all that a training says of its images, for the data card and result.json."""
    return facts.table_facts(dataset.prepared.table) | split_facts(dataset, config)


def sampling_facts(sampling: Sampling | None) -> dict[str, str]:
    """Returns topic -> sentence: how the images were collected; nothing if that was not asked."""
    return {} if sampling is None else {"Sampling": sampling.sentence}


def prepare_test_set(table: Table, data: Data) -> Prepared:
    """Prepares images of which every one is a test image, for a network that was trained on others."""
    return image_cache.prepare(table, data).with_split("test")


def make_batches(prepared: Prepared, config: Config) -> Batches:
    """Returns the batches of training, validation and test images.

    Args:
        prepared: images whose table has column `split`.
        config: the experiment; its augmentation, batch size and seed are read.
    """
    frame = prepared.table.frame
    return pipeline.batches(prepared.images, frame, config.augment, config.optim.batch_size, config.seed)


def without_audit(config: Config) -> Config:
    """Returns the experiment with `data.audit=off`."""
    return replace(config, data=replace(config.data, audit="off"))
