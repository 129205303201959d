"""Compose, train and compare classifiers of dermoscopic images, and see whether to believe them."""

__version__ = "0.1.0"
