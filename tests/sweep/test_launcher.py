"""What the launcher refuses before the first job of a sweep begins."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from skinexp.config.compose import register
from skinexp.config.conf_files import CONF
from skinexp.core.credentials import PASSWORD, USERNAME
from skinexp.core.errors import UserError
from skinexp.sweep import launcher
from skinexp.sweep.early_checks import refuse_jobs, refuse_values
from skinexp.sweep.job_process import JobProcess
from skinexp.sweep.manifest import Manifest
from skinexp.sweep.store_password import take_password


@pytest.fixture
def started(monkeypatch) -> list[Path]:
    """Directories of the jobs that were started; none of them runs."""
    found: list[Path] = []
    monkeypatch.setattr(JobProcess, "start", lambda self, task, place, places, on_event, on_end: found.append(task))
    return found


def never(config: DictConfig) -> None:
    """The task of jobs that do not run."""
    raise NotImplementedError


def launch(jobs: list[list[str]], directory: Path, *words: str, at_once: int | None = 1) -> None:
    register()
    Manifest("running", ["seed=0,1"], ["seed"], {}).save(directory)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"hydra.sweep.dir={directory}", *words], return_hydra_config=True)
        context = HydraContext(config_loader=GlobalHydra.instance().config_loader(), callbacks=None)  # type: ignore[arg-type]
        launcher.launch(jobs, 0, at_once, hydra_context=context, task_function=never, config=config)


@pytest.mark.parametrize(
    ("jobs", "sentence"),
    [
        ([["seed=0", "explain.images=-1"], ["seed=1", "explain.images=-1"]], "explain.images: must be at least 0"),
        ([["optim.lr=1e-3"], ["optim.lr=-1"]], "optim.lr: must be above 0"),
        (
            [["seed=0", "data.split.train=0.9"], ["seed=1", "data.split.train=0.9"]],
            "data.split: the fractions must sum to 1",
        ),
    ],
)
def test_a_value_that_no_job_can_use_is_refused_before_the_first_one_begins(jobs, sentence, started, tmp_path):
    with pytest.raises(UserError, match=sentence):
        launch(jobs, tmp_path)
    assert started == []
    assert sorted(file.name for file in tmp_path.iterdir()) == ["sweep.json"]


@pytest.mark.parametrize("subdir", ["../x", "/tmp/x", "a/../.."])
def test_a_job_outside_the_directory_of_its_sweep_is_refused(subdir, started, tmp_path):
    with pytest.raises(UserError, match=r"hydra\.sweep\.subdir: leads to .*, out of the directory of the sweep"):
        launch([["seed=0"]], tmp_path, f"hydra.sweep.subdir={subdir}")
    assert started == []


def test_what_refers_to_the_running_job_is_left_to_the_job():
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        words = ["tracking.experiment=${hydra:runtime.output_dir}"]
        refuse_jobs([compose("config", words, return_hydra_config=True)])


def test_a_password_from_a_file_of_the_user_is_not_in_what_hydra_writes_for_jobs(monkeypatch):
    for name in (USERNAME, PASSWORD):
        monkeypatch.setenv(name, "")
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [word := "tracking.uri=http://ann:secret@host"], return_hydra_config=True)
        loader = GlobalHydra.instance().config_loader()
        job = launcher._compose(config, HydraContext(config_loader=loader, callbacks=None), [word], 0)  # type: ignore[arg-type]
    take_password(config)
    assert [config.tracking.uri, job.tracking.uri] == ["http://ann:***@host"] * 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["explain.images=-1", "seed=0,1"], r"explain\.images: must be at least 0 and at most 64\. Received: -1"),
        (["optim.lr=1e-3,-1"], r"optim\.lr: must be above 0\. Received: -1"),
        (["optim.epochs=range(0,5)"], r"optim\.epochs: must be at least 1\. Received: 0"),
        (["optim.monitor=val_loss,loss"], r"optim\.monitor: must be one of .*\. Received: loss"),
        (["experiment=lr_sweep", "model.head.dropout=choice(0,1)"], r"model\.head\.dropout: must be .* Received: 1"),
    ],
)
def test_a_value_out_of_range_is_refused_whichever_launcher_runs_the_jobs(words, sentence):
    with pytest.raises(UserError, match=sentence):
        refuse_values(sweep_of(*words))


@pytest.mark.parametrize(
    "words",
    [
        ["experiment=lr_sweep"],
        ["data.split.folds=3", "data.split.fold=0,1,2"],
        ["model=scratch,mobilenet", "explain.images=0,64", "data.limit=null,20", "tracking.uri=a,b"],
        ["seed=range(0,3)", "compute.backend=auto,jax"],
    ],
)
def test_values_that_jobs_can_use_pass(words):
    refuse_values(sweep_of(*words))


def sweep_of(*words: str) -> DictConfig:
    """What Hydra hands to the callback at the start of a sweep."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return loader.load_configuration("config", list(words), run_mode=RunMode.MULTIRUN)


def test_a_mistake_that_depends_on_the_job_is_left_to_the_job():
    refuse_jobs([sweep_of("seed=0"), sweep_of("data.split.train=0.9")])
    refuse_jobs([])


def test_a_number_of_jobs_that_none_could_run_with_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"hydra\.launcher\.jobs: must be at least 1, or null\. Received: -2"):
        launch([["seed=0"]], tmp_path, at_once=-2)
