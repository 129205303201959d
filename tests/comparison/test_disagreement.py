"""Which of the commonly explained images are shown: those that the runs answer most differently."""

import numpy as np
import pytest

from skinexp.comparison.disagreement import SHOWN_IMAGES, shared_images
from skinexp.report.pages.sections.gradcam_section import gradcam_figures
from skinexp.runs.run_outputs import RunOutputs
from tests.report.runs import outputs

WELL, ILL = {"verdict": "ok"}, {"verdict": "collapsed"}


def explained(name: str, answers: dict[str, float], health: dict[str, str] = WELL) -> RunOutputs:
    draw = np.random.default_rng(0)
    count = len(answers)
    maps = {
        "image_id": np.array(list(answers)),
        "label": np.arange(count) % 2,
        "probability": np.array(list(answers.values())),
        "image": draw.integers(0, 256, (count, 24, 24, 3), dtype=np.uint8),
        "heat": draw.random((count, 24, 24)),
    }
    return outputs(name, {"health": health}, gradcam=maps)


def test_the_most_disputed_image_comes_first_with_its_spread():
    shared = shared_images(
        [explained("one", {"x": 0.5, "y": 0.1, "z": 0.8}), explained("two", {"z": 0.5, "y": 0.9, "x": 0.5})]
    )
    assert [(one.image_id, one.spread) for one in shared.probabilities] == [
        ("y", pytest.approx(0.8)),
        ("z", pytest.approx(0.3)),
        ("x", 0),
    ]
    assert shared.probabilities[0].probabilities == [0.1, 0.9]
    assert shared.by_spread
    assert "on the test images y, z, x." in gradcam_figures(shared)[0].figure.alternative


def test_a_collapsed_run_has_no_say():
    shared = shared_images(
        [
            explained("one", {"x": 0.5, "y": 0.6}),
            explained("two", {"x": 0.5, "y": 0.9}),
            explained("dull", {"x": 0.0, "y": 0.6}, ILL),
        ]
    )
    assert [one.image_id for one in shared.probabilities] == ["y", "x"]
    assert shared.probabilities[1].probabilities == [0.5, 0.5, 0.0]


def test_with_one_sound_run_images_stay_in_their_order():
    shared = shared_images([explained("one", {"x": 0.5, "y": 0.6}), explained("dull", {"x": 0.5, "y": 0.1}, ILL)])
    assert not shared.by_spread
    assert [one.image_id for one in shared.probabilities] == ["x", "y"]


def test_an_answer_that_is_not_a_number_comes_last():
    shared = shared_images([explained("one", {"x": np.nan, "y": 0.6}), explained("two", {"x": 0.5, "y": 0.6})])
    assert [(one.image_id, one.spread) for one in shared.probabilities] == [
        ("y", 0),
        ("x", pytest.approx(np.nan, nan_ok=True)),
    ]


def test_of_many_common_images_a_sheet_s_worth_is_shown():
    answers = {f"image {number}": number / 20 for number in range(20)}
    shared = shared_images([explained("one", answers), explained("two", dict.fromkeys(answers, 0.0))])
    assert (len(shared.probabilities), shared.common) == (SHOWN_IMAGES, 20)
    assert shared.probabilities[0].image_id == "image 19"


def test_without_common_images_there_is_nothing():
    assert shared_images([]) is None
    assert shared_images([explained("one", {"x": 0.5}), explained("two", {"y": 0.5})]) is None
