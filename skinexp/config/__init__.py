"""All options: their schema, the rules for their values, and their composition."""

from skinexp.config.compose import compose
from skinexp.config.option_reference import Option, reference
from skinexp.config.schema import Config

__all__ = ["Config", "Option", "compose", "reference"]
