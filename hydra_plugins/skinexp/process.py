"""The plugin by which Hydra finds the launcher `process`; Hydra imports it at each start.

The code is in `skinexp.sweep.launcher`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher


@dataclass
class ProcessLauncherConf:
    """The options of `hydra/launcher=process`."""

    _target_: str = "hydra_plugins.skinexp.process.ProcessLauncher"
    jobs: int | None = None  # at a time; null: one per GPU if there are several, else one


ConfigStore.instance().store(group="hydra/launcher", name="process", node=ProcessLauncherConf, provider="skinexp")


class ProcessLauncher(Launcher):
    """Runs each job of a multirun in a process of its own."""

    def __init__(self, jobs: int | None = None) -> None:
        self._jobs = jobs

    def setup(self, **given: Any) -> None:
        self._given = given  # hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from skinexp.sweep import launcher

        return launcher.launch(job_overrides, initial_job_idx, self._jobs, **self._given)
