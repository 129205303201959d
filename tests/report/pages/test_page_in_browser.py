"""The comparison page as a reader meets it: in a real browser, by mouse, by keyboard, and on a phone."""

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page
from scipy.special import expit

from skinexp.evaluation import EvaluationOptions, evaluate
from skinexp.runs.run_outputs import RunOutputs
from tests.report.gathered import write_sweep
from tests.report.runs import changed, compare, failed, outputs

CONTRASTS = [("ink", "paper"), ("quiet", "paper"), ("quiet", "shade"), ("link", "paper")]
CONTRASTS += [(text, f"{colour}-shade") for colour in ("good", "warning", "bad") for text in (colour, "ink", "quiet")]

AXE = "axe-core@4.11.0"  # the accessibility checker of Deque Systems
GRAVE = ("serious", "critical")  # of its four degrees

ATTACK = '<script>document.title = "taken"</script>'


def finished(name: str, seed: int, signal: float) -> RunOutputs:
    """A run on 100 test images, with everything that a page can show of it."""
    draw = np.random.default_rng(seed)
    label, split = np.tile([0, 1], 100), np.repeat(["val", "test"], 100)
    logit = signal * (label - 0.5) + draw.normal(size=200)
    predictions = pd.DataFrame(
        {"image_id": np.arange(200), "split": split, "label": label, "logit": logit, "probability": expit(logit)}
    )
    epoch = np.arange(1, 6)
    history = pd.DataFrame({"epoch": epoch, "phase": "train", "val/loss": 1 / epoch, "best": epoch == 5})
    gradcam = {
        "image_id": np.array(["ISIC_1", "ISIC_2"]),
        "label": np.array([0, 1]),
        "probability": draw.random(2),
        "image": draw.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8),
        "heat": draw.random((2, 32, 32)),
    }
    counts = {split: {"benign": 50, "malignant": 50} for split in ("train", "val", "test")}
    result = {
        "metrics": evaluate(predictions, EvaluationOptions(resamples=20)).metrics,
        "data": {"name": "phantom", "images": 300, "counts": counts},
        "config": {"seed": seed},
        "command": "python -m skinexp.train " + "model.head.units=128 " * 10,
    }
    return outputs(name, result, predictions=predictions, history=history, gradcam=gradcam)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    runs = [
        finished("model=middle", seed=1, signal=1.0),
        finished("model=best,model.fine_tune.fraction=0.25,optim.reduce_lr.patience=5", seed=2, signal=3.0),
        finished(ATTACK, seed=3, signal=0.1),
        failed("model=lost", "Traceback ...\n" + "wide " * 100 + "\nMemoryError"),
    ]
    return compare(runs, tmp_path_factory.mktemp("page")).as_uri()


