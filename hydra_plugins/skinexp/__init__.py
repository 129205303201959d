"""The plugins of skinexp that Hydra discovers."""
