"""The figures of the page, each with its caption, and in words for those who do not see it."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from skinexp.comparison.decisions import HALF, answers, of_probabilities, of_thresholds
from skinexp.core.number_format import limits, three_decimals, whole
from skinexp.evaluation import CLASSES, confusion_counts, reliability_points
from skinexp.report.figures import (
    classification,
    decision_curves,
    forest,
    learning_curves,
    lr_sweep,
    reliability_diagram,
)
from skinexp.report.pages.embedded_figure import Picture, picture
from skinexp.runs.run_outputs import RunRecord, by_area

Captioned = tuple[str, Picture]

MOST_BANDS = 4  # runs whose bands can be told apart when they lie on each other
MOST_PANELS = 8  # runs that have a panel each; the best ones, where there are more
THRESHOLDS = (0.1, 0.3, 0.5)  # at which a decision curve is told in words


def of_learning_rates(records: Sequence[RunRecord]) -> Picture | None:
    """The area under the ROC curve against the learning rate; None where too few were tried."""
    trials = lr_sweep.trials(records)
    if trials is None:
        return None
    points = [
        f"{line or 'learning rate'} {lr:g}: {three_decimals(auc)}, {state}{note and f' ({note})'}"
        for line, lr, auc, state, note in trials[["line", "lr", "auc", "state", "note"]].itertuples(index=False)
    ]
    description = f"Validation ROC-AUC against the learning rate. {'; '.join(points)}."
    return picture(lr_sweep.area_by_learning_rate(trials), description)


def of_curves(finished: Sequence[RunRecord]) -> list[Captioned]:
    """The ROC and the precision-recall curves of all runs, with bands where there are few."""
    predictions = _predictions(finished)
    if not predictions:
        return []
    told = [record for record in finished if record.name in predictions]
    few = told if len(told) <= MOST_BANDS else []

    def bands(table: str) -> dict[str, pd.DataFrame]:
        return {record.name: record.evidence[table] for record in few if table in record.evidence}

    def areas(score: str) -> str:
        return "; ".join(f"{record.name}: area {_with_limits(record, score)}" for record in told)

    roc_bands, recall_bands = bands("roc_band"), bands("precision_recall_band")
    bounded = " Bands are 95 % intervals, point by point." if roc_bands else ""
    roc = picture(
        classification.roc_curves(predictions, bands=roc_bands),
        f"ROC curves on the test images. {areas('roc_auc')}.",
    )
    precision_recall = picture(
        classification.precision_recall_curves(predictions, bands=recall_bands),
        f"Precision-recall curves on the test images. {areas('average_precision')}.",
    )
    return [
        (f"ROC curves. A model that guesses lies on the diagonal.{bounded}", roc),
        ("Precision-recall curves. A model that guesses lies on the line of the prevalence.", precision_recall),
    ]


def of_decisions(finished: Sequence[RunRecord]) -> Captioned | None:
    """The decision curves of all runs."""
    found = answers(finished)
    if not found:
        return None
    curves_by_run = decision_curves.benefits({name: one.table for name, one in found.items()})
    told = []
    for name, curve in curves_by_run.items():
        at = curve.set_index(curve["threshold"].round(2))["model"]
        told.append(f"{name}: " + ", ".join(f"{three_decimals(float(at[p]))} at {p:g}" for p in THRESHOLDS))
    caption = (
        "Net benefit: the share of images that are malignant and excised, less benign ones excised at the price that "
        "the threshold puts on them. A model is worth using where its line is the highest. "
        f"{of_probabilities(found)}"
    )
    return caption, picture(decision_curves.decision_curves(curves_by_run), f"Decision curves. {'; '.join(told)}.")


def of_reliability(finished: Sequence[RunRecord]) -> Captioned | None:
    """A reliability diagram a run; of an older run, made from its predictions."""
    points = {
        record.name: record.evidence.get("reliability", _points(record.test))
        for record in _best(finished)
        if record.test is not None
    }
    if not points:
        return None
    told = []
    for name, table in points.items():
        record = next(record for record in finished if record.name == name)
        stages = [
            f"{reliability_diagram.NAMES[stage]}, {_error(record, stage)}{_kept(part)}"
            for stage, part in reliability_diagram.stages(table).items()
        ]
        told.append(f"{name}: {'; '.join(stages)}")
    caption = (
        "Reliability: the share of malignant images over the mean probability of each of 15 bins, with 95 % intervals, "
        "and below it the images in each bin. Above the diagonal a model promises too little, below it too much."
    )
    return caption, picture(
        reliability_diagram.reliability_diagrams(points), f"Reliability diagrams. {'. '.join(told)}."
    )


def of_subgroups(finished: Sequence[RunRecord]) -> Captioned | None:
    """The area of each subgroup, a panel a run."""
    with_levels = [record for record in finished if len(record.evidence.get("subgroups", ())) and not record.collapsed]
    levels = {record.name: record.evidence["subgroups"].fillna({"note": ""}) for record in _best(with_levels)}
    if not levels:
        return None
    told = [f"{name}: " + "; ".join(_level(row) for _, row in table.iterrows()) for name, table in levels.items()]
    caption = (
        "Test ROC-AUC by subgroup, with 95 % intervals. In brackets: its images. A subgroup with fewer than 10 images "
        "of either class has none. Where intervals overlap widely, the subgroups need not differ."
    )
    return caption, picture(forest.subgroup_forest(levels), f"ROC-AUC by subgroup. {'. '.join(told)}.")


def of_confusions(finished: Sequence[RunRecord]) -> list[Captioned]:
    """The confusion matrices of all runs at 0.5, then at the thresholds that the runs chose on validation images."""
    predictions = _predictions(finished)
    if not predictions:
        return []
    found = answers(finished)
    as_trained = "At the threshold 0.5, of probabilities as trained."
    pictures = [_confusions(as_trained, predictions, dict.fromkeys(predictions, three_decimals(HALF)))]
    if any(one.is_chosen for one in found.values()):
        chosen = f"At {of_thresholds(found)}. {of_probabilities(found)}"
        calls = {name: one.called for name, one in found.items()}
        pictures.append(_confusions(chosen, calls, {name: one.threshold for name, one in found.items()}))
    return pictures


def _confusions(caption: str, predictions: Mapping[str, pd.DataFrame], thresholds: Mapping[str, str]) -> Captioned:
    """Of probabilities at 0.5, or of calls; `thresholds` says at which."""
    figure = classification.confusion_matrices(predictions, dict.fromkeys(predictions, HALF), words=thresholds)
    descriptions = []
    for name, table in predictions.items():
        test = table[table["split"] == "test"]
        counts = confusion_counts(test["label"], test["probability"], HALF)
        right = "undefined"
        if counts is not None:
            shares = [f"{counts[k, k]} of {counts[k].sum()} {word}" for k, word in enumerate(CLASSES)]
            right = f"{' and '.join(shares)} images called right"
        descriptions.append(f"{name}, threshold {thresholds[name]}: {right}")
    return caption, picture(figure, f"Confusion matrices on the test images. {'; '.join(descriptions)}.")


def of_histories(histories: Mapping[str, pd.DataFrame]) -> Picture | None:
    """The learning curves of all runs."""
    if not histories:
        return None
    ends = []
    for name, history in histories.items():
        lowest = float(history["val/loss"].min()) if "val/loss" in history else math.nan
        ends.append(f"{name}: {len(history)} epochs, lowest validation loss {three_decimals(lowest)}")
    alternative = f"Learning curves on training and validation images, by epoch. {'; '.join(ends)}."
    return picture(learning_curves.learning_curves(histories), alternative)


def _predictions(finished: Sequence[RunRecord]) -> dict[str, pd.DataFrame]:
    return {record.name: record.predictions for record in finished if record.predictions is not None}


def _best(records: Sequence[RunRecord]) -> list[RunRecord]:
    """As many as have room for a panel each, in their own order."""
    ranked = by_area(records)
    kept = {record.name for record in ranked[:MOST_PANELS]}
    return [record for record in records if record.name in kept]


def _with_limits(record: RunRecord, score: str) -> str:
    found = limits(record.interval(score))
    return three_decimals(record.metric(f"test/{score}")) + (f" ({found})" if found else "")


def _error(record: RunRecord, stage: str) -> str:
    value = record.metric("test/ece" if stage == "before" else "test/ece_calibrated")
    return "" if math.isnan(value) else f"expected calibration error {three_decimals(value)}, "


def _points(test: pd.DataFrame) -> pd.DataFrame:
    return reliability_points(test["label"], test["probability"]).assign(stage="before")


def _kept(part: pd.DataFrame) -> str:
    """The lowest and the highest bin in words: what was promised there, and what came true."""
    known = part[part["images"] > 0]
    if known.empty:
        return "no probabilities"
    ends = known.iloc[[0, -1]] if len(known) > 1 else known
    return " and ".join(
        f"{whole(row['images'])} images of mean probability {three_decimals(row['probability'])}, of which a share of "
        f"{three_decimals(row['malignant'])} is malignant"
        for _, row in ends.iterrows()
    )


def _level(row: pd.Series) -> str:
    area = float(row["roc_auc"])
    known = f"{three_decimals(row['roc_auc_low'])} to {three_decimals(row['roc_auc_high'])}"
    found = f"{three_decimals(area)} ({known})" if not math.isnan(area) else str(row["note"] or "undefined")
    return f"{row['column']} {row['level']}, {whole(row['images'])} images: {found}"
