"""Optimism from leakage: runs with copies of images on both sides of the split beside runs without."""

from collections.abc import Sequence

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.leakage import LeakagePair
from skinexp.report.figures.leakage_chart import leakage_chart
from skinexp.report.pages.captioned import Captioned
from skinexp.report.pages.embedded_figure import embed
from skinexp.report.pages.section import Content, Section

CAPTION = (
    "Test ROC-AUC of the same network on the same images, each of which has changed copies. If copies of an image are "
    "on both sides of the split, the network is tested on images that it has seen. 95 % CIs (Newcombe), with the "
    "copies of an image as one case."
)


def content(comparison: Comparison) -> Content | None:
    """Returns the figure and a sentence per pair; None if there is no pair."""
    pairs = comparison.leakage
    return {"figure": leak_figure(pairs), "pairs": pairs} if pairs else None


def leak_figure(pairs: Sequence[LeakagePair]) -> Captioned:
    """Returns all pairs as one figure."""
    alternative = f"Test ROC-AUC with and without leakage. {' '.join(pair.sentence for pair in pairs)}"
    return Captioned(CAPTION, embed(leakage_chart(pairs), alternative))


SECTION = Section("leak", "Optimism from leakage", "leakage.html.j2", content)
