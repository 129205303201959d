"""The audit's page, in words and in a real browser."""

import datetime

import numpy as np
import pandas as pd
import pytest

from skinexp.data.audit import NOTE, SERIOUS, WARNING, Finding, Findings
from skinexp.data.table import Table
from skinexp.report.pages import audit_page, data_card
from tests.report.pages.test_page_in_browser import GRAVE, axe  # noqa: F401

ATTACK = "<script>document.title = 'taken'</script>"


@pytest.fixture(scope="module")
def table() -> Table:
    frame = pd.DataFrame(
        {
            "image_id": ["ISIC_1", ATTACK, "a" * 200, "ISIC_4"],
            "label": [0, 1, 0, 1],
            "group": list("abcd"),
            "sha256": list("1234"),
            "path": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"],
            "position": range(4),
            "split": ["train", "val", "test", "test"],
        }
    )
    return Table("lesions", frame, lambda position: b"", "lesion_id", licence="CC BY-NC 4.0")


@pytest.fixture(scope="module")
def findings() -> Findings:
    pairs = pd.DataFrame({"first": ["ISIC_1"], "second": [ATTACK], "relation": ["mirrored"], "score": [0.97]})
    linked = pd.DataFrame({"column": ["source"], "measure": ["V"], "value": [0.6], "p_value": [0.0], "detail": ["all"]})
    return Findings("full", 4).with_findings(
        Finding("near_duplicates", WARNING, 2, "Two are alike", pairs, [[0, 1]]),
        Finding("confounded", WARNING, 1, "Linked with source", linked),
        Finding("same_image_other_label", SERIOUS, 2, "Two labels", pairs, [[0, 1]]),
        Finding("tiny", NOTE, 1, "One is tiny", pd.DataFrame({"path": ["3.jpg"], "detail": ["9 x 9"]}), [[2]]),
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory, table, findings) -> str:
    draw = np.random.default_rng(0)

    def picture(row: int) -> np.ndarray | None:
        return None if row == 2 else draw.integers(0, 256, (40, 60, 3), dtype=np.uint8)

    file = tmp_path_factory.mktemp("page") / "audit.html"
    day = datetime.date(2026, 1, 2)
    file.write_text(audit_page.render(findings, table, picture, "python -m skinexp.audit", day), encoding="utf-8")
    return file.as_uri()


def test_the_gravest_finding_comes_first_and_the_verdict_says_so(browser, address):
    page = browser.new_page()
    page.goto(address)
    assert page.locator("table.findings tbody th").all_inner_texts()[0] == "One image, two labels"
    assert "not valid until" in page.locator(".verdict").inner_text()
    page.close()


def test_pairs_are_shown_side_by_side_with_what_was_done_to_them(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(address)
    one = page.locator("figure.set").first
    left, right = (one.locator("img").nth(number).bounding_box() for number in (0, 1))
    assert left["y"] == right["y"]
    assert left["width"] == 160
    assert "mirrored, 0.97" in one.inner_text()
    assert page.locator("img").evaluate_all("all => all.every(each => each.naturalWidth > 0)")
    page.close()


def test_names_from_files_are_shown_and_not_run_and_nothing_is_loaded(browser, address):
    page, requests = browser.new_page(), []
    page.on("request", lambda sent: requests.append(sent.url))
    page.goto(address, wait_until="networkidle")
    assert page.title() == "Audit of lesions"
    assert ATTACK in page.locator("main").inner_text()
    assert [url for url in requests if not url.startswith("data:")] == [address]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_axe_core_finds_nothing_serious_and_the_page_never_scrolls_sideways(browser, address, axe, scheme, width):  # noqa: F811
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    violations = page.evaluate("axe.run()")["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in violations if one["impact"] in GRAVE] == []
    page.close()


def test_a_sound_set_has_a_page_that_says_so(table):
    html = audit_page.render(Findings("full", 4), table, lambda row: None, "command")
    assert "The audit found nothing to warn about." in html


def test_the_card_says_what_the_set_is_made_of(table, findings):
    about = data_card.About("DIRECTORY", "command", {"Groups": "4 groups by lesion_id"}, {"5.jpg": "damaged"})
    card = data_card.render(table, findings, {"size": 224}, about)
    for said in (
        "# Data card: lesions", "CC BY-NC 4.0", table.digest, "2 benign, 2 malignant",
        "* Groups: 4 groups by lesion_id",
        "| train | 1 | 0 | 1 | 1 |", "| test | 1 | 1 | 2 | 2 |", "* size: 224", "1 (audit.json lists them)",
        "| source | V | 0.60 | all |", "**One image, two labels** (serious): Two labels.",
    ):  # fmt: skip
        assert said in card
    unlicensed = Table("x", table.frame, table.reader)
    assert "not stated" in data_card.render(unlicensed, findings, {}, data_card.About("y", "z", {}, {}))
