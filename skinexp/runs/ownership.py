"""The ownership of a directory: it holds one run, sweep or evaluation, and one process works in it at a time."""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from skinexp.core import run_files
from skinexp.core.errors import UserError, listed
from skinexp.core.links import leads_out_of
from skinexp.core.machine_limits import require_machine
from skinexp.core.python_command import skinexp_command
from skinexp.core.result_file import read_result
from skinexp.core.strict_json import read_json
from skinexp.core.terminal import from_here
from skinexp.core.writable import why_unwritable
from skinexp.runs import written_files
from skinexp.runs.lookup import job_directories
from skinexp.tracking.outbox import Outbox

MOST = 1000  # directories whose names differ in their number alone


class DirectoryInUse(UserError):
    """The mistake of a command whose directory another command works in; nothing of that one may be changed."""


def is_in_use(directory: Path) -> bool:
    """Returns whether a process works in a directory: another one, or this one with a lock that it holds."""
    if not (directory / run_files.LOCK).is_file():
        return False
    try:
        FileLock(directory / run_files.LOCK).acquire(timeout=0).lock.release()
    except Timeout:
        return True
    return False


def lock_directory(directory: Path, key: str, wait: float = 0) -> FileLock:
    """Makes a directory if it is absent, and locks it for this process until the lock is released.

    Args:
        directory: the directory.
        key: option that names the directory, for messages.
        wait: seconds to wait for a process that is about to end.

    Returns:
        The lock, which is held.

    Raises:
        DirectoryInUse: if another process works in the directory.
        UserError: if it cannot be written, or if the machine's limits are too low.
    """
    require_machine()
    if reason := why_unwritable(directory):
        raise _unwritable(directory, key, reason)
    lock = FileLock(directory / run_files.LOCK)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait)
    except Timeout as error:
        raise DirectoryInUse(
            f"{key}: another command is working in {from_here(directory)}. Wait until it has ended, or use another "
            "directory"
        ) from error
    except (OSError, NotImplementedError) as error:  # the latter if the file system has no locks
        raise _unwritable(directory, key, getattr(error, "strerror", None) or str(error)) from error
    try:
        _refuse_other_kinds(directory, key)
    except UserError:
        lock.release()
        raise
    return lock


def _unwritable(directory: Path, key: str, reason: str) -> UserError:
    return UserError(f"{key}: {directory} cannot be written: {reason}. Name another directory")


def _refuse_other_kinds(directory: Path, key: str) -> None:
    """Refuses files where a run writes directories, and directories where it writes files."""
    for name in written_files.of_another_kind(directory):
        kind = "directory" if (directory / name).is_dir() else "file"
        other = "file" if kind == "directory" else "directory"
        raise UserError(
            f"{key}: {from_here(directory / name)} is a {kind}, and a run writes a {other} of this name. Move it "
            "away, or name another directory"
        )


def take_directory(directory: Path, key: str, overwrite: bool | None = None, is_sweep: bool = False) -> FileLock:
    """Locks a directory for a new run, sweep or evaluation.

    Args:
        directory: the directory; it is made if it is absent.
        key: option that names the directory, for messages.
        overwrite: whether files of an earlier run in the directory are removed; other files stay. None: the command
            has no such option.
        is_sweep: whether the folders in the directory become jobs of a sweep.

    Returns:
        The lock, which is held.

    Raises:
        UserError: if the directory is used, or another process works in it; nothing in it is changed then.
    """
    lock = lock_directory(directory, key)
    try:
        _clear(directory, key, overwrite, is_sweep)
    except BaseException:
        lock.release()
        raise
    return lock


def take_new_directory(directory: Path, key: str) -> tuple[Path, FileLock]:
    """Makes and locks a new directory: of the given name or, if that is taken, of the name with a number behind.

    Args:
        directory: the name; `12-30-00-2` follows `12-30-00`.
        key: option that names the directory, for messages.

    Returns:
        The directory, and its lock, which is held.

    Raises:
        UserError: if the directory cannot be made, or if the machine's limits are too low.
    """
    require_machine()
    if reason := why_unwritable(directory.parent):
        raise _unwritable(directory, key, reason)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, MOST):
            candidate = directory if number == 1 else directory.with_name(f"{directory.name}-{number}")
            with suppress(FileExistsError):
                candidate.mkdir()
                return candidate, lock_directory(candidate, key)
    except OSError as error:
        raise _unwritable(directory, key, error.strerror or str(error)) from error
    raise UserError(f"{key}: {directory} and {MOST - 1} more of this name are used. Name another directory")


