"""The command that predicts photographs without labels: mistakes, streaming, and what it writes for a small network."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit

from skinexp import predict
from skinexp.config.schema import Preprocess
from skinexp.core.python_command import skinexp_command
from skinexp.data.sources.named_images import NamedImage
from skinexp.evaluation import Calibrator, OperatingPoint
from skinexp.models.archive import save_model
from skinexp.models.predictor import load_predictor
from skinexp.workflows.predicting import predict_images
from tests.commands import HEAVY, imported

SIZE = 32
PREPROCESS = Preprocess(size=SIZE, crop_border=False, remove_hair=False)
CALIBRATOR = Calibrator("temperature", {"temperature": 2.0})

REFUSED = [  # what is typed, the sentence
    ("", f"predict: name a run, then at least one image. See {skinexp_command('predict')} --help"),
    ("run", f"predict: name a run, then at least one image. See {skinexp_command('predict')} --help"),
    ("run typo.jpg", "predict: found no image. typo.jpg: no such file"),
    ("run empty", "predict: found no image. Received: empty"),
    ("run 1.png -o p.txt", "--output: must end in .csv or .parquet. Received: p.txt"),
    ("run 1.png -o failed/predictions.parquet", "--output: predictions.parquet is a file of the run in "),
    ("run 1.png -o no/p.csv", "--output: there is no directory no. Create it first. Received: no/p.csv"),
    ("run 1.png", "run: neither a directory nor a run in sqlite:///mlflow.db, which does not exist"),
    ("empty 1.png", "empty: holds no run (result.json is not there)"),
    ("failed 1.png", "failed: holds no model.keras; the run is failed. Name one that has finished"),
    ("1.png 1.png", "1.png: its model.keras does not say, in a way that this version knows, how images are"),
    ("bare.keras 1.png", "bare.keras: its model.keras does not say, in a way that this version knows, how images are"),
]


def refusal(arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        predict.main(arguments.split())
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED)
def test_a_mistake_is_answered_in_one_line_and_leaves_nothing(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 40)).save("1.png")
    for name in ("empty", "failed"):
        Path(name).mkdir()
    Path("failed/result.json").write_text(json.dumps({"status": "failed"}))
    with zipfile.ZipFile("bare.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    before = set(tmp_path.rglob("*"))
    assert refusal(arguments, capsys).startswith(sentence)
    assert set(tmp_path.rglob("*")) == before


def test_a_batch_has_at_least_one_image(capsys):
    with pytest.raises(SystemExit) as ended:
        predict.main(["run", "1.png", "--batch-size", "0"])
    assert ended.value.code == 2
    assert "must be at least 1. Received: 0" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", ["--help", "run", "run typo.jpg"])
def test_help_and_mistakes_come_at_once(arguments, tmp_path):
    assert imported("skinexp.predict", arguments, tmp_path) == "HEAVY []", HEAVY


def write_model(file: Path, **metadata: object) -> Path:
    """Writes a model file; its logit is the mean of the red channel minus 100, divided by 10."""
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.GlobalAveragePooling2D(name="features")(pixels)
    network = keras.Model(pixels, keras.layers.Dense(1, name="logit")(x))
    network.get_layer("logit").set_weights([np.array([[0.1], [0.0], [0.0]]), np.array([-10.0])])
    needed = {"preprocess": asdict(PREPROCESS), "calibration": CALIBRATOR.to_dict(), "threshold": 0.6}
    save_model(network, file, needed | {"classes": ["benign", "malignant"]} | metadata)
    return file


@dataclass(frozen=True)
class Predicted:
    """What a command wrote, and what it printed."""

    place: Path
    output: str
    messages: str

    @property
    def table(self) -> pd.DataFrame:
        return pd.read_csv(self.place / "p.csv").set_index("file")


def typed(place: Path, *words: str, stdin: bytes = b"") -> Predicted:
    command = [sys.executable, "-m", "skinexp.predict", *words]
    ended = subprocess.run(command, cwd=place, input=stdin, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()
    return Predicted(place, ended.stdout.decode(), ended.stderr.decode())


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A model file, a folder of photographs of one colour, and some that are no photographs."""
    place = tmp_path_factory.mktemp("place")
    write_model(place / "model.keras")
    (place / "photos" / "sub").mkdir(parents=True)
    for red in (80, 90, 100, 110, 120):
        Image.new("RGB", (50, 40), (red, 0, 0)).save(place / "photos" / f"{red}.png")
    Image.new("RGB", (50, 40), (130, 0, 0)).save(place / "photos" / "sub" / "naïve [130].png")
    (place / "photos" / "broken.jpg").write_bytes(b"no picture")
    (place / "photos" / "empty.jpg").write_bytes(b"")
    (place / "photos" / "notes.txt").write_text("no image")
    return place


