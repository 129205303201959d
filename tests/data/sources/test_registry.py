"""The registry of data sources: the only place of their names, and how a new one is added."""

from dataclasses import fields
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml

from skinexp.config.conf_files import CONF
from skinexp.config.schema import Config, Data, Preprocess
from skinexp.core.errors import UserError
from skinexp.data.sources.folder import unique_names
from skinexp.data.sources.registry import SOURCES, load
from skinexp.data.sources.source import Listing, Source
from skinexp.workflows.dataset import load_dataset


class Colours(Source):
    """Plain squares: malignant ones are darker."""

    name: ClassVar[str] = "colours"

    def list_images(self, options: Data, seed: int) -> Listing:
        names = [str(number) for number in range(80)]
        classes = np.where(np.arange(80) % 2, "malignant", "benign")
        frame = pd.DataFrame(
            {"image_id": names, "class": classes, "path": names, "sha256": names, "position": range(80)}
        )
        return Listing("Squares", frame, lambda position: np.full((8, 8, 3), 99 + position, np.uint8), "CC0")


def test_a_new_source_is_a_class_and_an_entry_of_the_registry(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, Colours.name, Colours())
    data = Data("colours", cache=str(tmp_path), preprocess=Preprocess(size=32))
    table = load_dataset(Config(data=data)).prepared.table
    assert (table.name, table.licence) == ("Squares", "CC0")
    assert table.counts() == {"benign": 40, "malignant": 40}
    assert table.frame["split"].value_counts().to_dict() == {"train": 56, "val": 12, "test": 12}


def test_the_configuration_offers_the_sources_of_the_registry():
    (choices,) = (item.metadata["choices"] for item in fields(Data) if item.name == "name")
    assert set(choices) == set(SOURCES)


def test_every_source_has_a_file_of_options():
    written = [yaml.safe_load(file.read_text()) for file in Path(CONF / "data").glob("*.yaml")]
    assert {options["name"] for options in written if "name" in options} == set(SOURCES)


def test_a_source_is_registered_under_its_own_name():
    assert {name: source.name for name, source in SOURCES.items()} == {name: name for name in SOURCES}


def test_an_unknown_source_is_refused_with_the_names_of_all():
    with pytest.raises(UserError, match=r"^data\.name: must be one of phantom, folder, hub\. Received: cloud"):
        load(Data("cloud"), 0)


def test_repeated_names_are_numbered_with_numbers_that_are_free():
    assert unique_names(["a", "b", "a", "a", "a (2)"]) == ["a", "b", "a (3)", "a (4)", "a (2)"]
    assert unique_names([]) == []
