"""Confidence intervals of scores, for independent images and for images in groups."""
