"""Numbers in, figures and pages out. Knows matplotlib and jinja2; knows no Keras, no MLflow, and computes no score."""
