"""That intervals of smooth calibration and of scores at a threshold hold the truth. Takes a minute."""

import calibration_coverage
import pytest

STUDIES = 100
DESIGNS = [one for one in calibration_coverage.DESIGNS if (one.malignant, one.kind) in {
    (8, "overconfident"), (25, "calibrated"), (100, "underconfident"), (300, "underconfident")
}]  # fmt: skip


@pytest.mark.slow
def test_intervals_that_are_shown_hold_the_truth():
    found = {design: calibration_coverage.simulate(design, STUDIES) for design in DESIGNS}
    assert [fault for design, one in found.items() for fault in calibration_coverage.faults(design, one, STUDIES)] == []
    few = found[DESIGNS[0]]
    assert [name for name, (_, given) in few.items() if given == 0] == [
        "cohen_kappa", "expected_cost", "brier_skill_score", "ici", "e50", "e90"
    ]  # fmt: skip
