import pytest

from skinexp.core.result_file import read_result
from tests.commands import refusal, typed

TRAIN = "skinexp.train"

LONGEST = 250  # characters of a message: three lines of a terminal

MISTAKES = [  # what is typed, how the message begins, what else it says
    ("optim.lrr=1", "optim.lrr: no such key.", "Did you mean optim.lr?"),
    ("modell=scratch", "modell: no such key.", "Did you mean model?"),
    ("modle=scratch", "modle: no such key.", "Did you mean model?"),
    ("data.splt.train=0.7", "data.splt: no such key.", "Did you mean data.split?"),
    ("shortcut.flip_test=true", "shortcut: no such key.", "Did you mean data.phantom.shortcut.flip_test?"),
    ("weight_decay=0.1", "weight_decay: no such key.", "Did you mean optim.weight_decay?"),
    ("lr=0.1", "lr: no such key.", "Did you mean model.fine_tune.lr or optim.lr?"),
    ("data.labels.nevus=0", "data.labels.nevus: ", "+data.labels.nevus=0"),
    ("optim.lr=fast", "optim.lr: must be a number.", "Received: fast"),
    ("optim.epochs=2.5", "optim.epochs: must be a whole number.", "Received: 2.5"),
    ("augment.flip=maybe", "augment.flip: must be true or false.", "Received: maybe"),
    ("optim.lr=null", "optim.lr: must be a number.", "Received: null"),
    ("data.limit=many", "data.limit: must be a whole number or null.", "Received: many"),
    ("data.exclude=benign", "data.exclude: must be a list, such as [A,B].", "Received: benign"),
    ("model=resnet", "model=resnet: no such option.", "There are: densenet121, efficientnet, "),
    ("model=mobilnet", "model=mobilnet: no such option.", "Did you mean mobilenet?"),
    ("experiment=smok", "experiment=smok: no such option.", "Did you mean smoke?"),
    ("+optim.nesterov=true", "optim.nesterov: no such key.", "--cfg job"),
    ("+optimizer=adam", "optimizer: no such key.", "--cfg job"),
    ("optim", "optim: not KEY=VALUE", "GROUP=OPTION"),
    ("explain=null", "A group takes the name of one of its options, not null.", "--help"),
    ("+experiment=smoke", "experiment: two options are given;", "without a plus sign: experiment=OPTION"),
    ("model=scratch,mobilenet", "model=scratch,mobilenet: several values are a sweep", "add -m."),
    ("data.split.train=0.5", "data.split: the fractions must sum to 1.", "(sum 0.8)"),
    ("model=mobilenet model.weights=null model.frozen=true", "model.frozen: a backbone", "model.weights=phantom"),
    ("model=scratch model.frozen=true", "model.frozen: the scratch CNN", "model=mobilenet"),
    (f"model=scratch model.weights={__file__}", "model.weights: the scratch CNN", "takes no weights file"),
    ("data=folder", "data.path: data=folder needs the directory", "Received: null"),
    ("data=hub", "data.path: data=hub needs the name", "Received: null"),
    ("-m model=scratch optim.lrr=1", "optim.lrr: no such key.", "Did you mean optim.lr?"),
    ("-m model=scratch,mobilenet optim.lr=fast", "optim.lr: must be a number.", "Received: fast"),
]


@pytest.mark.parametrize(("arguments", "begins", "says"), MISTAKES)
def test_a_mistake_in_the_command_is_answered_in_one_line_and_leaves_no_store(arguments, begins, says, tmp_path):
    line = refusal(TRAIN, arguments, tmp_path)
    assert line.startswith(begins)
    assert says in line
    assert len(line) <= LONGEST
    assert not list(tmp_path.glob("ml*"))


@pytest.mark.slow
def test_a_mistake_in_one_job_of_a_sweep_leaves_no_run_behind(tmp_path):
    finished = typed(TRAIN, "-m model=scratch,resnet", tmp_path)
    assert finished.returncode == 2
    assert (finished.stdout + finished.stderr).startswith("model=resnet: no such option.")
    assert not list(tmp_path.rglob("result.json"))


def test_a_mistake_that_depends_on_the_job_stops_that_job_alone(tmp_path):
    finished = typed(TRAIN, "-m model=mobilenet,scratch model.weights=null model.frozen=true", tmp_path)
    assert finished.returncode == 2
    errors = [read_result(directory)["error"] for directory in sorted(tmp_path.glob("multirun/*/*/[01]"))]
    assert [error.split(" has ")[0].split(" without ")[0] for error in errors] == [
        "UserError: model.frozen: a backbone",
        "UserError: model.frozen: the scratch CNN",
    ]
    assert "Traceback" not in finished.stdout + finished.stderr
