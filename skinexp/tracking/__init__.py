"""Where runs are recorded: the outbox, its courier, and the only code that knows MLflow."""

from skinexp.tracking.run import Run, start

__all__ = ["Run", "start"]
