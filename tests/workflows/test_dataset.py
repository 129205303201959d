"""The images of an experiment, as every workflow loads, prepares, audits and splits them."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from skinexp.config.schema import Config, Data, Phantom, Preprocess, Split
from skinexp.core.errors import UserError
from skinexp.data.audit import SERIOUS
from skinexp.data.split import NAMES
from skinexp.workflows.audit_outputs import write_card
from skinexp.workflows.dataset import (
    Dataset,
    all_facts,
    load_dataset,
    load_table,
    make_batches,
    prepare_test_set,
    without_audit,
)
from skinexp.workflows.dataset_outputs import summarise_dataset


@pytest.fixture
def phantoms(tmp_path) -> Config:
    """An experiment on 60 small generated images."""
    preprocess = Preprocess(size=32, crop_border=False, remove_hair=False)
    return Config(data=Data(cache=str(tmp_path), phantom=Phantom(images=60, size=32), preprocess=preprocess))


@pytest.fixture
def with_given_split(tmp_path) -> Config:
    """An experiment on a folder with parts train and test, between which the first image is copied."""
    for number in range(60):
        label, part = ("malignant" if number % 2 else "benign"), ("train" if number % 3 else "test")
        file = tmp_path / "images" / part / label / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((32, 32), 50 + 3 * number).convert("RGB").save(file)
    first = tmp_path / "images" / "test" / "benign" / "0.png"
    (tmp_path / "images" / "train" / "benign" / "copy.png").write_bytes(first.read_bytes())
    preprocess = Preprocess(size=32, crop_border=False, remove_hair=False)
    return Config(
        data=Data("folder", str(tmp_path / "images"), cache=str(tmp_path), workers=1, preprocess=preprocess),
    )


def frame(dataset: Dataset) -> pd.DataFrame:
    return dataset.prepared.table.frame


def test_no_step_changes_the_table_that_was_loaded(phantoms):
    table = load_table(phantoms.data, phantoms.seed)
    before = table.frame.copy(deep=True)
    dataset = load_dataset(phantoms, load=lambda data, seed: table)
    assert set(frame(dataset)["split"]) == set(NAMES)
    assert dataset.prepared.table is not table
    pd.testing.assert_frame_equal(table.frame, before)
    prepare_test_set(table, phantoms.data)
    pd.testing.assert_frame_equal(table.frame, before)


def test_the_given_split_and_the_runs_own_are_two_columns(with_given_split):
    dataset = load_dataset(with_given_split)
    given = frame(dataset).set_index("image_id")["given_split"]
    assert {name: part for name, part in given.items() if Path(name).parts[0] != part} == {}
    assert set(frame(dataset)["split"]) == set(NAMES)
    assert (frame(dataset)["split"] != frame(dataset)["given_split"]).any()
    assert dataset.findings.named("straddles_given_split").severity == SERIOUS
    assert dataset.findings.named("straddles_split") is None  # copies are one group in the run's split


def test_every_step_can_be_timed_by_its_name(phantoms):
    stages = []

    @contextmanager
    def stage(name):
        yield stages.append(name)

    load_dataset(phantoms, stage)
    assert stages == ["data", "prepare", "audit", "split"]


def test_batches_hold_the_images_of_their_part(phantoms):
    dataset = load_dataset(phantoms)
    batches = make_batches(dataset.prepared, phantoms)
    counts = frame(dataset)["split"].value_counts()
    assert [len(batches.train.images), len(batches.val), len(batches.test)] == [counts[name] for name in NAMES]


def test_all_images_of_an_external_set_are_test_images(with_given_split):
    table = load_table(with_given_split.data, 0)
    prepared = prepare_test_set(table, with_given_split.data)
    assert set(prepared.table.frame["split"]) == {"test"}
    assert set(prepared.table.frame["given_split"]) == {"train", "test"}
    assert "split" not in table.frame


def images_of_test(config):
    """The images of the test part, with their content."""
    rows = frame(load_dataset(without_audit(config)))
    return rows.loc[rows["split"] == "test", "sha256"].tolist()


def test_with_a_seed_of_its_own_the_split_is_that_of_another_seed(phantoms):
    split = replace(phantoms.data.split, seed=0)
    fixed = replace(phantoms, seed=1, data=replace(phantoms.data, split=split))
    assert images_of_test(fixed) == images_of_test(phantoms) != images_of_test(replace(phantoms, seed=1))


def test_what_is_said_of_the_sampling_is_what_intervals_make_of_it(phantoms):
    own = load_dataset(without_audit(phantoms))
    stated = replace(phantoms, evaluate=replace(phantoms.evaluate, sampling="cohort"))
    changed = load_dataset(without_audit(stated))
    summary = summarise_dataset(own.prepared, all_facts(own, phantoms), own.sampling)["data"]
    assert (summary.sampling, own.sampling.design, changed.sampling.design) == (
        "case_control",
        "case_control",
        "cohort",
    )
    assert summary.facts["Sampling"].startswith("case-control: ")


def test_without_an_audit_nothing_is_searched_for(with_given_split):
    dataset = load_dataset(without_audit(with_given_split))
    assert (dataset.findings.mode, dataset.findings.found) == ("off", ())
    assert with_given_split.data.audit == "quick"


def test_patients_on_both_sides_of_the_split_stop_a_run_unless_it_is_asked_for(phantoms, caplog):
    def load(data, seed):
        table = load_table(replace(data, split=Split()), seed)
        patients = [f"P{number // 2}" for number in range(len(table.frame))]
        return replace(table, frame=table.frame.assign(patient_id=patients))  # image by image

    phantoms = replace(phantoms, data=replace(phantoms.data, audit="off", split=Split(group="lesion_id")))
    with pytest.raises(UserError, match=r"^data\.on_leak: .*data\.split\.group=auto.*data\.on_leak=warn$"):
        load_dataset(phantoms, load=load)
    warned = load_dataset(replace(phantoms, data=replace(phantoms.data, on_leak="warn")), load=load)
    assert warned.findings.named("straddles_split").severity == SERIOUS
    assert "another image of the same photograph, lesion or patient" in caplog.text


def test_test_files_that_were_stored_darker_are_found(tmp_path, caplog):
    for number in range(80):
        label = "malignant" if number % 2 else "benign"
        file = tmp_path / label / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        Image.effect_noise((32, 32), 60).convert("RGB").save(file)
    data = Data("folder", str(tmp_path), cache=str(tmp_path / "cache"), workers=1, preprocess=Preprocess(size=32))
    usual = load_dataset(Config(data=data))
    assert usual.findings.named("brightness_differs") is None
    for file in frame(usual).loc[frame(usual)["split"] == "test", "path"]:
        Image.open(file).point(lambda value: value // 4).save(file)
    found = load_dataset(Config(data=data)).findings.named("brightness_differs")
    assert "and test images (3" in found.sentence


def test_log_card_and_result_say_the_same_of_files_labels_groups_and_leaks(with_given_split, tmp_path, caplog):
    (tmp_path / "images" / "notes.txt").write_text("of nobody")
    options = replace(with_given_split.data, on_leak="warn")
    config = replace(with_given_split, data=options)
    with caplog.at_level("INFO", logger="skinexp"):
        dataset = load_dataset(config)
    write_card(
        dataset.prepared.table, dataset.findings, config, tmp_path, all_facts(dataset, config), dataset.prepared.bad
    )
    card = (tmp_path / "data_card.md").read_text()
    said = summarise_dataset(dataset.prepared, all_facts(dataset, config))["data"].facts
    assert list(said) == ["Unused", "Groups", "Leakage", "Sampling", "Precision"]
    for topic, sentence in said.items():
        assert f"{topic:<10}{sentence}" in caplog.messages
        assert f"* {topic}: {sentence}" in card


def test_the_card_of_a_sweeps_job_names_the_command_that_was_typed(phantoms, tmp_path):
    typed = "python -m skinexp.train -m seed=0,1"
    (tmp_path / "result.json").write_text(json.dumps({"status": "running", "command": typed}))
    dataset = load_dataset(without_audit(phantoms))
    write_card(dataset.prepared.table, dataset.findings, phantoms, tmp_path, {})
    assert f"Written by `{typed}`" in (tmp_path / "data_card.md").read_text()


def test_the_digest_of_the_test_images_changes_with_a_label_or_a_file_and_with_no_order(phantoms):
    prepared = load_dataset(phantoms).prepared

    def digest_of(table: pd.DataFrame) -> str:
        changed = replace(prepared, table=replace(prepared.table, frame=table))
        return summarise_dataset(changed, {})["test_digest"]

    table = prepared.table.frame
    row = table.index[table["split"] == "test"][0]
    relabelled, exchanged = table.copy(), table.copy()
    relabelled.loc[row, "label"] = 1 - table.loc[row, "label"]
    exchanged.loc[row, "sha256"] = "0" * 64
    assert digest_of(table.sample(frac=1, random_state=0)) == digest_of(table)
    assert len({digest_of(table), digest_of(relabelled), digest_of(exchanged)}) == 3
