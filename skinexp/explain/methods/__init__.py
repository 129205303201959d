"""Explanation methods by name, one file per method.

A new method is a file with a function `explain`, an entry in `METHODS` and a file in conf/explain.
"""

from collections.abc import Callable

import numpy as np

from skinexp.explain.methods import gradcam
from skinexp.models.classifier import Classifier

# network, (n, s, s, 3) images in 0..255, (n,) target (+1: evidence for malignant, -1: for benign) -> (n, s, s) float32
# maps, finite and at least 0
Method = Callable[[Classifier, np.ndarray, np.ndarray], np.ndarray]

METHODS: dict[str, Method] = {"gradcam": gradcam.explain}
