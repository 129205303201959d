"""Checks of a configuration before any data is read: choices, bounds, and combinations of keys."""

import dataclasses
import glob
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from skinexp.config.option_fields import bounds_in_words, is_within
from skinexp.config.override_syntax import override
from skinexp.config.schema import Config, Data, LrFind, Model, Pretraining, RangeTest, Split
from skinexp.contracts.backbones import CONTRACTS, SCRATCH, with_shipped_weights
from skinexp.core.errors import UserError
from skinexp.core.python_command import skinexp_command

SHORTEST_RANGE = 100  # times the smallest rate: one tenfold for the descent, and one for what is around it


def check(config: Config) -> None:
    """Checks that a run can use a configuration; reads no data.

    Raises:
        UserError: if it cannot; with the key, what is wrong, what to do and the received value.
    """
    check_fields(config)
    if config.resume is not None:
        raise UserError(f"resume: belongs on the command line, not in a file. Received: {config.resume}")
    _check_data(config.data)
    _check_model(config.model, config.data.preprocess.size)
    _check_layout(config.model.name, config.compute.layout)
    _check_threshold(config.evaluate.threshold)
    if config.compute.threads is not None and config.compute.backend == "jax":
        raise UserError(
            "compute.threads: JAX distributes its threads itself. Use compute.threads=null. "
            f"Received: {config.compute.threads}"
        )
    if isinstance(config, RangeTest):
        _check_rates(config.lr_find)
    if isinstance(config, Pretraining):
        _check_pretraining(config)


def check_fields(node: Any, prefix: str = "") -> None:
    """Checks each value of a configuration against the choices or bounds of its key.

    Args:
        node: the configuration, or a section of it.
        prefix: of the keys, such as `optim.` for the section `Optim`.

    Raises:
        UserError: if one is not among the choices, or out of bounds.
    """
    for item in dataclasses.fields(node):
        key, value = f"{prefix}{item.name}", getattr(node, item.name)
        if dataclasses.is_dataclass(value):
            check_fields(value, f"{key}.")
        elif value is not None:
            check_value(key, value, item.metadata.get("choices", ()), item.metadata.get("bounds", {}))


def check_value(key: str, value: Any, choices: Collection[str], bounds: Mapping[str, float]) -> None:
    """Checks one value against the choices and bounds of its key; empty ones accept all values.

    Raises:
        UserError: if it is not among the choices, or out of bounds.
    """
    if choices and value not in choices:
        raise UserError(f"{key}: must be one of {', '.join(choices)}. Received: {value}")
    if bounds and not is_within(value, bounds):
        raise UserError(f"{key}: must be {bounds_in_words(bounds)}. Received: {value}")


def _check_data(data: Data) -> None:
    split = data.split
    total = split.train + split.val + split.test
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise UserError(
            f"data.split: the fractions must sum to 1. "
            f"Received: train={split.train}, val={split.val}, test={split.test} (sum {total:g})"
        )
    _check_folds(split)
    if set(data.labels.values()) != {0, 1}:
        raise UserError(
            f"data.labels: must give at least one class the label 0 and one the label 1. Received: {data.labels}"
        )
    if both := sorted(set(data.labels) & set(data.exclude)):
        raise UserError(f"data.exclude: {both[0]} also has a label in data.labels; remove it from one of the two")
    if data.augmented_copies and data.phantom.shortcut.flip_test:
        raise UserError(
            "data.augmented_copies: copies would bring the flipped shortcut of test images into the training part. Use "
            f"data.phantom.shortcut.flip_test=false with it. Received: {data.augmented_copies}"
        )
    if data.name == "folder":
        _check_folder(data)
    if data.name == "hub" and not data.path:
        raise UserError(
            "data.path: data=hub needs the name of a data set, or a local directory of that form. Received: null"
        )
    if data.name == "hub" and _is_path(str(data.path)) and not Path(str(data.path)).expanduser().exists():
        raise UserError(
            f"data.path: no such directory; a data set of the hub is named OWNER/NAME. Received: {data.path}"
        )


def _is_path(name: str) -> bool:
    """Returns whether a name is that of a directory, as no data set of the hub is called."""
    return name.startswith((".", "~", "/")) or name.count("/") > 1


def _check_folds(split: Split) -> None:
    if not split.folds:
        if split.fold is not None:
            raise UserError(
                "data.split.fold: selects the tested fold of a cross-validation, so it needs data.split.folds as well. "
                f"Received: fold={split.fold}, folds={'null' if split.folds is None else 0}"
            )
        return
    if split.folds < 2:
        raise UserError(f"data.split.folds: must be at least 2, or null for a single split. Received: {split.folds}")
    every = ",".join(map(str, range(split.folds))) if split.folds <= 10 else f"0,...,{split.folds - 1}"
    if split.fold is None:
        raise UserError(
            f"data.split.fold: a run tests one fold of the {split.folds}. "
            f"Run them all as a sweep: -m data.split.fold={every}. Received: null"
        )
    if not 0 <= split.fold < split.folds:
        raise UserError(
            f"data.split.fold: must be at least 0 and below data.split.folds={split.folds}. Received: {split.fold}"
        )


