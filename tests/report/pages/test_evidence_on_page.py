"""Runs that gathered evidence, read from their directories and shown on one page."""

import datetime
import math

import pytest

from skinexp.core.number_format import limits_text, p_value_text, three_decimals
from skinexp.report.pages.score_table import tables
from skinexp.runs.run_outputs import read_outputs
from tests.comparison.test_pairwise import run as predicting
from tests.report.gathered import write_sweep
from tests.report.runs import changed, compare, words

DAY = datetime.date(2026, 11, 23)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return write_sweep(tmp_path_factory.mktemp("gathered"), images=300)


@pytest.fixture(scope="module")
def text(sweep, tmp_path_factory):
    return words(compare(sweep, tmp_path_factory.mktemp("page"), day=DAY))


def test_the_evidence_is_read_whole_and_gives_scores_their_intervals(sweep):
    first = sweep[0]
    assert set(first.evidence) == {
        "scores", "reliability", "calibration_curve", "roc_band", "precision_recall_band", "subgroups",
        "subgroup_gaps", "diagnoses", "units"
    }  # fmt: skip
    row = first.evidence["scores"].set_index("score").loc["brier"]
    assert first.interval("brier") == pytest.approx((row["estimate"], row["low"], row["high"]))
    assert first.unreadable == ()


def test_a_damaged_table_costs_its_own_figure_alone_and_is_named(sweep, tmp_path):
    place = tmp_path / "run"
    place.mkdir()
    for file in ("result.json", "predictions.parquet"):
        (place / file).write_bytes((sweep[0].directory / file).read_bytes())
    (place / "evidence").mkdir()
    (place / "evidence" / "scores.csv").write_text("score,estimate\nroc_auc,0.9\n")
    found = read_outputs(place)
    assert found.unreadable == ("evidence/scores.csv",)
    assert found.evidence == {}
    assert not math.isnan(found.interval("roc_auc").low)  # DeLong's, from the predictions


def test_scores_stand_with_their_intervals_and_the_limits_are_no_columns_of_their_own(sweep, text):
    area = sweep[1].interval("roc_auc")
    assert f"{three_decimals(area.estimate)} ★ (best) ({limits_text(area.low, area.high)})" in text
    labels = [column.label for table in tables(sweep, True) for _, columns in table.groups for column in columns]
    assert not [label for label in labels if "_low" in label or "_high" in label]


def test_the_first_table_is_short_and_the_others_are_folded(sweep):
    first, *others = tables(sweep, True)
    assert [column.label for _, columns in first.groups for column in columns] == [
        "ROC-AUC", "average precision",
        "accuracy", "precision", "recall (sensitivity)", "specificity", "F1"
    ]  # fmt: skip
    assert first.groups[1][1][0].metric == "test/accuracy_chosen"
    titles = {"Ranking, in detail", "Calibration", "At the operating threshold", "At threshold 0.5, uncalibrated"}
    assert titles <= {one.title for one in others}


def test_a_low_calibration_error_is_the_best_one_and_a_collapsed_run_s_is_passed_over(sweep):
    (table,) = (one for one in tables(sweep, True) if one.title == "Calibration")
    best = {record.name for record, cells in table.rows if cells[0].best}
    brier = {record.name: record.metric("test/brier") for record in sweep if not record.collapsed}
    assert best == {min(brier, key=brier.__getitem__)}


def test_scores_at_a_prevalence_stand_beside_it(run):
    record = run({"evaluate.prevalence": 0.0125})
    metrics = record.metrics | {"test/ppv_at_prevalence": 0.4}
    found = tables([changed(record, metrics=metrics)], True)
    (table,) = (one for one in found if one.title == "At the operating threshold")
    ((_, cells),) = table.rows
    assert [(group, [column.label for column in columns]) for group, columns in table.groups] == [
        ("At a given prevalence", ["prevalence", "PPV"])
    ]
    assert [cell.text for cell in cells] == ["0.0125", "0.400"]


