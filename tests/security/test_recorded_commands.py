"""`resume=` of a stranger's directory: words that would run code, read secrets or lead away are refused by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skinexp.core.child_processes import environment
from skinexp.core.errors import UserError
from skinexp.core.run_files import SWEEP
from skinexp.sweep import resume
from skinexp.sweep.recorded_words import repeated
from tests.security import records

HOSTILE = [  # a word, and what of it the refusal names
    ("+hydra.callbacks.x._target_=numpy.testing.rundocs", "_target_"),
    ("+hydra.callbacks.x={_target_: shutil.copytree, src: /etc, dst: /tmp/x}", "_target_"),
    ('+hydra.callbacks={x: {"_target_": urllib.request.urlopen}}', "hydra.callbacks"),
    ("hydra.callbacks.directory._target_=shutil.rmtree", "_target_"),
    ("~hydra.callbacks.directory", "hydra.callbacks"),
    ("hydra.searchpath=[file:///tmp]", "hydra.searchpath"),
    ("hydra.launcher._target_=subprocess.run", "_target_"),
    ("hydra.sweeper._target_=subprocess.run", "_target_"),
    ("hydra.launcher.setup=[touch /tmp/x]", "hydra.launcher.setup"),
    ('hydra.launcher.partition="gpu\nid"', "hydra.launcher.partition"),
    ("+hydra.launcher.ray.init.address=ray://stranger:10001", "hydra.launcher.ray.init.address"),
    ("+hydra.launcher.additional_parameters.wrap=id", "hydra.launcher.additional_parameters"),
    ("hydra.launcher.submitit_folder=/tmp", "hydra.launcher.submitit_folder"),
    ("hydra/launcher=ray", "hydra/launcher"),
    ("hydra/sweeper=optuna", "hydra/sweeper"),
    ("+hydra.job.env_set.LD_PRELOAD=/tmp/x.so", "hydra.job.env_set"),
    ("hydra.job.env_copy=[HF_TOKEN]", "hydra.job.env_copy"),
    ("hydra.job_logging.handlers.file.class=subprocess.Popen", "hydra.job_logging.handlers"),
    ("+hydra.hydra_logging.handlers.x.class=subprocess.Popen", "hydra.hydra_logging.handlers"),
    ("hydra/job_logging=../../../tmp/x", "hydra/job_logging"),
    ("hydra.sweep.subdir=/home", "hydra.sweep.subdir"),
    ("hydra.sweep.subdir=../../x", "hydra.sweep.subdir"),
    ("hydra.output_subdir=../x", "hydra.output_subdir"),
    ("hydra.job.name=../../x", "hydra.job.name"),
    ("hydra.help.template=x", "hydra.help.template"),
    ("+hydra={callbacks: {x: {_target_: shutil.rmtree}}}", "_target_"),
    ("+hydra={searchpath: [file:///tmp]}", "hydra"),
    ("experiment=../../../../tmp/x", "experiment"),
    ("model=scratch,/tmp/x", "model"),
    ("+experiment=choice(smoke,../x)", "experiment"),
    ("+model@hydra.callbacks.x=scratch", "hydra.callbacks.x"),
    ("+hydra/launcher@hydra.callbacks.x=submitit_local", "hydra.callbacks.x"),
    ("model._target_=subprocess.run", "_target_"),
    ("+tracking.x={_target_: subprocess.run}", "_target_"),
    ("tracking.experiment=${oc.env:HF_TOKEN}", "HF_TOKEN"),
    ('tracking.experiment="${oc.env:${model.name}}"', "oc.env"),
    ('data.path="${oc.decode:x}"', "oc.decode"),
    ('tracking.uri="mysql://host/db?plugin_dir=/tmp/x"', "plugin_dir"),
    ('tracking.uri="mssql+pyodbc://host/db?driver=%2Ftmp%2Fx.so"', "driver"),
    ("+plugins=x", "plugins"),
    ("--config-dir=/tmp", "--config-dir"),
    ("--experimental-rerun=/tmp/x.pickle", "--experimental-rerun"),
    ("-m", "-m"),
    ("seed=1 hydra.callbacks.x=1", "hydra.callbacks.x"),
    ("", "''"),
    (7, "7"),
    ({"hydra.verbose": True}, "hydra.verbose"),
]
OWN = [
    "seed=0,1,2",
    "model=scratch,mobilenet",
    "experiment=smoke",
    "+experiment=lr_sweep",
    "model=glob(*)",
    "optim.lr=choice(1e-4,1e-3)",
    "seed=range(0,5)",
    "+data.labels.nevus=0",
    "+data.labels={basal cell: 1}",
    "data.exclude=[a,b]",
    'data.path="/images/archive (1)"',
    "data.path=${oc.env:HOME}/images",
    'data.path="a\\${b"',
    'tracking.uri="http://name:***@127.0.0.1:5000"',
    'tracking.uri="mssql+pyodbc://host/db?driver=ODBC+Driver+18+for+SQL+Server"',
    "overwrite=true",
    "~data.labels.benign",
    "hydra/launcher=process",
    "hydra.launcher.jobs=2",
    "hydra.launcher.partition=gpu",
    "+hydra.launcher.mem_gb=16",
    "hydra.sweep.subdir='${hydra.job.num}'",
    "hydra.sweep.subdir=${hydra.job.override_dirname}",
    "hydra.job.config.override_dirname.exclude_keys=[seed]",
    "hydra.job.chdir=false",
    "hydra.verbose=true",
]


@pytest.fixture(autouse=True)
def typed(monkeypatch, tmp_path):
    """A process in an empty directory, whose words and import path come back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", ["skinexp-train"])


