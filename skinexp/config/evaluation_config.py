"""The configuration of a test on other images: which overrides fit, and what is as it was in the training."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from skinexp.config import schema
from skinexp.config.conf_files import CONF
from skinexp.config.schema import Config
from skinexp.config.validation import check
from skinexp.core.errors import UserError

TAKEN = ("data", "seed")  # of an experiment's keys
PREVALENCE = "evaluate.prevalence"  # taken as well: it says for whom the answers are meant, and changes none
STORED = "data.preprocess"
RUNS_OWN = ("data", "tracking", "resume")  # of its configuration, what says nothing of its network
ELSEWHERE = ("preprocess", "cache", "workers")  # of its data: as in the evaluation's, or of no effect
SPLIT = ("data.split.train", "data.split.val", "data.split.test", "data.split.folds", "data.split.fold")
SOURCE = "evaluate: say which images: data=folder data.path=DIRECTORY, data=hub data.path=OWNER/NAME or data=phantom"


def composed(overrides: list[str]) -> Config:
    """The configuration of these overrides, of which only the data, the seed and the prevalence are used.

    Raises:
        UserError: where one of them is not about the images, or they name none.
    """
    for word in overrides:
        name = _key(word)
        if name == STORED or name.startswith(f"{STORED}."):
            raise UserError(
                f"{word}: images are prepared as the model's training images were, which its file says; leave it out"
            )
        if name in SPLIT:
            raise UserError(f"{word}: all images are tested, so nothing is shared out; leave it out")
        if name.split(".")[0].split("@")[0] not in TAKEN and name != PREVALENCE:
            raise UserError(
                f"{word}: a finished model is tested as it is; only data=OPTION, data.KEY=VALUE, seed=N and "
                f"{PREVALENCE}=SHARE fit"
            )
    if not any(word.startswith("data=") for word in overrides):
        raise UserError(SOURCE)

    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from skinexp.config import config_errors

    schema.register()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = OmegaConf.to_object(compose("config", overrides))
    except Exception as error:
        if not config_errors.is_mistake(error):
            raise
        raise UserError(config_errors.explain(error)) from error
    check(config)
    return config


def with_prevalence(config: Config, overrides: list[str], result: Mapping[str, Any]) -> Config:
    """The configuration, with the prevalence that the run's own scores are for, where no override names one."""
    if PREVALENCE not in map(_key, overrides):
        config.evaluate.prevalence = _trained(result).get("evaluate", {}).get("prevalence")
    return config


def settings(config: Config, result: Mapping[str, Any]) -> dict[str, Any]:
    """What an evaluation writes down as its configuration: the run's own, on the images that were tested.

    Its seed is the training's, so that networks of several seeds are told for repetitions of one configuration; that of
    the images is `data.seed`. What the training's images were is in `trained_on`.
    """
    trained = _trained(result)
    own = {key: value for key, value in trained.items() if key not in RUNS_OWN}
    trained_on = {key: value for key, value in trained.get("data", {}).items() if key not in ELSEWHERE}
    options = config.evaluate
    return own | {
        "evaluate": trained.get("evaluate", {}) | {"prevalence": options.prevalence, "resamples": options.resamples},
        "data": asdict(config.data) | {"seed": config.seed},
        "trained_on": trained_on,
    }


def like_the_run(config: Config, result: Mapping[str, Any]) -> Config:
    """The configuration, computed on the backend that the run was, where that is installed here."""
    from importlib.util import find_spec

    backend = result.get("compute", {}).get("backend")
    if backend in ("tensorflow", "jax", "torch") and find_spec(backend):
        config.compute.backend = backend
    return config


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _trained(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration that a run was trained with; empty where it is not known."""
    return result.get("config") or {}
