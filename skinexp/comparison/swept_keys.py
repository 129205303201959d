"""The keys in which the configurations of some runs differ, and the values that they take."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from skinexp.runs.run_outputs import RunOutputs

Value: TypeAlias = str | int | float | bool | None

# Keys that make no other experiment of a run: its repetition, its bookkeeping, the place of what it prepares,
# and what is only said of its images.
NOT_SWEPT = (
    "seed",
    "data.split.seed",
    "trained_on.split.seed",
    "data.split.fold",
    "objective",
    "resume",
    "overwrite",
    "tracking",
    "explain",
    "data.cache",
    "data.workers",
    "data.card",
    "data.licence",
    "plan",
)


def settings(record: RunOutputs) -> dict[str, Value]:
    """Returns a run's configuration by full key, in the configuration's order; empty if the run left none."""
    return dict(_flat(record.summary.requested_config, ""))


def swept_keys(records: Sequence[RunOutputs]) -> dict[str, list[Value]]:
    """Returns the keys in which runs differ, each with its values: numbers ascending, others as they first occur.

    A key whose value follows from that of an earlier one is left out: a model brings its own learning rate for
    fine-tuning, and who compares models has not chosen it. Seeds are left out as well: they repeat an experiment.
    """
    configurations = [found for record in records if (found := settings(record))]
    if not configurations:
        return {}
    first = configurations[0]
    shared = [key for key in first if all(key in other for other in configurations)]
    differing: dict[str, list[Value]] = {}
    for key in shared:
        values = [configuration[key] for configuration in configurations]
        if len(set(values)) > 1 and not any(_follows(values, earlier) for earlier in differing.values()):
            differing[key] = values
    return {key: _in_order(values) for key, values in differing.items()}


def value_text(value: Value) -> str:
    """Returns a value as a command line has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_number(value: Value) -> bool:
    """Returns whether values of this kind have an order."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _flat(node: Any, prefix: str) -> Iterator[tuple[str, Value]]:
    if not isinstance(node, Mapping):
        return
    for name, value in node.items():
        key = f"{prefix}{name}"
        if key in NOT_SWEPT:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}.")
        else:
            yield key, json.dumps(value) if isinstance(value, list) else value


def _follows(values: Sequence[Value], earlier: Sequence[Value]) -> bool:
    """Returns whether each value of the earlier key comes with one value of this key alone."""
    return len(set(zip(earlier, values, strict=True))) == len(set(earlier))


def _in_order(values: Sequence[Value]) -> list[Value]:
    distinct = list(dict.fromkeys(values))
    return sorted(distinct, key=float) if all(map(is_number, distinct)) else distinct  # type: ignore[arg-type]
