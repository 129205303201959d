"""Finds a learning rate: trains the first phase of an experiment for some steps, each at a larger rate."""

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
from skinexp.config import LrFind, RangeTest
from skinexp.errors import UserError, told
from skinexp.sweep import jobs
from skinexp.terminal import libraries_write_to

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
TRAINING_ONLY = ("-m", "--multirun", "hydra.mode", "resume")  # what a single run, begun anew, has no use for


@hydra.main(version_base="1.3", config_path=str(help_text.CONF), config_name="lr_find")
def compose_and_search(composed: DictConfig) -> None:
    """Hydra's configuration to plain dataclasses, provenance, then the story in `lr_search.run`."""
    directory = Path(HydraConfig.get().runtime.output_dir).resolve()
    file = directory / "lr_find.log"
    with jobs.in_one_sentence(file), libraries_write_to(file):
        config = OmegaConf.to_object(composed)
        about = {"command": provenance.command_line(), "git": asdict(provenance.git_state()), "config": asdict(config)}
        schema.check(config)

        from skinexp import compute

        chosen = compute.configure(config)  # before anything else imports Keras
        config.compute = chosen.settle(config.compute)

        from skinexp import lr_search

        lr_search.run(config, directory, about | {"compute": asdict(chosen)})


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
        compose_and_search()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        logging.shutdown()
        sys.stdout.flush()
        os._exit(jobs.INTERRUPTED)  # TensorFlow's threads, stopped in the middle, would complain on the way out
    except Exception as error:
        if not composition.is_mistake(error):
            raise
        raise UserError(composition.explain(error, RangeTest, COMMAND)) from error


def _refuse_what_only_training_takes(words: list[str]) -> None:
    for word in words:
        if word.lstrip("+").partition("=")[0] in TRAINING_ONLY:
            raise UserError(f"{word}: belongs to python -m skinexp.train. A range test is one short run, begun anew")


if __name__ == "__main__":
    main()