@pytest.mark.parametrize(("word", "named"), HOSTILE, ids=[str(word) for word, _ in HOSTILE])
def test_a_word_that_is_not_repeated_is_refused_by_name(word, named):
    with pytest.raises(UserError) as refused:
        repeated([word], Path("sweep.json"))
    assert str(refused.value).startswith("resume: ")
    assert named in str(refused.value)
    assert "sweep.json" in str(refused.value)


def test_words_that_skinexp_writes_are_repeated_as_they_are():
    assert repeated(OWN, Path("sweep.json")) == OWN


def test_the_directory_decides_where_it_is_resumed():
    assert repeated(["hydra.mode=RUN", "hydra.run.dir=/x", "+hydra.sweep.dir=/y", "seed=1"], Path("x")) == ["seed=1"]


@pytest.mark.parametrize("kind", [records.sweep, records.run])
@pytest.mark.parametrize("group", ["overrides", "settings"])
def test_a_hostile_word_of_either_kind_of_record_is_refused(kind, group, tmp_path):
    word = "+hydra.callbacks.x._target_=numpy.testing.rundocs"
    given = {"settings": (word,)} if group == "settings" else {}
    kind(tmp_path / "sent", *([word] if group == "overrides" else ["seed=1"]), **given)
    sys.argv[1:] = ["resume=sent"]
    with pytest.raises(UserError, match="_target_"):
        resume.read_arguments()


def test_a_record_is_resumed_when_the_word_is_taken_out_of_its_file(tmp_path):
    file = records.sweep(tmp_path / "sent", "seed=0,1", settings=("hydra.searchpath=[x]",)) / SWEEP
    sys.argv[1:] = ["resume=sent"]
    with pytest.raises(UserError, match="take the word out of the file"):
        resume.read_arguments()
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"settings": []}))
    resume.read_arguments()
    assert sys.argv[1:] == ["-m", "seed=0,1", f'hydra.sweep.dir="{tmp_path}/sent"']


def test_a_launcher_that_is_not_repeated_can_be_given_again(tmp_path):
    records.sweep(tmp_path / "sent", "seed=0,1", settings=("hydra/launcher=ray",))
    sys.argv[1:] = ["resume=sent"]
    with pytest.raises(UserError, match="give the words of the launcher again, behind resume="):
        resume.read_arguments()
    sys.argv[1:] = ["resume=sent", "hydra/launcher=ray"]
    resume.read_arguments()
    assert sys.argv[-1] == "hydra/launcher=ray"


