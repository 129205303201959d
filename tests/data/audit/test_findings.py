"""What an audit finds, planted one at a time into sets that are otherwise sound."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinexp.config.schema import Data, Phantom, Preprocess, Split
from skinexp.core.errors import UserError
from skinexp.data.audit import (
    SERIOUS,
    WARNING,
    Findings,
    apply_findings,
    audit,
    audit_prepared,
    refuse_leakage,
    split_leakage,
)
from skinexp.data.audit.copies import lesion_conflicts
from skinexp.data.audit.leaks import given_split_leakage
from skinexp.data.phantom import render
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.data.split import split
from skinexp.data.table import Table

IMAGES = 60  # in a planted set: enough for classes of 30


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Different lesions."""
    return [render(7, index, Phantom(size=64)).image for index in range(IMAGES)]


@pytest.fixture
def planted(tmp_path, pictures):
    """Writes the lesions and a manifest; what is given as more is written behind them."""

    def planted(more=(), split_group="auto", **columns) -> Data:
        frame = pd.DataFrame(
            {
                "file": [f"{number:03d}.png" for number in range(IMAGES)],
                "label": np.where(np.arange(IMAGES) % 2, "malignant", "benign"),
            }
            | columns
        )
        for file, pixels in zip(frame["file"], pictures, strict=True):
            Image.fromarray(pixels).save(tmp_path / file)
        for name, pixels, row in more:
            Image.fromarray(pixels).save(tmp_path / name)
            frame = pd.concat([frame, pd.DataFrame([{"file": name, **row}])], ignore_index=True)
        frame.to_csv(tmp_path / "manifest.csv", index=False)
        options = Data(name="folder", path=str(tmp_path), cache=str(tmp_path / "cache"), workers=1)
        return replace(options, preprocess=Preprocess(size=48), split=Split(group=split_group))

    return planted


def found(options: Data) -> Findings:
    return audit(registry.load(options, seed=0), options)


def names(findings: Findings, *severities: str) -> list[str]:
    return [finding.name for finding in findings if finding.severity in severities]


def test_nothing_is_found_in_a_sound_set(planted):
    findings = found(planted())
    assert names(findings, SERIOUS, WARNING) == []
    assert findings.worst == "ok"
    assert "of 60 images: no problem found" in findings.sentence


def test_the_default_phantoms_are_sound():
    options = Data(phantom=Phantom(images=200))
    assert names(found(options), SERIOUS, WARNING) == []


def test_the_same_file_and_the_same_pixels_are_told_apart(planted, pictures):
    rows = [{"label": "malignant"}, {"label": "malignant"}]
    options = planted([("same.png", pictures[1], rows[0]), ("pixels.bmp", pictures[3], rows[1])])
    findings = found(options)
    byte, pixel = findings.named("byte_identical"), findings.named("pixel_identical")
    assert (byte.count, byte.rows[["first", "second"]].to_numpy().tolist()) == (2, [["001", "same"]])
    assert (pixel.count, pixel.rows["first"].tolist(), pixel.shown) == (2, ["003"], [[3, 61]])


def test_a_mirrored_copy_under_the_other_label_is_serious_and_listed_with_both_paths(planted, pictures):
    findings = found(planted([("mirrored.png", pictures[0][:, ::-1], {"label": "malignant"})]))
    conflict = findings.named("same_image_other_label")
    assert (conflict.severity, conflict.count) == (SERIOUS, 2)
    (row,) = conflict.rows.to_dict(orient="records")
    assert (row["first_label"], row["second_label"]) == ("benign", "malignant")
    assert row["second_path"].endswith("mirrored.png")
    assert findings.worst == SERIOUS


def test_all_equal_images_are_listed_and_left_out_where_one_of_them_has_another_label(planted, pictures):
    more = [("same.png", pictures[0], {"label": "benign"}), ("other.bmp", pictures[0], {"label": "malignant"})]
    options = planted([*more, ("mirrored.png", pictures[0][:, ::-1], {"label": "malignant"})])
    options = replace(options, on_conflict="drop")
    prepared, findings, _ = prepared_and_found(options)
    concerned = {"000", "same", "other", "mirrored"}
    assert concerned.isdisjoint(prepared.table.frame["image_id"])
    assert len(prepared.table.frame) == IMAGES - 1
    for conflict in (findings.named("same_image_other_label"), found(options).named("same_image_other_label")):
        assert conflict.count == 4
        assert set(conflict.rows[["first", "second"]].to_numpy().ravel()) == concerned
        assert (conflict.rows["first_label"] != conflict.rows["second_label"]).all()
        assert {place for pair in conflict.shown for place in pair} == {0, 60, 61, 62}


