"""Trains classifiers of dermoscopic images, and records in MLflow how reliable their scores are."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from skinexp.cli.training_command import run_training
from skinexp.sweep import jobs
from skinexp.workflows import training_job


def train(composed: DictConfig) -> float:
    """Trains one job, a single run or one combination of a sweep, and returns its objective; NaN if it failed."""
    settings = HydraConfig.get()
    with jobs.record_failure(Path(settings.runtime.output_dir)):
        return training_job.run(jobs.job_of(settings), composed)


def main() -> None:
    """Runs the command. Exit codes: 0, 1 (a run failed), 2 (a mistake in the command), 130 (stopped by Ctrl-C)."""
    run_training(train)


if __name__ == "__main__":
    main()
