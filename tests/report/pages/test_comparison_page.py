"""The comparison of runs as a page: what it tells, in which order, and what it leaves out."""

import re
import subprocess
import sys

from sklearn import metrics

from skinexp.evaluation import auc_interval
from skinexp.runs.run_outputs import read_outputs
from tests.report.runs import (
    DAY,
    changed,
    compare,
    explained,
    failed,
    in_memory,
    maps,
    predicted,
    score,
    words,
    write_run,
)


def test_a_result_with_almost_nothing_in_it_still_makes_a_page(tmp_path):
    (tmp_path / "result.json").write_text('{"status": "finished"}')
    page = compare([read_outputs(tmp_path, name="bare")], tmp_path, day=DAY)
    assert "No run has a test ROC-AUC" in words(page)


def test_damaged_files_cost_their_own_sections_alone(tmp_path):
    write_run(tmp_path / "run", "model=damaged", predicted(0, 1.0), maps(["image_200"]))
    files = ("predictions.parquet", "history.csv", "gradcam.npz")
    for file in files:
        (tmp_path / "run" / file).write_bytes(b"PK\x03\x04 not what it was")
    run = read_outputs(tmp_path / "run")
    assert run.unreadable == files
    text = words(compare([run], tmp_path, day=DAY))
    assert all(f"{file} of model=damaged is damaged" in text for file in files)
    assert f"model=damaged {score(run.roc_auc)}" in text


def test_the_page_explains_the_collapse_with_a_matrix_and_names_the_cure(collapse, tmp_path):
    text = words(compare(collapse, tmp_path, day=DAY))
    order = [
        "4 of the 16 finished runs have collapsed (wrong input range, cure: model.input_scaling=contract).",
        "efficientnet collapses (wrong input range) in all runs with model.input_scaling=unit (4 of 4 runs",
        "Cure: model.input_scaling=contract",
        "Outcome of the runs by combination of settings.",
        "model.name model.batch_norm optim.lr model.input_scaling contract unit",
        "efficientnet frozen 0.0001",
        "cosine > 0.999 · probe 0.760 collapsed: wrong input range",
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
    assert "Validation ROC-AUC against the learning rate. learning rate 0.001: 0.800, ok; " in text
    assert "learning rate 0.1: n/a, failed (learning rate too high)." in text
    assert "Runs collapse (learning rate too high) in all runs with optim.lr=0.1 (1 of 1 run)" in text


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


def test_the_maps_of_a_collapsed_run_are_said_to_mean_nothing(page):
    assert "Not drawn, because a collapsed run's maps have no meaning: model=collapsed." in words(page)


def test_the_page_tells_the_story_in_order(page):
    text = words(page)
    order = [
        "Comparison of 4 runs on lesions",
        "23 November 2026",
        "model=better has the highest test ROC-AUC",
        "model=collapsed has collapsed",
        "At the operating threshold",
        "Differences of the test ROC-AUC",
        "model=lost (failed): ValueError: data.path: there is no such directory.",
        "ROC curves on the test images. model=good: ROC-AUC",
        "Precision-recall curves on the test images",
        "Decision curves.",
        "Reliability diagrams. model=good",
        "Confusion matrices on the test images",
        "model=collapsed, threshold 0.500: 100 of 100 benign and 0 of 100 malignant images predicted correctly",
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
    low, high = auc_interval(test["label"], test["logit"])[1:]
    assert f"model=better {score(area)} ★ (best) ({score(low)} to {score(high)})" in words(page)


def test_a_collapsed_run_earns_no_star_for_its_specificity(page):
    rows = re.findall(r"<tr>.*?</tr>", page.read_text(), flags=re.DOTALL)
    row = next(row for row in rows if "collapsed</span>" in row and "1.000" in row)
    assert "★" not in row


def test_the_same_runs_on_the_same_day_make_the_same_page(sweep, page, tmp_path):
    assert compare(sweep, tmp_path, day=DAY).read_bytes() == page.read_bytes()


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
    assert "model=only has a test ROC-AUC of" in text


def test_a_test_on_other_images_says_so_and_what_it_found_of_them(tmp_path):
    nothing = {"benign": 0, "malignant": 0}
    counts = {"train": nothing, "val": nothing, "test": {"benign": 50, "malignant": 30}}
    data = {"name": "folder", "images": 80, "counts": counts, "grouped_by": None}
    tested = [
        in_memory(
            name, predicted(0, 1.0), data=data, evaluates={"name": name}, sentences=[f"Far from {name}'s.", "Red."]
        )
        for name in ("a", "b")
    ]
    text = words(compare(tested, tmp_path / "both", day=DAY))
    assert "All images were tested; none was used for training here. a: Far from a's. Red. b: Far from b's." in text
    assert "split individually" not in text
    assert "Split benign malignant all test 50 30 80" in text
    assert "here. Far from a's. Red." in words(compare(tested[:1], tmp_path / "one", day=DAY))


def test_rates_of_networks_that_were_only_tested_are_not_drawn(run, tmp_path):
    runs = [run({"optim.lr": rate, "model.name": "a"}) for rate in (1e-4, 1e-3, 1e-2)]
    tested = [changed(one, evaluates={"name": one.name}) for one in runs]
    assert "against learning rate" in words(compare(runs, tmp_path, day=DAY))
    assert "against learning rate" not in words(compare(tested, tmp_path, day=DAY))


def test_a_sweep_of_which_nothing_finished_has_a_page_that_says_so(tmp_path):
    traceback = "Traceback (most recent call last):\n  File ...\nMemoryError: no room"
    text = words(compare([failed("a", traceback), failed("b", None)], tmp_path, day=DAY))
    assert "No run finished, so there is nothing to compare." in text
    assert "a (failed): MemoryError: no room The whole message" in text
    assert "b (failed): No reason was recorded." in text


def test_reports_need_neither_keras_nor_mlflow_nor_hydra():
    code = (
        "import sys, skinexp.report.pages.comparison_files\n"
        "print([name for name in ('keras', 'tensorflow', 'mlflow', 'hydra', 'omegaconf') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
