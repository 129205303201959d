"""The comparison as a page: what each of its sections holds, with figures as data inside the page.

The words and the layout are in `templates/comparison.html.j2`; here is what they are filled with.
"""

import base64
import datetime
import io
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from PIL import Image

from skinexp.evaluation import CLASSES, confusion_counts
from skinexp.report import (
    classification,
    curves,
    explanation,
    health,
    learning_rates,
    matrix,
    score_table,
    sheets,
    style,
)
from skinexp.report.folds import FoldLine
from skinexp.report.records import RunRecord
from skinexp.report.words import ABSENT, three_decimals, whole

SHARED_IMAGES = 8  # rows of a Grad-CAM sheet
SHARED_RUNS = 6  # columns of a Grad-CAM sheet: more would be too small to see
MEANINGLESS = "collapsed:\nno meaning"  # in the place of a collapsed run's maps

# The pictures are drawn at this many pixels an inch, and a page counts 96 to the inch.
SCALE = 96 / style.PIXELS_PER_INCH


@dataclass(frozen=True)
class Picture:
    """A figure as the page holds it; width and height in the page's pixels."""

    source: str
    alternative: str
    width: int
    height: int


@dataclass(frozen=True)
class SharedImages:
    """Test images that every run explained, and each run's answer to them."""

    pictures: list[Picture]
    runs: list[str]
    answers: list[tuple[str, str, list[str]]]  # image, true class, each run's probability of malignant
    common: int  # how many images there are of which these are the first


def render(
    records: Sequence[RunRecord],
    verdict: Sequence[str],
    comparable: bool,
    day: datetime.date,
    folds: Sequence[FoldLine] = (),
) -> str:
    """The page as HTML.

    Args:
        records: the runs, with distinct names.
        verdict: the sentences that open the page.
        comparable: whether the finished runs were tested on the same images.
        day: the date on the page.
        folds: of each record that pools the folds of a cross-validation.

    Returns:
        One HTML document that loads nothing from anywhere.
    """
    finished = [record for record in records if record.finished]
    predictions = {record.name: record.predictions for record in finished if record.predictions is not None}
    histories = {record.name: record.history for record in finished if record.history is not None}
    pooled = {line.name for line in folds}
    columns = score_table.measured(score_table.columns(finished), finished)
    diagnosis = matrix.build(records)
    environment = Environment(
        loader=PackageLoader("skinexp.report"),
        autoescape=True,  # names and errors come from the command line and from files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    html = environment.get_template("comparison.html.j2").render(
        title=_title(records),
        day=day,
        finished=finished,
        unfinished=[(record, *_error_parts(record.error)) for record in records if not record.finished],
        verdict=verdict,
        comparable=comparable,
        groups=[(group, list(members)) for group, members in groupby(columns, key=lambda column: column.group)],
        rows=score_table.rows(columns, finished, comparable),
        has_errors=any(not math.isnan(record.roc_auc_error) for record in finished),
        unreadable=[(record.name, file) for record in finished for file in record.unreadable],
        explanations=explanation.explain(records) if diagnosis or any(record.collapsed for record in records) else [],
        matrix=diagnosis,
        rates=_rates(records),
        ailments=health.ailments({record.name: record.health for record in records}),
        has_health=any(record.health for record in finished),
        curves=_curves(finished, predictions),
        confusions=_confusions(finished, predictions),
        learning=_picture(curves.learning_curves(histories), _describe_histories(histories)) if histories else None,
        without_predictions=[record.name for record in finished if record.name not in predictions],
        without_history=[record.name for record in finished if record.name not in {*histories, *pooled}],
        without_maps=[record.name for record in finished if record.gradcam is None and record.name not in pooled],
        shared=_shared_images([record for record in finished if record.gradcam is not None]),
        data=_data(finished),
        has_maps=any(record.gradcam is not None for record in finished),
        folds=folds,
        has_single_folds=any(record.fold is not None for record in finished),
        has_single_runs=any(record.name not in pooled for record in finished),
        classes=CLASSES,
        facts=_facts(records),
    )
    return without_passwords(html)


def without_passwords(text: str) -> str:
    """Text whose addresses have lost the user and password that may be in them: a page is made to be passed on."""
    return re.sub(r"://[^/\s@<>]+@", "://", text)


def _title(records: Sequence[RunRecord]) -> str:
    names = dict.fromkeys(name for record in records if (name := _data_name(record)))
    runs = "1 run" if len(records) == 1 else f"{len(records)} runs"
    return f"{runs} on {' and '.join(names)}" if names else runs


def _data_name(record: RunRecord) -> str | None:
    """What readers call the data: the name of its directory or of its place on the hub, if it has one."""
    path = record.find("config", "data", "path")
    if not path:
        return record.find("data", "name") or record.find("config", "data", "name")
    is_hub_name = record.find("config", "data", "name") == "hub" and not Path(path).is_absolute()
    return path if is_hub_name else Path(path).name


