"""The zoo's catalogue and its door."""

import subprocess
import sys

import numpy as np
import pytest

from skinexp.core.errors import UserError
from skinexp.zoo import visit
from skinexp.zoo.cases import FAULTS, HEALTHY
from skinexp.zoo.runs import Outcome

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
    assert not any(case.real for case in visit.chosen(real=False, only=None))
    assert any(case.real for case in visit.chosen(real=True, only=None))


def test_a_name_that_no_case_has_is_refused_with_those_that_there_are():
    with pytest.raises(UserError, match="learning rate 1e30"):
        visit.chosen(real=False, only="unicorn")


def test_the_tally_counts_faults_named_first_and_false_alarms():
    fault, healthy = FAULTS[0], HEALTHY[0]

    def outcome(case, *names):
        return Outcome(case, "ok", names, "", np.nan, {"total": 1.0}, {})

    outcomes = [
        outcome(fault, fault.expected, "dead_units"),
        outcome(fault, "dead_units"),
        outcome(healthy, "dead_units"),
    ]
    assert visit.tally(outcomes) == [(fault.expected, "2", "1"), ("nothing (healthy)", "1", "1 false alarms")]
    assert "| `wrong_input_range` | 2 | 1 |" in visit.markdown(outcomes)


def test_the_door_tells_its_options_without_loading_anything():
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
