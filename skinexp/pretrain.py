"""Pretrains a backbone on phantoms, whose factors are known: makes weights that need no network and no data."""

from dataclasses import asdict
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from skinexp.cli.command import Door
from skinexp.config import schema
from skinexp.config.conf_files import CONF
from skinexp.config.schema import Pretrain, Pretraining
from skinexp.config.validation import check
from skinexp.core import invocation
from skinexp.core.terminal import libraries_write_to
from skinexp.runs import provenance

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


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="pretrain")
def compose_and_pretrain(composed: DictConfig) -> None:
    """Hydra's configuration to plain dataclasses, provenance, then the story in `pretraining.recipe.run`."""
    directory = Path(HydraConfig.get().runtime.output_dir).resolve()
    file = directory / "pretrain.log"
    with invocation.log_failure(file), libraries_write_to(file):
        config = OmegaConf.to_object(composed)
        about = {"command": provenance.command_line(), "git": asdict(provenance.git_state())}
        check(config)

        from skinexp import compute

        chosen = compute.configure(config)  # before anything else imports Keras
        config.compute = chosen.settle(config.compute)

        from skinexp.workflows import pretraining

        pretraining.run(config, directory, about | {"computed": str(chosen)})


def main() -> None:
    """The command."""
    Door(COMMAND, HELP, Pretraining, "A pretraining is one run, begun anew").enter(compose_and_pretrain)


if __name__ == "__main__":
    main()
