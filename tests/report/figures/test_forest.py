"""Forest plots of subgroups: a line a level, a panel a run, and words where there is no area."""

import math

import pandas as pd
import pytest

from skinexp.report.figures.forest import subgroup_forest


def levels(area: float) -> pd.DataFrame:
    rows = [
        ("sex", "female", 120, 40, area, area - 0.05, area + 0.04, ""),
        ("sex", "male", 100, 30, area + 0.02, area - 0.06, area + 0.06, ""),
        ("site", "palm", 12, 3, math.nan, math.nan, math.nan, "too few cases"),
    ]
    columns = ["column", "level", "images", "malignant", "roc_auc", "roc_auc_low", "roc_auc_high", "note"]
    return pd.DataFrame(rows, columns=columns)


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_each_level_has_a_line_that_names_its_images():
    figure = subgroup_forest({"one": levels(0.8)})
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [
        "sex",
        "female  (120, 40 malignant)",
        "male  (100, 30 malignant)",
        "site",
        "palm  (12, 3 malignant)",
    ]


def test_each_run_has_a_panel_and_a_marker_of_its_own():
    figure = subgroup_forest({"one": levels(0.8), "two": levels(0.7)})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "two"]
    markers = [axes.containers[0].lines[0].get_marker() for axes in figure.axes]
    assert len(set(markers)) == 2


def test_the_interval_is_drawn_and_the_area_stated():
    axes = subgroup_forest({"one": levels(0.8)}).axes[0]
    (ends,) = axes.containers[0].lines[2][0].get_segments()
    assert ends[:, 0] == pytest.approx([0.75, 0.84])
    assert "0.800" in texts(axes)
    assert "0.820" in texts(axes)


def test_a_level_without_an_area_says_why():
    assert "too few cases" in texts(subgroup_forest({"one": levels(0.8)}).axes[0])


def test_a_level_that_one_run_lacks_says_so():
    figure = subgroup_forest({"one": levels(0.8), "two": levels(0.7).iloc[:2]})
    assert "no such images" in texts(figure.axes[1])


def test_no_run_is_refused():
    with pytest.raises(ValueError, match="Received: none"):
        subgroup_forest({})