@pytest.fixture(scope="module")
def predicted(place) -> Predicted:
    return typed(place, "model.keras", "photos", "photos/80.png", "gone.jpg", "-o", "p.csv", "--batch-size", "3")


def test_each_image_has_its_logit_its_calibrated_probability_and_its_class(predicted):
    for red in (80, 90, 100, 110, 120):
        row = predicted.table.loc[f"photos/{red}.png"]
        assert row["logit"] == pytest.approx((red - 100) / 10, abs=1e-5)
        assert row["probability"] == pytest.approx(expit(row["logit"] / 2), abs=1e-6)
        assert row["predicted"] == ("malignant" if row["probability"] >= 0.6 else "benign")
        assert pd.isna(row["error"])
    assert predicted.table.loc["photos/sub/naïve [130].png", "logit"] == pytest.approx(3, abs=1e-5)


def test_what_cannot_be_read_is_a_row_with_its_reason(predicted):
    failed = predicted.table.dropna(subset="error")
    assert failed["error"].to_dict() == {
        "photos/broken.jpg": "not an image of a known format",
        "photos/empty.jpg": "the file is empty",
        "gone.jpg": "no such file",
    }
    assert failed[["probability", "predicted", "logit"]].isna().all(axis=None)


def test_rows_are_in_the_order_of_the_words_and_each_file_is_there_once(predicted):
    numbers = [f"photos/{red}.png" for red in (100, 110, 120, 80, 90)]
    others = ["photos/broken.jpg", "photos/empty.jpg", "photos/sub/naïve [130].png", "gone.jpg"]
    assert predicted.table.index.tolist() == numbers + others


def test_the_terminal_counts_what_was_predicted_ignored_repeated_and_not_usable(predicted):
    for sentence in (
        "Ignored   files that are hidden, masks by their names, or have no suffix of an image: 1",
        "Repeated  files that were named again: 1. Each file has one row",
        "Predicted 6 images: 3 benign, 3 malignant",
        "Failed    images that cannot be used: 3. Column `error` has the reasons",
        "Table     p.csv",
    ):
        assert sentence in predicted.output
    assert predicted.messages == ""


@pytest.mark.slow
def test_without_an_output_the_table_alone_is_on_the_standard_output(place):
    write_model(place / "open.keras", threshold=None)
    shown = typed(place, "open.keras", "-", stdin=b"photos/110.png\nphotos/90.png\n")
    table = pd.read_csv(io.StringIO(shown.output))
    assert table["file"].tolist() == ["photos/110.png", "photos/90.png"]
    np.testing.assert_allclose(table["logit"], [1, -1], atol=1e-5)
    assert "Predicted 2 images" in shown.messages
    # A run without a threshold predicts probabilities, and says once why it predicts no class.
    assert table["predicted"].isna().all()
    assert shown.messages.count("Threshold") == 1


def test_images_are_read_one_batch_ahead_and_no_further(place):
    predictor = load_predictor(place / "model.keras", PREPROCESS, OperatingPoint(0.6, CALIBRATOR))
    taken = 0

    def endless() -> Iterator[NamedImage]:
        nonlocal taken
        while True:
            taken += 1
            yield NamedImage(str(place / "photos" / "110.png"))

    batches = predict_images(predictor, endless(), 4)
    for number in range(1, 4):
        assert len(next(batches)) == 4
        assert taken == 4 * (number + 1)
    batches.close()


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_predictions_do_not_depend_on_the_batch_size(place, predicted, batch_size):
    predictor = load_predictor(place / "model.keras", PREPROCESS, OperatingPoint(0.6, CALIBRATOR))
    images = [NamedImage(str(place / file)) for file in predicted.table.index]
    rows = pd.concat(predict_images(predictor, images, batch_size))
    np.testing.assert_allclose(rows["logit"], predicted.table["logit"], atol=1e-5)