def _error_parts(error: str | None) -> tuple[str, str | None]:
    """The line of an error that says what went wrong, and the whole error where it has more lines.

    A traceback ends with that line; any other message begins with it.
    """
    lines = [line.strip() for line in (error or "").splitlines() if line.strip()]
    if not lines:
        return "No reason was recorded.", None
    return lines[-1 if lines[0].startswith("Traceback") else 0], error if len(lines) > 1 else None


def _breakable(text: str) -> Markup:
    """Text in which the name of a run may be broken before each of its overrides and values."""
    return Markup(re.sub(r"([,=])(?=[A-Za-z])", r"\1<wbr>", str(escape(text))))


# --- figures ----------------------------------------------------------------------------------------------------------


def _picture(figure: Figure, alternative: str, photographs: bool = False) -> Picture:
    """The figure as data inside the page; one with photographs as WebP, a tenth of the size."""
    data, kind = style.png(figure), "png"
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        if photographs:
            smaller = io.BytesIO()
            image.convert("RGB").save(smaller, format="webp", quality=90)
            data, kind = smaller.getvalue(), "webp"
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(source, alternative, round(width * SCALE), round(height * SCALE))


def _rates(records: Sequence[RunRecord]) -> Picture | None:
    """The area under the ROC curve against the learning rate; None where too few were tried."""
    trials = learning_rates.trials(records)
    if trials is None:
        return None
    points = [
        f"{line or 'learning rate'} {lr:g}: {three_decimals(auc)}, {state}{note and f' ({note})'}"
        for line, lr, auc, state, note in trials[["line", "lr", "auc", "state", "note"]].itertuples(index=False)
    ]
    description = f"Validation ROC-AUC against the learning rate. {'; '.join(points)}."
    return _picture(learning_rates.area_by_learning_rate(trials), description)


def _curves(finished: Sequence[RunRecord], predictions: Mapping[str, pd.DataFrame]) -> list[tuple[str, Picture]]:
    """The ROC and the precision-recall curves of all runs, each with its caption."""
    if not predictions:
        return []

    def areas(metric: str) -> str:
        known = {record.name: record.metric(metric) for record in finished if record.name in predictions}
        return "; ".join(f"{name}: area {three_decimals(area)}" for name, area in known.items())

    roc = _picture(
        classification.roc_curves(predictions),
        f"ROC curves on the test images. {areas('test/roc_auc')}.",
    )
    precision_recall = _picture(
        classification.precision_recall_curves(predictions),
        f"Precision-recall curves on the test images. {areas('test/average_precision')}.",
    )
    return [
        ("ROC curves. A model that guesses lies on the diagonal.", roc),
        ("Precision-recall curves. A model that guesses lies on the line of the prevalence.", precision_recall),
    ]


def _confusions(finished: Sequence[RunRecord], predictions: Mapping[str, pd.DataFrame]) -> list[tuple[str, Picture]]:
    """The confusion matrices of all runs at 0.5, then at the thresholds that the runs found on validation images."""
    if not predictions:
        return []
    half = dict.fromkeys(predictions, 0.5)
    youden = {record.name: record.number("thresholds", "youden") for record in finished if record.name in predictions}
    choices = [
        ("At the threshold 0.5.", half),
        ("At the Youden threshold, which each run chose on its validation images.", youden),
    ]
    pictures = []
    for caption, thresholds in choices:
        if not all(math.isnan(threshold) for threshold in thresholds.values()):
            figure = classification.confusion_matrices(predictions, thresholds)
            pictures.append((caption, _picture(figure, _describe_counts(predictions, thresholds))))
    return pictures


def _describe_counts(predictions: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float]) -> str:
    descriptions = []
    for name, table in predictions.items():
        test = table[table["split"] == "test"]
        counts = confusion_counts(test["label"], test["probability"], thresholds[name])
        right = "undefined"
        if counts is not None:
            shares = [f"{counts[k, k]} of {counts[k].sum()} {word}" for k, word in enumerate(CLASSES)]
            right = f"{' and '.join(shares)} images called right"
        descriptions.append(f"{name}, threshold {three_decimals(thresholds[name])}: {right}")
    return f"Confusion matrices on the test images. {'; '.join(descriptions)}."


def _describe_histories(histories: Mapping[str, pd.DataFrame]) -> str:
    ends = []
    for name, history in histories.items():
        lowest = float(history["val/loss"].min()) if "val/loss" in history else math.nan
        ends.append(f"{name}: {len(history)} epochs, lowest validation loss {three_decimals(lowest)}")
    return f"Learning curves on training and validation images, by epoch. {'; '.join(ends)}."