def _clear(directory: Path, key: str, overwrite: bool | None, is_sweep: bool) -> None:
    """Removes what an earlier run left in a directory, or refuses the directory."""
    place = from_here(directory)
    found, jobs = written_files.find(directory), written_files.jobs_of(directory)
    if strangers := _strangers(directory, found, jobs if is_sweep else job_directories(directory)):
        raise UserError(
            f"{key}: {place} has files of something else, which would be replaced, or counted as part of this. Name "
            f"another directory. Found:\n{listed(strangers)}"
        )
    if not found:
        return
    if not overwrite and _has_begun(directory):
        raise UserError(f"{key}: {place} already holds {_content(directory)}. {_remedies(directory, overwrite)}")
    _refuse_linked_folders(directory, key, jobs)
    for job in jobs:
        lock_directory(job, key).release()  # a job may go on although the launcher of its sweep was killed
    for owned in (directory, *jobs):
        _refuse_undelivered(owned, key)
    written_files.remove(directory)


def _refuse_linked_folders(directory: Path, key: str, jobs: list[Path]) -> None:
    """Refuses to remove files through a link to a folder elsewhere; a link to a file is removed as a link."""
    for owned in (directory, *jobs):
        for folder in (owned, *written_files.folders_of(owned)):
            if leads_out_of(folder, directory):
                raise UserError(
                    f"{key}: {from_here(folder)} is a link that leads out of the directory, to {folder.resolve()}, "
                    "whose files overwrite=true would remove. Remove the link"
                )


def _has_begun(directory: Path) -> bool:
    """Returns whether there is anything to lose: a run that a mistake ended before its first stage left nothing."""
    result = read_result(directory)
    is_empty = result.get("status") == "failed" and not result.get("stage")
    return not is_empty or (directory / run_files.SWEEP).is_file() or bool(Outbox(directory))


def _strangers(directory: Path, found: list[Path], own: list[Path]) -> list[str]:
    """Returns what belongs to others: runs in folders of the directory, and files that bear skinexp's names."""
    others = [f"{from_here(job)} (another run)" for job in job_directories(directory) if job not in own]
    if found and not written_files.is_written_by_skinexp(directory):
        others += [str(from_here(file)) for file in found]
    return others


def _content(directory: Path) -> str:
    if (directory / run_files.SWEEP).is_file():
        return f"a sweep ({_status(directory)})"
    if (directory / run_files.RESULT).is_file():
        kind = "an evaluation" if read_result(directory).get("evaluates") else "a run"
        return f"{kind} ({_status(directory)})"
    return "results of another command"


def _status(directory: Path) -> str:
    """Returns how the run or sweep in a directory ended in which no process works."""
    name = run_files.SWEEP if (directory / run_files.SWEEP).is_file() else run_files.RESULT
    try:
        status = str(read_json(directory / name)["status"])
    except (OSError, ValueError, KeyError):
        return "interrupted"
    return "interrupted" if status == "running" else status


def _remedies(directory: Path, overwrite: bool | None) -> str:
    """Returns the ways out of the refusal of a used directory."""
    if overwrite is None:
        return "Name another directory"
    words = []
    command = directory / run_files.HYDRA / "overrides.yaml"  # without it, a run cannot be resumed
    is_training = (directory / run_files.TRAIN_LOG).is_file() and command.is_file()
    if _status(directory) != "finished" and (is_training or (directory / run_files.SWEEP).is_file()):
        words.append(f"Continue it: {skinexp_command('train', f'resume={from_here(directory)}')}")
    words.append("Replace it: add overwrite=true, which removes the files that skinexp wrote there and no others")
    return ". ".join([*words, "Keep it: name another directory"])


def _refuse_undelivered(directory: Path, key: str) -> None:
    """Refuses to remove records that the tracking store does not have."""
    outbox = Outbox(directory)
    if not outbox:
        return
    place = str(from_here(directory))
    try:
        with outbox.deliverer.acquire(blocking=False):
            if not outbox.left and outbox.closed:
                return
    except Timeout as error:
        raise UserError(f"{key}: records of the run in {place} are being delivered now. Try again later") from error
    raise UserError(
        f"{key}: {place} holds a run that is not delivered to its tracking store, and overwrite=true would lose its "
        f"records. Deliver them first: {skinexp_command('sync', place)}; or delete {place}/{run_files.OUTBOX} to "
        "give them up"
    )
