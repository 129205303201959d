"""Generators of documentation pages: what the code knows is written down once, in the code."""
