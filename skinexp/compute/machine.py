"""The machine of a run, as far as it can be examined without importing a framework."""

import csv
import importlib.util
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

CPU_FLAGS = {"avx512_bf16", "amx_bf16"}  # either multiplies bfloat16 in the processor itself
GPU_CAPABILITY = 8.0  # from which NVIDIA's compute capability has bfloat16: Ampere, 2020
JAX_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")  # what lets JAX use NVIDIA GPUs
PATIENCE = 20  # seconds that nvidia-smi may take


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU.

    Attributes:
        name: as its driver reports it.
        bfloat16: whether it computes in bfloat16 itself.
    """

    name: str
    bfloat16: bool


@dataclass(frozen=True)
class Machine:
    """What there is to compute with.

    Attributes:
        cores: CPU cores that this process may use.
        bfloat16: whether the processor multiplies bfloat16 itself.
        gpu: the first GPU that this process may see.
        jax_has_cuda: whether JAX is installed with what it needs for NVIDIA GPUs.
    """

    cores: int
    bfloat16: bool = False
    gpu: Gpu | None = None
    jax_has_cuda: bool = False


def look(cpuinfo: Path = Path("/proc/cpuinfo")) -> Machine:
    """Looks at this machine; takes a fraction of a second and starts nothing on a GPU.

    Args:
        cpuinfo: file in which Linux lists the features of the processor; without it, bfloat16 is not used.
    """
    import joblib  # respects affinity and the limits of a container; the command line does without

    return Machine(
        cores=joblib.cpu_count(),
        bfloat16=bool(CPU_FLAGS & _cpu_flags(cpuinfo)),
        gpu=_gpu(),
        jax_has_cuda=any(importlib.util.find_spec(plugin) for plugin in JAX_PLUGINS),
    )


def _cpu_flags(cpuinfo: Path) -> set[str]:
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def gpus() -> list[str]:
    """Returns the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [row[0] for row in _ask_driver("index")]
    named = [name.strip() for name in visible.split(",")]
    return [] if named[0] in ("", "-1") else named


def _gpu() -> Gpu | None:
    """Returns the first GPU that CUDA would show this process; None if nvidia-smi finds none."""
    visible = gpus() if "CUDA_VISIBLE_DEVICES" in os.environ else None
    if visible == []:
        return None
    try:
        name, capability = next(iter(_ask_driver("name,compute_cap", *([f"--id={visible[0]}"] if visible else []))))
        return Gpu(name, float(capability) >= GPU_CAPABILITY)
    except (StopIteration, ValueError):
        return None


def _ask_driver(columns: str, *which: str) -> list[list[str]]:
    """Returns the output of nvidia-smi, one row per GPU; no rows if the tool is absent or fails."""
    command = ["nvidia-smi", f"--query-gpu={columns}", "--format=csv,noheader", *which]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [[cell.strip() for cell in row] for row in csv.reader(listed.splitlines())]
