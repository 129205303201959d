"""Columns that are associated with the class are found if they were planted, and not by chance."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import association
from sklearn.metrics import roc_auc_score

from skinexp.data.audit.confounds import cramers_v, findings, links


def table(n: int = 600, seed: int = 0, **columns) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame({"image_id": np.arange(n), "label": draw.integers(2, size=n)} | columns)


def linked(frame: pd.DataFrame, looks: pd.DataFrame | None = None):
    return links(frame, looks, pd.Series(np.arange(len(frame))))


def test_cramers_v_is_scipys_where_the_bias_does_not_matter():
    draw = np.random.default_rng(0)
    labels = draw.integers(2, size=200_000)
    values = (labels + (draw.random(200_000) < 0.4) * draw.integers(3, size=200_000)) % 3
    reference = association(pd.crosstab(values, labels).to_numpy(), method="cramer")
    assert cramers_v(values, labels)[0] == pytest.approx(reference, abs=0.001)


@pytest.mark.parametrize(("values", "expected"), [([0, 1] * 50, 1.0), ([0] * 100, 0.0)])
def test_cramers_v_at_its_ends(values, expected):
    assert cramers_v(values, [0, 1] * 50)[0] == pytest.approx(expected, abs=0.01)


def test_a_number_is_measured_by_its_area():
    frame = table()
    frame["exposure"] = frame["label"] + np.random.default_rng(1).normal(0, 2, len(frame))
    (link,) = linked(frame)
    assert (link.measure, link.value) == ("AUC", pytest.approx(roc_auc_score(frame["label"], frame["exposure"])))


def test_a_source_that_tells_the_class_is_a_warning_that_names_both():
    frame = table()
    frame["source"] = np.where(
        np.random.default_rng(1).random(600) < 0.3 + 0.4 * frame["label"], "clinic A", "clinic B"
    )
    (finding,) = findings(linked(frame))
    assert (finding.name, finding.severity) == ("confounded", "warning")
    assert "associated with source" in finding.sentence
    assert "clinic A" in finding.sentence


def test_what_patients_are_is_a_note_and_a_finer_class_is_called_one():
    frame = table()
    draw = np.random.default_rng(1)
    frame["age"] = 50 + 20 * frame["label"] + draw.normal(0, 10, 600)
    frame["dx"] = np.where(frame["label"], draw.choice(["melanoma", "bcc"], 600), draw.choice(["nevus", "bkl"], 600))
    (finding,) = findings(linked(frame))
    assert (finding.name, finding.severity, finding.count) == ("linked", "note", 2)
    assert "dx (a finer class)" in finding.sentence


def test_a_source_that_tells_the_finer_class_alone_is_a_warning_too():
    frame = table()
    finer = np.random.default_rng(1).integers(2, size=600)
    frame["dx"] = frame["label"].map({0: "benign ", 1: "malignant "}) + pd.Series(finer.astype(str))
    frame["source"] = np.where(finer, "clinic A", "clinic B")
    warnings = [finding for finding in findings(linked(frame)) if finding.severity == "warning"]
    assert len(warnings) == 1
    assert "with dx, a finer class" in warnings[0].sentence


def test_format_size_and_border_are_looked_at():
    frame = table()
    malignant = frame["label"] == 1
    looks = pd.DataFrame(
        {
            "format": np.where(malignant, "PNG", "JPEG"),
            "mode": "RGB",
            "width": np.where(malignant, 600, 400) + np.arange(600) % 50,
            "height": 400 + np.arange(600) % 50,
            "compression": np.nan,
            "border": np.where(malignant, 0.2, 0.0) + np.arange(600) % 7 / 100,
        }
    )
    told = {finding.rows["column"].item() for finding in findings(linked(frame, looks))}
    assert {"file format", "width", "black border"} <= told


@pytest.mark.parametrize("name", ["clinic {}", "{}"])
def test_many_clinics_of_one_class_each_are_linked_by_word_and_by_number(name):
    clinic = np.random.default_rng(1).integers(26, size=1500)
    frame = table(1500, label=1 - clinic % 2, clinic=[name.format(number) for number in clinic])
    if name == "{}":
        frame["clinic"] = clinic
    (finding,) = findings(linked(frame))
    assert (finding.name, finding.rows["measure"].item()) == ("confounded", "V")
    assert finding.rows["value"].item() > 0.8


def test_levels_of_few_images_count_together():
    frame = table(600)
    small = np.arange(600) % 300  # two images of each
    frame["source"] = np.where(frame["label"], "archive", [f"clinic {number}" for number in small])
    (link,) = linked(frame)
    assert (link.value, link.refines) == (pytest.approx(1, abs=0.01), True)


def test_a_whole_number_that_is_a_magnitude_is_still_measured_by_its_area():
    frame = table()
    frame["exposure"] = 15 * frame["label"] + np.random.default_rng(1).integers(20, size=600)
    (link,) = linked(frame)
    assert (link.measure, link.value) == ("AUC", pytest.approx(roc_auc_score(frame["label"], frame["exposure"])))


def test_a_number_that_is_known_of_one_class_alone_is_a_note():
    frame = table()
    age = np.random.default_rng(1).integers(20, 90, 600).astype(float)
    (finding,) = findings(linked(frame.assign(age=np.where(frame["label"], np.nan, age))))
    assert (finding.name, finding.severity) == ("linked", "note")
    assert "whether age is known (Cramer's V 1.00" in finding.sentence
    assert findings(linked(frame.assign(age=np.where(np.arange(600) % 3, np.nan, age)))) == []


def test_ids_and_constant_columns_are_passed_over():
    assert linked(table(camera="one", source=[f"image {number}" for number in range(600)])) == []


def test_nothing_fires_by_chance():
    """Eight unrelated columns in each of 80 sets."""
    fired = 0
    for seed in range(80):
        draw = np.random.default_rng(1000 + seed)
        n = int(draw.integers(40, 400))
        frame = table(
            n,
            seed,
            source=draw.choice(["a", "b", "c"], n),
            camera=draw.choice(["a", "b"], n, p=[0.9, 0.1]),
            clinic=draw.integers(12, size=n).astype(str),
            exposure=draw.normal(size=n),
            device_code=draw.integers(40, size=n),
            hospital=draw.integers(60, size=n).astype(str),
            diameter=np.where(draw.random(n) < 0.4, np.nan, draw.normal(size=n)),
            age=draw.integers(20, 90, n),
        )
        fired += len(findings(linked(frame)))
    assert fired == 0


def test_images_of_one_lesion_count_once():
    frame = pd.concat([table(60, source=np.repeat(["a", "b"], 30))] * 20, ignore_index=True)
    groups = pd.Series(np.tile(np.arange(60), 20))
    once, many = links(frame, None, groups)[0], linked(frame)[0]
    assert once.p_value == links(frame[:60], None, groups[:60])[0].p_value
    assert once.p_value > many.p_value
