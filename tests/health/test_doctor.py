"""The doctor on trainings in this process: what it reads, when, and what it remembers when a run goes on."""

import json
from dataclasses import replace

import numpy as np
import pytest

from skinexp import models, training
from skinexp.config import Config, Data, Health, Model, Optim, Phantom, Preprocess, Tracking
from skinexp.data import pipeline, sources, store
from skinexp.data.split import split
from skinexp.errors import UserError
from skinexp.health import Doctor
from skinexp.health.ask import Questions
from skinexp.models.classifier import FEATURES
from skinexp.models.predict import predict


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Config:
    return Config(
        data=Data(
            "phantom",
            cache=str(tmp_path_factory.mktemp("cache")),
            phantom=Phantom(images=80, size=48),
            preprocess=Preprocess(size=32),
        ),
        model=Model("scratch"),
        optim=Optim(epochs=3, batch_size=16),
        tracking=Tracking(tensorboard=False),
    )


@pytest.fixture(scope="module")
def prepared(config):
    prepared = store.prepare(sources.load(config.data, config.seed), config.data)
    frame = prepared.table.frame
    frame["split"] = split(frame, config.data.split, config.seed)
    return prepared


def attend(config, prepared, directory) -> tuple:
    """A network, its batches, and its doctor."""
    frame = prepared.table.frame
    batches = pipeline.batches(prepared.images, frame, config.augment, config.optim.batch_size, config.seed)
    classifier = models.build(config.model, config.data.preprocess.size)
    return classifier, batches, Doctor(classifier, prepared, batches, config, directory)


@pytest.fixture(scope="module")
def attended(config, prepared, tmp_path_factory):
    """A training from preflight to verdict."""
    directory = tmp_path_factory.mktemp("run")
    classifier, batches, doctor = attend(config, prepared, directory)
    doctor.preflight()
    trained = training.fit(classifier, batches, config, directory, watch=doctor.watch)
    verdict = doctor.conclude(trained.history, trained.best_epoch, predict(classifier, batches, prepared.table.frame))
    return directory, trained, doctor, verdict


def test_the_contract_is_kept_and_the_labels_are_their_images_own(attended):
    before = attended[2].chart.before
    assert before["input_error"] == pytest.approx(0, abs=1e-5)
    assert before["label_mismatch"] == 0
    assert before["constant_images"] == before["noise_images"] == before["nonfinite_weights"] == 0


def test_an_untrained_network_begins_at_the_loss_of_a_constant_answer(attended):
    chart = attended[2].chart
    assert chart.before["initial_loss"] == pytest.approx(chart.entropy, rel=0.1)


def test_the_trial_learns_sixteen_images_at_the_configured_rate(attended):
    (trial,) = attended[2].chart.trials
    assert trial.lr == 1e-3
    assert trial.fitted


def test_answers_are_read_after_epochs_1_2_4_and_movements_after_each(attended):
    history = attended[1].history
    assert history["health/logit_std"].notna().tolist() == [True, True, False]
    assert history["health/update_ratio"].between(1e-4, 1).all()


def test_the_kept_weights_have_the_validation_loss_of_the_best_epoch(attended):
    _, trained, doctor, _ = attended
    best = trained.history.loc[trained.history["best"], "val/loss"].item()
    assert doctor.chart.after["val_loss"] == pytest.approx(best, rel=1e-3)


def test_everything_that_was_read_is_in_the_file(attended):
    directory, _, doctor, verdict = attended
    report = json.loads((directory / "health.json").read_text())
    assert report["verdict"] == verdict.verdict
    assert report["before"]["feature_cosine"] == doctor.chart.before["feature_cosine"]
    assert report["phases"]["train"]["weight_change"] > 0
    assert set(report["seconds"]) == {"preflight", "epochs", "verdict"}
    assert all(seconds > 0 for seconds in report["seconds"].values())


def test_a_doctor_of_a_run_that_goes_on_remembers_the_phases_that_are_over(attended, config, prepared):
    directory, _, doctor, _ = attended
    *_, successor = attend(config, prepared, directory)
    assert successor.chart.ends == json.loads(json.dumps(doctor.chart.ends))


def test_a_head_is_watched_from_what_the_preflight_asked_already(config, prepared, tmp_path, monkeypatch):
    """The same readings as of a doctor that asks then, and not one more walk through the backbone."""
    config = replace(config, model=Model("mobilenet", alpha=0.35, frozen=True))
    classifier, batches, _ = attend(config, prepared, tmp_path)
    readings = []
    for preflight in (False, True):
        options = replace(config, health=Health(preflight=preflight))
        doctor = Doctor(classifier, prepared, batches, options, tmp_path)
        doctor.preflight()
        (watch,) = doctor.watch(doctor.chart.phases[0], FEATURES)
        if preflight:
            monkeypatch.delattr(Questions, "activation")
        logs = {}
        watch.on_epoch_begin(0)
        watch.on_epoch_end(0, logs)
        readings.append(logs)
    asked_then, known = readings
    assert known == pytest.approx(asked_then, abs=1e-5)
    assert known["health/logit_std"] > 0


def test_nothing_is_looked_at_where_the_policy_is_off(config, prepared, tmp_path):
    *_, doctor = attend(replace(config, health=Health("off")), prepared, tmp_path)
    doctor.preflight()
    assert doctor.watch(doctor.chart.phases[0], None) == []
    assert list(tmp_path.iterdir()) == []


def test_a_preflight_failure_stops_where_it_is_asked_to(config, prepared, tmp_path):
    blind = replace(prepared, images=np.full(prepared.images.shape, 128, np.uint8))
    strict = replace(config, health=Health("stop"))
    *_, doctor = attend(strict, blind, tmp_path)
    with pytest.raises(UserError, match=r"health.preflight: data constant or corrupt: 100% .* health.policy=warn"):
        doctor.preflight()
    assert json.loads((tmp_path / "health.json").read_text())["cause"] == "data_constant_or_corrupt"
