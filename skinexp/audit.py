"""Audits a data set: copies, contradictory labels, unusable files, and what else makes scores on it unbelievable."""

from dataclasses import asdict
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from skinexp.cli.command import Door
from skinexp.config import schema
from skinexp.config.conf_files import CONF
from skinexp.config.schema import Config
from skinexp.config.validation import check
from skinexp.core import invocation
from skinexp.core.terminal import libraries_write_to
from skinexp.runs import provenance

schema.register()

COMMAND = "python -m skinexp.audit"
HELP = f"""\
{__doc__}

  {COMMAND} data=OPTION [data.KEY=VALUE ...]

Looks at every file as it is and compares every picture with every other. Nothing is trained, changed or deleted. What
was found makes no difference to the exit code: it is 0 where the audit could be made.

Which images
  data=folder data.path=DIRECTORY    a manifest.csv (file, label, ...), or one sub-folder a class
  data=hub data.path=OWNER/NAME      a data set of the Hugging Face hub, or a local directory of that shape
  data=phantom                       generated ones
  data.split.group=patient_id        the column that says which images are of one person
  data.augmented_copies=6            with changed copies of each image, as if it had been augmented before the split

What it finds
  the same file, the same pixels, the same photograph changed on the way; a set that was augmented before it was split;
  an image or a lesion under both labels; a given split that tears them apart; files that are unusable, constant, tiny,
  squeezed, of an odd mode or another format than named; a class linked with source, format, size or border; classes
  and levels with too few cases

What it leaves in outputs/DATE/TIME
  audit.html                         what was found, with the pictures side by side: one file, loads nothing
  audit.json                         the same for programs
  data_card.md                       source, licence, counts, digests, findings and confounds on one sheet
  audit/NAME.csv                     all rows of each finding

A training makes a quick form of it by itself: data.audit=quick, full or off.
All groups and keys: python -m skinexp.train --help
"""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="audit")
def compose_and_audit(composed: DictConfig) -> None:
    """Hydra's configuration to plain dataclasses, provenance, then the story in `data_audit.run`."""
    directory = Path(HydraConfig.get().runtime.output_dir).resolve()
    file = directory / "audit.log"
    with invocation.log_failure(file), libraries_write_to(file):
        config = OmegaConf.to_object(composed)
        about = {
            "command": provenance.command_line(),
            "git": asdict(provenance.git_state()),
            "data": asdict(config.data),
        }
        check(config)

        from skinexp.workflows import auditing

        auditing.run(config, directory, about)


def main() -> None:
    """The command."""
    Door(COMMAND, HELP, Config, "An audit is one look, begun anew").enter(compose_and_audit)


if __name__ == "__main__":
    main()
