"""The doctor on trainings in this process: what it reads, when, and what it remembers when a run goes on."""

import json
import math
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

from skinexp import models, training
from skinexp.config.schema import Config, Data, FineTune, Health, Model, Optim, Phantom, Preprocess, Tracking
from skinexp.contracts.losses import objective
from skinexp.core.errors import UserError
from skinexp.data import pipeline
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.data.split import split
from skinexp.health import Doctor, probes
from skinexp.health.health_callback import HealthCallback
from skinexp.health.network_probe import NetworkProbe
from skinexp.models.prediction import predict


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
        optim=Optim(epochs=5, batch_size=16),
        tracking=Tracking(tensorboard=False),
    )


def prepare(config):
    """Images and their split."""
    prepared = image_cache.prepare(registry.load(config.data, config.seed), config.data)
    frame = prepared.table.frame
    frame["split"] = split(frame, config.data.split, config.seed)
    return prepared


@pytest.fixture(scope="module")
def prepared(config):
    return prepare(config)


def build(config, prepared, directory) -> tuple:
    """A network, its batches, and its doctor."""
    frame = prepared.table.frame
    batches = pipeline.batches(prepared.images, frame, config.augment, config.optim.batch_size, config.seed)
    keras.utils.set_random_seed(config.seed)
    classifier = models.build(config.model, config.data.preprocess.size)
    return classifier, batches, Doctor(classifier, prepared, batches, config, directory)


@pytest.fixture(scope="module")
def examined(config, prepared, tmp_path_factory):
    """A training from preflight to verdict."""
    directory = tmp_path_factory.mktemp("run")
    classifier, batches, doctor = build(config, prepared, directory)
    doctor.preflight()
    trained = training.fit(classifier, batches, config, directory, watch=doctor.watch)
    verdict = doctor.conclude(trained.history, trained.best_epoch, predict(classifier, batches, prepared.table.frame))
    return directory, trained, doctor, verdict


def test_the_contract_is_kept_and_the_labels_are_their_images_own(examined):
    before = examined[2].observations.before
    assert before.input_error == pytest.approx(0, abs=1e-5)
    assert before.label_mismatch == 0
    assert before.constant_images == before.noise_images == before.nonfinite_weights == 0


def test_an_untrained_network_begins_at_the_loss_of_a_constant_answer(examined):
    observations = examined[2].observations
    assert observations.before.initial_loss == pytest.approx(observations.constant_loss, rel=0.1)


def test_sixteen_images_are_fitted_at_the_configured_rate(examined):
    (result,) = examined[2].observations.overfit_results
    assert result.lr == 1e-3
    assert result.fitted


def test_outputs_are_read_after_epochs_1_and_5_and_changes_of_weights_after_each(examined):
    history = examined[1].history
    assert history["health/logit_std"].notna().tolist() == [True, False, False, False, True]
    assert history["health/update_ratio"].between(1e-4, 1).all()


@pytest.mark.parametrize(("loss", "looks"), [(0.2, 2), (0.68, 3), (math.nan, 3)])
def test_outputs_are_read_at_the_end_too_if_training_images_were_not_fitted(loss, looks, network, discs):
    ends = []
    probe = NetworkProbe(network)
    probed = []
    probe.probe = lambda inputs: probed.append(inputs) or NetworkProbe(network).probe(inputs)
    callback = HealthCallback(probe, discs[0], math.log(2), lambda *end: ends.append(end), float)
    for epoch in range(6):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {"loss": loss})
    callback.on_train_end()
    assert len(probed) == looks
    assert ends[0][0].logit_std > 0
    assert ends[0][1] == 6


def test_a_measurement_that_fails_ends_the_measurements_and_not_the_training(network, discs):
    probe = NetworkProbe(network)
    probe.probe = lambda inputs: np.linalg.cholesky(-np.eye(2))
    ends, logs = [], {"loss": 0.2}
    callback = HealthCallback(probe, discs[0], math.log(2), lambda *end: ends.append(end), float)
    for epoch in range(6):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, logs)
    callback.on_train_end()
    assert isinstance(callback.error, np.linalg.LinAlgError)
    assert ends == []


def test_the_kept_weights_have_the_validation_loss_of_the_best_epoch(examined):
    _, trained, doctor, _ = examined
    best = trained.history.loc[trained.history["best"], "val/loss"].item()
    assert doctor.observations.after.val_loss == pytest.approx(best, rel=1e-3)


def test_everything_that_was_read_is_in_the_file(examined):
    directory, _, doctor, verdict = examined
    report = json.loads((directory / "health.json").read_text())
    assert report["verdict"] == verdict.verdict
    assert report["before"]["feature_cosine"] == doctor.observations.before.feature_cosine
    assert report["phases"]["train"]["weight_change"] > 0
    assert set(report["seconds"]) == {"preflight", "epochs", "verdict"}
    assert all(seconds > 0 for seconds in report["seconds"].values())