def _shared_images(explained: Sequence[RunRecord]) -> SharedImages | None:
    """The Grad-CAM maps of the test images that all runs explained; None where there is no such image."""
    if not explained:
        return None
    places = [{str(image_id): place for place, image_id in enumerate(_maps(run)["image_id"])} for run in explained]
    common = [image_id for image_id in places[0] if all(image_id in run for run in places)]
    if not common:
        return None
    shown = common[:SHARED_IMAGES]
    chosen = {run.name: [place[image_id] for image_id in shown] for run, place in zip(explained, places, strict=True)}
    first = _maps(explained[0])
    images = first["image"][chosen[explained[0].name]]
    classes = [CLASSES[int(label)] for label in first["label"][chosen[explained[0].name]]]
    heats = {run.name: _resized(_maps(run)["heat"][chosen[run.name]], images.shape[1]) for run in explained}
    answers = {run.name: _maps(run)["probability"][chosen[run.name]] for run in explained}
    meaningless = {run.name: MEANINGLESS for run in explained if run.collapsed}

    captions = [f"{image_id}\n{name}" for image_id, name in zip(shown, classes, strict=True)]
    runs = list(heats)
    pictures = []
    for start in range(0, len(runs), SHARED_RUNS):
        sheet = {run: heats[run] for run in runs[start : start + SHARED_RUNS]}
        alternative = f"Grad-CAM maps of {', '.join(sheet)} on the test images {', '.join(shown)}."
        if marked := [run for run in sheet if run in meaningless]:
            alternative += f" Not drawn, because a collapsed run's maps have no meaning: {', '.join(marked)}."
        figure = sheets.gradcam_comparison(images, sheet, captions, meaningless)
        pictures.append(_picture(figure, alternative, photographs=True))
    return SharedImages(
        pictures,
        runs,
        answers=[
            (image_id, name, [three_decimals(float(answers[run][row])) for run in runs])
            for row, (image_id, name) in enumerate(zip(shown, classes, strict=True))
        ],
        common=len(common),
    )


def _maps(record: RunRecord) -> Mapping[str, np.ndarray]:
    return record.gradcam or {}


def _resized(heats: np.ndarray, size: int) -> np.ndarray:
    """Maps of a run that saw its images at another size, brought to the size of the pictures they lie on."""
    if heats.shape[1] == size:
        return heats
    pictures = [Image.fromarray(heat.astype(np.float32)) for heat in heats]
    return np.stack([np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)) for picture in pictures])


# --- data and reproduction --------------------------------------------------------------------------------------------


def _data(finished: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """The data that runs used, told once for all runs that used the same."""
    users: dict[str, list[RunRecord]] = {}
    for record in finished:
        if record.find("data"):
            facts = [record.find("data"), record.find("data_digest"), record.find("test_digest")]
            users.setdefault(json.dumps(facts, sort_keys=True, default=str), []).append(record)
    return [
        {
            "runs": [record.name for record in sharing],
            "sentences": _data_sentences(sharing[0]),
            "counts": sharing[0].find("data", "counts") or {},
        }
        for sharing in users.values()
    ]


def _data_sentences(record: RunRecord) -> list[str]:
    """How many images there are, which were left out, and which had to stay together."""
    images, bad_images = record.number("data", "images"), record.number("data", "bad_images")
    name, group = _data_name(record) or "an unnamed data set", record.find("data", "grouped_by")
    excluded = record.find("data", "excluded") or {}
    sentences = [f"Images of {name}." if math.isnan(images) else f"{whole(images)} images of {name}."]
    if excluded:
        sentences.append(f"Left out on purpose: {', '.join(f'{count:,} {word}' for word, count in excluded.items())}.")
    else:
        sentences.append("No class was left out.")
    if bad_images > 0:
        sentences.append(f"Left out because they cannot be read: {whole(bad_images)}.")
    if folds := record.find("folds"):
        sentences.append(f"They were shared out among {whole(folds)} folds; each image was tested once.")
    if group:
        sentences.append(f'Images with the same "{group}" are in the same split.')
    else:
        sentences.append("Images were split one by one: two pictures of a lesion may be in training and in test.")
    return sentences


def _facts(records: Sequence[RunRecord]) -> dict[str, Any]:
    """What it takes to repeat the runs: what is each run's own, and what all share that recorded it."""
    read: dict[str, Callable[[RunRecord], str | None]] = {
        "Command": lambda record: record.find("command"),
        "Run id": lambda record: record.find("run_id"),
        "Configuration digest": lambda record: record.find("config_digest"),
        "Data digest": lambda record: record.find("data_digest"),
        "Test images digest": lambda record: record.find("test_digest"),
        "Code (git commit)": _commit,
        "Experiment": lambda record: record.find("experiment"),
        "Parent run id": lambda record: record.find("parent_run_id"),
        "Tracking address": lambda record: record.find("tracking_uri"),
    }
    values = {label: [field(record) for record in records] for label, field in read.items()}
    own = {"Command", "Run id", "Configuration digest"} if len(records) > 1 else set()
    shared = {
        label: next(filter(None, each))
        for label, each in values.items()
        if label not in own and len(set(filter(None, each))) == 1
    }
    differing = [label for label, each in values.items() if label not in shared and any(each)]
    rows = [
        (record.name, [values[label][place] or ABSENT for label in differing]) for place, record in enumerate(records)
    ]
    return {"shared": shared, "differing": differing, "rows": rows}


def _commit(record: RunRecord) -> str | None:
    commit = record.find("git", "sha")
    return f"{commit}, with uncommitted changes" if commit and record.find("git", "dirty") else commit
