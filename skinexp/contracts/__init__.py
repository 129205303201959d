"""What backbones and losses ask of the rest: plain data, known to the configuration before Keras is imported."""
