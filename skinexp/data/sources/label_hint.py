"""The answer to classes without a label: what they are, and the words to type for all of them."""

from collections.abc import Iterable, Mapping

from skinexp.config.override_syntax import UNDECIDED, label_overrides, override
from skinexp.config.schema import Data
from skinexp.core.errors import UserError
from skinexp.data.sources.diagnoses import label_of

MOST_LISTED = 20  # classes in the sentence; the words to type are for all


def unknown_classes(unknown: Mapping[str, int], present: Iterable[str], options: Data, unlabelled: str) -> UserError:
    """Returns the error of classes that are neither labelled nor excluded.

    The words that it prints are for a shell. They label what is known to be benign or malignant by its name, and have
    a question mark for what is not known: a guess would train, and give plausible results that are wrong.

    Args:
        unknown: number of images of each of these classes, the most frequent first.
        present: all classes that images have.
        options: the labels and exclusions that there are.
        unlabelled: the class of images without a label.
    """
    names = [name for name in unknown if name != unlabelled]
    proposed = {name: _proposal(name, options.labels) for name in names}
    decided = {name: label for name, label in proposed.items() if label != UNDECIDED}
    open_ = [name for name in names if name not in decided]
    missing = [unlabelled] if unlabelled in unknown else []
    listed = ", ".join(f"{name} ({unknown[name]})" for name in list(unknown)[:MOST_LISTED])
    listed += f" and {len(unknown) - MOST_LISTED} more" if len(unknown) > MOST_LISTED else ""
    if not names:
        without = _excluding(options, missing)
        return UserError(
            f"data.labels: images without a label: {listed}. Complete their labels, or leave them out ({without})"
        )
    question = (
        f"Whether {', '.join(open_[:MOST_LISTED])} is benign or malignant is yours to say: replace {UNDECIDED}. "
        if open_
        else ""
    )
    labels = {*decided.values(), *(options.labels[name] for name in present if name in options.labels)}
    left_out = open_ if open_ and labels == {0, 1} else (open_ or names)[:1]
    give = " ".join([label_overrides(proposed), *([_excluding(options, missing)] if missing else [])])
    kept = decided if open_ else {}
    leave = " ".join([*([label_overrides(kept)] if kept else []), _excluding(options, [*left_out, *missing])])
    return UserError(
        f"data.labels: classes without a label: {listed}. {question}Give each one 0 or 1 ({give}) "
        f"or leave it out ({leave})"
    )


def _excluding(options: Data, names: list[str]) -> str:
    """Returns the word that excludes classes, besides those that are excluded already."""
    return override("data.exclude", list(dict.fromkeys([*options.exclude, *names])))


def _proposal(name: str, given: Mapping[str, int]) -> int | str:
    """Returns the label of a class by its name; a question mark if that is not known.

    0 and 1 keep their meaning, unless the options give them another.
    """
    if name in ("0", "1"):
        other = given.get("1" if name == "0" else "0")
        return int(name) if other in (None, 1 - int(name)) else UNDECIDED
    label = label_of(name)
    return UNDECIDED if label is None else label
