"""Runs compared with each other: numbers only."""
