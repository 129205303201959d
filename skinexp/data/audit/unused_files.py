"""The finding about files of a directory that no row of the table is."""

import pandas as pd

from skinexp.data.audit.finding import NOTE, Finding
from skinexp.data.table import Table
from skinexp.data.unused import unused_sentence


def unused_files(table: Table) -> Finding | None:
    """Returns the files beside the images of the table, each with the reason; None if all are used."""
    if not table.unused:
        return None
    rows = pd.DataFrame([(file.path, file.reason) for file in table.unused], columns=["path", "reason"])
    return Finding("left_aside", NOTE, len(rows), unused_sentence(table.unused), rows)
