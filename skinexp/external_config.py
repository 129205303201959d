"""The configuration of a test on other images: which overrides fit, and what is as it was in the training."""

from collections.abc import Mapping
from typing import Any

from skinexp import config as schema
from skinexp import help_text
from skinexp.config import Config
from skinexp.errors import UserError

TAKEN = ("data", "seed")  # of an experiment's keys
STORED = "data.preprocess"
SPLIT = ("data.split.train", "data.split.val", "data.split.test", "data.split.folds", "data.split.fold")
SOURCE = "evaluate: say which images: data=folder data.path=DIRECTORY, data=hub data.path=OWNER/NAME or data=phantom"


def composed(overrides: list[str]) -> Config:
    """The configuration of these overrides, of which only the data and the seed are used.

    Raises:
        UserError: where one of them is not about the images, or they name none.
    """
    for word in overrides:
        name = word.lstrip("+~").partition("=")[0]
        if name == STORED or name.startswith(f"{STORED}."):
            raise UserError(
                f"{word}: images are prepared as the model's training images were, which its file says; leave it out"
            )
        if name in SPLIT:
            raise UserError(f"{word}: all images are tested, so nothing is shared out; leave it out")
        if name.split(".")[0].split("@")[0] not in TAKEN:
            raise UserError(
                f"{word}: a finished model is tested as it is; only data=OPTION, data.KEY=VALUE and seed=N fit"
            )
    if not any(word.startswith("data=") for word in overrides):
        raise UserError(SOURCE)

    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from skinexp import composition

    schema.register()
    try:
        with initialize_config_dir(str(help_text.CONF), version_base="1.3"):
            config = OmegaConf.to_object(compose("config", overrides))
    except Exception as error:
        if not composition.is_mistake(error):
            raise
        raise UserError(composition.explain(error)) from error
    schema.check(config)
    return config


def like_the_run(config: Config, result: Mapping[str, Any]) -> Config:
    """The configuration, computed on the backend that the run was, where that is installed here."""
    from importlib.util import find_spec

    backend = result.get("compute", {}).get("backend")
    if backend in ("tensorflow", "jax", "torch") and find_spec(backend):
        config.compute.backend = backend
    return config
