"""The content of a data card as types: what the card, the file of values beside it, and the comparison page show."""

from dataclasses import asdict, dataclass, field
from typing import Any

from skinexp.config.schema import DataCard
from skinexp.data.characteristics import Characteristic, characteristics
from skinexp.data.flow import FlowStep, flow
from skinexp.data.precision import PlannedPrecision
from skinexp.data.table import Table
from skinexp.data.unused import counts_by_reason


@dataclass(frozen=True)
class CardContent:
    """What a data card says in numbers and named fields.

    Attributes:
        name: of the data set.
        source: where the images come from.
        licence: of the images; None if it is not known.
        data_digest: of the images, labels and groups.
        stated: field of `data.card` -> what was stated; None if it is unknown.
        flow: of the images, from those listed to those used.
        unused_files: reason -> files of the source that are not images of its table.
        table_1: patients, lesions and images by part of the split and class.
        plan: `auc` that is assumed, and `width` of its 95 % CI that is wanted.
        precision: of the test part and of each subgroup, if a test is planned.
    """

    name: str = ""
    source: str = ""
    licence: str | None = None
    data_digest: str | None = None
    stated: dict[str, Any] = field(default_factory=dict)
    flow: list[FlowStep] = field(default_factory=list)
    unused_files: dict[str, int] = field(default_factory=dict)
    table_1: list[Characteristic] = field(default_factory=list)
    plan: dict[str, float] = field(default_factory=dict)
    precision: list[PlannedPrecision] = field(default_factory=list)


def card_content(table: Table, source: str, card: DataCard) -> CardContent:
    """Returns what the card of a data set says.

    Args:
        table: the images that are used, with column `split` or `given_split` if they are split.
        source: where the images come from.
        card: what people stated.
    """
    return CardContent(
        name=table.name,
        source=source,
        licence=table.licence,
        data_digest=table.digest,
        stated=stated(card),
        flow=flow(table),
        unused_files=counts_by_reason(table.unused),
        table_1=characteristics(table.frame),
    )


def stated(card: DataCard) -> dict[str, str | None]:
    """Returns field -> what was stated; None for a blank text as well."""
    return {name: text.strip() or None if text else None for name, text in asdict(card).items()}
