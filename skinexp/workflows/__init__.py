"""The workflow of each command, one step per line."""
