"""Finds a learning rate: a range test trains some steps, each at a larger rate."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from skinexp.cli.command import Command
from skinexp.config.schema import RangeTest


def find_learning_rate(config: RangeTest, directory: Path, about: dict[str, Any]) -> None:
    """Runs a learning-rate range test; see `workflows.lr_range_test`."""
    from skinexp.data.sources import registry

    table = registry.load(config.data, config.data_seed)  # before the backend, whose import takes long

    from skinexp import compute

    choice = compute.configure(config)  # before anything else imports Keras

    from skinexp.workflows import lr_range_test

    about |= {"config": asdict(config), "compute": asdict(choice)}
    lr_range_test.run(choice.resolve(config), table, directory, about)


COMMAND = Command("lr_find", find_learning_rate, one_call="A range test is one short run, which always begins anew")
main = COMMAND.run

if __name__ == "__main__":
    main()
