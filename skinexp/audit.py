"""Audits a data set: copies, contradictory labels, unusable files and confounds, without a training."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from skinexp.cli.command import Command
from skinexp.config.schema import Config


def audit(config: Config, directory: Path, about: dict[str, Any]) -> None:
    """Audits the images of a configuration; see `workflows.auditing`."""
    from skinexp.data.sources import registry  # later than --help: this brings pandas

    table = registry.load(config.data, config.data_seed)  # before what takes long to import

    from skinexp.workflows import auditing

    auditing.run(config, table, directory, about | {"data": asdict(config.data)})


COMMAND = Command("audit", audit, one_call="An audit is one run, which always begins anew")
main = COMMAND.run

if __name__ == "__main__":
    main()