def _check_folder(data: Data) -> None:
    if not data.path:
        raise UserError("data.path: data=folder needs the directory of the images. Received: null")
    if not Path(data.path).is_dir():
        raise UserError(f"data.path: no such directory. Received: {data.path}")
    manifest = Path(data.path) / data.manifest
    if data.manifest != Data.manifest and not manifest.is_file():
        deeper = sorted(Path(data.path).glob(f"*/{glob.escape(data.manifest)}"))
        there = f"Use {override('data.path', str(deeper[0].parent))}" if deeper else f"Name a CSV file in {data.path}"
        raise UserError(f"data.manifest: no such file: {manifest}. {there}. Received: {data.manifest}")


def _check_model(model: Model, size: int) -> None:
    if model.name == SCRATCH:
        _check_scratch(model)
    else:
        _check_weights(model)
    contract = CONTRACTS.get(model.name)
    widths = contract.widths if contract else (1.0,)
    if model.alpha not in widths:
        raise UserError(
            f"model.alpha: {model.name} exists in width {', '.join(map(str, widths))}. Received: {model.alpha}"
        )
    if contract and size < contract.smallest_size:
        raise UserError(
            f"data.preprocess.size: {model.name} takes images of at least {contract.smallest_size} pixels per side. "
            f"Received: {size}"
        )
    if model.weights not in (None, "imagenet", "phantom") and not Path(model.weights).exists():
        raise UserError(
            f"model.weights: must be null, phantom, imagenet, a .weights.h5 file, or a directory of such files. "
            f"No such file or directory: {model.weights}"
        )


def _check_scratch(model: Model) -> None:
    if model.frozen:
        raise UserError(
            f"model.frozen: the scratch CNN has no backbone to freeze. Use {_some_backbones()}. Received: model=scratch"
        )
    if model.weights and Path(model.weights).is_file():
        raise UserError(f"model.weights: the scratch CNN takes no weights file. Received: {model.weights}")


def _check_weights(model: Model) -> None:
    """Refuses weights that a backbone does not have, and a frozen backbone without weights."""
    shipped = CONTRACTS[model.name].has_shipped_weights(model.alpha)
    if model.frozen and model.weights is None:
        raise UserError(
            "model.frozen: a backbone without weights cannot be frozen, its features would be constant. Give "
            f"model.weights={'phantom, ' if shipped else ''}imagenet, a file or a directory; or model.frozen=false. "
            "Received: model.weights=null"
        )
    if model.weights == "phantom" and not shipped:
        raise UserError(
            f"model.weights: phantom weights are included for {' and '.join(with_shipped_weights())} in width 1. "
            f"Use one of these, or make some for {model.name} ({skinexp_command('pretrain')}), or use "
            "model.weights=imagenet, a file or a directory, or null (random weights). "
            f"Received: model.weights=phantom, model.name={model.name}, model.alpha={model.alpha}"
        )


def _check_layout(model: str, layout: str) -> None:
    if layout == "channels_first" and model in CONTRACTS and not CONTRACTS[model].channels_first:
        raise UserError(
            f"compute.layout: Keras has {model} with channels last only. Use compute.layout=channels_last. "
            f"Received: {layout}"
        )


def _some_backbones() -> str:
    *others, last = (f"model={name}" for name in CONTRACTS)
    return f"{', '.join(others)} or {last}" if others else last


def _check_threshold(rule: str) -> None:
    from skinexp.evaluation.decision.threshold_rules import parse_rule  # later than --help: it brings scikit-learn

    try:
        parse_rule(rule)
    except ValueError as error:
        raise UserError(f"evaluate.threshold: {error}") from None


def _check_rates(lr_find: LrFind) -> None:
    if lr_find.max < SHORTEST_RANGE * lr_find.min:
        raise UserError(
            f"lr_find.max: must be at least {SHORTEST_RANGE} times lr_find.min, or the range is too "
            f"narrow to show a descent of the loss. Received: lr_find.min={lr_find.min:g}, lr_find.max={lr_find.max:g}"
        )


def _check_pretraining(config: Pretraining) -> None:
    pretrain, size = config.pretrain, config.data.preprocess.size
    if config.data.name != "phantom":
        raise UserError(
            f"data: a backbone is pretrained on phantoms, whose factors are known. Use data=phantom. "
            f"Received: data={config.data.name}"
        )
    if config.model.name == SCRATCH:
        raise UserError(
            f"model: the scratch CNN has no backbone to pretrain. Use {_some_backbones()}. Received: model=scratch"
        )
    if config.data.augmented_copies:
        raise UserError(
            "data.augmented_copies: a backbone is pretrained on phantoms as they are generated; the factors of "
            f"changed copies are not known. Use data.augmented_copies=0. Received: {config.data.augmented_copies}"
        )
    if config.data.phantom.shortcut.flip_test:
        raise UserError(
            "data.phantom.shortcut.flip_test: a pretraining has no test part to flip. "
            "Use data.phantom.shortcut.flip_test=false. Received: true"
        )
    if config.model.weights is not None:
        raise UserError(
            "model.weights: a backbone is pretrained from random weights. Use model.weights=null. "
            f"Received: {config.model.weights}"
        )
    if pretrain.small_epochs > config.optim.epochs:
        raise UserError(
            f"pretrain.small_epochs: must be at most optim.epochs={config.optim.epochs}. "
            f"Received: {pretrain.small_epochs}"
        )
    if pretrain.small_size > size:
        raise UserError(
            f"pretrain.small_size: must be at most data.preprocess.size={size}. Received: {pretrain.small_size}"
        )