def test_a_lesion_with_two_labels_is_found(planted):
    lesions = [f"lesion {number // 3}" if number < 6 else f"own {number}" for number in range(IMAGES)]
    finding = found(planted(lesion_id=lesions)).named("same_lesion_other_label")
    assert (finding.severity, finding.count) == (SERIOUS, 6)
    assert set(finding.rows["lesion_id"]) == {"lesion 0", "lesion 1"}


def test_a_patient_may_have_lesions_of_both_classes(planted):
    patients = [f"patient {number // 4}" for number in range(IMAGES)]
    findings = found(planted(patient_id=patients))
    assert findings.named("same_lesion_other_label") is None
    assert names(findings, SERIOUS) == []


def test_a_given_split_that_tears_copies_apart_is_found(planted, pictures):
    parts = ["train"] * 40 + ["test"] * 20
    findings = found(planted([("copy.png", pictures[1], {"label": "malignant", "split": "test"})], split=parts))
    finding = findings.named("straddles_given_split")
    assert finding.severity == SERIOUS
    assert "1 of 21 test images" in finding.sentence
    assert sorted(finding.rows["image_id"]) == ["001", "copy"]


def test_a_given_split_that_keeps_copies_together_is_sound(planted, pictures):
    findings = found(planted([("copy.png", pictures[1], {"label": "malignant", "split": "train"})], split="train"))
    assert findings.named("straddles_given_split") is None


def test_a_set_that_was_augmented_before_is_called_so(planted, pictures):
    versions = [
        (f"{number}-{name}.png", pixels, {"label": "malignant" if number % 2 else "benign"})
        for number in range(20)
        for name, pixels in (
            ("flip", pictures[number][::-1]),
            ("mirror", pictures[number][:, ::-1]),
            ("turn", np.rot90(pictures[number])),
        )
    ]
    finding = found(planted(versions)).named("augmented_siblings")
    assert finding.severity == WARNING
    assert finding.count >= 76
    assert all(len(cluster) >= 3 for cluster in finding.shown)


def test_files_that_are_constant_tiny_squeezed_odd_or_misnamed_are_found_by_name(planted, tmp_path, pictures):
    grey = np.full((64, 64, 3), 127, np.uint8)
    row = {"label": "benign"}
    options = planted(
        [
            ("constant.png", grey, row),
            ("tiny.png", pictures[0][:16, :16], row),
            ("strip.png", np.concatenate([pictures[1]] * 4), row),
            ("palette.png", pictures[2], row),
            ("misnamed.png", pictures[4], row),
        ]
    )
    Image.fromarray(pictures[5][:40]).quantize(64).save(tmp_path / "palette.png")
    Image.fromarray(pictures[7][:40]).save(tmp_path / "misnamed.png", format="JPEG")
    findings = found(options)
    expected = {
        "constant": "constant", "tiny": "tiny", "extreme_aspect": "strip", "odd_mode": "palette",
        "wrong_suffix": "misnamed",
    }  # fmt: skip
    for name, image_id in expected.items():
        assert findings.named(name).rows["image_id"].tolist() == [image_id], name


def test_files_that_cannot_be_used_are_listed_with_their_reason_and_are_no_copies_of_each_other(planted, tmp_path):
    options = planted()
    for name in ("000.png", "001.png"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "002.png").unlink()
    finding = found(options).named("unusable")
    assert finding.rows["reason"].tolist() == ["the file is empty", "the file is empty", "No such file or directory"]
    assert found(options).named("byte_identical") is None


def test_few_cases_are_a_warning(planted, tmp_path):
    options = planted()
    frame = pd.read_csv(tmp_path / "manifest.csv")
    frame[(frame["label"] == "benign") | (frame.index < 24)].to_csv(tmp_path / "manifest.csv", index=False)
    finding = found(options).named("few_cases")
    assert (finding.severity, finding.count) == (WARNING, 12)


# Inside a training