@pytest.fixture(scope="module")
def full_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with all sections: runs with evidence, one collapsed, one failed, and one repeated with another seed."""
    place = tmp_path_factory.mktemp("full")
    runs = write_sweep(place, images=300)
    again = changed(runs[0], config=runs[0].summary.config | {"seed": 4})
    again = dataclasses.replace(again, name="model=scratch seed=4")
    lost = failed("model=lost", "Traceback ...\nMemoryError: " + "wide" * 60)
    return compare([*runs, again, lost], place).as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    yield page
    page.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm on the PATH (Debian: apt install npm), which brings axe-core")
    place = tmp_path_factory.mktemp("axe")
    got = subprocess.run(["npm", "install", "--prefix", str(place), AXE], capture_output=True, text=True)
    if got.returncode:
        pytest.skip(f"npm could not install {AXE}: {got.stderr.strip().splitlines()[-1]}")
    return (place / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def names(page: Page) -> list[str]:
    return page.locator("table.scores").first.locator("tbody th").all_inner_texts()


def directions(page: Page) -> list[str | None]:
    """The order of each column of the first table that is sorted by."""
    marks = page.locator("table.scores").first.locator("th[aria-sort]")
    return [mark for mark in marks.evaluate_all("all => all.map(each => each.ariaSort)") if mark != "none"]


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


@pytest.mark.parametrize("which", ["address", pytest.param("full_address", marks=pytest.mark.slow)])
def test_the_page_loads_nothing_and_logs_nothing(browser, which, request):
    address = request.getfixturevalue(which)
    page = browser.new_page()
    requests, complaints = [], []
    page.on("request", lambda sent: requests.append(sent.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address, wait_until="networkidle")
    unfold(page)
    for table in page.locator("table.scores").all():
        table.locator("button").nth(2).click()
    assert [url for url in requests if not url.startswith("data:")] == [address]
    assert complaints == []
    page.close()


def test_every_figure_is_there_and_described(page):
    figures = page.locator("figure img")
    # ROC, precision-recall, decisions, reliability, one confusion matrix, learning curves, Grad-CAM
    assert figures.count() == 7
    assert all(figures.evaluate_all("all => all.map(each => each.complete && each.naturalWidth > 300)"))
    assert all(len(text) > 40 for text in figures.evaluate_all("all => all.map(each => each.alt)"))


def test_the_best_run_comes_first_and_a_click_turns_the_order(page):
    assert names(page)[0].startswith("model=best")
    assert directions(page) == ["descending"]
    page.get_by_role("button", name="ROC-AUC, Ranking").click()
    assert names(page)[-1].startswith("model=best")
    assert directions(page) == ["ascending"]


def test_any_column_of_any_table_sorts_its_numbers_as_numbers(page):
    unfold(page)
    for label in (
        "accuracy, At the operating threshold",
        "standard deviation of logits, Predictions on test",
        "seed, Training",
    ):
        button = page.get_by_role("button", name=label)
        button.click()
        values = sorted_values(button)
        assert len(values) > 1
        assert values == sorted(values, reverse=True)


def sorted_values(button) -> list[float]:
    """The values of the column whose heading was pressed, from above."""
    return button.evaluate(
        """button => {
          const heading = button.closest("th"), table = button.closest("table");
          const column = [...table.querySelectorAll("th[aria-sort]")].indexOf(heading);
          const cells = [...table.tBodies[0].rows].map(row => row.cells[column].dataset.order);
          return cells.filter(value => value !== undefined).map(Number);
        }"""
    )


def test_columns_with_intervals_sort_by_the_score_and_not_by_its_text(browser, full_address):
    page = browser.new_page()
    page.goto(full_address)
    unfold(page)
    for label in ("slope, Uncalibrated", "intercept, Uncalibrated", "average precision, Ranking"):
        button = page.get_by_role("button", name=label)
        for reverse in (True, False):
            button.click()
            values = sorted_values(button)
            assert len(values) == 4
            assert values == sorted(values, reverse=reverse)
    cell = page.locator("table.scores").first.locator("td small").first.inner_text()
    assert re.fullmatch(r"\(0\.\d{3} to 0\.\d{3}\)", cell)
    page.close()


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 1280),
        ("dark", 375),
        pytest.param("dark", 1280, marks=pytest.mark.slow),
        pytest.param("light", 375, marks=pytest.mark.slow),
    ],
)
def test_axe_core_finds_nothing_serious(browser, full_address, axe, scheme, width):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(full_address)
    unfold(page)
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 20  # it has looked at the page
    grave = [(one["id"], one["nodes"][0]["html"]) for one in found["violations"] if one["impact"] in GRAVE]
    assert grave == []
    page.close()


def test_the_table_is_sorted_by_keyboard_alone(page):
    page.locator("nav a").last.focus()
    page.keyboard.press("Tab")  # the box that scrolls
    page.keyboard.press("Tab")  # the heading of the first column
    page.keyboard.press("Enter")
    assert names(page) == sorted(names(page))
    assert directions(page) == ["ascending"]
    page.keyboard.press("Space")
    assert names(page) == sorted(names(page), reverse=True)
    assert directions(page) == ["descending"]


def test_the_skip_link_comes_first_and_leads_to_the_scores(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.url.endswith("#scores")


def test_headings_and_cells_are_told_apart_for_screen_readers(page):
    assert page.locator("h1").count() == 1
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("table.scores").first.locator("tbody th[scope=row]").count() == 3
    assert page.get_by_role("columnheader", name="F1, At the operating threshold").count() == 1
    pairs = page.locator("table.pairs")
    assert pairs.count() == pairs.locator("caption").count() > 0
    ids = page.locator("[id]").evaluate_all("all => all.map(each => each.id)")
    assert len(ids) == len(set(ids))
    targets = page.locator("nav a").evaluate_all("all => all.map(each => each.hash.slice(1))")
    assert set(targets) <= set(ids)


def test_the_diagnosis_is_a_table_with_headings_that_scroll_inside_the_page(browser, collapse, tmp_path):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(compare(collapse, tmp_path).as_uri())
    table = page.locator("table.matrix")
    assert table.locator("caption").count() == 1
    assert table.locator("tbody td").count() == 16
    assert table.locator("tbody th[scope=rowgroup]").count() == 6  # two models, and two normalizations of each
    assert page.locator("th:not([scope])").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_runs_are_sorted_by_their_health_the_worst_first(browser, collapse, tmp_path):
    page = browser.new_page()
    page.goto(compare(collapse, tmp_path).as_uri())
    page.get_by_role("button", name="Health").click()
    first = page.locator("table.scores").first
    verdicts = first.locator("tbody tr td:nth-child(2)").all_inner_texts()
    assert verdicts == 4 * ["collapsed: wrong input range"] + 12 * ["ok"]
    page.get_by_role("button", name="ROC-AUC, Ranking").click()
    assert directions(page) == ["descending"]
    assert first.locator("tbody tr td:nth-child(3)").first.inner_text().startswith("0.840")
    page.close()


def test_a_script_in_a_name_is_shown_and_not_run(page):
    assert ATTACK in names(page)
    assert page.title().startswith("Comparison of 4 runs")


@pytest.mark.parametrize("width", [375, 1280])
def test_a_page_with_all_sections_never_scrolls_sideways(browser, full_address, width):
    page = browser.new_page(viewport={"width": width, "height": 812})
    page.goto(full_address)
    for section in ("scores", "seeds", "pairs", "curves", "reliability", "subgroups", "gradcam", "health"):
        assert page.locator(f"h2#{section}").count() == 1
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_a_phone_shows_a_score_without_scrolling_the_table(browser, full_address):
    page = browser.new_page(viewport={"width": 375, "height": 812})
    page.goto(full_address)
    box = page.locator("table.scores").first.locator("tbody td:nth-child(3)").first.bounding_box()
    assert box["x"] + box["width"] <= 375
    page.close()


def test_a_figure_of_several_panels_stays_readable_on_a_phone(browser, full_address):
    page = browser.new_page(viewport={"width": 375, "height": 812})
    page.goto(full_address)
    box = page.locator("section[aria-labelledby=reliability] .wide")
    assert box.locator("img").bounding_box()["width"] > 600
    box.focus()  # by keyboard it scrolls only if it can be focused
    assert box.evaluate("box => box === document.activeElement && box.scrollWidth > box.clientWidth")
    page.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_itself_never_scrolls_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    unfold(page)  # the whole message of the failed run has a very long line
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.locator(".scroll")
    assert boxes.evaluate_all("all => all.some(box => box.scrollWidth > box.clientWidth)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast_in_light_and_in_dark(browser, address, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.goto(address)
    for variable, against in CONTRASTS:
        one, other = (
            page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')")
            for name in (variable, against)
        )
        assert contrast(one, other) >= 4.5, f"{variable} on {against}"  # WCAG 2, level AA
    page.close()


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        channels = np.array([int(colour.strip()[place : place + 2], 16) for place in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)
