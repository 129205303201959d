"""Generated dermoscopic images with a known ground truth: lesion, artefacts, and the reason for each label.

A phantom is drawn from a few factors that a dermatologist would count: the ABCD rule (asymmetry, border, colours,
dermoscopic structures). Its total dermoscopy score decides the label, so the relevant features are known. Each part
of a picture has its own stream of random numbers: the same lesion can be drawn with and without hair.
"""

from skinexp.data.phantom.abcd import COLOURS, FRAMES, STRUCTURES, THRESHOLD, Factors, factors
from skinexp.data.phantom.picture import Phantom, render

VERSION = 2  # raise it when the same seed and options give other pixels, labels or factors

__all__ = ["COLOURS", "FRAMES", "STRUCTURES", "THRESHOLD", "VERSION", "Factors", "Phantom", "factors", "render"]
