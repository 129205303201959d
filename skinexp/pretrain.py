"""Pretrains a backbone on phantoms, whose factors are known: weights that need no data and no download."""

from pathlib import Path
from typing import Any

from skinexp.cli.command import Command
from skinexp.config.schema import Pretraining


def pretrain(config: Pretraining, directory: Path, about: dict[str, Any]) -> None:
    """Pretrains a backbone and writes its weights; see `workflows.pretraining`."""
    from skinexp import compute

    choice = compute.configure(config)  # before anything else imports Keras

    from skinexp.workflows import pretraining

    pretraining.run(choice.resolve(config), directory, about | {"computed": str(choice)})


COMMAND = Command("pretrain", pretrain, one_call="A pretraining is one run, which always begins anew")
main = COMMAND.run

if __name__ == "__main__":
    main()
