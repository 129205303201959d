"""Sets up the machine for a run: Keras' backend, threads, precision, determinism."""

import os
import sys

from skinexp.config import Compute
from skinexp.errors import UserError
from skinexp.randomness import rng


def select_backend(backend: str) -> None:
    """Chooses Keras' backend; the first choice in a process is the last.

    Raises:
        UserError: where this process already computes on another backend.
    """
    if "keras" in sys.modules and (running := os.environ.get("KERAS_BACKEND")) not in (None, backend):
        raise UserError(
            f"compute.backend: this process already runs on {running}; a sweep over backends needs one command each. "
            f"Received: {backend}"
        )
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def configure(options: Compute, seed: int) -> None:
    """Applies `compute` to Keras and its backend, and starts Keras' random state from the seed.

    Raises:
        UserError: where the backend is not installed, or threads were fixed before by another job of this process.
    """
    select_backend(options.backend)
    try:
        import keras
    except ImportError as error:
        raise UserError(
            f"compute.backend: {options.backend} is not installed: uv sync --extra {options.backend}. ({error})"
        ) from error
    keras.utils.clear_session()
    keras.config.disable_interactive_logging()  # its progress bars would run through ours
    keras.config.set_dtype_policy(options.precision)
    keras.utils.set_random_seed(int(rng(seed, "keras").integers(2**31)))
    _set_threads(options)
    if options.backend == "tensorflow" and options.deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _set_threads(options: Compute) -> None:
    if options.threads is None:
        return
    if options.backend == "torch":
        import torch

        torch.set_num_threads(options.threads)
    elif options.backend == "tensorflow":
        import tensorflow as tf

        threading = tf.config.threading
        if threading.get_intra_op_parallelism_threads() == options.threads:
            return
        try:
            threading.set_intra_op_parallelism_threads(options.threads)
            threading.set_inter_op_parallelism_threads(options.threads)
        except RuntimeError as error:
            raise UserError(
                "compute.threads: an earlier job of this process fixed the number of threads. "
                f"Received: {options.threads}"
            ) from error
