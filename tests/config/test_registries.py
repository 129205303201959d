"""The names that the schema accepts are those of the registries, neither more nor fewer."""

import dataclasses

import pytest

from skinexp.config import schema
from skinexp.config.conf_files import CONF, names
from skinexp.contracts.backbones import MODEL_NAMES
from skinexp.contracts.losses import LOSSES
from skinexp.data.sources.registry import SOURCES
from skinexp.explain.methods import METHODS
from skinexp.training.optimizers import OPTIMIZERS


@pytest.mark.parametrize(
    ("section", "key", "registry"),
    [
        (schema.Data, "name", SOURCES),
        (schema.Model, "name", MODEL_NAMES),
        (schema.Model, "name", {file.stem for file in (CONF / "model").glob("*.yaml")}),
        (schema.Optim, "loss", LOSSES),
        (schema.Optim, "name", OPTIMIZERS),
        (schema.Explain, "method", {*METHODS, "none"}),
    ],
)
def test_the_schema_accepts_the_names_of_a_registry(section, key, registry):
    (item,) = [item for item in dataclasses.fields(section) if item.name == key]
    assert set(item.metadata["choices"]) == set(registry)


def test_a_file_in_conf_makes_its_name_acceptable(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "large.yaml").write_text("# A large one.\ndefaults: [schema]\nname: resnet\nalpha: 2.0\n")
    (tmp_path / "model" / "usual.yaml").write_text("# The usual one.\ndefaults: [schema]\n")
    assert names("model", directory=tmp_path) == ["resnet"]
