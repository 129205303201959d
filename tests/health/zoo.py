"""The fault benchmark as tests: some of its faults, and two healthy trainings. `python -m skinexp.zoo` runs all."""

import pytest

from skinexp.zoo.fault_cases import FAULTS, HEALTHY, Case
from skinexp.zoo.run_all import write_random_weights
from skinexp.zoo.run_case import run_case

pytestmark = pytest.mark.slow

CHOSEN = (  # one of each kind: input, normalization, arithmetic, labels, shortcut; the first needs real photographs
    "EfficientNet gets pixels 0..1",
    "images were stored as 0..1",
    "running statistics that stay at their initial values",
    "a weight that is NaN",
    "labels shuffled in the manifest",
    "two cameras",
)


@pytest.fixture(scope="session")
def places(tmp_path_factory, isic9, weights) -> dict[str, str]:
    random = write_random_weights(tmp_path_factory.mktemp("random"))
    return {"photographs": str(isic9), "weights": str(weights), "random": str(random)}


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def by_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", [case for case in FAULTS if case.name in CHOSEN], ids=by_name)
def test_a_planted_fault_is_named_first(case, places, cache):
    outcome = run_case(case, places, cache)
    assert outcome.names[:1] == (case.expected,), outcome.sentence
    assert outcome.verdict in ("warning", "collapsed")


@pytest.mark.parametrize("case", [HEALTHY[0], HEALTHY[12]], ids=by_name)
def test_a_healthy_training_is_left_alone(case, places, cache):
    outcome = run_case(case, places, cache)
    assert outcome.names == (), outcome.sentence
    assert outcome.verdict == "ok"
