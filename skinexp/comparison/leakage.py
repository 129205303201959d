"""What a leak buys: the same training with copies of images on both sides of the split, and with them kept together."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from skinexp.core.number_format import limits, three_decimals
from skinexp.evaluation import Interval, delong_interval, independent_difference
from skinexp.evaluation.tables import groups_of
from skinexp.report.figures.style import COLOURS, INK, QUIET, new_figure, styled, text_width
from skinexp.report.pages.embedded_figure import Picture, picture
from skinexp.runs.run_summary import RunRecord

KEY = ("config", "data", "split", "group")
LINE = 0.62  # inches of a pair's height
ORIGINAL = "original"


@dataclass(frozen=True)
class Leak:
    """The same training on two splits of a set that was augmented before.

    Attributes:
        name: what the pair is called.
        torn: test ROC-AUC with copies on both sides of the split.
        together: with all copies of an image in one part.
        bought: torn less together: what the leak buys.
        torn_test: test images of the first run that have a copy outside the test part, and all test images.
    """

    name: str
    torn: Interval
    together: Interval
    bought: Interval
    torn_test: tuple[int, int]

    @property
    def sentence(self) -> str:
        """The pair in words."""
        leaked, tested = self.torn_test
        seen = f"{leaked:,} of its {tested:,} test images have a copy in training or validation"
        told = limits(self.bought)
        return (
            f"{self.name}: with an image-level split the test ROC-AUC is {_told(self.torn)}; {seen}. With all "
            f"copies of an image in one part it is {_told(self.together)}. The leak buys "
            f"{three_decimals(self.bought.estimate)}{f' ({told})' if told else ''}{_honest(self.bought)}"
        )


def leaks(records: Sequence[RunRecord]) -> list[Leak]:
    """Pairs of finished runs that differ in `data.split.group` alone, on a set with copies made before the split."""
    pairs: dict[str, dict[bool, RunRecord]] = {}
    for record in records:
        if record.finished and record.find("config", "data", "augmented_copies") and _original(record) is not None:
            pairs.setdefault(_without_group(record), {})[record.find(*KEY) is None] = record
    whole = [pair for pair in pairs.values() if len(pair) == 2]
    return [_leak(pair[True], pair[False], len(whole)) for pair in whole]


def of_leaks(found: Sequence[Leak]) -> Picture | None:
    """All pairs as one figure; None where there is none."""
    if not found:
        return None
    return picture(
        leak_chart(found), f"Test ROC-AUC with and without the leak. {' '.join(leak.sentence for leak in found)}"
    )


@styled
def leak_chart(found: Sequence[Leak]) -> Figure:
    """A line a pair: the area with the leak, without it, and an arrow for what the leak buys, with 95 % intervals.

    Raises:
        ValueError: where there is no pair.
    """
    if not found:
        raise ValueError("found: give one pair at least. Received: none")
    margin = max(text_width(leak.name, 9) for leak in found) + 0.4
    figure = new_figure(margin + 5.6, LINE * len(found) + 1.25)
    axes = figure.subplots()
    for y, leak in enumerate(found):
        for area, colour, marker, offset in (
            (leak.torn, COLOURS[1], "s", -0.14),
            (leak.together, COLOURS[0], "o", 0.14),
        ):
            ends = [[max(0.0, area.estimate - area.low)], [max(0.0, area.high - area.estimate)]]
            known = not math.isnan(ends[0][0] + ends[1][0])
            axes.errorbar(
                [area.estimate], [y + offset], xerr=ends if known else None, color=colour, marker=marker,
                markersize=7, elinewidth=1.8, linestyle="", zorder=3,
            )  # fmt: skip
            axes.text(1.015, y + offset, _told(area), va="center", color=colour, fontsize=8)
        arrow = {"arrowstyle": "->", "color": INK, "lw": 1.2, "shrinkA": 5, "shrinkB": 5}
        axes.annotate("", (leak.torn.estimate, y - 0.14), (leak.together.estimate, y + 0.14), arrowprops=arrow)
    axes.axvline(0.5, color=QUIET, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    lowest = min((leak.together.low for leak in found if not math.isnan(leak.together.low)), default=0.5)
    axes.set_xlim(min(0.5, math.floor(10 * lowest) / 10), 1.0)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_yticks(range(len(found)), [leak.name for leak in found])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Test ROC-AUC")
    handles = [
        axes.plot([], [], color=COLOURS[1], marker="s", linestyle="", label="copies on both sides of the split")[0],
        axes.plot([], [], color=COLOURS[0], marker="o", linestyle="", label="copies kept together")[0],
    ]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, borderaxespad=0.2)
    return figure


def _leak(torn: RunRecord, together: RunRecord, pairs: int) -> Leak:
    name = str(torn.find("model", "name") or torn.name)
    if pairs > 1:
        name = f"{name}, seed {torn.find('config', 'seed')}"
    areas = (_area(torn), _area(together))
    return Leak(name, *areas, independent_difference(*areas), _torn_test(torn))


def _area(record: RunRecord) -> Interval:
    """With the copies of an image taken together: they are one case, whatever the run took for its groups."""
    test = record.test
    if test is None:
        return Interval(record.roc_auc, math.nan, math.nan)
    return delong_interval(test["label"], test["logit"], groups_of(test.assign(group=test[ORIGINAL])))


def _torn_test(record: RunRecord) -> tuple[int, int]:
    """Test images whose original has versions elsewhere; of those in training only the count of versions tells."""
    test = record.test
    if test is None:
        return 0, 0
    versions = int(record.find("config", "data", "augmented_copies")) + 1
    seen = test.groupby(ORIGINAL)[ORIGINAL].transform("size")
    return int((seen < versions).sum()), len(test)


def _original(record: RunRecord) -> object:
    return None if record.predictions is None or ORIGINAL not in record.predictions else True


def _without_group(record: RunRecord) -> str:
    """All settings but how images are grouped."""
    config = json.loads(json.dumps(record.find("config") or {}, default=str))
    config.get("data", {}).get("split", {}).pop("group", None)
    return json.dumps(config, sort_keys=True)


def _told(area: Interval) -> str:
    found = limits(area)
    return three_decimals(area.estimate) + (f" ({found})" if found else "")


def _honest(bought: Interval) -> str:
    if math.isnan(bought.low):
        return "."
    return "." if bought.low > 0 else ": the interval holds 0, so here it may buy nothing."
