"""The data that the finished runs used."""

from dataclasses import dataclass

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.reproduction import DatasetSummary
from skinexp.data.card_content import CardContent
from skinexp.evaluation import CLASSES
from skinexp.report.pages.section import Content, Section
from skinexp.report.pages.table_1 import WideTable, flow_sentences, how_to_state, stated_fields, wide


@dataclass(frozen=True)
class ShownCard:
    """A data card as the page shows it: the flow of images, Table 1, and what only people know."""

    flow: list[str]
    table: WideTable
    stated: dict[str, str]
    how_to_state: str


def content(comparison: Comparison) -> Content | None:
    """Returns a block per data set, with its data card if there is one; None if no run described its data."""
    if not comparison.datasets:
        return None
    return {"blocks": [(block, _card(block)) for block in comparison.datasets], "classes": CLASSES}


def _card(block: DatasetSummary) -> ShownCard | None:
    return shown(block.card) if block.card is not None else None


def shown(card: CardContent) -> ShownCard:
    """Returns what the page shows of a data card."""
    stated = stated_fields(card.stated)
    return ShownCard(flow_sentences(card.flow), wide(card.table_1), stated, how_to_state(card.stated))


SECTION = Section("data", "Data", "data.html.j2", content)
