"""Data sets in the forms in which people have them, made small: each image has its own label and group.

The colour of an image is its number. So what is read is compared with the truth image by image, whatever the names are.
"""

import csv
import io
import os
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skinexp.config import compose
from skinexp.data.preparation.preprocess import decode
from skinexp.data.sources import registry

COUNT, STEP = 12, 15  # images, and levels of red between two of them
FORMATS = {"jpg": "JPEG", "jfif": "JPEG", "png": "PNG", "bmp": "BMP", "tif": "TIFF"}
MALIGNANT = [number % 3 == 0 for number in range(COUNT)]


@dataclass
class Form:
    """What is typed for a data set, and the truth about it.

    Attributes:
        words: overrides behind `data=folder data.path=DIRECTORY`.
        images: numbers of the images that are to be read; None: all.
        groups: what stays together, by number; None: each image is a group of its own.
    """

    words: Sequence[str] = ()
    images: Sequence[int] | None = None
    groups: Callable[[int], object] | None = None
    reads: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        self.reads = range(COUNT) if self.images is None else self.images


def picture(file: Path, number: int, grey: bool = False) -> None:
    """Writes an image: of the number's colour, or a mask, which has no number."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((16, 16, 3), (10 + STEP * number, 60, 90), np.uint8)
    if grey:
        pixels[:] = 255 * (np.indices((16, 16)).sum(0) > 15)[..., None]
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, FORMATS[file.suffix[1:].lower()], quality=95)
    file.write_bytes(content.getvalue())


def table(
    file: Path, header: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str = ",", **how: str
) -> None:
    with file.open("w", newline="", **({"encoding": "utf-8"} | how)) as stream:  # type: ignore[call-overload]
        csv.writer(stream, delimiter=delimiter).writerows([header, *rows])


def word(number: int, words: tuple[object, object]) -> object:
    return words[MALIGNANT[number]]


# The public sets


def ham10000(place: Path) -> Form:
    rows = []
    for number in range(COUNT):
        name = f"ISIC_00243{number:02}"
        picture(place / f"HAM10000_images_part_{1 + number % 2}" / f"{name}.jpg", number)
        picture(place / "HAM10000_segmentations_lesion_tschandl" / f"{name}_segmentation.png", 0, grey=True)
        rows.append([f"HAM_{number // 2:07}", name, word(number, ("nv", "mel")), "histo", 80.0, "male", "back"])
    table(
        place / "HAM10000_metadata.csv",
        ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"],
        rows,
    )
    words = ["data.manifest=HAM10000_metadata.csv", "data.label_column=dx", "+data.labels.nv=0", "+data.labels.mel=1"]
    return Form(words, groups=lambda number: number // 2)


def ham10000_doubled(place: Path) -> Form:
    """As on Kaggle: each folder is there twice, once in small letters."""
    form = ham10000(place)
    for part in (1, 2):
        copy = place / f"ham10000_images_part_{part}"
        copy.mkdir()
        for file in (place / f"HAM10000_images_part_{part}").iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
    return form


def one_hot(place: Path, columns: Sequence[str], suffix: str = "") -> None:
    rows = []
    for number in range(COUNT):
        name = f"ISIC_{number:07}{suffix}"
        picture(place / "Training_Input" / f"{name}.jpg", number)
        hot = word(number, ("NV", "MEL"))
        rows.append([name, *(float(column == hot) for column in columns)])
    table(place / "GroundTruth.csv", ["image", *columns], rows)


def isic2018(place: Path) -> Form:
    one_hot(place, ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"])
    return Form(["data.manifest=GroundTruth.csv", "+data.labels.MEL=1", "+data.labels.NV=0"])


def isic2018_one_column(place: Path) -> Form:
    one_hot(place, ["MEL", "NV", "BCC"])
    words = ["data.manifest=GroundTruth.csv", "data.label_column=MEL", "+data.labels.0=0", "+data.labels.1=1"]
    return Form(words)


def isic2019(place: Path) -> Form:
    one_hot(place, ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"], suffix="_downsampled")
    return Form(["data.manifest=GroundTruth.csv", "+data.labels.MEL=1", "+data.labels.NV=0"])


def isic2020_rows(place: Path) -> None:
    rows = []
    for number in range(COUNT):
        picture(place / "train" / f"ISIC_{number:07}.jpg", number)
        name, label = f"ISIC_{number:07}", word(number, ("benign", "malignant"))
        rows.append([name, f"IP_{number // 3:07}", "female", 45.0, "torso", "unknown", label, int(MALIGNANT[number])])
    header = ["image_name", "patient_id", "sex", "age_approx", "site", "diagnosis", "benign_malignant", "target"]
    table(place / "train.csv", header, rows)


def isic2020(place: Path) -> Form:
    isic2020_rows(place)
    return Form(["data.manifest=train.csv", "data.label_column=target"], groups=lambda number: number // 3)


def isic2020_in_words(place: Path) -> Form:
    isic2020_rows(place)
    return Form(["data.manifest=train.csv", "data.label_column=benign_malignant"], groups=lambda number: number // 3)


def isic2024(place: Path) -> Form:
    """Several images a patient, of which few have a lesion's id."""
    rows = []
    for number in range(COUNT):
        picture(place / "train-image" / "image" / f"ISIC_{number:07}.jpg", number)
        lesion = f"IL_{number // 2}" if number < 4 else ""
        rows.append([f"ISIC_{number:07}", int(MALIGNANT[number]), f"IP_{number // 3}", lesion, "a, b", 1.5])
    header = ["isic_id", "target", "patient_id", "lesion_id", "attribution", "tbp_lv_A"]
    table(place / "train-metadata.csv", header, rows)
    joined = {0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0}  # lesion 1 has an image of each of the first two patients
    words = ["data.manifest=train-metadata.csv", "data.label_column=target"]
    return Form(words, groups=lambda number: joined.get(number, number // 3))


def isic_cli(place: Path) -> Form:
    rows = []
    for number in range(COUNT):
        picture(place / f"ISIC_{number:07}.jpg", number)
        diagnosis = "Indeterminate" if number == 5 else word(number, ("Benign", "Malignant"))
        rows.append([f"ISIC_{number:07}", diagnosis, f"IL_{number}", f"IP_{number // 4}", "dermoscopic"])
    table(place / "metadata.csv", ["isic_id", "diagnosis_1", "lesion_id", "patient_id", "image_type"], rows)
    words = ["data.manifest=metadata.csv", "data.label_column=diagnosis_1", "data.exclude=[Indeterminate]"]
    return Form(words, [number for number in range(COUNT) if number != 5], lambda number: number // 4)


def pad_ufes(place: Path) -> Form:
    rows = []
    for number in range(COUNT):
        name = f"PAT_{number // 2}_{number}_100.png"
        picture(place / f"imgs_part_{1 + number % 3}" / name, number)
        diagnostic = word(number, ("NEV", "MEL"))
        rows.append([f"PAT_{number // 2}", number, "True", "", diagnostic, name, 2.0 if number % 2 else ""])
    header = ["patient_id", "lesion_id", "biopsed", "smoke", "diagnostic", "img_id", "fitspatrick"]
    table(place / "metadata.csv", header, rows)
    words = ["data.manifest=metadata.csv", "data.label_column=diagnostic", "+data.labels.NEV=0", "+data.labels.MEL=1"]
    return Form(words, groups=lambda number: number // 2)


def ph2(place: Path) -> Form:
    rows = []
    for number in range(COUNT):
        name = f"IMD{number:03}"
        picture(place / name / f"{name}_Dermoscopic_Image" / f"{name}.bmp", number)
        picture(place / name / f"{name}_lesion_mask" / f"{name}.bmp", 0, grey=True)
        rows.append([name, word(number, ("benign", "malignant"))])
    table(place / "manifest.csv", ["image", "label"], rows, delimiter="\t")
    return Form()


def derm7pt(place: Path) -> Form:
    rows = []
    for number in range(COUNT):
        picture(place / "images" / "NEL" / f"Nel{number:03}.jpg", number)
        picture(place / "images" / "NEL" / f"Clinic{number:03}.jpg", 0)
        derm, clinic = f"NEL/Nel{number:03}.JPG", f"NEL/Clinic{number:03}.JPG"
        rows.append([number, word(number, ("nevus", "melanoma")), derm, clinic, "female"])
    (place / "meta").mkdir()
    table(place / "meta" / "meta.csv", ["case_num", "diagnosis", "derm", "clinic", "sex"], rows)
    words = ["data.manifest=meta/meta.csv", "data.label_column=diagnosis", "data.image_column=derm"]
    return Form([*words, "+data.labels.nevus=0", "+data.labels.melanoma=1"])


def ddi(place: Path) -> Form:
    rows = []
    for number in range(COUNT):
        picture(place / f"{number:06}.png", number)
        rows.append([number, number + 1, f"{number:06}.png", 12, MALIGNANT[number], "a disease"])
    table(place / "ddi_metadata.csv", ["", "DDI_ID", "DDI_file", "skin_tone", "malignant", "disease"], rows)
    return Form(["data.manifest=ddi_metadata.csv", "data.label_column=malignant"])


def fitzpatrick17k(place: Path) -> Form:
    rows = []
    for number in range(COUNT):
        name = f"{number:032x}"
        picture(place / "images" / f"{name}.jpg", number)
        label = "non-neoplastic" if number == 1 else word(number, ("benign", "malignant"))
        rows.append([name, -1, label, f"https://host/{number}.jpg"])
    table(place / "fitzpatrick17k.csv", ["md5hash", "fitzpatrick_scale", "three_partition_label", "url"], rows)
    words = ["data.manifest=fitzpatrick17k.csv", "data.label_column=three_partition_label"]
    kept = [number for number in range(COUNT) if number != 1]
    return Form([*words, "data.exclude=[non-neoplastic]"], kept)


# Folders of classes


def folders(place: Path, name: Callable[[int], str], classes: tuple[str, str] = ("benign", "malignant")) -> Form:
    for number in range(COUNT):
        picture(place / name(number).format(word(number, classes)), number)
    return Form()


def kaggle(place: Path) -> Form:
    form = folders(
        place, lambda number: f"{'Test' if number > 8 else 'Train'}/{{}}/{number}.jpg", ("Benign", "Malignant")
    )
    (place / "Train" / "Benign" / "Thumbs.db").write_bytes(b"x")
    (place / "__MACOSX" / "Train").mkdir(parents=True)
    (place / "__MACOSX" / "Train" / "._1.jpg").write_bytes(bytes.fromhex("00051607") + b"x")
    return form


def one_level_deeper(place: Path) -> Form:
    return folders(place, lambda number: f"archive (1)/data/{{}}/{number}.jpg")


def many_suffixes(place: Path) -> Form:
    suffixes = ("jpg", "JPG", "jfif", "png", "bmp", "tif")
    return folders(place, lambda number: f"{{}}/{number}.{suffixes[number % 6]}")


def nested_in_classes(place: Path) -> Form:
    return folders(place, lambda number: f"{{}}/clinic {number % 3}/{number}.jpg")


def linked_folders(place: Path) -> Form:
    form = folders(place.parent / "elsewhere", lambda number: f"{{}}/{number}.jpg")
    for name in ("benign", "malignant"):
        (place / name).symlink_to(place.parent / "elsewhere" / name, target_is_directory=True)
    (place / "benign" / "around").symlink_to(place, target_is_directory=True)
    return form


def masks_beside(place: Path) -> Form:
    form = folders(place, lambda number: f"{{}}/{number}.jpg")
    for number in range(COUNT):
        picture(place / str(word(number, ("benign", "malignant"))) / f"{number}_mask.png", 0, grey=True)
    return form


# Manifests


def manifest(place: Path, name: Callable[[int], str], file: Callable[[int], str] | None = None, **how: str) -> Form:
    """A manifest with names, of files that may be called otherwise."""
    for number in range(COUNT):
        picture(place / (file or name)(number), number)
    rows = [[name(number), word(number, ("benign", "malignant"))] for number in range(COUNT)]
    table(place / "manifest.csv", ["file", "label"], rows, **how)
    return Form()


def semicolons(place: Path) -> Form:
    return manifest(place, lambda number: f"{number}.png", delimiter=";", encoding="utf-8-sig")


def utf16_tabs(place: Path) -> Form:
    return manifest(place, lambda number: f"naïve {number}.png", delimiter="\t", encoding="utf-16")


def windows_1252(place: Path) -> Form:
    return manifest(place, lambda number: f"nævus é {number}.png", encoding="cp1252")


def leading_zeros(place: Path) -> Form:
    return manifest(place, lambda number: f"{number:05}", lambda number: f"part_{number % 2}/{number:05}.png")


def decomposed_letters(place: Path) -> Form:
    return manifest(
        place, lambda number: unicodedata.normalize("NFD", f"né{number}.png"), lambda number: f"né{number}.png"
    )


def other_case_of_suffix(place: Path) -> Form:
    return manifest(place, lambda number: f"{number}.jpg", lambda number: f"images/{number}.JPG")


def back_slashes(place: Path) -> Form:
    return manifest(
        place, lambda number: f"set\\part {number % 2}\\{number}.png", lambda n: f"set/part {n % 2}/{n}.png"
    )


def quoted_commas(place: Path) -> Form:
    return manifest(place, lambda number: f"a, b ({number}).png")


def dots_in_names(place: Path) -> Form:
    return manifest(place, lambda number: f"IMG.2024.{number}", lambda number: f"IMG.2024.{number}.png")


def header_in_capitals(place: Path) -> Form:
    for number in range(COUNT):
        picture(place / f"{number}.png", number)
    rows = [[f"{number}.png", word(number, ("BENIGN", "Malignant"))] for number in range(COUNT)]
    table(place / "manifest.csv", [" File ", "LABEL"], rows)
    return Form()


def missing_labels(place: Path) -> Form:
    for number in range(COUNT):
        picture(place / f"{number}.png", number)
    rows = [[f"{number}.png", "" if number == 4 else float(MALIGNANT[number])] for number in range(COUNT)]
    table(place / "manifest.csv", ["file", "target"], rows)
    kept = [number for number in range(COUNT) if number != 4]
    return Form(["data.label_column=target", "data.exclude=[unlabelled]"], kept)


def nobody(place: Path) -> Form:
    """Patients, of whom most are unknown in one way or another."""
    ways = ("unknown", "", "nan", "-", "N/A", "?", "none", "Unknown ", "UNK", "null")
    for number in range(COUNT):
        picture(place / f"{number}.png", number)
    rows = [
        [f"{number}.png", word(number, ("benign", "malignant")), ways[number] if number < len(ways) else "P1"]
        for number in range(COUNT)
    ]
    table(place / "manifest.csv", ["file", "label", "Patient ID"], rows)
    return Form(groups=lambda number: "P1" if number >= len(ways) else number)


def ids_of_numbers(place: Path) -> Form:
    """Lesions whose ids differ in their leading zeros alone."""
    for number in range(COUNT):
        picture(place / f"{number}.png", number)
    rows = [
        [f"{number}.png", word(number, ("benign", "malignant")), "7" if number % 2 else "007"]
        for number in range(COUNT)
    ]
    table(place / "manifest.csv", ["file", "label", "lesion_id"], rows)
    return Form(groups=lambda number: number % 2)


def patients_of_both_classes(place: Path) -> Form:
    for number in range(COUNT):
        picture(place / f"{number}.png", number)
    rows = [[f"{number}.png", word(number, ("benign", "malignant")), number // 3] for number in range(COUNT)]
    table(place / "manifest.csv", ["file", "label", "subject"], rows)
    return Form(groups=lambda number: number // 3)


def numbers_with_a_choice(place: Path) -> Form:
    """Classes that are called 0 and 1 in a column whose name does not say which is malignant."""
    for number in range(COUNT):
        picture(place / f"{number}.png", number)
    rows = [[f"{number}.png", 1 - int(MALIGNANT[number])] for number in range(COUNT)]
    table(place / "manifest.csv", ["file", "label"], rows)
    return Form(["+data.labels.1=0", "+data.labels.0=1"])


def names_with_blanks(place: Path) -> Form:
    for number in range(COUNT):
        picture(place / f"{number}.png", number)
    rows = [[f"{number}.png", word(number, ("seborrheic keratosis", "melanoma (in situ)"))] for number in range(COUNT)]
    table(place / "manifest.csv", ["file", "label"], rows)
    return Form(["+data.labels={seborrheic keratosis: 0, melanoma \\(in situ\\): 1}"])


def diagnoses_left_out(place: Path) -> Form:
    for number in range(COUNT):
        picture(place / f"{number}.png", number)
    rows = [
        [f"{number}.png", "pigmented, other" if number == 7 else word(number, ("benign", "malignant"))]
        for number in range(COUNT)
    ]
    table(place / "manifest.csv", ["file", "label"], rows)
    kept = [number for number in range(COUNT) if number != 7]
    return Form(['data.exclude=["pigmented, other"]'], kept)


def manifest_one_level_deeper(place: Path) -> Form:
    (place / "isic (1)").mkdir()
    return manifest(place / "isic (1)", lambda number: f"{number}.png")


def line_of_a_spreadsheet(place: Path) -> Form:
    """A spreadsheet's own first line says how the columns are separated."""
    form = semicolons(place)
    rows = (place / "manifest.csv").read_text(encoding="utf-8-sig")
    (place / "manifest.csv").write_text(f"sep=;\n{rows}")
    return form


def given_parts(place: Path) -> Form:
    for number in range(COUNT):
        picture(place / f"{number}.png", number)
    rows = [
        [f"{number}.png", word(number, ("benign", "malignant")), ("Training", "Validation", "Testing")[number % 3]]
        for number in range(COUNT)
    ]
    table(place / "manifest.csv", ["file", "label", "Split"], rows)
    return Form()


FORMS = [
    ham10000, ham10000_doubled, isic2018, isic2018_one_column, isic2019, isic2020, isic2020_in_words, isic2024,
    isic_cli, pad_ufes, ph2, derm7pt, ddi, fitzpatrick17k, kaggle, one_level_deeper, many_suffixes, nested_in_classes,
    linked_folders, masks_beside, semicolons, utf16_tabs, windows_1252, leading_zeros, decomposed_letters,
    other_case_of_suffix, back_slashes, quoted_commas, dots_in_names, header_in_capitals, missing_labels, nobody,
    ids_of_numbers, patients_of_both_classes, numbers_with_a_choice, names_with_blanks, diagnoses_left_out,
    manifest_one_level_deeper, line_of_a_spreadsheet, given_parts,
]  # fmt: skip


@pytest.mark.parametrize("write", FORMS, ids=lambda form: form.__name__)
def test_each_image_has_its_own_label_and_group(write, tmp_path):
    place = tmp_path / "the set"
    place.mkdir()
    form = write(place)
    config = compose(["data=folder", f"data.path={place}", *form.words])
    table = registry.load(config.data, 0)
    numbers = [
        round((decode(table.reader(position))[8, 8, 0].item() - 10) / STEP) for position in table.frame["position"]
    ]
    assert sorted(numbers) == list(form.reads)
    labels = dict(zip(numbers, table.frame["label"], strict=True))
    assert labels == {number: int(MALIGNANT[number]) for number in form.reads}
    groups = dict(zip(numbers, table.frame["group"], strict=True))
    own = form.groups or (lambda number: number)
    together = {(a, b) for a in form.reads for b in form.reads if own(a) == own(b)}
    assert {(a, b) for a in form.reads for b in form.reads if groups[a] == groups[b]} == together
    assert not any(os.path.basename(path).startswith("._") for path in table.frame["path"])
