"""Sections of the comparison page: how one is added, and the navigation that follows from the list."""

import re

from skinexp.comparison.analyse import analyse
from skinexp.report.pages.comparison_page import FAILED, render
from skinexp.report.pages.section import Section
from skinexp.report.pages.sections import SECTIONS
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
