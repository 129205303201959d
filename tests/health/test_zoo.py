"""The cases of the fault benchmark, its seams and its command."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import skinexp
from skinexp import training
from skinexp.config.schema import Config, Data, Model, Phantom
from skinexp.core.errors import UserError
from skinexp.data.sources import registry
from skinexp.models import Classifier
from skinexp.training import Training
from skinexp.zoo import faults, run_all
from skinexp.zoo.fault_cases import FAULTS, HEALTHY
from skinexp.zoo.run_case import Outcome

NAMES = {
    "wrong_input_range", "frozen_random_backbone", "batchnorm_unfrozen_or_stale", "learning_rate_too_high",
    "learning_rate_too_low", "vanishing_gradient", "exploding_or_nonfinite", "dead_units",
    "labels_shuffled_or_misaligned", "class_prior_only", "overfitting", "underfitting_capacity",
    "wrong_checkpoint_restored", "data_constant_or_corrupt", "shortcut_suspected",
}  # fmt: skip


def test_every_diagnosis_is_planted_at_least_once():
    assert {case.expected for case in FAULTS} == NAMES


def test_there_are_twenty_healthy_trainings_or_more_of_all_three_models():
    assert len(HEALTHY) >= 20
    words = " ".join(case.name for case in HEALTHY)
    assert all(model in words for model in ("scratch", "MobileNetV2", "EfficientNet"))


def test_cases_have_names_of_their_own():
    names = [case.name for case in (*FAULTS, *HEALTHY)]
    assert len(set(names)) == len(names)


def test_without_photographs_only_phantoms_are_trained():
    assert not any(case.real for case in run_all.select_cases(real=False, only=None))
    assert any(case.real for case in run_all.select_cases(real=True, only=None))


def test_a_name_that_no_case_has_is_refused_with_those_that_there_are():
    with pytest.raises(UserError, match="learning rate 1e30"):
        run_all.select_cases(real=False, only="unicorn")


def test_the_table_counts_faults_named_first_and_false_alarms():
    fault, healthy = FAULTS[0], HEALTHY[0]

    def outcome(case, *names):
        return Outcome(case, "ok", names, "", np.nan, {"total": 1.0}, {})

    outcomes = [
        outcome(fault, fault.expected, "dead_units"),
        outcome(fault, "dead_units"),
        outcome(healthy, "dead_units"),
    ]
    assert run_all.count_right(outcomes) == [(fault.expected, "2", "1"), ("nothing (healthy)", "1", "1 false alarms")]
    assert "| `wrong_input_range` | 2 | 1 |" in run_all.to_markdown(outcomes)


def test_help_lists_the_options_without_importing_keras():
    command = [sys.executable, "-X", "importtime", "-m", "skinexp.zoo", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--photographs" in done.stdout
    assert "keras" not in done.stderr


def test_a_wrong_name_ends_the_command_with_exit_code_2():
    done = subprocess.run(
        [sys.executable, "-m", "skinexp.zoo", "--only", "unicorn"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Received: unicorn" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_shipped_module_patches_another():
    files = Path(skinexp.__file__).parent.rglob("*.py")
    assert not [file for file in files if "unittest" in file.read_text() or "monkeypatch" in file.read_text()]


def test_a_wrong_manifest_changes_labels_and_nothing_else():
    options = Data("phantom", phantom=Phantom(images=40, size=32))
    right, wrong = registry.load(options, 0).frame, faults.wrong_manifest(faults.inverted).load(options, 0).frame
    assert (wrong["label"] == 1 - right["label"]).all()
    pd.testing.assert_frame_equal(wrong.drop(columns="label"), right.drop(columns="label"))


def test_a_changed_network_is_the_product_s_own_apart_from_the_change():
    steps = faults.changed_network(faults.changed_weights("head_dense", 1, lambda bias: bias - 100))
    bias = steps.build_model(Model("scratch"), 32).network.get_layer("head_dense").get_weights()[1]
    assert (bias == -100).all()


@pytest.mark.parametrize(("steps", "kept"), [(faults.first_weights_kept(), 0.0), (faults.last_weights_kept(), 2.0)])
def test_weights_of_another_epoch_are_kept_whatever_the_training_restores(steps, kept, network, monkeypatch, tmp_path):
    classifier = Classifier(network, (), "conv1", pretrained=False)
    network.get_layer("logit").bias.assign([0.0])

    def fit(classifier, batches, config, directory, on_epoch, watch):
        (callback,) = watch(None, None)
        classifier.network.get_layer("logit").bias.assign([2.0])  # in the last epoch
        callback.on_train_end()
        classifier.network.get_layer("logit").bias.assign([1.0])  # in the best one
        return Training(pd.DataFrame(), 1, ())

    monkeypatch.setattr(training, "fit", fit)
    steps.fit(classifier, None, Config(), tmp_path)
    assert keras.ops.convert_to_numpy(network.get_layer("logit").bias) == kept
