"""The configuration of an external validation: which overrides it accepts, and what it takes from the run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from itertools import product
from typing import Any

from skinexp.config.compose import as_hydra_reads, compose, mistakes_as_user_errors
from skinexp.config.schema import Config, Preprocess
from skinexp.core.errors import UserError

ACCEPTED = ("data", "seed")  # sections and keys of an experiment
PREVALENCE, RISK_THRESHOLD, SAMPLING = "evaluate.prevalence", "evaluate.risk_threshold", "evaluate.sampling"
SCORED_AT = (PREVALENCE, RISK_THRESHOLD, SAMPLING)  # accepted as well: they decide scores, and no prediction
STORED = "data.preprocess"
# Keys of the run's configuration that do not describe its network.
NOT_THE_NETWORKS = ("data", "tracking", "resume", "overwrite")
NOT_THE_IMAGES = ("preprocess", "cache", "workers")  # keys of its data that are the evaluation's too, or have no effect
SPLIT = tuple(f"data.split.{key}" for key in ("train", "val", "test", "seed", "copies", "folds", "fold"))
SOURCE = "evaluate: name the images: data=folder data.path=DIRECTORY, data=hub data.path=OWNER/NAME or data=phantom"


def compose_evaluation(overrides: Sequence[str]) -> Config:
    """Composes the configuration of an external validation; of it, data, seed, prevalence and risk threshold are used.

    Args:
        overrides: as they are typed behind the run.

    Raises:
        UserError: if an override is not about the images, or if none names the images.
    """
    for word in overrides:
        _refuse_other_keys(word)
    if not any(word.startswith("data=") for word in overrides):
        raise UserError(SOURCE)
    return compose(overrides)


def split_sets(overrides: Sequence[str]) -> list[list[str]]:
    """Returns the overrides of each external set, of which some have several values: `data.path=A,B`.

    Several keys with several values name all combinations, as in a sweep.

    Raises:
        UserError: if an override cannot be read, or if none has several values.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    words = as_hydra_reads(["-m", *overrides], Config)[1:]
    with mistakes_as_user_errors(Config):
        parsed = OverridesParser.create().parse_overrides(words)
    values = [
        [f"{item.get_key_element()}={value}" for value in item.sweep_string_iterator()]
        if item.is_discrete_sweep()
        else [word]
        for word, item in zip(words, parsed, strict=True)
    ]
    sets = [list(words) for words in product(*values)]
    if len(sets) < 2:
        raise UserError("-m: names several external sets, separated by commas: data.path=A,B. Leave it out for one set")
    return sets


def match_run(config: Config, overrides: Sequence[str], preprocess: Preprocess, result: Mapping[str, Any]) -> Config:
    """Returns the configuration with what an evaluation takes from its run.

    These are the preprocessing; the prevalence and the risk threshold, unless an override sets one; the rule that chose
    the operating threshold; and the backend, if it is installed here.

    Args:
        config: of the evaluation.
        overrides: from which it was composed.
        preprocess: how the images of the training were prepared.
        result: content of the run's result.json.
    """
    return replace(
        config,
        data=replace(config.data, preprocess=preprocess),
        evaluate=replace(config.evaluate, **_evaluate(config, overrides, result)),
        compute=replace(config.compute, backend=_backend(config, result)),
    )


def settings(config: Config, result: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the configuration that an evaluation records: the run's own, on the images that were tested.

    Its seed is that of the training, so that a comparison recognises networks of several seeds as repetitions of one
    configuration; that of the images is `data.seed`. The images of the training are in `trained_on`.

    Args:
        config: of the evaluation.
        result: content of the run's result.json.
    """
    trained = _trained(result)
    own = {key: value for key, value in trained.items() if key not in NOT_THE_NETWORKS}
    trained_on = {key: value for key, value in trained.get("data", {}).items() if key not in NOT_THE_IMAGES}
    scored = {
        name: getattr(config.evaluate, name) for name in ("prevalence", "risk_threshold", "resamples", "sampling")
    }
    return own | {
        "evaluate": trained.get("evaluate", {}) | scored,
        "data": asdict(config.data) | {"seed": config.seed},
        "trained_on": trained_on,
    }


def _refuse_other_keys(word: str) -> None:
    name = _key(word)
    if name == STORED or name.startswith(f"{STORED}."):
        raise UserError(
            f"{word}: images are prepared as the model's training images were, as its file says; leave it out"
        )
    if name in SPLIT:
        raise UserError(f"{word}: all images are test images, nothing is split; leave it out")
    if name.split(".")[0].split("@")[0] not in ACCEPTED and name not in SCORED_AT:
        raise UserError(
            f"{word}: a trained model is evaluated as it is; only data=OPTION, data.KEY=VALUE, seed=N, "
            f"{PREVALENCE}=SHARE, {RISK_THRESHOLD}=RISK and {SAMPLING}=DESIGN are accepted"
        )


def _evaluate(config: Config, overrides: Sequence[str], result: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of the evaluation that are those of the run, or those that an override sets."""
    trained = _trained(result).get("evaluate", {})
    stated = {
        "prevalence": config.evaluate.prevalence if PREVALENCE in map(_key, overrides) else trained.get("prevalence"),
        "risk_threshold": config.evaluate.risk_threshold
        if RISK_THRESHOLD in map(_key, overrides)
        else trained.get("risk_threshold"),
    }
    return stated | {"threshold": str(trained.get("threshold", config.evaluate.threshold))}


def _backend(config: Config, result: Mapping[str, Any]) -> str:
    backend = result.get("compute", {}).get("backend")
    if backend in ("tensorflow", "jax", "torch") and find_spec(backend):
        return str(backend)
    return config.compute.backend


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _trained(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the configuration that a run was trained with; empty if it is not known."""
    return result.get("config") or {}
