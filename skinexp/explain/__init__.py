"""Explanations: which test images are explained, and maps of the regions that decide a network's prediction."""
