"""Sections of the comparison page: how one is added, and the navigation that follows from the list."""

import json
import re

import numpy as np
import pytest
from scipy.special import expit

from skinexp.comparison.analyse import analyse
from skinexp.evaluation import EvaluationOptions, evaluate
from skinexp.report.pages.comparison_page import FAILED, render
from skinexp.report.pages.section import Section
from skinexp.report.pages.sections import SECTIONS
from skinexp.runs.run_outputs import read_outputs
from tests.report.gathered import described, history, predicted
from tests.report.runs import DAY, with_area

RUNS = [with_area("a", 0.8), with_area("<b>", 0.7)]


def test_a_section_is_one_object_and_one_template(tmp_path):
    template = tmp_path / "fastest.html.j2"
    template.write_text("{% for name in names %}<p>Trained: {{ name }}</p>{% endfor %}")
    section = Section(
        "fastest", "Fastest runs", template, lambda comparison: {"names": [r.name for r in comparison.runs]}
    )
    html = render(analyse(RUNS), DAY, [*SECTIONS, section])
    assert '<a href="#fastest">Fastest runs</a>' in html
    assert '<h2 id="fastest">Fastest runs</h2>\n<p>Trained: a</p><p>Trained: &lt;b&gt;</p>' in html


def test_a_section_without_content_is_left_out_of_the_page_and_its_navigation(tmp_path):
    empty = Section("empty", "Nothing", tmp_path / "never-read.html.j2", lambda comparison: None)
    assert "Nothing" not in render(analyse(RUNS), DAY, [empty])


def test_the_navigation_names_the_sections_of_the_page_in_their_order():
    html = render(analyse(RUNS), DAY)
    assert FAILED not in html
    linked = re.findall(r'<li><a href="#([\w-]+)">', html)
    assert linked == re.findall(r'<h2 id="([\w-]+)">', html)
    assert linked[0] == "scores"
    assert linked[-1] == "reproduce"


def test_a_section_that_fails_says_why_and_leaves_the_others():
    def overflow(comparison):
        raise OverflowError("<math range error>")

    section = Section("broken", "Broken", "scores.html.j2", overflow)
    html = render(analyse(RUNS), DAY, [section, *SECTIONS])
    assert f'<h2 id="broken">Broken</h2>\n<p>{FAILED} OverflowError: &lt;math range error&gt;</p>' in html
    assert html.count(FAILED) == 1
    assert '<h2 id="scores">' in html


DEGENERATE = {  # logits of a network whose labels are these
    "no order": lambda label: 0.0 * label,
    "saturated": lambda label: np.where(label == 1, 1e3, -1e3),
    "all wrong": lambda label: np.where(label == 1, -1e3, 1e3),
    "endless": lambda label: np.where(label == 1, np.inf, 0.0),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("images", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_runs_whose_scores_are_at_an_end_or_undefined_have_a_page(tmp_path, images):
    runs = []
    for name, logit in DEGENERATE.items():
        place = tmp_path / name
        (place / "evidence").mkdir(parents=True)
        table = predicted(1.0, 0, images, flat=False)
        table["logit"] = logit(table["label"].to_numpy())
        table["probability"] = expit(table["logit"])
        evaluation = evaluate(table, EvaluationOptions(calibration="logistic", resamples=5))
        for file, found in evaluation.tables.items():
            found.to_csv(place / "evidence" / f"{file}.csv", index=False)
        table.to_parquet(place / "predictions.parquet")
        history(1.0, flat=True).to_csv(place / "history.csv", index=False)
        metrics = {score: value for score, value in evaluation.metrics.items() if np.isfinite(value)}
        (place / "result.json").write_text(json.dumps(described(name, images, metrics, {}, ill=False)))
        runs.append(read_outputs(place))
    html = render(analyse(runs), DAY)
    assert FAILED not in html
    assert html.count("saturated") > 1
