"""Tables as programs and people write them: separators, encodings, headers, and labels in any form."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from skinexp.config.compose import compose
from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.sources.diagnoses import label_of
from skinexp.data.sources.labels import with_labels
from skinexp.data.sources.manifest_table import read_manifest

ROWS = [(f"{number:03d}", ("benign", "malignant")[number % 2]) for number in range(6)]


def written(directory: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    file = directory / "table.csv"
    file.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    return file


def lines(separator: str = ",", header: str = "file,label,place", place: str = "Zürich") -> str:
    rows = [header.split(","), *([*row, place] for row in ROWS)]
    return "\n".join(separator.join(row) for row in rows) + "\n"


def labelled(file: Path, *overrides: str) -> list[int]:
    """The labels of a manifest's images, with overrides as they are typed."""
    options = options_of(overrides)
    return with_labels(read_manifest(file, options), options, one_class=False)[0]["label"].tolist()


def options_of(overrides: Sequence[str]) -> Data:
    """What overrides of the label column, of single labels and of exclusions make of the options; without composing."""
    options = Data()
    for word in OverridesParser.create().parse_overrides(list(overrides)):
        _, key, *name = word.key_or_group.split(".")
        value = {**options.labels, name[0]: word.value()} if name else word.value()
        options = replace(options, **{key: value})
    return options


# Forms of a file


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_separators_and_encodings_are_recognised(tmp_path, separator, encoding):
    frame = read_manifest(written(tmp_path, lines(separator), encoding), Data())
    assert frame["file"].tolist() == [name for name, _ in ROWS]
    assert frame["class"].tolist() == [name for _, name in ROWS]
    assert set(frame["place"]) == {"Zürich"}


@pytest.mark.parametrize(
    "content",
    [
        lines(header=" File , LABEL ,place"),
        "sep=;\r\n" + lines(";").replace("\n", "\r\n"),
        lines(";") + ";;\n;;\n",
        lines(header="file,label,place,,") + "\n",
        lines().replace("\n", ",\n"),
        "\n" + lines().replace("benign", " benign "),
    ],
    ids=["header", "sep= and CRLF", "empty rows", "empty columns", "separators at the end", "blanks"],
)
def test_what_programs_add_to_a_table_does_not_matter(tmp_path, content):
    frame = read_manifest(written(tmp_path, content), Data())
    assert [tuple(row) for row in frame[["file", "class"]].to_numpy()] == ROWS


def test_decimal_commas_beside_semicolons_are_numbers(tmp_path):
    frame = read_manifest(written(tmp_path, lines(";", "file,label,thickness", "0,5")), Data())
    assert frame["thickness"].tolist() == [0.5] * 6


