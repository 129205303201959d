"""Readings: a misspelt name is refused, NaN means not measured, and health.json holds what was measured."""

import json
import math
from dataclasses import replace

import pytest

from skinexp.core.strict_json import to_strict_json
from skinexp.health import epoch_monitor
from skinexp.health.observations import Observations
from skinexp.health.readings import Readings, measured
from skinexp.training.phases import Phase


def test_a_misspelt_reading_is_refused_when_it_is_read():
    with pytest.raises(AttributeError, match="feature_cosin"):
        _ = Readings().feature_cosin  # type: ignore[attr-defined]


def test_a_misspelt_reading_is_refused_when_it_is_written():
    with pytest.raises(TypeError, match="feature_cosin"):
        Readings(feature_cosin=1.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="feature_cosin"):
        Readings.from_dict({"feature_cosin": 1.0})


def test_what_was_not_measured_is_nan_and_no_evidence():
    assert math.isnan(Readings().probe_auc)
    assert Readings().is_empty
    assert not Readings(probe_auc=0.5).is_empty
    assert measured(a=1.0, b=Readings().probe_auc) == {"a": 1.0}


def test_readings_add_up_and_later_ones_take_precedence():
    both = Readings(logit_std=1.0, dead_units=0.5) | Readings(logit_std=2.0, gradient_by_kernel={"a": 1.0})
    assert both.to_dict() == {"logit_std": 2.0, "dead_units": 0.5, "gradient/a": 1.0}


def test_readings_come_back_from_json_as_they_were():
    readings = Readings(
        logit_std=0.1, cosine_by_scaling={"unit": 0.5}, movement_by_kernel={"conv/kernel": 0.2}, weight_norm=math.inf
    )
    written = json.loads(json.dumps(to_strict_json(readings.to_dict())))
    assert written == {"logit_std": 0.1, "cosine_if_unit": 0.5, "moved/conv/kernel": 0.2, "weight_norm": None}
    assert Readings.from_dict(written).to_dict() == replace(readings, weight_norm=math.nan).to_dict()


def test_the_latest_and_the_largest_reading_are_finite_ones_of_all_times():
    observations = Observations(
        model="scratch",
        input_scaling="unit",
        expected_scaling="unit",
        pretrained=False,
        phases=[Phase("train", 1, 1e-3, frozenset())],
        weight_decay=0.0,
        dropout=0.0,
        monitor="val/loss",
        steps_per_epoch=1,
        constant_loss=math.log(2),
        chance_error=0.1,
        before=Readings(dead_units=0.9, logit_std=0.1, gradient_by_kernel={"a": 1.0}),
        phase_ends={"train": Readings(dead_units=0.2, logit_std=0.2, weight_norm=math.inf)},
        after=Readings(logit_std=math.nan, dead_units=0.3),
    )
    assert observations.latest.to_dict() == {"dead_units": 0.3, "logit_std": 0.2, "gradient/a": 1.0}
    assert observations.largest.dead_units == 0.9


@pytest.mark.parametrize("text", ["", "?", "[]", '{"head": 7}', '{"head": {"of another version": 1}}', '{"head": [1]}'])
def test_a_damaged_file_of_the_ends_of_phases_is_left_aside_and_that_is_said(text, tmp_path, caplog):
    file = tmp_path / "health.json"
    assert epoch_monitor._kept(file) == {}
    assert not caplog.messages
    file.write_text(text)
    assert epoch_monitor._kept(file) == {}
    assert caplog.messages[0].startswith(f"Damaged   {file}: the ends of earlier phases are not examined (")
