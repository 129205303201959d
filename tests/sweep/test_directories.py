"""The directory of a command, taken from what Hydra composed before it writes a file."""

from pathlib import Path
from unittest.mock import Mock

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from skinexp.config.compose import SCHEMAS, register
from skinexp.config.conf_files import CONF
from skinexp.core.errors import UserError
from skinexp.core.invocation import Invocation
from skinexp.runs.ownership import is_in_use
from skinexp.sweep import directories
from skinexp.sweep.callback import DirectoryCallback

BY_TIME = {"run": "outputs", "sweep": "multirun"}


@pytest.fixture(autouse=True)
def working_directory(tmp_path, monkeypatch) -> Path:
    """An empty one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def composed(*overrides: str, name: str = "config") -> DictConfig:
    """What Hydra hands to its callbacks."""
    register(SCHEMAS[name])
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(name, list(overrides), return_hydra_config=True)
    OmegaConf.set_readonly(config.hydra, True)
    return config


def take(mode: str, *overrides: str, resumed: Path | None = None) -> tuple[Path, DictConfig, Invocation]:
    config, command = composed(*overrides), Invocation(resumed)
    return directories.take(config, mode, command), config, command


@pytest.mark.parametrize("mode", ["run", "sweep"])
def test_starts_in_one_second_get_two_directories(mode, tmp_path):
    first, second = composed(), composed()
    _ = first.hydra[mode].dir
    OmegaConf.copy_cache(first, second)  # the time of the first
    command = Invocation()
    taken = [directories.take(config, mode, command) for config in (first, second)]
    assert taken[0].parent.parent == tmp_path / BY_TIME[mode]
    assert taken[1] == taken[0].with_name(f"{taken[0].name}-2")
    assert [config.hydra[mode].dir for config in (first, second)] == list(map(str, taken))
    assert all(map(is_in_use, taken))


@pytest.mark.parametrize("mode", ["run", "sweep"])
def test_a_directory_that_is_named_is_not_shared(mode, tmp_path):
    words = f"hydra.{mode}.dir=exp"
    directory, _, first = take(mode, words)
    assert directory == tmp_path / "exp"
    with pytest.raises(UserError, match=f"hydra.{mode}.dir: another command is working in exp"):
        take(mode, words)
    first.held.pop().release()
    (directory / "result.json").write_text('{"status": "finished"}')
    (directory / "notes.txt").touch()
    with pytest.raises(UserError, match=r"exp already holds a run \(finished\)"):
        take(mode, words)
    take(mode, words, "overwrite=true")
    assert {file.name for file in directory.iterdir()} == {".run.lock", "notes.txt"}


def test_a_directory_that_is_named_by_the_day_is_used_again_only_on_purpose(tmp_path):
    words = "hydra.run.dir='${now:%Y}/exp'"
    directory, _, command = take("run", words)
    command.held.pop().release()
    (directory / "result.json").write_text('{"status": "finished"}')
    with pytest.raises(UserError, match="already holds a run"):
        take("run", words)


@pytest.mark.parametrize("mode", ["run", "sweep"])
def test_what_is_resumed_is_kept_whatever_the_original_command_said(mode, tmp_path):
    directory = tmp_path / "exp"
    directory.mkdir()
    (directory / "result.json").write_text('{"status": "killed"}')
    words = (f"hydra.{mode}.dir=exp", "overwrite=true")
    _, _, command = take(mode, *words, resumed=directory)
    assert (directory / "result.json").is_file()
    with pytest.raises(UserError, match="resume: another command is working in exp"):
        take(mode, *words, resumed=directory)
    command.held.pop().release()


def test_no_run_begins_inside_a_sweep(tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    with pytest.raises(UserError, match=r"hydra.run.dir: sweep/7 is in the directory of a sweep"):
        take("run", "hydra.run.dir=sweep/7")
    assert not (tmp_path / "sweep" / "7").exists()


@pytest.mark.parametrize(
    ("launcher", "module"),
    [
        ("process", "hydra_plugins.skinexp"),
        ("basic", "hydra"),
        ("joblib", "hydra_plugins.hydra_joblib_launcher"),
        ("submitit_local", "hydra_plugins.hydra_submitit_launcher"),
    ],
)
@pytest.mark.parametrize("subdir", ["../x", "/tmp/x", "'a/${hydra.job.num}/../../../x'"])
def test_no_job_of_a_sweep_begins_outside_its_directory_whatever_launcher_runs_it(subdir, launcher, module):
    pytest.importorskip(module, reason=f"the launcher {launcher} is an extra")
    config = composed("hydra.sweep.dir=sweep", f"hydra.sweep.subdir={subdir}", f"hydra/launcher={launcher}")
    with pytest.raises(UserError, match=r"hydra\.sweep\.subdir: leads to .*/x, out of the directory of the sweep"):
        directories.refuse_jobs_outside(config)


@pytest.mark.parametrize("subdir", ["'${hydra.job.num}'", "'${hydra.job.override_dirname}'", "'${hydra:job.id}/a'"])
def test_jobs_have_any_name_within_the_directory_of_their_sweep(subdir):
    directories.refuse_jobs_outside(composed("hydra.sweep.dir=sweep", f"hydra.sweep.subdir={subdir}"))


@pytest.mark.parametrize("name", ["audit", "lr_find", "pretrain"])
def test_each_command_that_hydra_runs_takes_its_directory(name, tmp_path):
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp" / "result.json").write_text('{"status": "finished"}')
    with pytest.raises(SystemExit) as ended:
        DirectoryCallback().on_run_start(composed("hydra.run.dir=exp", name=name))
    assert ended.value.code == 2
    assert [file.name for file in (tmp_path / "exp").iterdir() if file.name != ".run.lock"] == ["result.json"]


def test_an_error_in_a_hook_ends_the_command(monkeypatch, capsys):
    monkeypatch.setattr(directories, "take", Mock(side_effect=RuntimeError("lost")))
    with pytest.raises(SystemExit) as ended:
        DirectoryCallback().on_run_start(DictConfig({}))
    assert ended.value.code == 1
    assert "RuntimeError: lost" in capsys.readouterr().err


def test_a_single_run_stays_in_the_working_directory(tmp_path):
    directory, config, _ = take("run", "hydra.job.chdir=true", "hydra.run.dir=exp")
    context = HydraContext(config_loader=None, callbacks=DirectoryCallbacks())
    setup_globals()
    ran = run_job(lambda _: Path.cwd(), config, "hydra.run.dir", None, context, configure_logging=False)
    assert ran.return_value == tmp_path
    assert (directory / ".hydra" / "overrides.yaml").is_file()


class DirectoryCallbacks:
    """No hooks of jobs."""

    def on_job_start(self, **kwargs: object) -> None: ...

    def on_job_end(self, **kwargs: object) -> None: ...


@pytest.mark.parametrize("name", ["a sweep", "sweep"])
def test_jobs_of_a_sweep_stay_in_the_working_directory_with_every_launcher(name, tmp_path):
    directory, config, _ = take("sweep", "hydra.job.chdir=true", f"hydra.sweep.dir='{name}'")
    repeated = list(config.hydra.overrides.hydra)  # from which each launcher composes a job
    assert repeated == [f'hydra.sweep.dir="{tmp_path}/{name}"', "hydra.job.chdir=false"]
    job = composed(*repeated, "hydra.mode=MULTIRUN")
    assert (job.hydra.sweep.dir, job.hydra.job.chdir) == (str(directory), False)
