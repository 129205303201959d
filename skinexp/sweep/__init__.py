"""Hydra's side of a multirun: names of jobs, reports of failures, the parent run and the comparison."""
