"""Sweeps on Hydra: names of jobs, job processes, progress, the parent run and the comparison."""
