"""A section of the comparison page: its content from the numbers of a comparison, its words in a template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skinexp.comparison.analyse import Comparison

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A section of the comparison page.

    Attributes:
        id: of its heading, to which the navigation links.
        title: of its heading and in the navigation.
        template: the name of its template in `templates/sections/`, or the path of a template elsewhere. A template
            has the variables of the section's content, the analysed `comparison`, and the macros of `macros.html.j2`
            after an import.
        content: computes the variables of the template; None if the section has nothing to show, and is left out.
    """

    id: str
    title: str
    template: str | Path
    content: Callable[[Comparison], Content | None]
