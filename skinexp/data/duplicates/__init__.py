"""Which images of a set show the same photograph: whole files, pixels, and copies that were changed on the way."""

from skinexp.data.duplicates.copy_pairs import COLUMNS, KINDS, clusters
from skinexp.data.duplicates.search import Progress, find_duplicates

__all__ = ["COLUMNS", "KINDS", "Progress", "clusters", "find_duplicates"]
