"""The stages behind a training: none of them, a score, a figure or the tracking, may cost a run what was trained.

The error of such a stage is recorded instead of raised (`RunLog.add_failure`), and the stages behind it go on. A run
with a network and scores has finished, and its summary names the failures; a run that lacks either has failed. Both end
with exit code 1 and keep the checkpoint of the training, from which `resume=` repeats what failed.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from skinexp.core.errors import StageError
from skinexp.runs.job import resume_command
from skinexp.runs.run_log import RunLog

Needed = TypeVar("Needed")
Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

REQUIRED = {"model": "the network could not be saved", "evaluation": "scores are missing"}  # stage -> what is missing


class LaterStages:
    """The stages behind the training of one run."""

    def __init__(self, run_log: RunLog) -> None:
        """
        Args:
            run_log: of the run; gains the failures.
        """
        self._run_log = run_log
        self._errors: dict[str, Exception] = {}

    def attempt(
        self, stage: str, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | None:
        """Calls a function as a part of a stage, and records its error, if any, as that of the stage.

        Args:
            stage: its name; of a stage with several parts the first error counts.
            function: computes or writes something.
            args, kwargs: of the function.

        Returns:
            What the function returns; None if it failed.
        """
        try:
            with self._run_log.stage(stage):
                return function(*args, **kwargs)
        except Exception as error:
            self._errors.setdefault(stage, error)
            self._run_log.add_failure(stage, error)
            return None

    def attempt_on(self, needed: Needed | None, stage: str, function: Callable[[Needed], Result]) -> Result | None:
        """Calls a function with the result of an earlier part, as `attempt` does; nothing if there is no such result.

        Args:
            needed: the result; None: that part failed, or was not attempted.
            stage: see `attempt`.
            function: see `attempt`.
        """
        return None if needed is None else self.attempt(stage, function, needed)

    def require_results(self) -> None:
        """Raises a StageError, which makes the run a failed one, if it has no network or no scores."""
        for stage, missing in REQUIRED.items():
            if stage in self._errors:
                again = resume_command(self._run_log.directory)
                sentence = f"{missing}; {self._run_log.summary.incomplete}. To repeat what failed: {again}"
                raise StageError(sentence) from self._errors[stage]