def prepared_and_found(options: Data):
    prepared = image_cache.prepare(registry.load(options, seed=0), options)
    findings = audit_prepared(prepared, options)
    return *apply_findings(prepared, findings, options), findings


def test_copies_get_one_group_and_no_split_tears_them_apart(planted, pictures):
    copies = [(f"copy{number}.png", pictures[number][::-1], {"label": "malignant"}) for number in range(1, 40, 2)]
    options = planted(copies)
    prepared, findings, _ = prepared_and_found(options)
    assert prepared.table.joined_with_copies
    frame = prepared.table.frame.set_index("image_id")
    for number in range(1, 40, 2):
        assert frame.loc[f"copy{number}", "group"] == frame.loc[f"{number:03d}", "group"]
    for seed in range(5):
        table = prepared.table.with_split(split(prepared.table.frame, options.split, seed))
        assert split_leakage(findings, table.frame, options) is None


def test_where_many_images_are_copies_cut_ones_are_looked_for_as_well_and_get_the_group(planted, pictures):
    copies = [
        (f"{number:03d}-{name}.png", pixels, {"label": "malignant" if number % 2 else "benign"})
        for number in range(10)
        for name, pixels in (("mirrored", pictures[number][:, ::-1]), ("cut", pictures[number][8:60, 4:56]))
    ]
    prepared, findings, _ = prepared_and_found(planted(copies))
    frame = prepared.table.frame
    assert frame.groupby(frame["image_id"].str[:3])["group"].nunique().max() == 1
    sentence = findings.named("near_duplicates").sentence
    assert "the copies that were found stay in one part of the split" in sentence
    assert "data.audit=full" not in sentence


def test_a_quick_look_says_what_it_leaves_out(planted, pictures):
    _, findings, _ = prepared_and_found(planted([("copy.png", pictures[1][::-1], {"label": "malignant"})]))
    assert "does not search for cropped or zoomed copies" in findings.named("near_duplicates").sentence


def test_without_groups_the_runs_own_split_is_found_to_tear_copies_apart(planted, pictures):
    copies = [(f"copy{number}.png", pictures[number][::-1], {"label": "malignant"}) for number in range(1, 40, 2)]
    options = planted(copies, split_group=None)
    prepared, findings, _ = prepared_and_found(options)
    frame = prepared.table.with_split(split(prepared.table.frame, options.split, seed=0)).frame
    finding = split_leakage(findings, frame, options)
    assert finding.name == "straddles_split"
    assert finding.severity == SERIOUS
    parts = frame.set_index("image_id")["split"]
    torn = [number for number in range(1, 40, 2) if parts[f"copy{number}"] != parts[f"{number:03d}"]]
    assert finding.count == 2 * len(torn) > 0
    assert "data.split.group=auto" in finding.sentence


def test_without_groups_lesions_and_patients_on_both_sides_are_counted_though_their_pictures_differ(planted):
    cases = [f"number {number // 4}" for number in range(IMAGES)]
    options = planted(split_group=None, lesion_id=cases)
    prepared, findings, _ = prepared_and_found(options)
    frame = prepared.table.frame.assign(split=np.where(np.arange(IMAGES) % 4, "train", "test"))
    finding = split_leakage(findings, frame, options)
    assert "15 of 15 test images have another image of the same photograph or lesion" in finding.sentence
    assert "(60 by lesion)" in finding.sentence
    assert finding.sentence.endswith("data.split.group=auto")
    assert set(finding.rows["lesion"]) == set(cases)
    frame["patient_id"], frame["lesion_id"] = cases, None
    options = replace(options, split=replace(options.split, group="lesion_id"))
    finding = split_leakage(findings, frame, options)
    assert "(60 by patient)" in finding.sentence
    assert finding.sentence.endswith("data.split.group=auto")


