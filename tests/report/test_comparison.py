"""The comparison of runs: read from directories as a run leaves them, written as a page and as tables."""

import dataclasses
import datetime
import json
import math
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn import metrics

from skinexp.evaluation import auc_standard_error, delong_interval, evaluate
from skinexp.report.comparison import compare, table
from skinexp.report.records import RunRecord, load

DAY = datetime.date(2026, 11, 23)
IMAGES = 200  # of validation, and of test
SIDE = 48


def predicted(seed: int, signal: float, spread: float = 1.0, shift: float = 0.0) -> pd.DataFrame:
    """Predictions of a model whose logits differ by `signal` standard deviations between the classes."""
    draw = np.random.default_rng(seed)
    label = np.tile([0, 1], IMAGES)
    logit = spread * (signal * (label - 0.5) + draw.normal(size=label.size)) + shift
    split = np.repeat(["val", "test"], IMAGES)
    image_id = [f"image_{number:03}" for number in range(label.size)]
    return pd.DataFrame(
        {"image_id": image_id, "split": split, "label": label, "logit": logit, "probability": expit(logit)}
    )


def history(epochs: int = 6) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    scores = {f"{part}/{name}": 0.5 + 0.01 * epoch for part in ("train", "val") for name in ("accuracy", "auc")}
    losses = {"train/loss": 1 / epoch, "val/loss": 1.1 / epoch}
    return pd.DataFrame({"epoch": epoch, "phase": "train", **losses, **scores, "best": epoch == epochs})


def maps(image_ids: list[str], side: int = SIDE) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(len(image_ids))
    count = len(image_ids)
    return {
        "image_id": np.array(image_ids),
        "label": np.arange(count) % 2,
        "probability": draw.random(count),
        "image": draw.integers(0, 256, (count, side, side, 3), dtype=np.uint8),
        "heat": draw.random((count, side, side)).astype(np.float32),
    }


def result(name: str, predictions: pd.DataFrame, **entries: Any) -> dict[str, Any]:
    evaluation = evaluate(predictions)
    return {
        "status": "finished",
        "name": name,
        "error": None,
        "run_id": f"id-of-{name}",
        "parent_run_id": "the-parent",
        "tracking_uri": "https://alice:secret@tracking.example/mlflow",
        "model": {"name": "scratch", "parameters": 618_017},
        "config": {"seed": 3, "data": {"name": "folder", "path": "/somewhere/lesions"}},
        "config_digest": f"config-of-{name}",
        "data_digest": "the-data",
        "test_digest": "the-test-images",
        "data": {
            "name": "folder",
            "images": 600,
            "counts": {split: {"benign": 100, "malignant": 100} for split in ("train", "val", "test")},
            "excluded": {"premalignant": 129},
            "bad_images": 0,
            "grouped_by": "lesion_id",
        },
        "metrics": evaluation.metrics,
        "thresholds": {"half": 0.5, "youden": evaluation.threshold},
        "best_epoch": 6,
        "epochs": 6,
        "seconds": {"total": 83.0},
        "git": {"sha": "0123abcd", "dirty": True},
        "command": f"python -m skinexp.train {name}",
    } | entries


def write_run(
    directory: Path, name: str, predictions: pd.DataFrame, gradcam: dict[str, np.ndarray] | None = None, **entries: Any
) -> RunRecord:
    directory.mkdir(parents=True)
    (directory / "result.json").write_text(json.dumps(result(name, predictions, **entries)))
    predictions.to_parquet(directory / "predictions.parquet")
    history().to_csv(directory / "history.csv", index=False)
    if gradcam is not None:
        np.savez(directory / "gradcam.npz", **gradcam)
    return load(directory)


def in_memory(name: str, predictions: pd.DataFrame, **entries: Any) -> RunRecord:
    """A run of which only the result is known, so that its page has no figures and is made at once."""
    entries = result(name, predictions, **entries)
    return RunRecord(name, entries["status"], Path(name), entries, error=entries["error"])


def failed(name: str, error: str | None) -> RunRecord:
    return RunRecord(name, "failed", Path(name), {"status": "failed", "name": name, "error": error}, error=error)


