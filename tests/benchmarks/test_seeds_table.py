import json

import pytest
import seeds_table


@pytest.fixture
def sweep(tmp_path):
    """Three seeds of one model, with and without cached features; and a run that failed."""
    scores = {"auto": (0.80, 0.84, 0.88), "off": (0.79, 0.85, 0.85)}
    for features, values in scores.items():
        for seed, value in enumerate(values):
            write(tmp_path / f"{features}{seed}", features, seed, value, training=10 if features == "auto" else 120)
    write(tmp_path / "failed", "auto", 3, 0.1, training=10, status="failed")
    return tmp_path


def write(place, features, seed, auc, training, status="finished"):
    place.mkdir()
    result = {
        "status": status,
        "model": {"name": "mobilenet"},
        "config": {"seed": seed, "training": {"features": features}},
        "seconds": {"total": 90, "training": training},
        "metrics": dict.fromkeys(seeds_table.SCORES, auc),
    }
    (place / "result.json").write_text(json.dumps(result))


def test_without_a_key_a_model_is_a_line(sweep):
    lines = seeds_table.table(seeds_table.read([sweep], None), None).splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("| mobilenet | 6 | 0.835 ± 0.034 |")


def test_each_value_of_a_key_is_a_line_with_mean_and_spread_over_seeds(sweep):
    key = "training.features"
    lines = seeds_table.table(seeds_table.read([sweep], key), key).splitlines()
    assert lines[0].startswith("| model | `training.features` | seeds | ROC-AUC |")
    assert lines[2].startswith("| mobilenet | auto | 3 | 0.840 ± 0.040 |")
    assert lines[3].startswith("| mobilenet | off | 3 | 0.830 ± 0.035 |")
    assert lines[3].endswith("| 1.5 |")


def test_values_are_compared_seed_by_seed(sweep):
    # Differences .01, -.01, .03: mean .01, standard deviation .02, standard error .02 / sqrt(3).
    said = seeds_table.differences(seeds_table.read([sweep], "training.features"))
    assert said == (
        "mobilenet: ROC-AUC of auto minus that of off: +0.010, standard error 0.012 over 3 seeds; "
        "training 12.0 times as fast."
    )
