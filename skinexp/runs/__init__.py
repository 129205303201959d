"""A run's directory: what is written there, what is read from it, and how a run is found."""