def score(value: float) -> str:
    """As the page shows it."""
    return f"{value:.3f}".removeprefix("0")


def words(page: Path) -> str:
    """What a reader reads, in one line; alternative texts included."""
    html = re.sub(r"<(style|script)>.*?</\1>", "", page.read_text(), flags=re.DOTALL)
    html = re.sub(r'<img[^>]*alt="([^"]*)"[^>]*>', r"\1", html).replace("<wbr>", "")
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", html).split()))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> list[RunRecord]:
    """A good run, a better one, a collapsed one, and one that failed."""
    directory = tmp_path_factory.mktemp("sweep")
    ids = [f"image_{number:03}" for number in range(IMAGES, IMAGES + 4)]
    (directory / "3").mkdir()
    error = "ValueError: data.path: there is no such directory."
    (directory / "3" / "result.json").write_text(json.dumps({"status": "failed", "name": "model=lost", "error": error}))
    return [
        write_run(directory / "0", "model=good", predicted(0, 1.0), maps(ids)),
        write_run(directory / "1", "model=better", predicted(1, 3.0), maps(ids[::-1], side=64)),
        write_run(directory / "2", "model=collapsed", predicted(2, 1.0, spread=1e-4, shift=-1.0), maps(ids)),
        load(directory / "3"),
    ]


