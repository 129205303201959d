"""Pretrains a backbone on phantoms, whose factors are known: makes weights that need no network and no data."""

import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from skinexp import composition, help_text, provenance
from skinexp import config as schema
from skinexp.config import Pretrain, Pretraining
from skinexp.errors import UserError, told
from skinexp.sweep import jobs
from skinexp.terminal import libraries_write_to

schema.register(Pretraining)

COMMAND = "python -m skinexp.pretrain"
HELP = f"""\
{__doc__}

  {COMMAND} [model=mobilenet|efficientnet] [KEY=VALUE ...]

Writes NAME.npz (kernels in float16) and NAME.json (its card: recipe, seed, data, licence, SHA-256) into
outputs/DATE/TIME. A training takes them with model.weights=outputs/DATE/TIME/NAME.npz. Those that come with skinexp
(model.weights=phantom) were made by this command without further keys.

Its own keys
  {f"pretrain.small_epochs={Pretrain.small_epochs}":<28}of optim.epochs, the first: they see small images
  {f"pretrain.small_size={Pretrain.small_size}":<28}pixels a side of those
  {f"pretrain.warm_up={Pretrain.warm_up:g}":<28}share of the steps in which the learning rate rises to optim.lr
  {f"pretrain.statistics={Pretrain.statistics}":<28}images that BatchNormalization's final statistics are of

Often set
  data.phantom.images=50000   phantoms to learn from; seed=N draws others
  model.alpha=0.35            width of MobileNetV2
  optim.epochs=20 optim.lr=1e-3 optim.batch_size=128

All groups and keys
  python -m skinexp.train --help
  {COMMAND} --cfg job    the composed configuration, without running it
"""
TRAINING_ONLY = ("-m", "--multirun", "hydra.mode", "resume")  # what a single run, begun anew, has no use for


@hydra.main(version_base="1.3", config_path=str(help_text.CONF), config_name="pretrain")
def compose_and_pretrain(composed: DictConfig) -> None:
    """Hydra's configuration to plain dataclasses, provenance, then the story in `pretraining.recipe.run`."""
    directory = Path(HydraConfig.get().runtime.output_dir).resolve()
    file = directory / "pretrain.log"
    with jobs.in_one_sentence(file), libraries_write_to(file):
        config = OmegaConf.to_object(composed)
        about = {"command": provenance.command_line(), "git": asdict(provenance.git_state())}
        schema.check(config)

        from skinexp import compute

        chosen = compute.configure(config)  # before anything else imports Keras
        config.compute = chosen.settle(config.compute)

        from skinexp.pretraining import recipe

        recipe.run(config, directory, about | {"computed": str(chosen)})


def main() -> None:
    """The command. Exit codes: 0, 1 (it failed), 2 (a mistake in the command), 130 (stopped by Ctrl-C)."""
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(HELP)
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra prints its errors itself, in many lines
    with told():
        _refuse_what_only_training_takes(sys.argv[1:])
        _run()
    sys.exit(jobs.exit_code())


def _run() -> None:
    try:
        compose_and_pretrain()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        logging.shutdown()
        sys.stdout.flush()
        os._exit(jobs.INTERRUPTED)  # TensorFlow's threads, stopped in the middle, would complain on the way out
    except Exception as error:
        if not composition.is_mistake(error):
            raise
        raise UserError(composition.explain(error, Pretraining, COMMAND)) from error


def _refuse_what_only_training_takes(words: list[str]) -> None:
    for word in words:
        if word.lstrip("+").partition("=")[0] in TRAINING_ONLY:
            raise UserError(f"{word}: belongs to python -m skinexp.train. A pretraining is one run, begun anew")


if __name__ == "__main__":
    main()
