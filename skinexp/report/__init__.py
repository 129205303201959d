"""Figures and pages from computed numbers, with matplotlib and jinja2; independent of Keras and MLflow."""