def test_the_tracked_numbers_are_those_of_the_kept_weights_and_else_the_latest(examined):
    doctor = examined[2]
    after, end = doctor.observations.after, doctor.observations.phase_ends["train"]
    assert doctor.numbers() == {
        "feature_cosine": after.feature_cosine,
        "feature_rank": after.feature_rank,
        "probe_auc": after.probe_auc,
        "logit_std": after.logit_std,
        "predicted_positive": after.predicted_positive,
        "dead_units": end.dead_units if math.isnan(after.dead_units) else after.dead_units,
    }


def test_a_doctor_of_a_run_that_goes_on_remembers_the_phases_that_are_over(examined, config, prepared):
    directory, _, doctor, _ = examined
    *_, successor = build(config, prepared, directory)
    known, read = (one.observations.phase_ends["train"].to_dict() for one in (successor, doctor))
    assert known == read
    assert known["weight_change"] > 0


@pytest.fixture(scope="module")
def head(config) -> Config:
    """A head on a frozen backbone that knows such images, at the size that it knows them in."""
    data = replace(config.data, phantom=Phantom(images=80, size=96), preprocess=Preprocess(size=96))
    return replace(config, data=data, model=Model("mobilenet", "phantom", fine_tune=FineTune(epochs=0)))


@pytest.fixture(scope="module")
def pictures(head):
    return prepare(head)


def test_what_is_foreseen_is_not_asked_of_the_backbone_and_reads_the_same(head, pictures, tmp_path, monkeypatch):
    readings = []
    for foresee in (False, True):
        classifier, batches, doctor = build(head, pictures, tmp_path)
        foreseen = training.precompute_validation_features(classifier, batches, head) if foresee else None
        if foresee:
            monkeypatch.delattr(NetworkProbe, "activation")
        doctor.preflight(foreseen)
        observations = doctor.observations
        readings.append(observations.before.to_dict() | asdict(observations.overfit_results[0]))
    asked, known = readings
    assert known == pytest.approx(asked, rel=1e-3, abs=1e-3, nan_ok=True)
    assert known["feature_cosine"] > 0


def test_a_head_is_watched_through_its_features(head, pictures, tmp_path, monkeypatch):
    monkeypatch.delattr(NetworkProbe, "activation")
    classifier, batches, doctor = build(head, pictures, tmp_path)
    trained = training.fit(classifier, batches, head, tmp_path, watch=doctor.watch)
    images = batches.val.read(np.arange(len(batches.val)))  # of which there are no more than are followed
    outputs = NetworkProbe(classifier.network).probe(images)
    last = doctor.observations.phase_ends["head"]
    assert last.feature_cosine == pytest.approx(probes.mean_pairwise_cosine(outputs.features), abs=1e-4)
    assert trained.history["health/logit_std"].iloc[0] > 0


@pytest.mark.slow
def test_dead_units_below_a_cut_are_looked_for_where_something_is_wrong(head, pictures, tmp_path):
    shares = []
    for rate in (1e-3, 1e-9):  # at the latter sixteen images are not learned
        classifier, _, doctor = build(replace(head, optim=replace(head.optim, lr=rate)), pictures, tmp_path)
        bias = classifier.network.get_layer("block_2_expand_BN").beta
        bias.assign(np.full(bias.shape, -100.0))
        doctor.preflight()
        shares.append(doctor.observations.before.dead_units)
    assert shares[0] < 1
    assert shares[1] == 1


def test_nothing_is_looked_at_where_the_policy_is_off(config, prepared, tmp_path):
    off = replace(config, health=Health("off"), optim=replace(config.optim, epochs=1))
    classifier, batches, doctor = build(off, prepared, tmp_path)
    doctor.preflight()
    assert training.fit(classifier, batches, off, tmp_path, watch=doctor.watch).history.filter(like="health/").empty
    assert not doctor.file.exists()


@pytest.mark.slow
def test_a_preflight_failure_stops_where_it_is_asked_to(config, prepared, tmp_path):
    blind = replace(prepared, images=np.full(prepared.images.shape, 128, np.uint8))
    strict = replace(config, health=Health("stop"))
    *_, doctor = build(strict, blind, tmp_path)
    with pytest.raises(UserError, match=r"health.preflight: data constant or corrupt: 100% .* health.policy=warn"):
        doctor.preflight()
    assert json.loads((tmp_path / "health.json").read_text())["cause"] == "data_constant_or_corrupt"


def test_a_training_is_measured_against_the_constant_prediction_of_its_own_loss(config, prepared, tmp_path):
    focal = replace(config, optim=replace(config.optim, loss="focal", class_weight="balanced"))
    _, batches, doctor = build(focal, prepared, tmp_path)
    goal = objective("focal", "balanced", batches.train.labels)
    assert doctor.observations.constant_loss == goal.constant < 0.2  # a cross-entropy would have 0.69
    doctor.preflight()
    assert doctor.observations.before.initial_loss < 2 * goal.constant
