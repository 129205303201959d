"""Overrides as people type them, and the overrides that messages print: each is read back as what was meant."""

import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from skinexp.config.compose import as_hydra_reads, compose
from skinexp.config.override_syntax import class_name, label_overrides, override
from skinexp.config.schema import Config, DataCard
from skinexp.core.errors import UserError

JARGON = ("mismatched", "LexerNoViableAlt", "expecting", "token recognition", "viable alternative", "HydraException")
NAMES = [
    *("nevus", "melanoma (in situ)", "nævus", "melanoma, NOS", "0: benign", "nevus [0]", "01", "true", "null", "1.0"),
    *("1e5", "0", "-1", "a'b", 'a"b', "a\\b", "50% x", "a%41", " lead", "trail ", "Spitz's & co; #1 !", "$HOME", "~"),
    *("a.b", "日本", "a/b", "x=y", "{z}", "-", "1_000", "a\tb", "?", "b\\\\", "NaN"),
]


def parsed(words: str) -> list:
    """What a shell and Hydra read."""
    return OverridesParser.create().parse_overrides(shlex.split(words))


@pytest.mark.parametrize("name", NAMES)
def test_every_class_name_is_read_back_from_the_words_that_label_and_exclude_it(name):
    (label,), (exclusion,) = parsed(label_overrides({name: 1})), parsed(override("data.exclude", [name]))
    value = label.value()
    key = next(iter(value)) if isinstance(value, dict) else label.key_or_group.removeprefix("data.labels.")
    assert class_name(key) == name
    assert [str(item) for item in exclusion.value()] == [name]


def test_one_configuration_takes_the_labels_of_all_names():
    names = dict.fromkeys(NAMES, 1)
    config = compose([*shlex.split(label_overrides(names)), *shlex.split(override("data.exclude", ["x, y", "é"]))])
    assert config.data.labels == {"benign": 0, "malignant": 1} | names
    assert config.data.exclude == ["x, y", "é"]


TYPED = {  # what is typed, and what it means
    "data.licence=archive (1)": "archive (1)",
    "data.licence=[new] set {2}": "[new] set {2}",
    "data.licence=été": "été",
    "data.licence=a=b": "a=b",
    "data.licence=Dr. O'Neil & co": "Dr. O'Neil & co",
    "data.licence=2024_01": "2024_01",
    "data.licence=007": "007",
    "data.licence=1e3": "1e3",
    "data.licence=true": "true",
    "data.licence='a,b'": "a,b",
    "data.licence=plain": "plain",
    "data.licence=null": None,
}


@pytest.mark.parametrize(("word", "meaning"), TYPED.items())
def test_text_is_taken_as_it_is_typed(word, meaning):
    (result,) = OverridesParser.create().parse_overrides(as_hydra_reads([word], Config))
    assert result.value() == meaning or str(result.value()) == meaning


def test_words_that_hydra_reads_as_meant_are_not_changed():
    words = ["-m", "model=scratch,mobilenet", "data.path=a,b", "data.path=été,b", "+data.labels.nevus=0", "~data.limit"]
    assert as_hydra_reads(words, Config) == words


def test_the_home_directory_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = compose(["data=folder", "data.path=~", "data.cache=~/cache (1)", "+data.labels.nævus=0"])
    assert (config.data.path, Path(config.data.cache)) == (str(tmp_path), tmp_path / "cache (1)")
    assert config.data.labels["nævus"] == 0


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("optim.lr=1 (x)", "optim.lr: must be a number. Received: 1 (x)"),
        ("data.limit=é", "data.limit: must be a whole number or null. Received: é"),
        ("data.limitt=é", "data.limitt: no such key. Did you mean data.limit?"),
        ("data.licence=a,b", "'data.licence=\"a,b\"'"),
        ("data.labels.nævus=0", "'+data.labels={n%C3%A6vus: 0}'"),
        ("+data.labels={xyz: ?}", "data.labels.xyz: replace the value by 0 (benign) or 1 (malignant). Received: ?"),
        ("data.exclude=[a", "data.exclude: must be a list, such as [A,B]. Received: [a"),
        (
            "data.card={devices: Delta (30)}",
            "data.card: the mapping cannot be read. Set its keys one by one: data.card.ref",
        ),
        (
            "data.split={train: 0.7 (x)}",
            "data.split: the mapping cannot be read. Set its keys one by one: data.split.train",
        ),
        ("data.card=histology", "data.card: is a mapping. Set its keys one by one: data.card.reference_standard"),
        ("plan=0.9", "plan: is a mapping. Set its keys one by one: plan.auc, plan.width. Received: 0.9"),
        ("data.card=null", "data.card: is a mapping. Set its keys one by one: data.card.reference_standard"),
        ("data.card={devices: [a]}", "data.card.devices: must be a word or null. Received: {devices: [a]}"),
        ("data.card={device: x}", "data.card.device: no such key. Did you mean data.card.devices?"),
        ("data.card.device=x", "data.card.device: no such key. Did you mean data.card.devices?"),
        ("é", "é: not KEY=VALUE"),
    ],
)
def test_what_cannot_be_read_is_answered_without_a_parsers_words(word, says):
    with pytest.raises(UserError) as refusal:
        compose([word])
    assert says in str(refusal.value)
    assert not any(jargon in str(refusal.value) for jargon in JARGON)


def test_fields_of_the_data_card_are_stated_one_by_one_or_in_a_mapping():
    together = compose(['data.card={devices: "dermatoscope, x10", dates: 2019}', "data.card.centres=two (Vienna)"])
    assert together.data.card == DataCard(devices="dermatoscope, x10", dates="2019", centres="two (Vienna)")
    assert compose([]).data.card == DataCard()
