"""On what a run computes: the machine, what is chosen for it, and Keras set up accordingly."""

from skinexp.compute.choice import Choice, choose
from skinexp.compute.machine import Gpu, Machine, look
from skinexp.compute.setup import configure

__all__ = ["Choice", "Gpu", "Machine", "choose", "configure", "look"]