def test_ids_are_text_and_other_numbers_are_numbers(tmp_path):
    content = "image_id,label,patient_id,Site ID,age\n007,benign,01,1.0,30\n008,malignant,02,2,\n"
    frame = read_manifest(written(tmp_path, content), Data())
    assert frame["image_id"].tolist() == ["007", "008"]
    assert frame["patient_id"].tolist() == ["01", "02"]
    assert frame["Site ID"].tolist() == ["1.0", "2"]
    assert frame["age"].tolist()[0] == 30


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lines() + "a,benign,one,two\n", r"line 8 of .* has 4 values, the header has 3\. Put values that hold a comma"),
        ("file,label,label\na,b,c\n", "two columns that are called 'label'"),
        (b"PK\x03\x04....", "an Excel workbook or a ZIP file, .* Save the table as CSV"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "its bytes are no text"),
        ('file,label\n"a,b\n', "a quotation mark is opened and not closed"),
        ("file label\na benign\n", "separate them by commas, semicolons or tabs"),
        ("image_id,dx\na,nv\n", r"no column 'label'\. It has: image_id, dx\. Name .* data\.label_column=dx"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_by_what_is_wrong(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        read_manifest(written(tmp_path, content), Data())


# Labels


def of_labels(*values: object, column: str = "label") -> str:
    return f"file,{column}\n" + "".join(f"{number}.jpg,{value}\n" for number, value in enumerate(values))


@pytest.mark.parametrize(
    ("values", "column"),
    [
        (("False", "True", "True"), "malignant"),
        (("0", "1", "1"), "target"),
        (("0.0", "1.0", "1.0"), "is_malignant"),
        (("Benign", "MALIGNANT", " malignant"), "benign_malignant"),
    ],
)
def test_labels_that_say_what_they_mean_need_no_options(tmp_path, values, column):
    file = written(tmp_path, of_labels(*values, column=column))
    assert labelled(file, f"data.label_column={column}") == [0, 1, 1]


@pytest.mark.parametrize("values", [("0", "1", "0"), ("0.0", "1.0", "0.0"), ("0", "1.0", "0.00")])
def test_numbers_in_another_column_are_asked_about_and_keep_their_meaning_in_the_hint(tmp_path, values):
    file = written(tmp_path, of_labels(*values))
    with pytest.raises(UserError, match=r"\(\+data\.labels\.0=0 \+data\.labels\.1=1\)"):
        labelled(file)
    assert labelled(file, "+data.labels.0=1", "+data.labels.1=0") == [1, 0, 1]
    with pytest.raises(UserError, match=r"Whether 1 is benign or malignant .*'\+data\.labels\.1=\?'"):
        labelled(file, "+data.labels.0=1")


def test_missing_labels_are_counted_and_left_out_as_the_message_says(tmp_path):
    file = written(tmp_path, of_labels("benign", "", "malignant", "NaN", "n/a", "benign"))
    with pytest.raises(UserError, match=r"images without a label: unlabelled \(3\)\.") as refusal:
        labelled(file)
    assert labelled(file, *shlex.split(str(refusal.value).rpartition("(")[2].rstrip(")"))) == [0, 1, 0]


def test_a_class_called_none_is_a_class(tmp_path):
    file = written(tmp_path, of_labels("None", "MEL", "None"))
    assert labelled(file, "+data.labels.None=0", "+data.labels.MEL=1") == [0, 1, 0]
    with pytest.raises(UserError, match=r"Whether None is benign or malignant"):
        labelled(file)


ONE_HOT = "image,MEL,NV,BCC,UNK,score_weight\na,1.0,0.0,0.0,0.0,.5\nb,0.0,1.0,0.0,0.0,.5\nc,0.0,0.0,1.0,0.0,.1\n"


def test_one_column_per_class_is_a_label(tmp_path, caplog):
    file = written(tmp_path, ONE_HOT)
    with pytest.raises(UserError) as refusal:
        labelled(file)
    assert labelled(file, *hints(refusal.value)[0]) == [1, 0, 1]
    assert labelled(file, "data.label_column=MEL", "+data.labels.0=0", "+data.labels.1=1") == [1, 0, 0]
    assert "images of NV, BCC, UNK are one class" in caplog.text


def test_a_row_without_any_class_is_unlabelled(tmp_path):
    rows = "".join(f"x{number},0,1,0\n" for number in range(20))
    frame = read_manifest(written(tmp_path, f"image,biopsied,NV,MEL\n{rows}a,0,0,1\nb,1,0,0\n"), Data())
    assert frame["class"].isna().sum() + (frame["class"] == "biopsied").sum() == 1


# Hints


def hints(error: Exception) -> tuple[list[str], list[str]]:
    """The words to type of a refusal: those that label, and those that leave out."""
    give, leave = str(error).partition("Give each one 0 or 1 (")[2].rstrip(")").split(") or leave it out (")
    return shlex.split(give), shlex.split(leave)


@pytest.mark.parametrize(
    "names",
    [
        ("nevus", "melanoma (in situ)"),
        ("nævus", "mélanome"),
        ("nevus", "melanoma, NOS"),
        ("0: benign", "1: malignant"),
        ("nevus [0]", "melanoma [1]"),
        ("Spitz's nevus & co", 'melanoma "acral"'),
        ("nv", "mel"),
        ("seborrheic keratosis", "basal cell carcinoma"),
    ],
)
def test_the_hint_that_is_pasted_labels_all_classes_right(names):
    frame = pd.DataFrame({"class": [names[0]] * 3 + [names[1]]})
    with pytest.raises(UserError) as refusal:
        with_labels(frame, Data(), one_class=False)
    give, leave = hints(refusal.value)
    assert with_labels(frame, compose(give).data, one_class=False)[0]["label"].tolist() == [0, 0, 0, 1]
    assert options_of(leave).exclude == [names[0]]


@pytest.mark.parametrize("names", [("01", "02"), ("true", "false"), ("A", "B"), ("akiec", "non-melanoma")])
def test_what_is_not_known_is_asked_for_and_not_guessed(names):
    frame = pd.DataFrame({"class": [*names, names[0]]})
    with pytest.raises(UserError, match=r"is benign or malignant is yours to say: replace \?") as refusal:
        with_labels(frame, Data(), one_class=False)
    give, leave = hints(refusal.value)
    with pytest.raises(UserError, match=r"replace the value by 0 \(benign\) or 1 \(malignant\)\. Received: \?$"):
        compose(give)
    assert " ".join(give).count("?") == len(names)
    assert options_of(leave).exclude == [names[0]]


def test_a_hint_keeps_what_is_excluded_already_and_leaves_out_what_is_not_known():
    frame = pd.DataFrame({"class": ["nv", "mel", "akiec", "scar", None]})
    with pytest.raises(UserError) as refusal:
        with_labels(frame, Data(exclude=["scar"]), one_class=False)
    kept, excluded = with_labels(frame, options_of(hints(refusal.value)[1]), one_class=False)
    assert kept["label"].tolist() == [0, 1]
    assert excluded == {"scar": 1, "akiec": 1, "unlabelled": 1}


@pytest.mark.parametrize(
    ("label", "names"),
    [
        (
            0,
            "nevus;NV;naevi;nævus;melanocytic nevus;Benign;bénin;BKL;vascular lesion;dermatofibroma;solar lentigo",
        ),
        (1, "melanoma;MEL;mélanome;Melanom in situ;BCC;squamous cell carcinoma;lentigo maligna;angiosarcoma;malignant"),
        (None, "non-melanoma;not malignant;nonmelanoma;akiec;actinic keratosis;indeterminate;atypical nevus;lentigo"),
        (None, "nevus or melanoma;premalignant;other;UNK;class 1;HAM10000_images_part_1;melanoma in nevus;skin"),
    ],
)
def test_diagnoses_are_known_or_not(label, names):
    assert {name: label_of(name) for name in names.split(";")} == dict.fromkeys(names.split(";"), label)


def test_a_part_of_the_given_split_has_its_usual_name(tmp_path):
    from skinexp.data.sources.table_rows import with_given_split

    frame = pd.DataFrame({"Split": ["Training", " validation", "TEST", None]})
    assert with_given_split(frame)["given_split"].tolist()[:3] == ["train", "val", "test"]
    assert np.isnan(with_given_split(frame.assign(Split=np.nan))["given_split"]).all()
