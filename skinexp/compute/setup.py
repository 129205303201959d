"""Sets up Keras and its backend for a run, as chosen."""

import dataclasses
import importlib.util
import logging
import os
import sys
from pathlib import Path

from skinexp.compute import keras_settings
from skinexp.compute.choice import NAMES, Choice, choose
from skinexp.compute.machine import look
from skinexp.config.schema import Config
from skinexp.core.errors import UserError
from skinexp.core.installation import install_command
from skinexp.core.randomness import rng

log = logging.getLogger(__name__)

FOR_GPUS = {  # what each backend needs for NVIDIA GPUs
    "tensorflow": install_command("gpu"),
    "jax": install_command("gpu"),
    "torch": "a build of PyTorch for CUDA, see pytorch.org",
}


def configure(config: Config) -> Choice:
    """Chooses backend and precision, sets Keras up accordingly, and starts its random state from the seed.

    Must come before anything else imports Keras. Each job of a sweep calls it again.

    Args:
        config: of the run; `resolve` of the returned choice makes the configuration with nothing left open.

    Raises:
        UserError: if the backend is not installed, if this process computes on another one already, or if an option
            cannot work.
    """
    machine = look()
    choice = choose(config, machine)
    _admit(choice.backend)
    if machine.gpu is not None and not _finds_gpu(choice.backend):
        name, needed = NAMES[choice.backend], FOR_GPUS[choice.backend]
        log.warning("Compute   %s does not find the %s. It needs: %s", name, machine.gpu.name, needed)
        machine = dataclasses.replace(machine, gpu=None)
        choice = choose(config, machine)
        _admit(choice.backend)
    _start(choice, config.seed)
    choice = dataclasses.replace(choice, version=sys.modules[choice.backend].__version__)
    _set_threads(choice, config.compute.threads)
    if choice.backend == "tensorflow":
        _set_tensorflow(choice, config.compute.deterministic)
    if choice.backend == "jax" and machine.gpu is not None:
        keep_compiled(Path(config.data.cache) / "jax")
    log.info("Compute   %s", choice)
    return choice


def _admit(backend: str) -> None:
    """Refuses a backend that this process cannot run on; the first one in a process is the last."""
    if "keras" in sys.modules and (running := sys.modules["keras"].config.backend()) != backend:
        raise UserError(
            f"compute.backend: this process already runs on {running}; in a sweep over backends, each job needs a "
            f"process of its own: hydra/launcher=process. Received: {backend}"
        )
    if importlib.util.find_spec(backend) is None:
        raise UserError(
            f"compute.backend: {NAMES[backend]} is not installed: {install_command(backend)}. Received: {backend}"
        )


def _finds_gpu(backend: str) -> bool:
    if backend == "jax":
        import jax

        return jax.default_backend() == "gpu"
    if backend == "torch":
        import torch

        return torch.cuda.is_available()
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def keep_compiled(directory: Path) -> None:
    """Makes JAX cache compiled programs for later runs: compiling often takes longer than an epoch."""
    import jax

    jax.config.update("jax_compilation_cache_dir", str(directory.absolute()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # networks begin with many small programs


def _start(choice: Choice, seed: int) -> None:
    os.environ["KERAS_BACKEND"] = choice.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if choice.backend != "tensorflow":  # which reads images all the same, and must not take a GPU's memory for that
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    keras_settings.import_keras()
    import keras

    keras.utils.clear_session()
    keras.config.disable_interactive_logging()  # its progress bars would run through ours
    keras_settings.set_keras(choice.precision, choice.layout)
    keras.utils.set_random_seed(int(rng(seed, "keras").integers(2**31)))


def _set_threads(choice: Choice, asked: int | None) -> None:
    if choice.threads is None:
        return
    import cv2

    cv2.setNumThreads(choice.threads)
    if choice.backend == "torch":
        import torch

        torch.set_num_threads(choice.threads)
        return
    import tensorflow as tf

    threading = tf.config.threading
    fixed = threading.get_intra_op_parallelism_threads()
    if fixed == choice.threads:
        return
    try:
        threading.set_intra_op_parallelism_threads(choice.threads)
        threading.set_inter_op_parallelism_threads(choice.threads)
    except RuntimeError as error:  # TensorFlow has started
        if asked is None and fixed == 0:
            return  # with as many as it found itself
        raise UserError(
            "compute.threads: an earlier job of this process fixed the number of threads. "
            f"Received: {'null' if asked is None else asked}"
        ) from error


def _set_tensorflow(choice: Choice, deterministic: bool) -> None:
    import tensorflow as tf

    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if choice.layout == "channels_first":
        try:
            tf.nn.conv2d(tf.ones((1, 1, 3, 3)), tf.ones((3, 3, 1, 1)), 1, "SAME", data_format="NCHW")
        except tf.errors.OpError as error:  # only some builds can do that on a CPU, and they say so only here
            raise UserError(
                "compute.layout: this build of TensorFlow cannot convolve with channels first here. "
                "Use compute.layout=channels_last, or compute=jax. Received: channels_first"
            ) from error
