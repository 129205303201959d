"""Training, comparison and examination of classifiers of dermoscopic images."""

__version__ = "0.1.0"
