"""A training that was interrupted ends as if it had not been, bit for bit, whenever that was."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from skinexp import models
from skinexp.config.schema import Augment, Config, Model, ReduceLr
from skinexp.core import terminal
from skinexp.core.errors import UserError
from skinexp.data.pipeline import Batches
from skinexp.models import Classifier
from skinexp.training import checkpoint_callback, checkpoints, features, fit, phase_task, phases
from skinexp.training.callbacks import EpochRow
from skinexp.training.checkpoints import FILE, Checkpoint, fingerprint

EACH_EPOCH, FIRST_EPOCH = float("inf"), 1e-9  # shares of the time: when a checkpoint is written


class Killed(BaseException):
    """Ends a life between two lines."""


@dataclass
class Outcome:
    """What must not depend on interruptions."""

    logits: np.ndarray
    history: pd.DataFrame
    best_epoch: int
    phases: tuple[str, ...]
    told: list[int]  # epochs that this life has told

    @property
    def epochs(self) -> range:
        return range(1, len(self.history) + 1)


@pytest.fixture(scope="module")
def live(classifier, batches) -> Callable[..., Outcome]:
    """One life: builds the network as a new process would, and trains it; killed when it tells of an epoch."""

    def run(
        config: Config, directory: Path, killed_in: int | None = None, share: float = EACH_EPOCH, every: int = 2
    ) -> Outcome:
        keras.backend.clear_session()
        parts = batches(config.augment, every=every)
        built = build(config, classifier)
        told = []

        def on_epoch(record: EpochRow) -> None:
            told.append(record["epoch"])
            if record["epoch"] == killed_in:
                raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkpoint_callback, "SHARE_OF_TIME", share)
            training = fit(built, parts, config, directory, on_epoch)
        history = training.history.drop(columns="seconds")
        logits = built.network.predict(parts.test.read(np.arange(len(parts.test))), batch_size=16, verbose=0)[:, 0]
        return Outcome(logits, history, training.best_epoch, training.phases, told)

    return run


def build(config: Config, tiny: Callable[[], Classifier]) -> Classifier:
    """The scratch CNN with its normalization and dropout, or a small network that counts as pretrained."""
    if config.model.name != "scratch":
        return tiny()
    keras.utils.set_random_seed(0)
    return models.build(config.model, 32)


def same(found: Outcome, expected: Outcome) -> None:
    np.testing.assert_array_equal(found.logits, expected.logits)
    pd.testing.assert_frame_equal(found.history, expected.history, check_exact=True)
    assert (found.best_epoch, found.phases) == (expected.best_epoch, expected.phases)


# Every way through a training

LIGHT = Augment(flip=True, rotation=0.05, brightness=0.1)
PLATEAU = {"patience": 9, "reduce_lr": ReduceLr(factor=0.5, patience=1, min_lr=0), "monitor": "val_accuracy"}
COSINE = {"schedule": "cosine"}
WAYS = {
    "cached and drawn afresh, plateau": ({"features": "auto", "views": 2, "redraw": 2}, PLATEAU),
    "cached, cosine": ({"features": "auto", "views": 2}, COSINE),
    "cached head, sgd": ({"features": "head", "views": 2}, {"name": "sgd"}),
    "whole, cosine": ({"features": "off"}, COSINE),
    "scratch, plateau": ({}, PLATEAU | {"name": "adamw", "epochs": 4}),
}


@pytest.fixture(scope="module", params=WAYS)
def way(request, config) -> Config:
    """Three epochs of the head and two of fine-tuning; or a few of a network as a whole."""
    training, optim = WAYS[request.param]
    fine_tuned = replace(config.model, fine_tune=replace(config.model.fine_tune, epochs=2))
    return replace(
        config,
        augment=LIGHT,
        model=Model(name="scratch") if request.param.startswith("scratch") else fine_tuned,
        optim=replace(config.optim, **optim),
        training=replace(config.training, **training),
    )


@pytest.mark.slow
def test_killed_in_every_epoch_it_ends_as_if_it_had_not_been(way, live, tmp_path):
    undisturbed = live(way, tmp_path / "undisturbed")
    if way.optim.reduce_lr.patience == 1:
        assert (np.diff(undisturbed.history["lr"][:-1]) < 0).any()  # there is a counter to be remembered
    for epoch in undisturbed.epochs:
        with pytest.raises(Killed):
            live(way, tmp_path / "killed", killed_in=epoch)
    same(live(way, tmp_path / "killed"), undisturbed)


@pytest.mark.slow
def test_a_focal_loss_of_balanced_classes_goes_on_to_the_bit(config, live, tmp_path):
    optim = replace(config.optim, epochs=2, loss="focal", class_weight="balanced")
    run = replace(config, optim=optim, training=replace(config.training, features="auto", views=1))
    undisturbed = live(run, tmp_path / "undisturbed", every=6)
    for epoch in (2, 4):
        with pytest.raises(Killed):
            live(run, tmp_path / "killed", killed_in=epoch, every=6)
    same(live(run, tmp_path / "killed", every=6), undisturbed)


# One way, seen from all sides


@pytest.fixture(scope="module")
def usual(config) -> Config:
    """Three epochs of the head and two of fine-tuning, above cached features where it is possible."""
    model = replace(config.model, fine_tune=replace(config.model.fine_tune, epochs=2))
    training = replace(config.training, features="auto", views=2)
    return replace(config, augment=LIGHT, model=model, training=training)


@pytest.fixture(scope="module")
def undisturbed(usual, live, tmp_path_factory) -> Outcome:
    return live(usual, tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("epoch", [3, *(pytest.param(epoch, marks=pytest.mark.slow) for epoch in (1, 2, 4, 5))])
def test_killed_once_it_ends_as_if_it_had_not_been(epoch, usual, undisturbed, live, tmp_path, caplog):
    caplog.set_level("INFO")
    with pytest.raises(Killed):
        live(usual, tmp_path, killed_in=epoch)
    resumed = live(usual, tmp_path)
    same(resumed, undisturbed)
    assert resumed.told == list(range(epoch, 6))
    said = [line for line in caplog.messages if "resumes" in line]
    assert said == [f"Training  resumes after epoch {epoch - 1}"] * (epoch > 1)


@pytest.mark.slow
def test_epochs_that_were_not_written_down_are_trained_again(usual, undisturbed, live, tmp_path):
    with pytest.raises(Killed):
        live(usual, tmp_path, killed_in=3, share=FIRST_EPOCH)
    resumed = live(usual, tmp_path, share=FIRST_EPOCH)
    same(resumed, undisturbed)
    assert resumed.told == [2, 3, 4, 5]


@pytest.mark.slow
def test_a_training_that_is_done_is_not_done_again(usual, undisturbed, live, tmp_path, caplog):
    caplog.set_level("INFO")
    live(usual, tmp_path)
    again = live(usual, tmp_path)
    same(again, undisturbed)
    assert again.told == []
    assert "Training  is finished after epoch 5" in caplog.messages


@pytest.mark.slow
def test_a_training_that_is_done_leaves_the_same_layers_learning(usual, classifier, batches, tmp_path):
    """They and the rates of dropout are saved with the model."""
    left = []
    for _ in range(2):
        keras.backend.clear_session()
        tiny = classifier()
        fit(tiny, batches(LIGHT), usual, tmp_path)
        left.append([(layer.name, layer.trainable, getattr(layer, "rate", None)) for layer in tiny.network.layers])
    assert left[0] == left[1]
    assert ("convolution_1", False, None) in left[0]


def test_killed_at_the_end_of_a_phase_it_ends_as_if_it_had_not_been(usual, undisturbed, live, tmp_path, monkeypatch):
    def killed(_: checkpoint_callback.CheckpointCallback) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_callback.CheckpointCallback, "finish_phase", killed)
        with pytest.raises(Killed):
            live(usual, tmp_path)
    resumed = live(usual, tmp_path)
    assert resumed.told == [3, 4, 5]
    same(resumed, undisturbed)


@pytest.mark.slow
def test_killed_while_features_are_computed_it_goes_on_with_features(usual, undisturbed, live, tmp_path, monkeypatch):
    """Even where there is less room on the disk by then: it may be they who have taken it."""
    computed, compute = [], features._compute

    def killed_at_the_third(*arguments) -> None:
        computed.append(arguments)
        if len(computed) == 3:  # after training and validation images of the head phase
            raise Killed
        compute(*arguments)

    fresh = replace(usual, data=replace(usual.data, cache=str(tmp_path / "cache")))
    with monkeypatch.context() as patch:
        patch.setattr(features, "_compute", killed_at_the_third)
        with pytest.raises(Killed):
            live(fresh, tmp_path)
    monkeypatch.setattr(phase_task, "SHARE_OF_DISK", 1e-15)
    resumed = live(fresh, tmp_path)
    assert resumed.told == [4, 5]
    same(resumed, undisturbed)


# What stops and slows a training down


@pytest.fixture(scope="module")
def standstill(usual) -> Config:
    """A head that never learns: no epoch is better than the first."""
    fine_tune = replace(usual.model.fine_tune, epochs=0)
    optim = replace(usual.optim, lr=1e-20, epochs=6, reduce_lr=ReduceLr(factor=0.5, patience=2, min_lr=0))
    return replace(usual, model=replace(usual.model, fine_tune=fine_tune), optim=optim)


@pytest.mark.slow
@pytest.mark.parametrize("share", [EACH_EPOCH, FIRST_EPOCH])
def test_patience_goes_on_where_it_was(share, standstill, live, tmp_path):
    impatient = replace(standstill, optim=replace(standstill.optim, patience=3))
    with pytest.raises(Killed):
        live(impatient, tmp_path, killed_in=3, share=share)
    resumed = live(impatient, tmp_path, share=share)
    assert len(resumed.history) == 1 + 3
    assert resumed.best_epoch == 1


@pytest.mark.slow
def test_a_plateau_is_as_long_as_it_would_have_been(standstill, live, tmp_path):
    for epoch in (3, 5):
        with pytest.raises(Killed):
            live(standstill, tmp_path, killed_in=epoch)
    rates = live(standstill, tmp_path).history["lr"] / 1e-20
    assert rates.tolist() == pytest.approx([1, 1, 1, 0.5, 0.5, 0.25], rel=1e-5)


# The file


@pytest.fixture
def killed(usual, live, tmp_path) -> Path:
    """The directory of a training that was killed in its third epoch."""
    with pytest.raises(Killed):
        live(usual, tmp_path, killed_in=3)
    return tmp_path


def test_only_layers_that_learn_are_written(killed):
    with np.load(killed / "checkpoints" / FILE, allow_pickle=False) as stored:
        layers = {key.split("/")[1] for key in stored if key.startswith(("network", "best_weights"))}
    assert layers == {"head_dense", "head_dropout", "head_unit_dropout", "logit"}


def test_a_checkpoint_that_was_cut_off_is_left_aside(usual, undisturbed, live, killed):
    file = killed / "checkpoints" / FILE
    file.write_bytes(file.read_bytes()[:-100])
    resumed = live(usual, killed)
    assert resumed.told == [1, 2, 3, 4, 5]
    same(resumed, undisturbed)


@pytest.fixture
def written(tmp_path) -> Checkpoint:
    """A checkpoint with a number of each kind; its file is in `tmp_path`."""
    checkpoint = Checkpoint(
        finished=1,
        cuts={"head": "features", "fine_tune": None},
        rows=[{"epoch": 1, "phase": "head", "lr": 0.1, "val/auc": 1 / 3, "val/loss": float("nan")}],
        best=(0, float("-inf")),
        network={"logit/0": np.float32([[0.1], [1e-42]]), "dropout/0": np.array([2**32 - 1, 7], dtype=np.uint32)},
        best_weights={"logit/0": np.zeros((2, 1), dtype=np.float32)},
        optimizer={"0": np.int64(5), "1": np.float32(1e-3)},
        stoppers=[{"wait": 2, "best": 0.1}, {"wait": 0, "best": None, "cooldown_counter": 0}],
    )
    checkpoints.write(checkpoint, "this one", tmp_path)
    return checkpoint


def test_a_checkpoint_is_read_as_it_was_written(written, tmp_path):
    found = vars(checkpoints.read(tmp_path, "this one"))
    for name, expected in vars(written).items():
        np.testing.assert_equal(found[name], list(expected) if name == "best" else expected)
    assert found["network"]["dropout/0"].dtype == np.uint32


@pytest.mark.parametrize("damage", ["cut off", "empty", "not a checkpoint", "an array", "one bit"])
def test_a_file_that_cannot_be_read_is_told_and_left_aside(damage, written, tmp_path, caplog):
    file = tmp_path / FILE
    content = file.read_bytes()
    flipped = bytearray(content)
    flipped[content.index(b"finished")] ^= 1
    array = io.BytesIO()
    np.save(array, np.zeros(3))
    damaged = {"cut off": content[:-100], "empty": b"", "not a checkpoint": b"weights", "one bit": bytes(flipped)}
    file.write_bytes((damaged | {"an array": array.getvalue()})[damage])
    assert checkpoints.read(tmp_path, "this one") is None
    (line,) = caplog.messages
    assert line.startswith("Training  starts at the beginning: the checkpoint cannot be read (")


@pytest.mark.parametrize("change", ["a key less", "a key more", "another type", "an array less", "a directory"])
def test_a_checkpoint_that_is_not_what_was_written_is_left_aside(change, written, tmp_path, caplog):
    file = tmp_path / FILE
    with np.load(file, allow_pickle=False) as stored:
        content = {name: stored[name] for name in stored}
    facts = json.loads(content["facts"].tobytes())
    match change:
        case "a key less":
            del facts["rows"]
        case "a key more":
            facts["of another version"] = 1
        case "another type":
            facts["finished"] = "1"
        case "an array less":
            del content["network/dropout/0"]
    content["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    file.unlink()
    if change == "a directory":
        (file / "inside").mkdir(parents=True)
    else:
        np.savez(file, **content)
    assert checkpoints.read(tmp_path, "this one") is None
    (line,) = caplog.messages
    assert line.startswith("Training  starts at the beginning: the checkpoint cannot be read (")
    checkpoints.write(written, "this one", tmp_path)
    assert checkpoints.read(tmp_path, "this one") is not None


def test_where_there_is_no_checkpoint_nothing_is_said(tmp_path, caplog):
    assert checkpoints.read(tmp_path, "this one") is None
    assert not caplog.messages


@pytest.mark.slow
def test_a_checkpoint_of_other_options_is_left_aside(usual, live, killed, caplog):
    other = replace(usual, optim=replace(usual.optim, lr=2e-2))
    resumed = live(other, killed)
    assert resumed.told == [1, 2, 3, 4, 5]
    assert (
        "Training  starts at the beginning: the checkpoint belongs to other options, data or weights" in caplog.messages
    )
    same(resumed, live(other, killed / "elsewhere"))


@pytest.mark.slow
def test_killed_before_the_new_checkpoint_has_its_name_the_one_before_is_there(
    usual, undisturbed, live, tmp_path, monkeypatch
):
    synced, sync = [], checkpoints.os.fsync

    def killed_at_the_third(descriptor: int) -> None:
        sync(descriptor)
        synced.append(descriptor)
        if len(synced) == 3:  # where the phase begins, after its first epoch, after its second
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.os, "fsync", killed_at_the_third)
        with pytest.raises(Killed):
            live(usual, tmp_path)
    assert (tmp_path / "checkpoints" / f"{FILE}.part").is_file()
    resumed = live(usual, tmp_path)
    assert resumed.told == [2, 3, 4, 5]
    same(resumed, undisturbed)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_in_a_sentence_and_the_checkpoint_before_is_kept(usual, undisturbed, live, killed):
    before = (killed / "checkpoints" / FILE).read_bytes()
    (killed / "checkpoints" / f"{FILE}.part").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"^hydra\.run\.dir: the disk of .* has no room for a checkpoint: .*Free some"):
        live(usual, killed)
    assert [file.name for file in (killed / "checkpoints").iterdir()] == [FILE]
    assert (killed / "checkpoints" / FILE).read_bytes() == before
    same(live(usual, killed), undisturbed)


# To what a checkpoint belongs


def mark(tiny: Classifier, parts: Batches, config: Config) -> str:
    return fingerprint(tiny, phases.plan(tiny, config.model, config.optim), parts, config)


def test_what_a_training_follows_from_changes_its_fingerprint(usual, classifier, batches):
    parts, marks = batches(), [mark(classifier(), batches(), usual)]
    brighter, relabelled = parts.val.pixels.copy(), 1 - parts.val.labels
    brighter[parts.val.rows[0], 0, 0, 0] ^= 1
    for images in ({"pixels": brighter}, {"labels": relabelled}, {"rows": parts.val.rows[::-1]}):
        marks.append(mark(classifier(), replace(parts, val=replace(parts.val, **images)), usual))
    for options in (
        {"seed": 1},
        {"optim": replace(usual.optim, patience=3)},
        {"model": replace(usual.model, frozen=False)},
        {"model": replace(usual.model, batch_norm="trained")},
        {"training": replace(usual.training, redraw=3)},
        {"augment": Augment()},
    ):
        marks.append(mark(classifier(), parts, replace(usual, **options)))
    other_weights = classifier()
    other_weights.network.get_layer("convolution_1").bias.assign(np.ones(8))
    marks.append(mark(other_weights, parts, usual))
    assert len(set(marks)) == len(marks)


def test_what_makes_no_difference_does_not_change_it(usual, classifier, batches):
    other = replace(
        usual,
        objective="val/f1",
        tracking=replace(usual.tracking, uri="sqlite:///other.db"),
        explain=replace(usual.explain, images=3),
        data=replace(usual.data, cache="elsewhere", workers=1),
    )
    assert mark(classifier(), batches(), usual) == mark(classifier(), batches(), other)


# What is shown


@pytest.mark.slow
def test_tensorboard_goes_on_in_the_same_directory(usual, live, tmp_path):
    shown = replace(usual, tracking=replace(usual.tracking, tensorboard=True))
    with pytest.raises(Killed):
        live(shown, tmp_path, killed_in=4)
    live(shown, tmp_path)
    for part in ("train", "validation"):
        events = EventAccumulator(str(tmp_path / "tensorboard" / part)).Reload()
        assert {event.step for event in events.Tensors("epoch_loss")} == {0, 1, 2, 3, 4}


@pytest.mark.slow
def test_the_progress_bar_goes_on_where_it_was(usual, live, killed, monkeypatch):
    bars, bar = [], terminal.bar

    @contextmanager
    def kept(title: str, total: int) -> Iterator[terminal.Bar]:
        with bar(title, total) as made:
            bars.append(made)
            yield made

    monkeypatch.setattr(terminal, "bar", kept)
    live(usual, killed)
    (head,) = [task for made in bars for task in made._progress.tasks if task.description == "head"]
    assert head.completed == head.total == 3 * 4
    assert head.fields["words"].startswith("epoch 3/3, ")
