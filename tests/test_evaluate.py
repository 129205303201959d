"""The command line of the external test: what it takes, and what it refuses in one sentence before anything is read."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from skinexp import evaluate
from skinexp.config import evaluation_config
from skinexp.config.evaluation_config import compose_evaluation, match_run
from skinexp.config.schema import Preprocess
from skinexp.core.errors import UserError
from skinexp.runs.ownership import is_in_use
from skinexp.workflows import external_validation_job

HEAVY = "{'tensorflow', 'keras', 'mlflow', 'matplotlib', 'pandas', 'datasets', 'sklearn'}"

REFUSED = [  # what is typed, how the sentence begins, what else it says
    (
        "run optim.lr=1 data=phantom",
        "optim.lr=1: ",
        "only data=OPTION, data.KEY=VALUE, seed=N, evaluate.prevalence=SHARE, "
        "evaluate.risk_threshold=RISK and evaluate.sampling=DESIGN are accepted",
    ),
    ("run model=mobilenet data=phantom", "model=mobilenet: ", "only data=OPTION"),
    ("run data=phantom data.preprocess.size=64", "data.preprocess.size=64: ", "as the model's training images were"),
    ("run data=phantom data.split.folds=5", "data.split.folds=5: ", "nothing is split"),
    ("run data=phantom data.split.seed=5", "data.split.seed=5: ", "nothing is split"),
    ("run data.path=somewhere", "evaluate: name the images", "data=folder data.path=DIRECTORY"),
    ("run", "evaluate: name the images", "data=phantom"),
    ("data=phantom", "evaluate: name a run", "--help"),
    ("", "evaluate: name a run", "--help"),
    ("run data=phantom evaluate.threshold=0.1", "evaluate.threshold=0.1: ", "as it is"),
    ("run data=phantom --pool", "--pool: pools several external sets", "-m: data.path=A,B"),
    ("run -m data=phantom", "-m: names several external sets", "Leave it out for one set"),
    ("run -m data=phantom optim.lr=1,2", "optim.lr=1: ", "only data=OPTION"),
    ("run -m data=folder data.path=/nowhere,/else", "data.path: no such directory.", "Received: /nowhere"),
    ("run data=phantom evaluate.prevalence=2", "evaluate.prevalence: ", "Received: 2"),
    ("run data=foldr", "data=foldr: no such option.", "Did you mean folder?"),
    ("run data=folder", "data.path: ", "Received: null"),
    ("run data=folder data.path=/nowhere", "data.path: no such directory.", "Received: /nowhere"),
    ("run data=hub data.path=./nowhere", "data.path: no such directory;", "Received: ./nowhere"),
    ("run data=phantom data.pth=x", "data.pth: no such key.", "Did you mean data.path?"),
    ("run data=phantom", "run: neither a directory nor a run in sqlite:///mlflow.db, which does not exist", ""),
]


def refusal(arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        evaluate.main(arguments.split())
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


@pytest.mark.parametrize(("arguments", "begins", "says"), REFUSED)
def test_a_mistake_is_answered_in_one_line_and_leaves_nothing(arguments, begins, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = refusal(arguments, capsys)
    assert line.startswith(begins)
    assert says in line
    assert not list(tmp_path.iterdir())


def run(directory: Path, **files: str) -> Path:
    """A run's directory with a result, and a model's file that holds what is given."""
    directory.mkdir(parents=True)
    (directory / "result.json").write_text(json.dumps({"status": "failed", "name": "seed=1"}))
    if files:
        with zipfile.ZipFile(directory / "model.keras", "w") as archive:
            for name, text in files.items():
                archive.writestr(name.replace("__", "."), text)
    return directory


def test_a_directory_without_a_run_is_told_by_its_name(tmp_path, capsys):
    assert refusal(f"{tmp_path} data=phantom", capsys) == f"{tmp_path}: holds no run (result.json is not there)"


def test_a_sweep_is_told_which_of_its_runs_could_be_meant(tmp_path, capsys):
    run(tmp_path / "sweep" / "0")
    assert refusal(f"{tmp_path}/sweep data=phantom", capsys).endswith(f"name one of its runs, {tmp_path}/sweep/0")


def test_a_run_without_a_model_is_told_with_its_status(tmp_path, capsys):
    assert "holds no model.keras; the run is failed" in refusal(f"{run(tmp_path / 'run')} data=phantom", capsys)


def test_a_run_whose_path_has_an_equals_sign_is_a_run(tmp_path, capsys):
    place = run(tmp_path / "seed=1")
    assert refusal(f"{place} data=phantom", capsys) == (
        f"{place}: holds no model.keras; the run is failed. Name one that has finished"
    )


@pytest.mark.parametrize("text", ["{}", '{"preprocess": {"sharpen": true}}', "not JSON"])
def test_a_model_that_does_not_say_how_its_images_are_prepared_is_refused(text, tmp_path, capsys):
    place = run(tmp_path / "run", skinexp__json=text)
    assert "does not say, in a way that this version knows, how images are prepared" in refusal(
        f"{place} data=phantom", capsys
    )


def test_the_help_comes_at_once_and_says_where_results_go():
    code = "import sys, skinexp.evaluate\nskinexp.evaluate.main(['--help'])\n"
    code += f"print(sorted({HEAVY} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "evaluations/DATE/TIME" in printed
    assert "evaluate.prevalence=0.02" in printed
    assert printed.splitlines()[-1] == "[]"
    assert max(map(len, printed.splitlines())) <= 120


TRAINED = {  # what a run says of itself
    "config": {
        "seed": 1,
        "optim": {"lr": 0.001},
        "evaluate": {"threshold": "youden", "prevalence": 0.1},
        "data": {"name": "folder", "path": "lesions", "cache": "here"},
        "tracking": {"uri": "sqlite:///mlflow.db"},
    }
}


@pytest.mark.parametrize(
    ("words", "trained", "prevalence"),
    [
        ([], TRAINED, 0.1),
        (["evaluate.prevalence=0.02"], TRAINED, 0.02),
        (["evaluate.prevalence=null"], TRAINED, None),
        ([], {}, None),
        (["evaluate.prevalence=0.02"], {}, 0.02),
    ],
)
def test_answers_are_meant_for_those_whom_the_run_s_are_unless_the_command_says_otherwise(words, trained, prevalence):
    words = ["data=phantom", *words]
    composed = compose_evaluation(words)
    config = match_run(composed, words, Preprocess(), trained)
    assert config.evaluate.prevalence == prevalence
    assert evaluation_config.settings(config, trained)["evaluate"]["prevalence"] == prevalence


def test_an_evaluation_takes_preprocessing_and_backend_from_its_run_and_leaves_what_was_composed():
    composed = compose_evaluation(["data=phantom"])
    matched = match_run(composed, ["data=phantom"], Preprocess(size=96), {"compute": {"backend": "tensorflow"}})
    assert (matched.data.preprocess.size, matched.compute.backend) == (96, "tensorflow")
    assert composed == compose_evaluation(["data=phantom"])
    unknown = match_run(composed, ["data=phantom"], Preprocess(), {"compute": {"backend": "theano"}})
    assert unknown.compute.backend == "auto"


def test_an_evaluation_has_the_configuration_of_its_run_on_other_images():
    settings = evaluation_config.settings(compose_evaluation(["data=phantom", "seed=5"]), TRAINED)
    assert (settings["seed"], settings["data"]["seed"], settings["data"]["name"]) == (1, 5, "phantom")
    assert (settings["optim"], settings["trained_on"]) == ({"lr": 0.001}, {"name": "folder", "path": "lesions"})
    assert settings["evaluate"]["threshold"] == "youden"
    assert "tracking" not in settings


@pytest.mark.parametrize("file", ["result.json", "sweep.json", "audit.json"])
def test_an_evaluation_does_not_join_the_files_of_another_command(file, tmp_path):
    (tmp_path / file).write_text('{"status": "finished"}')
    with pytest.raises(UserError, match=r"--output: .* already holds .*\. Name another directory"):
        external_validation_job.own_directory(tmp_path)


def test_evaluations_that_begin_in_one_second_have_directories_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    directories = {external_validation_job.own_directory(None) for _ in range(3)}
    assert len(directories) == 3
    assert all(map(is_in_use, directories))


def test_the_price_of_a_false_positive_is_that_of_the_run_unless_the_command_states_one():
    trained = {"config": {"evaluate": {"threshold": "cost:10", "prevalence": 0.1, "risk_threshold": 0.05}}}
    for words, expected in (
        ([], 0.05),
        (["evaluate.risk_threshold=0.2"], 0.2),
        (["evaluate.risk_threshold=null"], None),
    ):
        words = ["data=phantom", *words]
        config = match_run(compose_evaluation(words), words, Preprocess(), trained)
        assert (config.evaluate.risk_threshold, config.evaluate.threshold) == (expected, "cost:10")
        assert evaluation_config.settings(config, trained)["evaluate"]["risk_threshold"] == expected


@pytest.mark.parametrize(("words", "expected"), [([], "auto"), (["evaluate.sampling=cohort"], "cohort")])
def test_how_images_were_collected_is_not_taken_from_the_run_which_had_others(words, expected):
    trained = {"config": {"evaluate": {"sampling": "case_control"}}}
    words = ["data=phantom", *words]
    config = match_run(compose_evaluation(words), words, Preprocess(), trained)
    assert config.evaluate.sampling == expected
    assert evaluation_config.settings(config, trained)["evaluate"]["sampling"] == expected