def test_sections_follow_the_question_a_reader_has_next(text):
    order = [
        "model=mobilenet has the highest test ROC-AUC",
        "model=efficientnet has collapsed (wrong input range, cure: model.input_scaling=contract).",
        "At the operating threshold",
        "Differences of the test ROC-AUC",
        "Bands are pointwise 95 % confidence bands",
        "Decision curves. model=scratch:",
        "Reliability diagrams. model=scratch: uncalibrated, expected calibration error",
        "Confusion matrices on the test images",
        "Learning curves on training",
        "ROC-AUC by subgroup. model=scratch: age",
        "Where models disagree Of the 12 test images",
        "Grad-CAM maps of",
        "All images have the same features",
        "900 images of lesions.",
        "How to reproduce The same for all runs",
    ]
    start = text.find("Scores Run")
    places = [text.find(part, 0 if number < 2 else start) for number, part in enumerate(order)]
    assert -1 not in places
    assert places == sorted(places)


def test_a_subgroup_with_too_few_images_says_so(text):
    assert "site palm" in text
    assert "too few cases" in text


def test_older_runs_have_a_page_with_the_intervals_that_predictions_give(tmp_path):
    text = words(compare([predicting("one", 1.0), predicting("two", 2.0, 1)], tmp_path, day=DAY))
    assert "it is significantly higher than that of one" in text
    assert "No run left CIs of scores other than ROC-AUC" in text
    assert "Reliability diagrams" in text
    assert "ROC-AUC by subgroup" not in text


def test_runs_on_different_images_have_no_pairs_but_the_digests(tmp_path):
    text = words(compare([predicting("one", 1.0), predicting("two", 2.0, 1, test_digest="other")], tmp_path, day=DAY))
    assert (
        "Paired tests need the same test images. The digests of the test images differ: same (one), other (two)."
        in text
    )
    assert "Pairwise comparisons" not in text


def test_seeds_have_a_table_of_their_own(tmp_path):
    runs = [
        predicting(
            f"model={model} seed={seed}", signal, seed, config={"model": {"name": model}, "seed": seed}, images=60
        )
        for model, signal in (("scratch", 0.8), ("mobilenet", 2.4))
        for seed in range(2)
    ]
    assert "Repetitions with other seeds" in words(compare(runs, tmp_path, day=DAY))


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0004, "< 0.001"), (0.0123, "0.012"), (0.42, "0.42"), (1.0, "1.00"), (math.nan, "n/a")]
)
def test_p_values_have_the_digits_that_tell_something(value, shown):
    assert p_value_text(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.912, "0.912"), (1.0, "1.000"), (-0.05, "-0.050"), (-0.0001, "0.000"), (math.nan, "n/a")]
)
def test_scores_have_their_leading_zero(value, shown):
    assert three_decimals(value) == shown


def starred(runs):
    """The titles of the tables in which a net benefit is marked as the best."""
    return [
        table.title
        for table in tables(runs, True)
        for _, cells in table.rows
        for column, cell in zip([one for _, columns in table.groups for one in columns], cells, strict=True)
        if column.label == "net benefit" and cell.best
    ]


@pytest.mark.parametrize(("stated", "marked"), [((None, None), 0), ((0.1, 0.2), 0), ((0.1, 0.1), 2)])
def test_net_benefits_have_a_star_only_at_one_stated_price(stated, marked):
    runs = [
        predicting(name, signal, seed, config={"evaluate": {"risk_threshold": risk}})
        for seed, (name, signal, risk) in enumerate(zip(("one", "two"), (0.5, 2.5), stated, strict=True))
    ]
    assert len(starred(runs)) == marked


def test_a_collapsed_run_has_no_star_at_any_threshold(sweep):
    everything = {f"test/recall{suffix}": 1.0 for suffix in ("", "_chosen", "_youden")}
    runs = [changed(run, metrics=run.metrics | everything) if run.collapsed else run for run in sweep]
    starred = [
        column.group
        for table in tables(runs, True)
        for record, cells in table.rows
        for column, cell in zip([one for _, columns in table.groups for one in columns], cells, strict=True)
        if record.collapsed and cell.best and column.label == "recall (sensitivity)"
    ]
    assert starred == []
