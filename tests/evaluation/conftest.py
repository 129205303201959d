"""How many cases hypothesis tries here; and that a slow machine is no failure."""

from hypothesis import settings

settings.register_profile("evaluation", max_examples=50, deadline=None)
settings.load_profile("evaluation")
