"""Comparisons of models on the same images."""
