"""Finds a learning rate: trains the first phase of an experiment for some steps, each at a larger rate."""

from dataclasses import asdict
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from skinexp.cli.command import Door
from skinexp.config import schema
from skinexp.config.conf_files import CONF
from skinexp.config.schema import LrFind, RangeTest
from skinexp.config.validation import check
from skinexp.core import invocation
from skinexp.core.terminal import libraries_write_to
from skinexp.runs import provenance

schema.register(RangeTest)

COMMAND = "python -m skinexp.lr_find"
HELP = f"""\
{__doc__}

  {COMMAND} [GROUP=OPTION ...] [KEY=VALUE ...]

Prints a learning rate to train with, and draws the loss over the rates, into outputs/DATE/TIME. The network is not
kept, and nothing is tracked.

Its own keys
  {f"lr_find.min={LrFind.min:g}":<24}rate of the first step
  {f"lr_find.max={LrFind.max:g}":<24}rate of the last one; the test stops earlier where the loss leaves all bounds
  {f"lr_find.steps={LrFind.steps}":<24}more of them average over more batches

All groups and keys of the training
  python -m skinexp.train --help
  {COMMAND} --cfg job    the composed configuration, without running it
"""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="lr_find")
def compose_and_search(composed: DictConfig) -> None:
    """Hydra's configuration to plain dataclasses, provenance, then the story in `lr_search.run`."""
    directory = Path(HydraConfig.get().runtime.output_dir).resolve()
    file = directory / "lr_find.log"
    with invocation.log_failure(file), libraries_write_to(file):
        config = OmegaConf.to_object(composed)
        about = {"command": provenance.command_line(), "git": asdict(provenance.git_state()), "config": asdict(config)}
        check(config)

        from skinexp import compute

        chosen = compute.configure(config)  # before anything else imports Keras
        config.compute = chosen.settle(config.compute)

        from skinexp.workflows import lr_range_test

        lr_range_test.run(config, directory, about | {"compute": asdict(chosen)})


def main() -> None:
    """The command."""
    Door(COMMAND, HELP, RangeTest, "A range test is one short run, begun anew").enter(compose_and_search)


if __name__ == "__main__":
    main()