@pytest.mark.parametrize("content", ["", "hydra: [1]", "hydra: {overrides: 3}", "{", "- 1", "hydra: {job: 3}"])
def test_a_damaged_record_of_a_run_is_one_sentence(content, tmp_path):
    (records.run(tmp_path / "sent", "seed=1") / ".hydra" / "hydra.yaml").write_text(content)
    sys.argv[1:] = ["resume=sent"]
    with pytest.raises(UserError, match=r"hydra\.yaml is damaged"):
        resume.read_arguments()


def test_nothing_is_imported_from_the_directory_that_a_record_names(tmp_path):
    place = tmp_path / "sent"
    records.sweep(place, "seed=0,1", place=str(place))
    sys.path.insert(0, "")  # as `python -c` and notebooks have it
    sys.argv[1:] = ["resume=sent"]
    resume.read_arguments()
    assert Path.cwd() == place
    assert sys.path[0] == str(tmp_path)
    assert str(place) not in map(os.path.abspath, sys.path)


@pytest.mark.parametrize("place", [".", "sent", "", "/no/such/directory"])
def test_a_directory_that_no_command_records_is_not_entered(place, tmp_path):
    records.run(tmp_path / "sent", "seed=1", place=place or "x")
    sys.argv[1:] = ["resume=sent"]
    resume.read_arguments()
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize("name", ["train.log", "0/figures", "outbox/writer.lock"])
def test_a_link_that_leads_to_files_of_the_user_is_refused(name, tmp_path):
    (tmp_path / "home").mkdir()
    link = records.sweep(tmp_path / "sent", "seed=0,1") / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "home")
    sys.argv[1:] = ["resume=sent"]
    with pytest.raises(UserError, match=f"{name} is a link that leads out of the directory"):
        resume.read_arguments()


def test_links_within_the_directory_and_to_it_are_followed(tmp_path):
    sent = records.sweep(tmp_path / "disk" / "sent", "seed=0,1")
    (sent / "latest").symlink_to(sent / "0")
    (tmp_path / "sent").symlink_to(sent)
    sys.argv[1:] = ["resume=sent"]
    assert resume.read_arguments() == sent


def test_children_and_theirs_import_nothing_of_the_working_directory(tmp_path):
    (tmp_path / "filelock.py").write_text("raise SystemExit('imported filelock of the working directory')")
    program = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import filelock']))"
    child = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment(), capture_output=True)
    assert (child.returncode, child.stderr) == (0, b"")


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"hydra.verbose": True}},
        {"place": 3},
        {"lives": "many"},
        {"tracking": []},
        {"varied": None},
        {"invented": 1},
        {"status": None},
    ],
    ids=str,
)
def test_of_a_damaged_record_of_a_sweep_what_is_whole_is_repeated(changes, tmp_path):
    file = records.sweep(tmp_path / "sent", "seed=0,1") / SWEEP
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    sys.argv[1:] = ["resume=sent"]
    resume.read_arguments()
    assert sys.argv[1:] == ["-m", "seed=0,1", f'hydra.sweep.dir="{tmp_path}/sent"']


@pytest.mark.parametrize("changes", [{"overrides": "seed=1"}, {"overrides": None}, {"overrides": [1]}], ids=str)
def test_a_sweep_whose_command_is_not_known_is_one_sentence(changes, tmp_path):
    file = records.sweep(tmp_path / "sent", "seed=0,1") / SWEEP
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    sys.argv[1:] = ["resume=sent"]
    with pytest.raises(UserError, match=r"sweep\.json (is damaged|a record)|is no text"):
        resume.read_arguments()


@pytest.mark.parametrize("text", ["", "[]", "3", '{"status": "killed"', "\x00"])
def test_a_record_of_a_sweep_that_is_no_record_is_one_sentence(text, tmp_path):
    (records.sweep(tmp_path / "sent", "seed=0,1") / SWEEP).write_text(text)
    sys.argv[1:] = ["resume=sent"]
    with pytest.raises(UserError, match=r"sweep\.json is damaged"):
        resume.read_arguments()
