"""The only room that knows MLflow."""

from skinexp.tracking.run import Run, start
from skinexp.tracking.store import StoredRun, close_parent, discard_parent, download, find, open_parent

__all__ = ["Run", "StoredRun", "close_parent", "discard_parent", "download", "find", "open_parent", "start"]
