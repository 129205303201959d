"""Training, comparison and examination of classifiers of dermoscopic images."""

import sys

from skinexp.core.import_path import without_working_directory

__version__ = "0.1.0"

if not sys.flags.safe_path:
    sys.path[:] = without_working_directory(sys.path, sys.orig_argv)  # before anything else is imported