@pytest.fixture(scope="module")
def page(sweep: list[RunRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compare(sweep, tmp_path_factory.mktemp("comparison"), day=DAY)


def test_a_finished_run_is_read_whole(sweep):
    run = sweep[0]
    assert (run.name, run.status, run.error, run.unreadable) == ("model=good", "finished", None, ())
    pd.testing.assert_frame_equal(run.predictions, predicted(0, 1.0))
    assert list(run.history["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert run.gradcam["heat"].shape == (4, SIDE, SIDE)


def test_a_name_can_be_given(sweep):
    assert load(sweep[0].directory, name="the first").name == "the first"


def test_a_run_without_a_result_counts_as_failed_and_says_so(tmp_path):
    run = load(tmp_path / "7")
    assert (run.name, run.status) == ("7", "failed")
    assert "no result.json" in run.error


@pytest.mark.parametrize("text", ['{"status": "finis', "[1, 2]", ""])
def test_a_result_that_was_cut_off_counts_as_failed(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    run = load(tmp_path)
    assert run.status == "failed"
    assert "result.json" in run.error


def test_a_result_with_almost_nothing_in_it_still_makes_a_page(tmp_path):
    (tmp_path / "result.json").write_text('{"status": "finished"}')
    page = compare([load(tmp_path, name="bare")], tmp_path, day=DAY)
    assert "No run has a test ROC-AUC" in words(page)


def test_damaged_files_cost_their_own_sections_alone(tmp_path):
    write_run(tmp_path / "run", "model=damaged", predicted(0, 1.0), maps(["image_200"]))
    files = ("predictions.parquet", "history.csv", "gradcam.npz")
    for file in files:
        (tmp_path / "run" / file).write_bytes(b"PK\x03\x04 not what it was")
    run = load(tmp_path / "run")
    assert run.unreadable == files
    text = words(compare([run], tmp_path, day=DAY))
    assert all(f"{file} of model=damaged is damaged" in text for file in files)
    assert f"model=damaged {score(run.roc_auc)}" in text


def test_the_table_has_a_row_for_each_run_and_scikit_learn_s_numbers(sweep):
    rows = table(sweep)
    assert list(rows["name"]) == ["model=good", "model=better", "model=collapsed", "model=lost"]
    assert list(rows["status"]) == ["finished", "finished", "finished", "failed"]
    assert list(rows.loc[:2, "seed"]) == [3, 3, 3]
    assert rows.loc[0, ["run_id", "data_digest", "test_digest"]].tolist() == [
        "id-of-model=good",
        "the-data",
        "the-test-images",
    ]
    for row, run in enumerate(sweep[:2]):
        test = run.predictions[run.predictions["split"] == "test"]
        called = test["probability"] >= 0.5
        assert rows.loc[row, "test/roc_auc"] == pytest.approx(metrics.roc_auc_score(test["label"], test["logit"]))
        assert rows.loc[row, "test/precision"] == pytest.approx(metrics.precision_score(test["label"], called))
    assert rows.loc[3].filter(like="test/").drop("test_digest", errors="ignore").isna().all()


def test_the_csv_file_reads_back_as_the_table(sweep, page):
    rows = pd.read_csv(page.with_suffix(".csv"))
    expected = table(sweep)
    pd.testing.assert_frame_equal(rows, expected.where(expected.notna()), check_dtype=False)


def test_the_json_file_is_strict_and_says_the_same(sweep, page):
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    rows = json.loads(page.with_suffix(".json").read_text(), parse_constant=refuse)
    expected = table(sweep)
    assert [row["name"] for row in rows] == list(expected["name"])
    assert rows[0]["test/f1"] == pytest.approx(expected.loc[0, "test/f1"])
    assert rows[0]["seed"] == 3
    assert rows[2]["test/precision"] is None  # 0/0: it calls no image malignant
    assert rows[3]["test/roc_auc"] is None


def test_an_infinite_score_becomes_null(tmp_path):
    run = in_memory("model=wild", predicted(0, 1.0), metrics={"test/roc_auc": 0.7, "test/loss": math.inf})
    compare([run], tmp_path, day=DAY)
    assert json.loads((tmp_path / "comparison.json").read_text())[0]["test/loss"] is None


@pytest.mark.parametrize(("positives", "negatives"), [(5, 9), (128, 128), (1, 1)])
def test_the_standard_error_at_one_half_is_that_of_the_rank_sum(positives, negatives):
    # The variance of Mann and Whitney's U under no difference, over the square of the number of pairs.
    variance = (positives + negatives + 1) / (12 * positives * negatives)
    assert auc_standard_error(0.5, positives, negatives) == pytest.approx(math.sqrt(variance))


def test_the_standard_error_is_the_spread_over_many_draws_of_exponential_scores():
    draw = np.random.default_rng(0)
    positives, negatives, scale, draws = 30, 50, 4.0, 4_000
    high = draw.exponential(scale, (draws, positives, 1))
    low = draw.exponential(1.0, (draws, 1, negatives))
    areas = (high > low).mean(axis=(1, 2))
    assert auc_standard_error(scale / (1 + scale), positives, negatives) == pytest.approx(areas.std(), rel=0.05)


@pytest.mark.parametrize(("area", "positives", "negatives"), [(0.8, 0, 5), (0.8, 5, 0), (math.nan, 5, 5)])
def test_there_is_no_standard_error_without_both_classes(area, positives, negatives):
    assert math.isnan(auc_standard_error(area, positives, negatives))


def with_area(name: str, area: float) -> RunRecord:
    """A run with this test ROC-AUC that left no predictions."""
    return in_memory(name, predicted(0, 1.0), metrics={"test/roc_auc": area})


def test_a_run_whose_scores_vary_has_not_collapsed_though_it_calls_all_malignant():
    assert not in_memory("model=bold", predicted(0, 1.0, shift=20.0)).collapsed
    assert in_memory("model=flat", predicted(0, 1.0, spread=1e-4, shift=20.0)).collapsed


def test_a_doctor_s_verdict_stands_above_the_rule_for_runs_that_none_saw():
    flat = predicted(0, 1.0, spread=1e-4)
    assert not in_memory("model=flat", flat, health={"verdict": "warning"}).collapsed
    assert in_memory("model=fine", predicted(0, 1.0), health={"verdict": "collapsed"}).collapsed


def test_the_table_holds_what_the_doctor_found(collapse):
    rows = table(collapse)
    assert rows["health"].value_counts().to_dict() == {"ok": 12, "collapsed": 4}
    ill = rows[rows["health"] == "collapsed"]
    assert set(ill["health_cause"]) == {"wrong_input_range"}
    assert set(ill["feature_cosine"]) == {0.9998}
    assert set(ill["probe_auc"]) == {0.76}


def test_the_page_explains_the_collapse_with_a_matrix_and_names_the_cure(collapse, tmp_path):
    text = words(compare(collapse, tmp_path, day=DAY))
    order = [
        "4 of the 16 runs that finished have collapsed: wrong input range; do model.input_scaling=contract.",
        "efficientnet collapses (wrong input range) wherever model.input_scaling=unit (4 of 4 runs",
        "Cure: model.input_scaling=contract",
        "What became of the runs under each combination of settings.",
        "model.name model.batch_norm optim.lr model.input_scaling contract unit",
        "efficientnet frozen 0.0001",
        "cosine > .999 · probe .760 collapsed: wrong input range",
        "mobilenet frozen 0.0001",
        "collapsed: wrong input range (4 runs)",
        "All images have the same features.",
    ]
    places = [text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)
    assert "ROC-AUC against learning rate" not in text  # two of them are no range


def test_the_page_draws_the_area_against_three_learning_rates_and_describes_it(run, tmp_path):
    ill = {"verdict": "collapsed", "cause": "learning_rate_too_high"}
    runs = [run({"optim.lr": lr}, 0.8, {"verdict": "ok"}) for lr in (1e-3, 1e-2)]
    text = words(compare([*runs, run({"optim.lr": 0.1}, None, ill, status="failed")], tmp_path, day=DAY))
    assert "Validation ROC-AUC against the learning rate. learning rate 0.001: .800, ok; " in text
    assert "learning rate 0.1: n/a, failed (learning rate too high)." in text
    assert "Runs collapse (learning rate too high) wherever optim.lr=0.1 (1 of 1 run)" in text


def test_a_failed_run_s_health_is_told_though_it_has_no_scores(run, tmp_path):
    ill = {
        "verdict": "collapsed",
        "cause": "learning_rate_too_high",
        "sentence": "It blew up.",
        "cure": "optim.lr=0.01",
    }
    text = words(compare([run({"optim.lr": 1.0}, None, ill, status="failed")], tmp_path, day=DAY))
    assert "collapsed: learning rate too high (1 run) Cure: optim.lr=0.01 optim.lr=1.0 : It blew up." in text


def test_healthy_runs_and_runs_of_before_there_was_a_doctor_have_no_section_of_health(run, tmp_path):
    text = words(compare([run({"optim.lr": 0.1}), run({"optim.lr": 0.2})], tmp_path, day=DAY))
    assert "Health" not in text
    assert "Diagnosis" not in text


def test_what_the_doctor_says_cannot_inject_markup(run, tmp_path):
    attack = "<script>alert(1)</script>"
    health = {"verdict": "collapsed", "cause": attack, "sentence": attack, "cure": attack}
    runs = [run({"a": attack, "b": b}, health=health if b else {"verdict": "ok"}) for b in (0, 1)]
    runs += [run({"a": 1, "b": b}, health=health if b else {"verdict": "ok"}) for b in (0, 1)]
    html = compare(runs, tmp_path, day=DAY).read_text().replace("<wbr>", "")
    assert html.count("<script") == 1
    assert html.count("&lt;script&gt;alert(1)") > 4


def test_the_maps_of_a_collapsed_run_are_said_to_mean_nothing(page):
    assert "Not drawn, because a collapsed run's maps have no meaning: model=collapsed." in words(page)


def test_the_page_tells_the_story_in_order(page):
    text = words(page)
    order = [
        "Comparison of 4 runs on lesions",
        "23 November 2026",
        "model=better separates best",
        "model=collapsed has collapsed",
        "At threshold 0.5",
        "Differences of the test ROC-AUC",
        "model=lost (failed): ValueError: data.path: there is no such directory.",
        "ROC curves on the test images. model=good: area",
        "Precision-recall curves on the test images",
        "Decision curves.",
        "Reliability diagrams. model=good",
        "Confusion matrices on the test images",
        "model=collapsed, threshold .500: 100 of 100 benign and 0 of 100 malignant images called right",
        "Learning curves on training and validation images",
        "Where models disagree",
        "Grad-CAM maps of model=good, model=better, model=collapsed on the test images image_20",
        "129 premalignant",
        "lesion_id",
        "How to reproduce",
        "python -m skinexp.train model=good",
    ]
    places = [text.find(part, 0 if number < 5 else text.find(order[4])) for number, part in enumerate(order)]
    assert -1 not in places
    assert places == sorted(places)


def test_the_page_shows_scikit_learn_s_area(sweep, page):
    test = sweep[1].predictions.query("split == 'test'")
    area = metrics.roc_auc_score(test["label"], test["logit"])
    low, high = delong_interval(test["label"], test["logit"])[1:]
    assert f"model=better {score(area)} ★ (best) ({score(low)} to {score(high)})" in words(page)


def test_a_collapsed_run_earns_no_star_for_its_specificity(page):
    rows = re.findall(r"<tr>.*?</tr>", page.read_text(), flags=re.DOTALL)
    row = next(row for row in rows if "collapsed</span>" in row)
    assert "1.000" in row
    assert "★" not in row


def test_the_same_runs_on_the_same_day_make_the_same_page(sweep, page, tmp_path):
    assert compare(sweep, tmp_path, day=DAY).read_bytes() == page.read_bytes()


def test_passwords_in_addresses_stay_out(tmp_path):
    command = "python -m skinexp.train tracking.uri=https://bob:secret@other.example"
    html = compare([in_memory("model=only", predicted(0, 1.0), command=command)], tmp_path, day=DAY)
    assert "https://tracking.example/mlflow" in words(html)
    assert "tracking.uri=https://other.example" in words(html)
    assert "secret" not in html.read_text()


def explained(name: str, image_ids: list[str], **entries: Any) -> RunRecord:
    return dataclasses.replace(in_memory(name, predicted(0, 1.0), **entries), gradcam=maps(image_ids))


def test_runs_on_different_test_images_are_shown_with_a_warning_and_without_a_winner(tmp_path):
    runs = [
        explained("model=here", ["image_201", "image_202", "image_203"]),
        explained("model=elsewhere", ["image_203", "image_201", "image_999"], test_digest="other-images"),
    ]
    page = compare(runs, tmp_path, day=DAY)
    text = words(page)
    assert text.index("these scores are not comparable") < text.index("No run is named the best")
    assert "★" not in page.read_text()
    assert re.search(r"on the test images image_20[13], image_20[13]\.", text)


def test_without_images_in_common_the_maps_are_left_out_with_a_sentence(tmp_path):
    runs = [explained("model=here", ["image_201"]), explained("model=elsewhere", ["image_999"])]
    text = words(compare(runs, tmp_path, day=DAY))
    assert "the runs explained no test image in common" in text
    assert "Grad-CAM maps of" not in text


def test_one_run_alone_has_a_page(tmp_path):
    text = words(compare([in_memory("model=only", predicted(0, 1.0))], tmp_path, day=DAY))
    assert "Comparison of 1 run on lesions" in text
    assert "model=only reaches a test ROC-AUC of" in text


def test_a_sweep_of_which_nothing_finished_has_a_page_that_says_so(tmp_path):
    traceback = "Traceback (most recent call last):\n  File ...\nMemoryError: no room"
    text = words(compare([failed("a", traceback), failed("b", None)], tmp_path, day=DAY))
    assert "No run finished, so there is nothing to compare." in text
    assert "a (failed): MemoryError: no room The whole message" in text
    assert "b (failed): No reason was recorded." in text


def test_names_and_errors_cannot_inject_markup(tmp_path):
    attack = '<script>alert("x")</script>,"><img src=x onerror=alert(1)>'
    runs = [in_memory(attack, predicted(0, 1.0), command=attack, data_digest=attack), failed(attack, attack)]
    html = compare(runs, tmp_path, day=DAY).read_text().replace("<wbr>", "")
    assert html.count("<script") == 1
    assert "<img" not in html
    assert "&lt;script&gt;alert(&#34;x&#34;)" in html


def test_runs_with_one_name_are_told_apart(tmp_path):
    compare([with_area("a", 0.8), with_area("a", 0.7)], tmp_path, day=DAY)
    assert list(pd.read_csv(tmp_path / "comparison.csv")["name"]) == ["a", "a (2)"]


def test_no_runs_at_all_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no runs to compare.*Received: \[\]"):
        compare([], tmp_path)


def test_reports_need_neither_keras_nor_mlflow_nor_hydra():
    code = (
        "import sys, skinexp.report.comparison\n"
        "print([name for name in ('keras', 'tensorflow', 'mlflow', 'hydra', 'omegaconf') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
