"""Fixtures that tests of pages use as well."""

from tests.report.conftest import collapse, page, run, sweep  # noqa: F401
