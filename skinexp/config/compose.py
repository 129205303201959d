"""The one way from overrides to a checked, frozen configuration: for commands, tests and notebooks.

config = compose(["model=mobilenet", "optim.lr=1e-4"])
"""

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from skinexp.config import override_syntax
from skinexp.config.conf_files import CONF
from skinexp.config.option_reference import reference
from skinexp.config.schema import GROUPS, Config, Pretraining, RangeTest
from skinexp.config.validation import check
from skinexp.contracts.backbones import preset_weights
from skinexp.core.credentials import keep_password
from skinexp.core.errors import UserError
from skinexp.core.python_command import skinexp_command

if TYPE_CHECKING:
    from omegaconf import DictConfig

SCHEMAS: dict[str, type[Config]] = {  # name of a file in conf/ -> schema of what it composes
    "config": Config,
    "audit": Config,
    "lr_find": RangeTest,
    "pretrain": Pretraining,
}

DIRECTORIES = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")  # keys of Hydra's that take text

AnyConfig = TypeVar("AnyConfig", bound=Config)


def compose(overrides: Sequence[str] = (), name: str = "config") -> Config:
    """Composes a configuration from conf/ and overrides, as a command does, and checks it; reads no data.

    Args:
        overrides: as they are typed behind a command: `model=mobilenet`, `optim.lr=1e-4`.
        name: a file in conf/: config (of the training), lr_find, pretrain or audit.

    Returns:
        The frozen configuration, an instance of `SCHEMAS[name]`.

    Raises:
        UserError: if an override is wrong; the message is the sentence that the command prints.
    """
    from hydra import compose as compose_from_files
    from hydra import initialize_config_dir

    schema = SCHEMAS[name]
    register(schema)
    with mistakes_as_user_errors(schema), initialize_config_dir(str(CONF), version_base="1.3"):
        config = to_config(compose_from_files(name, as_hydra_reads(overrides, schema)), schema)
    check(config)
    return config


def to_config(composed: Mapping[Any, Any], schema: type[AnyConfig]) -> AnyConfig:
    """Returns the configuration that Hydra composed as a frozen dataclass; it is not checked yet.

    A password in `tracking.uri` goes into the environment of this process, and `***` is in its place.

    Args:
        composed: Hydra's DictConfig of a registered schema.
        schema: the schema.

    Raises:
        UserError: if a key was added (`+optim.nesterov=true`) that the schema does not have.
    """
    from omegaconf import OmegaConf

    for key in _added_keys(composed, schema, ""):
        raise UserError(f"{key}: no such key. All keys: {skinexp_command('train', '--cfg', 'job')}")
    config = _with_names_and_paths(cast(AnyConfig, OmegaConf.to_object(composed)))
    uri = keep_password(config.tracking.uri)
    return dataclasses.replace(config, tracking=dataclasses.replace(config.tracking, uri=uri))


def as_hydra_reads(words: Sequence[str], schema: type[Config]) -> list[str]:
    """Returns typed overrides in the form that Hydra accepts; see `skinexp.config.override_syntax`."""
    types = {option.key: option.type for option in reference(schema)}
    return override_syntax.as_meant(words, types | dict.fromkeys(DIRECTORIES, "str"))


def _with_names_and_paths(config: AnyConfig) -> AnyConfig:
    """Returns the configuration with classes by their names, and with the home directory in place of `~`."""
    data, model = config.data, config.model
    labels = {override_syntax.class_name(key): label for key, label in data.labels.items()}
    data = dataclasses.replace(data, labels=labels, path=_expanded(data.path), cache=_expanded(data.cache))
    return dataclasses.replace(config, data=data, model=dataclasses.replace(model, weights=_expanded(model.weights)))


def _expanded(path: Any) -> Any:
    return os.path.expanduser(path) if path and path.startswith("~") and not os.path.lexists(path) else path


def register(schema: type[Config] = Config) -> None:
    """Registers the schema with Hydra: `schema` for the whole, `<group>/schema` for each group."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("preset_weights", preset_weights, replace=True)
    store = ConfigStore.instance()
    store.store(name="schema", node=_writable(cast(type, schema)))
    for group, section in GROUPS.items():
        store.store(group=group, name="schema", node=_writable(section))


@contextmanager
def mistakes_as_user_errors(schema: type[Config], command: str = "train") -> Iterator[None]:
    """Raises what Hydra and OmegaConf report about wrong overrides as a UserError of one sentence.

    Args:
        schema: of what is composed.
        command: name of the one to which the overrides belong.
    """
    from skinexp.config import config_errors

    try:
        yield
    except Exception as error:
        if not config_errors.is_mistake(error):
            raise
        raise UserError(config_errors.explain(error, schema, command)) from error


def _added_keys(node: Any, section: Any, prefix: str) -> Iterator[str]:
    """Yields keys of a composed node that its section of the schema does not have; nothing reads them."""
    fields = {item.name: item.type for item in dataclasses.fields(section)}
    yield from (f"{prefix}{name}" for name in node if name not in fields)
    for name, type_ in fields.items():
        if dataclasses.is_dataclass(type_):
            yield from _added_keys(node[name], type_, f"{prefix}{name}.")


@functools.cache
def _writable(section: type) -> "DictConfig":
    """Returns a section as a node that overrides may change: OmegaConf makes the nodes of frozen classes read-only."""
    from omegaconf import DictConfig, OmegaConf

    node: DictConfig = OmegaConf.structured(section)
    nodes = [node]
    while nodes:
        current = nodes.pop()
        current._set_flag("readonly", None)
        nodes += [child for name in current if isinstance(child := current._get_node(name), DictConfig)]
    return node
