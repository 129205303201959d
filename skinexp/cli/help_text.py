"""The text of `--help`, made from the first lines of the files in conf/: what they say is what help says."""

from pathlib import Path

from skinexp.config.conf_files import CONF
from skinexp.config.schema import GROUPS
from skinexp.contracts.backbones import with_shipped_weights

TEMPLATE = """\
Compose an experiment, train it, and see in MLflow whether to believe it.

  python -m skinexp.train [GROUP=OPTION ...] [KEY=VALUE ...]      one run
  python -m skinexp.train -m model=scratch,mobilenet,efficientnet   a sweep: one run a combination, then a comparison

Groups (the option marked * is taken unless told otherwise)
{groups}

Often set
  seed=1                        another split, another start
  data.path=DIRECTORY           where images are (data=folder, data=hub)
  data.split.folds=5            with -m data.split.fold=0,1,2,3,4: cross-validation, in which each image is tested once
  data.preprocess.size=96       pixels a side: a quarter of the cost of 192
  model.weights=phantom         learned on phantoms, come with skinexp for {shipped}; or imagenet
                                (downloaded), a .weights.h5 file, or a directory of such files for several models
  optim.lr=0.0003 optim.epochs=30 optim.batch_size=64
  optim.class_weight=balanced   both classes count alike in the loss; optim.loss=focal: hard images count more
  hydra.launcher.jobs=2         jobs of a sweep that run at a time
  health.policy=stop            end before training where the doctor finds something wrong; off: do not look
  resume=DIRECTORY              go on with a run or a sweep that was interrupted, and nothing else

See also
  python -m skinexp.audit       what makes scores on a data set unbelievable
  python -m skinexp.lr_find     a learning rate to begin with
  python -m skinexp.evaluate    a finished model on other images
  python -m skinexp.compare     runs side by side
  python -m skinexp.ui          the MLflow UI
  python -m skinexp.pretrain    weights learned on phantoms
  python -m skinexp.zoo         planted faults, and whether the doctor names them
  python -m skinexp.sync        deliver what could not be tracked
  --cfg job                     the composed configuration, without running it
  --info defaults               which file each part comes from
  -sc install=bash              how to switch on tab completion (of the command skinexp-train)
  --hydra-help                  options of Hydra itself
"""


def render() -> str:
    """The whole text."""
    defaults = _defaults()
    lines = []
    for group in [*GROUPS, "experiment"]:
        about = GROUPS[group].__doc__ if group in GROUPS else "Recipes that set several groups at once."
        lines.append(f"\n  {group:<12}{about}")
        for file in sorted((CONF / group).glob("*.yaml")):
            mark = "*" if defaults.get(group) == file.stem else " "
            lines.append(f"    {mark} {file.stem:<18}{_summary(file)}")
    return TEMPLATE.format(groups="\n".join(lines), shipped=" and ".join(with_shipped_weights()))


def _summary(file: Path) -> str:
    """The first sentence of a file's opening comment."""
    comment = []
    for line in file.read_text().splitlines():
        if line.startswith("# @package"):
            continue
        if not line.startswith("# "):
            break
        comment.append(line[2:].strip())
    return " ".join(comment).split(". ")[0].removesuffix(".")


def _defaults() -> dict[str, str]:
    """Group -> option, read from the defaults list without a YAML parser, which would take longer than all the rest."""
    lines = (CONF / "config.yaml").read_text().splitlines()
    pairs = (line.removeprefix("  - ").split("#")[0].split(": ") for line in lines if line.startswith("  - "))
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
