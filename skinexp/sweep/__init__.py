"""Hydra's side of a multirun: what its jobs are called, how failures are reported, the parent run and the comparison."""
