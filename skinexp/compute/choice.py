"""Backend, precision and threads of a run: as configured, the rest chosen for the machine.

The rules for a CPU follow from the table in docs/concepts/compute.md, which benchmarks/precision.py measures.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, TypeVar

from skinexp.compute.machine import Machine
from skinexp.config.schema import Augment, Compute, Config
from skinexp.core.errors import UserError
from skinexp.core.installation import install_command

NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
FASTER_IN_BFLOAT16 = {("tensorflow", "scratch"), ("torch", "scratch")}  # on a CPU; the others gain nothing or lose

AnyConfig = TypeVar("AnyConfig", bound=Config)
Decision = tuple[Any, str]  # the value of an option, and the reason in a sentence


@dataclass(frozen=True)
class Choice:
    """Backend, device and precision of a run.

    Attributes:
        backend: tensorflow, jax or torch.
        device: in words.
        precision: Keras' dtype policy.
        jit_compile: whether Keras compiles whole steps.
        threads: on the CPU; None if the backend shares them out by itself.
        layout: Keras' image data format.
        reasons: option -> a sentence, for each option that was left open.
        version: of the backend; empty before it is imported.
    """

    backend: str
    device: str
    precision: str
    jit_compile: bool
    threads: int | None
    layout: str
    reasons: dict[str, str] = field(default_factory=dict)
    version: str = ""

    def __str__(self) -> str:
        return f"{NAMES[self.backend]} on {self.device}, {self.precision.removeprefix('mixed_')}"

    def resolve(self, config: AnyConfig) -> AnyConfig:
        """Returns a configuration whose section `compute` leaves nothing open; the given one stays as it is."""
        decided = {item.name for item in dataclasses.fields(Compute)} & set(vars(self))
        compute = dataclasses.replace(config.compute, **{name: getattr(self, name) for name in decided})
        return dataclasses.replace(config, compute=compute)


def choose(config: Config, machine: Machine) -> Choice:
    """Decides what `config.compute` leaves open.

    Args:
        config: of the run.
        machine: on which it runs.

    Raises:
        UserError: if an option cannot work on the chosen backend.
    """
    options, reasons = config.compute, {}

    def settled(option: str, decision: Decision) -> Any:
        asked = getattr(options, option)
        if asked not in (None, "auto"):
            return asked
        value, reasons[option] = decision
        return value

    backend = settled("backend", _backend(machine))
    threads = settled("threads", _threads(backend, machine))
    choice = Choice(
        backend=backend,
        device=machine.gpu.name if machine.gpu else _cores(threads or machine.cores, machine.cores),
        precision=settled("precision", _precision(backend, config.model.name, machine)),
        jit_compile=settled("jit_compile", _jit_compile(backend, machine)),
        threads=threads,
        layout=settled("layout", _layout(backend)),
        reasons=reasons,
    )
    _refuse_what_cannot_work(choice, config)
    return choice


def _backend(machine: Machine) -> Decision:
    if machine.gpu is None:
        return "tensorflow", "Of the three, TensorFlow trains fastest on a CPU."
    if machine.jax_has_cuda:
        return "jax", "Of the three, JAX trains fastest on an NVIDIA GPU."
    return "tensorflow", f"JAX, which is faster on an NVIDIA GPU, is not installed for one: {install_command('gpu')}."


def _threads(backend: str, machine: Machine) -> Decision:
    if backend == "jax":
        return None, "JAX distributes its threads itself."
    return machine.cores, "All cores that this process may use."


def _precision(backend: str, model: str, machine: Machine) -> Decision:
    if machine.gpu is not None:
        if machine.gpu.bfloat16:
            return "mixed_bfloat16", "This GPU computes in bfloat16, in half the time and memory or less."
        return "float32", "This GPU does not compute in bfloat16."
    if (backend, model) not in FASTER_IN_BFLOAT16:
        return "float32", f"On a CPU, {NAMES[backend]} was measured to train {model} no faster in bfloat16."
    if not machine.bfloat16:
        return "float32", "This processor does not multiply bfloat16."
    return "mixed_bfloat16", f"This processor multiplies bfloat16, in which {NAMES[backend]} trains {model} faster."


def _jit_compile(backend: str, machine: Machine) -> Decision:
    if backend == "jax":
        return True, "JAX is made to be compiled; operation by operation it is many times slower."
    if backend == "torch":
        return False, "torch.compile takes minutes, which few trainings win back."
    if machine.gpu is None:
        return False, "On a CPU, XLA was measured to be slower than TensorFlow's own kernels."
    return False, "XLA compiles neither TensorFlow's resampling for augmentation nor steps with deterministic kernels."


def _layout(backend: str) -> Decision:
    if backend == "jax":
        return "channels_last", "XLA arranges memory itself, whatever the layout."
    return "channels_last", f"{NAMES[backend]}'s kernels take images as they come, with channels last."


def _cores(used: int, all_cores: int) -> str:
    noun = "CPU core" if all_cores == 1 else "CPU cores"
    return f"{used} {noun}" if used == all_cores else f"{used} of {all_cores} {noun}"


def _refuse_what_cannot_work(choice: Choice, config: Config) -> None:
    options = config.compute
    if choice.backend == "jax" and options.threads is not None:
        raise UserError(
            "compute.threads: this run computes on JAX, which distributes its threads itself. "
            f"Use compute.threads=null, or compute=tensorflow. Received: {options.threads}"
        )
    if choice.backend == "tensorflow" and options.jit_compile:
        if options.deterministic:
            raise UserError(
                "compute.jit_compile: on TensorFlow, Keras compiles nothing while kernels are deterministic. "
                "Use compute.deterministic=false as well, or compute=jax. Received: true"
            )
        if _resamples(config.augment):
            raise UserError(
                "compute.jit_compile: on TensorFlow, Keras does not compile a training whose augmentation flips, "
                "turns or zooms. Use augment=none, or compute=jax. Received: true"
            )


def _resamples(augment: Augment) -> bool:
    return bool(augment.flip or augment.quarter_turns or augment.rotation or augment.zoom)
