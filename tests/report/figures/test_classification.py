"""ROC and precision-recall curves and confusion matrices, as a reader sees them."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from scipy.special import expit
from sklearn import metrics

from skinexp.evaluation.split_curves import confusion_matrix, split_curves
from skinexp.report.figures.classification import confusion_matrices, precision_recall_curves, roc_curves
from skinexp.report.figures.style import looks, png


def predictions(seed, separation=1.5, images=200):
    """A predictions table, half of it test; the labels are the same for all seeds."""
    label = np.arange(images) // 2 % 2
    logit = np.random.default_rng(seed).normal(separation * (label - 0.5), 1.0)
    split = np.where(np.arange(images) % 2, "val", "test")
    return pd.DataFrame({"split": split, "label": label, "logit": logit, "probability": expit(logit)})


def part(table, split="test"):
    return table[table["split"] == split]


@pytest.fixture
def runs():
    """Predictions of two runs on the same images."""
    return {"scratch": predictions(1, 1.0), "mobilenet": predictions(2, 2.0)}


@pytest.fixture
def troubled_runs(runs):
    """Runs of which little can be drawn, beside one that is well."""
    table = runs["scratch"]
    return {
        "well": table,
        "one class": table.assign(label=0),
        "diverged": table.assign(logit=math.nan, probability=math.nan),
        "constant": table.assign(logit=0.0, probability=0.5),
        "infinite": table.assign(logit=np.where(table["logit"] > 0, math.inf, table["logit"])),
        "no test images": table.assign(split="val"),
    }


def score(value: float) -> str:
    """As legends show it."""
    return f"{value:.3f}"


def curves(runs, split="test"):
    return {run: split_curves(table, split) for run, table in runs.items()}


def matrices(runs, thresholds):
    return {run: confusion_matrix(table, thresholds[run]) for run, table in runs.items()}


def legend_texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def cells(panel):
    """The counts and shares that a confusion matrix shows, row by row."""
    texts = [text.get_text() for text in panel.texts]
    return texts[::2], texts[1::2]


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_roc_legend_gives_the_area_of_scikit_learn(runs, split):
    texts = legend_texts(roc_curves(curves(runs, split)))

    for run, table in runs.items():
        area = metrics.roc_auc_score(part(table, split)["label"], part(table, split)["logit"])
        assert f"{run} (ROC-AUC {score(area)})" in texts


def test_the_precision_recall_legend_gives_average_precision_and_prevalence(runs):
    texts = legend_texts(precision_recall_curves(curves(runs)))

    for run, table in runs.items():
        precision = metrics.average_precision_score(part(table)["label"], part(table)["logit"])
        assert f"{run} (average precision {score(precision)})" in texts
    assert f"prevalence {score(part(runs['scratch'])['label'].mean())}" in texts


def test_curves_say_what_they_show_and_of_how_many_images(runs):
    roc, precision_recall = roc_curves(curves(runs)).axes[0], precision_recall_curves(curves(runs)).axes[0]

    assert roc.get_title(loc="left") == "ROC, test: 100 images, 50 malignant"
    assert (roc.get_xlabel(), roc.get_ylabel()) == (
        "False positive rate (1 - specificity)",
        "True positive rate (sensitivity)",
    )
    assert (precision_recall.get_xlabel(), precision_recall.get_ylabel()) == (
        "Recall (sensitivity)",
        "Precision (positive predictive value)",
    )


def test_runs_that_were_tested_on_different_images_are_said_to_be(runs):
    runs["other"] = predictions(3, images=80)

    assert "test images differ between runs" in roc_curves(curves(runs)).axes[0].get_title(loc="left")


def test_curves_differ_in_dashes_and_markers_as_well_as_in_colour(runs):
    drawn = [line for line in roc_curves(curves(runs)).axes[0].lines if len(line.get_xdata()) > 2]
    handles = roc_curves(curves(runs)).legends[0].legend_handles[:2]

    assert [line.is_dashed() for line in drawn] == [False, True]
    assert len({handle.get_marker() for handle in handles}) == 2


def test_the_mark_of_a_collapsed_run_stands_in_the_corner_of_the_roc():
    table = predictions(1)
    logit = table["logit"] * 1e-4 - 1
    axes = roc_curves(curves({"collapsed": table.assign(logit=logit, probability=expit(logit))})).axes[0]

    (mark,) = [line for line in axes.lines if len(line.get_xdata()) == 1]
    assert (mark.get_xdata().item(), mark.get_ydata().item()) == (0, 0)


def test_the_mark_is_where_threshold_one_half_puts_the_run(runs):
    table = part(runs["scratch"])
    called = table["probability"] >= 0.5

    (mark,) = [
        line for line in roc_curves(curves({"scratch": runs["scratch"]})).axes[0].lines if len(line.get_xdata()) == 1
    ]

    assert mark.get_ydata().item() == pytest.approx(metrics.recall_score(table["label"], called))
    assert 1 - mark.get_xdata().item() == pytest.approx(metrics.recall_score(table["label"], called, pos_label=0))


@pytest.mark.parametrize("draw", [roc_curves, precision_recall_curves])
def test_a_run_without_a_curve_stands_in_the_legend_with_the_reason(draw, troubled_runs):
    figure = draw(curves(troubled_runs))

    texts = " ".join(legend_texts(figure)).replace("\n", " ")
    assert "undefined: only benign images" in texts
    assert "undefined: 100 of 100 scores not finite" in texts
    assert "undefined: no images" in texts
    assert png(figure).startswith(b"\x89PNG")


def test_a_constant_logit_has_the_area_of_chance(troubled_runs):
    assert "constant (ROC-AUC 0.500)" in legend_texts(roc_curves(curves(troubled_runs)))


def test_a_confusion_matrix_shows_the_counts_of_scikit_learn_and_their_shares(runs):
    thresholds = {"scratch": 0.5, "mobilenet": 0.31}

    figure = confusion_matrices(matrices(runs, thresholds))

    for panel, (run, table) in zip(figure.axes, runs.items(), strict=True):
        called = part(table)["probability"] >= thresholds[run]
        expected = metrics.confusion_matrix(part(table)["label"], called)
        shares = metrics.confusion_matrix(part(table)["label"], called, normalize="true")
        counts_shown, shares_shown = cells(panel)
        assert counts_shown == [str(count) for count in expected.ravel()]
        assert shares_shown == [f"{share:.0%}" for share in shares.ravel()]


def test_a_confusion_matrix_is_titled_with_run_and_threshold_and_names_its_sides(runs):
    figure = confusion_matrices(matrices(runs, {"scratch": 0.5, "mobilenet": 0.31234}))

    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "scratch\nthreshold 0.5",
        "mobilenet\nthreshold 0.3123",
    ]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["benign", "malignant"]
    assert figure.axes[0].get_ylabel() == "True class"
    assert figure.get_supxlabel().startswith("Predicted class. Test: 100 images, 50 malignant.")


def test_confusion_matrices_of_troubled_runs_say_what_is_missing(troubled_runs):
    thresholds = dict.fromkeys(troubled_runs, 0.5) | {"constant": math.nan}

    figure = confusion_matrices(matrices(troubled_runs, thresholds))

    panels = dict(zip(troubled_runs, figure.axes, strict=False))
    assert cells(panels["one class"])[1][2:] == ["no images", "no images"]
    assert "not a number" in panels["diverged"].texts[0].get_text()
    assert panels["constant"].get_title(loc="left") == "constant\nthreshold undefined"
    assert cells(panels["no test images"])[0] == ["0", "0", "0", "0"]
    assert png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", [roc_curves, precision_recall_curves, confusion_matrices])
def test_no_run_is_refused(draw):
    with pytest.raises(ValueError, match="predictions: give the predictions of one run at least"):
        draw({})


def test_bands_are_filled_behind_the_curves_of_the_runs_that_have_one(runs):
    rates = np.linspace(0, 1, 5)
    band = pd.DataFrame({"false_positive_rate": rates, "low": rates, "high": np.sqrt(rates)})
    axes = roc_curves(curves(runs), bands={"mobilenet": band}).axes[0]
    (filled,) = axes.collections
    assert filled.get_facecolor()[0][:3] == pytest.approx(to_rgb(looks(list(runs))["mobilenet"].colour))
    assert filled.get_datalim(axes.transData).bounds == pytest.approx((0, 0, 1, 1))
