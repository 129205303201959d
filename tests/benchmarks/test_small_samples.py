"""That intervals cover, and tests err as seldom as they say, with few malignant images. Takes a minute or two."""

import pytest
import small_samples

STUDIES = 300
DESIGNS = small_samples.DESIGNS[::5]  # each area, number of cases, prevalence and grouping among them


@pytest.mark.slow
def test_intervals_and_tests_keep_their_promise_with_few_malignant_images():
    found = {design: small_samples.simulate(design, STUDIES) for design in DESIGNS}
    faults = [fault for design, one in found.items() for fault in small_samples.faults(design, one, STUDIES)]
    assert faults == []


@pytest.mark.slow
def test_the_simulation_tells_an_interval_that_is_too_narrow():
    (design,) = [one for one in small_samples.DESIGNS if one.name == "8 + 392, AUC 0.96"]
    assert small_samples.simulate(design, STUDIES).covered["DeLong: roc_auc"] < 0.9
