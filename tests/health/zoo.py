"""The zoo as tests: one animal of each kind, and two that are healthy. `python -m skinexp.zoo` trains them all."""

import pytest

from skinexp import config
from skinexp.zoo import visit
from skinexp.zoo.cases import FAULTS, HEALTHY, Case
from skinexp.zoo.runs import attend

pytestmark = pytest.mark.slow

ONE_OF_EACH = list({case.expected: case for case in reversed(FAULTS)}.values())


@pytest.fixture(scope="session")
def places(tmp_path_factory, isic9, weights) -> dict[str, str]:
    config.register()
    random = visit.random_weights(tmp_path_factory.mktemp("random"))
    return {"photographs": str(isic9), "weights": str(weights), "random": str(random)}


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def by_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=by_name)
def test_a_planted_fault_is_named_first(case, places, cache):
    outcome = attend(case, places, cache)
    assert outcome.names[:1] == (case.expected,), outcome.sentence
    assert outcome.verdict in ("warning", "collapsed")


@pytest.mark.parametrize("case", [HEALTHY[0], HEALTHY[12]], ids=by_name)
def test_a_healthy_training_is_left_alone(case, places, cache):
    outcome = attend(case, places, cache)
    assert outcome.names == (), outcome.sentence
    assert outcome.verdict == "ok"
