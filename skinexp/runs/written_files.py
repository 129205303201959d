"""The files that skinexp writes into a directory, by name: what `overwrite=true` removes, and nothing else."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from skinexp.contracts.backbones import CONTRACTS
from skinexp.core import run_files
from skinexp.core.strict_json import read_json
from skinexp.runs.lookup import job_directories

EVIDENCE = (
    *("scores", "reliability", "calibration_curve", "roc_band", "precision_recall_band"),
    *("subgroups", "subgroup_gaps", "diagnoses", "units"),
)
FIGURES = ("augmentation", "confusion", "curves", "gradcam", "lr_find", "precision_recall", "preprocessing", "roc")
THRESHOLDS = ("0.5", "youden", "chosen")  # of classification reports
MARKS = (  # only skinexp writes these
    *(run_files.RESULT, run_files.SWEEP, run_files.AUDIT, run_files.LR_SUGGESTION, run_files.EXTERNAL_SETS_VALUES),
)
AUDIT_TABLES = "audit"  # folder of an audit: one table for each finding
OUTBOX_FILES = ("records.jsonl", "delivered.json", "writer.lock", "deliverer.lock", run_files.UPLOADER_LOG)
MODEL_COPY = f"{run_files.OUTBOX}/model"  # folder that MLflow writes before it is delivered

FILES = (
    *MARKS,
    ".result.lock",
    run_files.RESERVE,
    run_files.TRACEBACK,
    run_files.PREDICTIONS,
    run_files.TRAIN_LOG,
    run_files.HISTORY,
    run_files.MODEL,
    f"unfinished_{run_files.MODEL}",  # of a run that was killed
    run_files.MAPS,
    run_files.HEALTH,
    run_files.DATA_CARD,
    run_files.DATA_CARD_VALUES,
    run_files.CHECKLIST,
    run_files.PACKAGES,
    run_files.EVALUATE_LOG,
    run_files.EXTERNAL_SETS,
    run_files.LR_CURVE,
    run_files.AUDIT_PAGE,
    run_files.MULTIRUN,
    run_files.COMPARISON_PAGE,
    run_files.COMPARISON_TABLE,
    run_files.COMPARISON_VALUES,
    run_files.COMPARISON_SCORES,
    run_files.COMPARISON_PAIRS,
    run_files.COMPARISON_DIFFERENCES,
    run_files.FOLDS,
    *(f"{command}.log" for command in ("audit", "lr_find", "pretrain")),
    *map(run_files.classification_report, THRESHOLDS),
    *(f"{run_files.HYDRA}/{name}.yaml" for name in ("config", "hydra", "overrides")),
    *(f"{run_files.EVIDENCE}/{name}.csv" for name in EVIDENCE),
    *(f"{run_files.FIGURES}/{name}.png" for name in FIGURES),
    f"{run_files.TENSORBOARD}/*/events.out.tfevents.*",
    f"{run_files.CHECKPOINTS}/training.npz",
    f"{run_files.CHECKPOINTS}/{run_files.HEALTH}",
    f"{run_files.CHECKPOINTS}/training.npz.part",
    *(f"{run_files.OUTBOX}/*.{suffix}" for suffix in ("json", "jsonl", "lock", "log", "part")),
    *(
        f"{contract.file_prefix(width)}phantom.{suffix}"
        for contract in CONTRACTS.values()
        for width in contract.widths
        for suffix in ("npz", "json")
    ),
    "unfinished.weights.h5",  # of a pretraining that was stopped
)

FOLDERS = (
    run_files.HYDRA,
    run_files.EVIDENCE,
    run_files.FIGURES,
    run_files.CHECKPOINTS,
    run_files.OUTBOX,
    AUDIT_TABLES,
    run_files.TENSORBOARD,
)


def find(directory: Path) -> list[Path]:
    """Returns the files of a run, sweep, evaluation, audit, range test or pretraining that a directory holds.

    The files of a sweep's jobs are not among them.
    """
    found = [file for pattern in FILES for file in _matches(directory, pattern)]
    found += [file for name in _findings(directory) for file in _matches(directory, f"{AUDIT_TABLES}/{name}")]
    model = directory / MODEL_COPY
    return found + ([model] if model.is_dir() else [])


def is_written_by_skinexp(directory: Path) -> bool:
    """Returns whether skinexp has worked in a directory: its files may bear a stranger's names else."""
    settings = directory / run_files.HYDRA / "hydra.yaml"
    return (
        any((directory / name).is_file() for name in MARKS)
        or (directory / run_files.OUTBOX / "records.jsonl").is_file()
        or (settings.is_file() and "skinexp" in settings.read_text(encoding="utf-8", errors="replace"))
    )


def owner_of(file: Path) -> Path | None:
    """Returns the directory of the run that a file is part of; None if it is part of none."""
    for directory in (file.parent, file.parent.parent):
        name = file.relative_to(directory).as_posix()
        if is_written_by_skinexp(directory) and any(Path(name).match(pattern) for pattern in FILES):
            return directory
    return None


def of_another_kind(directory: Path) -> list[str]:
    """Returns names of folders that are files here, and of files that are folders."""
    names = (*FILES, run_files.LOCK, *(f"{run_files.OUTBOX}/{name}" for name in OUTBOX_FILES))
    files = [name for name in names if "*" not in name and (directory / name).is_dir()]
    return [name for name in FOLDERS if os.path.lexists(directory / name) and not (directory / name).is_dir()] + files


def jobs_of(sweep: Path) -> list[Path]:
    """Returns the directories of a sweep's jobs; none if the directory holds no sweep."""
    if not (sweep / run_files.SWEEP).is_file():
        return []
    return [job for job in job_directories(sweep) if not _is_single_run(job)]


def remove(directory: Path) -> None:
    """Removes the files that `find` returns, those of a sweep's jobs too, and the folders that are empty then."""
    for job in jobs_of(directory):
        remove(job)
        with suppress(OSError):
            (job / run_files.LOCK).unlink(missing_ok=True)
            job.rmdir()
    for file in find(directory):
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)
    for folder in sorted(folders_of(directory), reverse=True):  # inner ones first
        with suppress(OSError):  # it holds files of others
            folder.rmdir()


def _matches(directory: Path, pattern: str) -> Iterator[Path]:
    """Yields the files that a pattern names, and those that a killed process left beside them, half written."""
    if "*" in pattern:
        yield from sorted(file for file in directory.glob(pattern) if file.is_file())
        return
    file = directory / pattern
    if file.is_file() or file.is_symlink():
        yield file
    if file.parent.is_dir():
        yield from sorted(file.parent.glob(f"{file.name}.*[0-9].part"))


def _findings(directory: Path) -> list[str]:
    """Returns the names of the tables of an audit, which its audit.json lists."""
    try:
        names = [str(finding["name"]) for finding in read_json(directory / run_files.AUDIT)["findings"]]
        return [f"{name}.csv" for name in names if name.isidentifier()]  # others would point elsewhere
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _is_single_run(directory: Path) -> bool:
    """Returns whether Hydra ran no job of a sweep in a directory: someone has put the run there."""
    settings = directory / run_files.HYDRA / "hydra.yaml"
    return settings.is_file() and "  mode: RUN\n" in settings.read_text(encoding="utf-8", errors="replace")


def folders_of(directory: Path) -> Iterator[Path]:
    """Yields the folders that skinexp makes in a directory of its own, whether they are there or not."""
    yield from (directory / name for name in FOLDERS)
    yield from (folder for folder in (directory / run_files.TENSORBOARD).glob("*") if folder.is_dir())