def test_a_named_column_is_joined_with_copies_unless_these_are_switched_off(planted, pictures):
    copies = [
        (f"copy{n}.png", pictures[n][::-1], {"label": "malignant", "lesion_id": f"C{n}"}) for n in range(1, 40, 2)
    ]
    options = planted(copies, split_group="lesion_id", lesion_id=[f"L{number}" for number in range(IMAGES)])
    apart = replace(options, split=replace(options.split, copies=False))
    prepared, findings, _ = prepared_and_found(options)
    assert prepared.table.frame["group"].nunique() == IMAGES
    prepared, findings, _ = prepared_and_found(apart)
    assert prepared.table.frame["group"].nunique() == IMAGES + 20
    frame = prepared.table.with_split(split(prepared.table.frame, options.split, seed=0)).frame
    leak = split_leakage(findings, frame, apart)
    assert leak.sentence.endswith("Keep them together: data.split.copies=true")
    with pytest.raises(UserError, match=r"^data\.on_leak: .*data\.split\.copies=true.*data\.on_leak=warn$"):
        refuse_leakage(findings.with_findings(leak), apart)
    refuse_leakage(findings.with_findings(leak), replace(apart, on_leak="warn"))


@pytest.mark.parametrize(
    ("columns", "ends"), [({"patient": "P"}, True), ({"site": "arm"}, False), ({"Group": "g"}, True)]
)
def test_a_given_split_ends_the_run_if_patients_or_groups_are_on_both_sides(columns, ends):
    (column, prefix) = next(iter(columns.items()))
    ids = [f"{prefix}{number // 2}" for number in range(IMAGES)]
    frame = pd.DataFrame(
        {"image_id": map(str, range(IMAGES)), "path": "", "label": np.arange(IMAGES) % 2, column: ids}
    ).assign(group=lambda rows: rows["image_id"], given_split=np.where(np.arange(IMAGES) % 2, "train", "test"))
    leak = given_split_leakage(Table("set", frame, reader=bytes), np.arange(IMAGES))
    assert (leak is not None) == ends
    with pytest.raises(UserError, match=r"data\.on_leak=warn") if ends else nullcontext():
        refuse_leakage(Findings("quick", IMAGES).with_findings(leak), Data())


def test_unknown_lesions_are_no_lesion_with_two_labels():
    frame = pd.DataFrame(
        {"image_id": ["a", "b"], "path": ["a", "b"], "label": [0, 1], "lesion_id": ["unknown", "unknown"]}
    )
    assert lesion_conflicts(frame) is None


def test_a_given_split_that_tears_lesions_apart_is_found_once_under_their_name(planted):
    parts = np.where(np.arange(IMAGES) % 4, "train", "test")
    finding = found(planted(lesion_id=[f"lesion {number // 4}" for number in range(IMAGES)], split=parts)).named(
        "straddles_given_split"
    )
    assert "15 of 15 test images" in finding.sentence
    assert "(60 by lesion)" in finding.sentence


@pytest.mark.parametrize(("policy", "images"), [("keep", 61), ("drop", 59)])
def test_contradictory_labels_are_kept_or_left_out_as_asked_and_listed_in_either_case(
    planted, pictures, policy, images, caplog
):
    options = replace(planted([("other.png", pictures[0], {"label": "malignant"})]), on_conflict=policy)
    prepared, findings, _ = prepared_and_found(options)
    assert len(prepared.table.frame) == images == len(findings.clusters)
    assert ("other" in prepared.table.frame["image_id"].tolist()) == (policy == "keep")
    assert "other.png" in caplog.text
    assert findings.named("same_image_other_label").count == 2


def test_contradictory_labels_stop_the_run_where_that_is_asked_for(planted, pictures):
    options = replace(planted([("other.png", pictures[0], {"label": "malignant"})]), on_conflict="fail")
    with pytest.raises(UserError, match=r"(?s)^data\.on_conflict: 2 images .*000\.png.*other\.png"):
        prepared_and_found(options)


def test_an_audit_that_is_off_looks_at_nothing_and_changes_nothing(planted, pictures):
    options = replace(planted([("copy.png", pictures[1], {"label": "malignant"})]), audit="off")
    prepared, findings, _ = prepared_and_found(options)
    assert (findings.mode, findings.found) == ("off", ())
    assert not prepared.table.joined_with_copies
    assert prepared.table.frame["group"].nunique() == IMAGES + 1


def test_chains_that_tie_a_large_part_of_the_set_together_are_said(planted, pictures):
    copies = [(f"copy{turn}-{flip}-{number}.png", np.rot90(pictures[1], turn)[:: 1 - 2 * flip], {"label": "malignant"})
              for turn in range(4) for flip in range(2) for number in range(3)]  # fmt: skip
    finding = found(planted(copies)).named("giant_group")
    assert finding.count >= 24
    assert "data.split.copies=false" in finding.sentence
