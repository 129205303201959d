"""The MLflow UI after a sweep, as its user meets it: in a real browser, from the address that the command prints.

With SKINEXP_SCREENSHOTS=DIRECTORY, a picture of each stop is kept there.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.slow
MODELS = ("scratch", "mobilenet", "efficientnet")
JOBS = ("0", "1", "2")
STEP = 10  # pixels that a turn of the mouse wheel scrolls
TURNS = 500  # of it, at most
PATIENCE = 120_000  # milliseconds for a page to show what it should, on a busy machine

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def address(three, start_ui) -> str:
    interface = start_ui(three.place, "--no-browser")
    interface.wait_until(lambda: "Ctrl-C" in interface.words)
    return interface.page


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 640})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.get_by_role("button", name="Close").click()  # MLflow's assistant, which covers a third of the page
    yield page
    page.close()


@pytest.fixture
def keep(page: Page, tmp_path: Path) -> Callable[[str], None]:
    """Keeps a picture of the page as it is now."""
    directory = Path(os.environ.get("SKINEXP_SCREENSHOTS") or tmp_path)

    def keep(name: str) -> None:
        page.screenshot(path=directory / f"{name}.png", animations="disabled")

    return keep


def row(page: Page, run: str) -> Locator:
    """The line of a run in the list."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=run, exact=True))


def unfold(page: Page, sweep: str) -> None:
    row(page, sweep).get_by_role("button").click()


def widen(page: Page, column: str, pixels: int) -> None:
    """Drags the right edge of a column's heading: MLflow cuts names off after 20 characters."""
    box = page.get_by_role("columnheader", name=column).first.bounding_box()
    right, middle = box["x"] + box["width"] - 1, box["y"] + box["height"] / 2
    page.mouse.move(right, middle)
    page.mouse.down()
    page.mouse.move(right + pixels, middle, steps=2)
    page.mouse.up()


def scroll_to(page: Page, metric: str) -> None:
    """Turns the wheel over the table of metrics until one is in its upper half; it draws only what is near its view.

    In small steps, as a browser's smooth scrolling does: in MLflow 3.17 the labels stay one step behind the numbers.
    """
    label, halves = page.get_by_role("link", name=metric, exact=True), page.get_by_role("grid")
    halves.last.hover()
    table = halves.last.bounding_box()
    for _ in range(TURNS):
        if label.count() and label.bounding_box()["y"] < table["y"] + table["height"] / 2:
            labels, numbers = halves.evaluate_all("all => all.map(each => each.scrollTop)")
            if numbers - labels <= STEP:
                return
        page.mouse.wheel(0, STEP)
    raise AssertionError(f"{metric} is not in the table")


def numbers_beside(page: Page, metric: str) -> list[str]:
    """The numbers on a metric's line of the table, which draws them apart from the labels."""
    label = page.get_by_role("link", name=metric, exact=True).bounding_box()
    cells = page.get_by_role("grid").last.locator("span")
    drawn = cells.evaluate_all("all => all.map(each => [each.innerText, each.getBoundingClientRect().y])")
    return [text for text, y in drawn if abs(y - label["y"]) < 2 * STEP]


def test_the_address_shows_the_sweep_in_one_line_without_a_choice_of_mode(three, page, keep):
    expect(row(page, three.parent.info.run_name)).to_be_visible()
    expect(page.get_by_text("4 matching runs")).to_be_visible()
    assert not any(row(page, f"model={model}").count() for model in MODELS)
    keep("1-sweep")


def test_three_runs_are_listed_under_their_parent(three, page, keep):
    unfold(page, three.parent.info.run_name)
    for model in MODELS:
        expect(row(page, f"model={model}")).to_be_visible()
    first, *others = page.get_by_role("row").get_by_role("link", name="=").all_inner_texts()
    assert first == three.parent.info.run_name
    assert sorted(others) == sorted(f"model={model}" for model in MODELS)
    widen(page, "Run Name", 300)
    keep("2-unfolded")


def test_selected_runs_are_compared_by_name_and_score(three, page, keep):
    unfold(page, three.parent.info.run_name)
    for model in MODELS:
        row(page, f"model={model}").get_by_role("checkbox", name="toggle row selection").check()
    keep("3-selected")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Comparing 3 Runs")).to_be_visible()
    names = page.get_by_role("row", name="Run Name:").get_by_role("cell")
    expect(names).to_have_text([f"model={model}" for model in MODELS])
    expect(page.get_by_role("tabpanel").get_by_role("img").filter(has_text="model.name")).to_be_visible()
    keep("4-compared")
    scroll_to(page, "test/roc_auc")
    scores = [f"{round(three.run(job).data.metrics['test/roc_auc'], 3):g}" for job in JOBS]
    assert numbers_beside(page, "test/roc_auc") == scores
    keep("5-scores")


def test_the_comparison_page_opens_from_the_artifacts_of_the_sweep(three, page, keep):
    page.get_by_role("link", name=three.parent.info.run_name, exact=True).click()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("comparison.html").click()
    comparison = page.frame_locator("iframe")
    expect(comparison.get_by_role("heading", level=1)).to_contain_text("Comparison of 3 runs")
    keep("6-comparison")
    assert comparison.locator("figure img").evaluate_all("all => all.every(each => each.naturalWidth > 300)")
    scores = comparison.locator("table.scores").first
    for click in (1, 2):  # on the heading of the names: the page's own script runs within MLflow's page too
        scores.locator("th button").first.click()
        names = scores.locator("tbody th").all_inner_texts()
        assert names == sorted(names, reverse=click == 2)
        assert len(names) == len(MODELS)
