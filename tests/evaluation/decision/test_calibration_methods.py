"""What calibration does to networks whose logits are wrong in a known way. Takes half a minute."""

import importlib.util
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        specification = importlib.util.spec_from_file_location("calibration", SCRIPTS / "calibration.py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        yield module


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["shifted (class weights)", "shrunk and shifted (focal loss, class weights)"])
def test_logistic_recalibration_corrects_what_a_temperature_cannot(script, fault):
    found = script.changes(fault, images=200, studies=40)
    assert (found["logistic"] < 0).mean() > 0.9
    assert found["logistic"].mean() < found["temperature"].mean() - 0.03


@pytest.mark.slow
def test_logistic_recalibration_costs_a_calibrated_network_little(script):
    assert script.changes("none: calibrated", images=200, studies=40)["logistic"].mean() < script.LITTLE


@pytest.mark.slow
def test_beta_calibration_earns_its_place_where_only_one_side_is_too_extreme(script):
    found = script.changes("too extreme on the malignant side only", images=1_000, studies=20)
    assert found["beta"].mean() < found["logistic"].mean() - 0.01
