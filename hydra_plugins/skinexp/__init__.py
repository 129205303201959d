"""What Hydra finds of skinexp."""
