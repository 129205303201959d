"""result.json as a plain dictionary, for processes beside a run: they read its status, or add what it could not know.

The content is defined by skinexp.runs.run_summary; here only the status, the error and the ids in MLflow are used.
"""

from pathlib import Path
from typing import Any

from filelock import FileLock

from skinexp.core.run_files import RESULT
from skinexp.core.strict_json import read_json, write_json

KILLED_MESSAGE = "the process ended without reporting a status: it was killed, or the machine stopped"


def read_result(directory: Path) -> dict[str, Any]:
    """Returns the content of a run's result.json; empty if the run left none, or a damaged one."""
    try:
        return read_json(directory / RESULT)
    except (OSError, ValueError):
        return {}


def damage_of(directory: Path) -> str:
    """Returns why a run's result.json cannot be read, as a clause; empty if it can be, or if there is none."""
    try:
        read_json(directory / RESULT)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"it cannot be opened: {error.strerror or error}"
    except ValueError as error:
        return str(error)
    return ""


def mark_interrupted(directory: Path, status: str, error: str = KILLED_MESSAGE) -> bool:
    """Writes how a run ended that could not write it itself; what a run has written itself stays.

    Args:
        directory: the run's.
        status: failed or killed.
        error: what ended the run, as far as it is known.

    Returns:
        Whether it was written.
    """
    with FileLock(directory / ".result.lock"):  # the launcher and the uploader of a job that was killed both do so
        values = read_result(directory)
        if values.get("status", "running") == "running" or values.get("error") == KILLED_MESSAGE:
            write_json(directory / RESULT, {**values, "status": status, "error": error})
            return True
    return False


def note_ids(directory: Path, run_id: str | None, experiment_id: str | None) -> bool:
    """Writes the ids in MLflow of a run that ended before it was delivered; nothing if the run left no result.json.

    Returns:
        Whether the file has changed.
    """
    if not (directory / RESULT).is_file():
        return False
    ids = {"run_id": run_id, "experiment_id": experiment_id}
    with FileLock(directory / ".result.lock"):
        values = read_result(directory)
        if {name: values.get(name) for name in ids} == ids:
            return False
        write_json(directory / RESULT, values | ids)
    return True


def status_of(error: BaseException | None) -> str:
    """Returns how a run ended that an error ended, or none: finished, killed (stopped from outside) or failed."""
    if error is None:
        return "finished"
    return "killed" if isinstance(error, KeyboardInterrupt) else "failed"
