"""The comparison page: one document with its style, its script and its figures inside, made of sections."""

import datetime
import logging
import re
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.reproduction import data_name
from skinexp.core.errors import sentence_of
from skinexp.core.number_format import counted
from skinexp.report.pages.section import Section
from skinexp.report.pages.sections import SECTIONS

log = logging.getLogger(__name__)

FAILED = "This section could not be made:"


def render(comparison: Comparison, day: datetime.date, sections: Sequence[Section] = SECTIONS) -> str:
    """Returns the page as HTML: one document that loads nothing from anywhere.

    Args:
        comparison: the analysed runs.
        day: the date on the page.
        sections: in the order in which they stand; those without content are left out, of the navigation too.
    """
    environment = _environment()
    bodies = [(section, _body(environment, section, comparison)) for section in sections]
    html = environment.get_template("comparison.html.j2").render(
        title=_title(comparison),
        day=day,
        comparison=comparison,
        has_single_folds=any(run.fold is not None for run in comparison.finished),
        sections=[(section, body) for section, body in bodies if body is not None],
    )
    return without_passwords(html)


def without_passwords(text: str) -> str:
    """Returns a text without the users and passwords in its addresses: a page is made to be passed on."""
    return re.sub(r"://[^/\s@<>]+@", "://", text)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("skinexp.report"),
        autoescape=True,  # names and errors come from the command line and from files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment


def _body(environment: Environment, section: Section, comparison: Comparison) -> Markup | None:
    """Returns what a section shows, or why it cannot be shown: the other sections do not depend on it."""
    try:
        content = section.content(comparison)
        if content is None:
            return None
        return Markup(_template(environment, section).render(comparison=comparison, section=section, **content))
    except Exception as error:
        log.exception("Page      section %r failed: %s", section.title, sentence_of(error))
        return Markup("<p>{} {}</p>").format(FAILED, sentence_of(error))


def _template(environment: Environment, section: Section) -> Template:
    if isinstance(section.template, str):
        return environment.get_template(f"sections/{section.template}")
    return environment.from_string(section.template.read_text(encoding="utf-8"))


def _title(comparison: Comparison) -> str:
    names = dict.fromkeys(name for run in comparison.runs if (name := data_name(run)))
    runs = counted(len(comparison.runs), "run")
    return f"{runs} on {' and '.join(names)}" if names else runs


def _breakable(text: str) -> Markup:
    """Returns a text in which the name of a run may be broken before each of its overrides and values."""
    return Markup(re.sub(r"([,=])(?=[A-Za-z])", r"\1<wbr>", str(escape(text))))
