"""Checks of a sweep's values before its first job begins: what no job can use is refused once."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString, ValueType
from omegaconf import DictConfig, flag_override
from omegaconf.errors import OmegaConfBaseException

from skinexp.config.compose import to_config
from skinexp.config.option_reference import reference
from skinexp.config.schema import Config
from skinexp.config.validation import check, check_fields, check_value
from skinexp.core.errors import UserError

MOST = 10_000  # values of one key that are checked
LISTED = (ValueType.CHOICE_SWEEP, ValueType.SIMPLE_CHOICE_SWEEP, ValueType.RANGE_SWEEP)


def refuse_values(config: DictConfig) -> None:
    """Refuses a sweep if a value is out of range for its key, whichever launcher runs the jobs.

    Args:
        config: that Hydra composed for the sweep, without the overrides of single jobs.

    Raises:
        UserError: with the key and the value.
    """
    with suppress(OmegaConfBaseException):
        check_fields(_experiment(config))
    params = config.hydra.sweeper.get("params") or {}
    typed = [*(f"{key}={values}" for key, values in params.items()), *config.hydra.overrides.task]
    options = {option.key: option for option in reference(Config)}
    for item in OverridesParser.create().parse_overrides(typed):
        if item.value_type in LISTED and (option := options.get(item.key_or_group)):
            for value in islice(_values(item), MOST):
                if value is not None and isinstance(value, str) == bool(
                    option.choices
                ):  # else a type that Hydra refuses
                    check_value(option.key, value, option.choices, option.bounds)


def refuse_jobs(configs: Sequence[DictConfig]) -> None:
    """Refuses composed configurations of jobs if a value is out of range, or if all jobs have the same mistake.

    A mistake that depends on the job ends that job alone.

    Raises:
        UserError: as the job itself would.
    """
    mistakes = [_mistake(config) for config in configs]
    if len(set(mistakes)) == 1 and mistakes[0]:
        raise UserError(mistakes[0])


@contextmanager
def hydra_of(config: DictConfig) -> Iterator[None]:
    """Makes references to Hydra's settings, such as `${hydra:job.num}`, mean those of a job."""
    kept = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)
    try:
        yield
    finally:
        HydraConfig.instance().cfg = kept


def _mistake(config: DictConfig) -> str:
    """Returns the mistake in the composed configuration of a job; an empty text if there is none.

    Raises:
        UserError: if a value is out of range.
    """
    with hydra_of(config), suppress(OmegaConfBaseException):  # what refers to the running job is checked by the job
        experiment = _experiment(config)
        check_fields(experiment)
        try:
            check(experiment)
        except UserError as error:
            return str(error)
    return ""


def _experiment(config: DictConfig) -> Config:
    experiment = copy.deepcopy(config)
    with flag_override(experiment, ["readonly", "struct"], [False, False]):
        del experiment["hydra"]
    return to_config(experiment, Config)


def _values(item: Override) -> Iterator[Any]:
    """Yields the values of a swept key."""
    for value in item.sweep_iterator():
        yield value.text if isinstance(value, QuotedString) else value
