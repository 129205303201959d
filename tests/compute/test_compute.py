"""What is chosen for which machine, what is refused, and how Keras is set up for one job after another."""

import dataclasses
import importlib.util
import itertools
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from skinexp.compute import Choice, Gpu, Machine, choose, keras_settings, look, setup
from skinexp.compute.machine import gpus
from skinexp.config import compose
from skinexp.config.schema import Augment, Compute, Config, Model
from skinexp.config.validation import check
from skinexp.contracts.backbones import MODEL_NAMES
from skinexp.core.errors import UserError
from skinexp.core.installation import install_command

PLAIN = Machine(cores=2)
WITH_BFLOAT16 = Machine(cores=2, bfloat16=True)
H100, V100 = Gpu("NVIDIA H100 80GB HBM3", bfloat16=True), Gpu("Tesla V100-SXM2-16GB", bfloat16=False)
WITH_H100 = Machine(cores=16, bfloat16=True, gpu=H100, jax_has_cuda=True)
MACHINES = [
    Machine(cores, bfloat16, gpu, jax_has_cuda)
    for cores, bfloat16, gpu, jax_has_cuda in itertools.product(
        (1, 16), (False, True), (None, H100, V100), (False, True)
    )
]
OPEN = {"backend", "precision", "jit_compile", "threads", "layout"}  # options that can be left to the machine


def config(model: str = "scratch", augment: Augment | None = None, **options: Any) -> Config:
    return Config(model=Model(name=model), augment=augment or Augment(), compute=Compute(**options))


def composed(*overrides: str) -> Config:
    return compose(overrides)


def values(choice: Choice) -> tuple[object, ...]:
    return choice.backend, choice.precision, choice.jit_compile, choice.threads, choice.layout


# What is chosen


def test_the_default_leaves_everything_to_the_machine():
    assert composed().compute == Compute()
    assert set(choose(composed(), PLAIN).reasons) == OPEN


def test_on_a_plain_cpu_tensorflow_computes_in_float32_on_all_cores():
    choice = choose(config(), PLAIN)
    assert values(choice) == ("tensorflow", "float32", False, 2, "channels_last")
    assert str(choice) == "TensorFlow on 2 CPU cores, float32"


@pytest.mark.parametrize(
    ("backend", "model", "precision"),
    [
        ("tensorflow", "scratch", "mixed_bfloat16"),
        ("tensorflow", "mobilenet", "float32"),
        ("tensorflow", "efficientnet", "float32"),
        ("torch", "scratch", "mixed_bfloat16"),
        ("torch", "mobilenet", "float32"),
        ("jax", "scratch", "float32"),
    ],
)
def test_a_cpu_that_multiplies_bfloat16_uses_it_where_that_is_faster(backend, model, precision):
    assert choose(config(model, backend=backend), WITH_BFLOAT16).precision == precision
    assert choose(config(model, backend=backend), PLAIN).precision == "float32"


@pytest.mark.parametrize("model", sorted(MODEL_NAMES))
def test_on_a_gpu_jax_compiles_and_computes_in_bfloat16(model):
    choice = choose(config(model), WITH_H100)
    assert values(choice) == ("jax", "mixed_bfloat16", True, None, "channels_last")
    assert str(choice) == "JAX on NVIDIA H100 80GB HBM3, bfloat16"


def test_a_gpu_without_bfloat16_computes_in_float32():
    assert choose(config(), dataclasses.replace(WITH_H100, gpu=V100)).precision == "float32"


def test_a_gpu_that_jax_is_not_installed_for_is_left_to_tensorflow_and_the_reason_says_what_to_install():
    choice = choose(config(), dataclasses.replace(WITH_H100, jax_has_cuda=False))
    assert (choice.backend, choice.precision) == ("tensorflow", "mixed_bfloat16")
    assert "uv sync --extra gpu" in choice.reasons["backend"]


@pytest.mark.parametrize("model", sorted(MODEL_NAMES))
@pytest.mark.parametrize("backend", ["auto", "tensorflow", "jax", "torch"])
def test_float16_is_never_chosen_and_nothing_is_left_open(model, backend):
    for machine in MACHINES:
        asked = config(model, backend=backend)
        choice = choose(asked, machine)
        assert choice.precision in ("float32", "mixed_bfloat16")
        assert all(reason.endswith(".") for reason in choice.reasons.values())
        resolved = choice.resolve(asked)
        assert "auto" not in vars(resolved.compute).values()
        assert resolved.compute.jit_compile in (True, False)
        assert (resolved.compute.threads is None) == (choice.backend == "jax")
        check(resolved)


def test_a_resolved_configuration_is_a_new_one_and_differs_in_nothing_else():
    asked = config()
    resolved = choose(asked, PLAIN).resolve(asked)
    assert asked == config()
    assert resolved.compute != asked.compute
    assert dataclasses.replace(resolved, compute=asked.compute) == asked


@pytest.mark.parametrize("machine", [PLAIN, WITH_H100])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("backend", "torch"),
        ("precision", "float32"),
        ("precision", "mixed_bfloat16"),
        ("jit_compile", False),
        ("layout", "channels_first"),
    ],
)
def test_what_is_asked_for_is_what_is_chosen_and_needs_no_reason(option, value, machine):
    choice = choose(config(**{option: value}), machine)
    assert getattr(choice, option) == value
    assert set(choice.reasons) == OPEN - {option}


def test_fewer_threads_than_cores_are_said_to_be():
    choice = choose(config(threads=1), PLAIN)
    assert choice.threads == 1
    assert choice.device == "1 of 2 CPU cores"


def test_determinism_is_not_a_matter_of_the_machine():
    for deterministic in (True, False):
        asked = Config(compute=Compute(deterministic=deterministic))
        assert choose(asked, PLAIN).resolve(asked).compute.deterministic is deterministic


# What is asked for


@pytest.mark.parametrize(
    ("word", "value"), [("true", True), ("on", True), ("yes", True), ("false", False), ("off", False), ("null", None)]
)
def test_whether_to_compile_can_be_said_in_any_word_for_yes_or_no(word, value):
    assert composed(f"compute.jit_compile={word}").compute.jit_compile is value


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_backend_can_be_chosen_alone(backend):
    assert composed(f"compute={backend}").compute == Compute(backend=backend)


def test_threads_are_refused_where_jax_was_chosen_and_would_not_heed_them():
    with pytest.raises(UserError, match=r"^compute\.threads: .*compute=tensorflow.*Received: 4"):
        choose(config(threads=4), WITH_H100)


def test_compiling_is_refused_where_keras_would_drop_it_without_a_word():
    with pytest.raises(UserError, match=r"^compute\.jit_compile: .*compute\.deterministic=false.*Received: true"):
        choose(config(jit_compile=True), PLAIN)
    with pytest.raises(UserError, match=r"^compute\.jit_compile: .*augment=none.*Received: true"):
        choose(config(jit_compile=True, deterministic=False, augment=Augment(flip=True)), PLAIN)
    assert choose(config(jit_compile=True, deterministic=False), PLAIN).jit_compile
    assert choose(config(jit_compile=True, augment=Augment(flip=True)), WITH_H100).jit_compile


# What is found


def test_only_the_cores_that_this_process_may_use_are_counted():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert look().cores == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ("fpu sse avx512f avx512_bf16 avx512_vnni", True),
        ("fpu sse amx_bf16 amx_tile", True),
        ("fpu sse avx512f avx512_vnni", False),
    ],
)
def test_a_processors_bfloat16_is_read_from_its_flags(flags, found, tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    assert look(file).bfloat16 is found


def test_a_system_that_tells_nothing_of_its_processor_has_no_bfloat16(tmp_path):
    assert look(tmp_path / "cpuinfo").bfloat16 is False


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch) -> Path:
    """A driver's tool that knows an old and a new GPU, and answers as the real one does."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--id=1) ;; *--id=7) echo "No devices were found"; exit 6 ;; *) echo "Tesla V100, 7.0" ;; esac\n'
        'echo "NVIDIA H100 80GB HBM3, 9.0"\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tool


@pytest.mark.parametrize(
    ("visible", "gpu"),
    [
        (None, Gpu("Tesla V100", bfloat16=False)),
        ("1", H100),
        ("1,0", H100),
        ("", None),
        ("-1", None),
        ("7", None),
    ],
)
def test_the_first_gpu_that_this_process_may_see_is_found(nvidia_smi, monkeypatch, visible, gpu):
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert look().gpu == gpu


def test_without_the_drivers_tool_no_gpu_is_found(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert look().gpu is None


# How Keras is set up: in processes of their own, as it cannot be undone


SETUP = """
import dataclasses, json, logging, sys
import skinexp.compute.setup as setup
from skinexp.compute import Gpu, Machine
from skinexp.config.schema import Compute, Config, Model
from skinexp.core.errors import UserError
from skinexp.core.installation import install_command

said = []
handler = logging.Handler()
handler.emit = lambda record: said.append(record.getMessage())
logging.getLogger("skinexp").addHandler(handler)
logging.getLogger("skinexp").setLevel("INFO")

for model, gpu, options in json.loads(sys.argv[1]):
    said.clear()
    machine = Machine(cores=2, bfloat16=True, gpu=Gpu(gpu, True) if gpu else None)
    setup.look = lambda: machine
    answer = {"said": said}
    try:
        choice = setup.configure(Config(model=Model(name=model), compute=Compute(**options)))
        import cv2, keras
        answer |= dataclasses.asdict(choice) | {
            "policy": keras.config.dtype_policy().name,
            "format": keras.config.image_data_format(),
            "opencv": cv2.getNumThreads(),
            "backend": keras.config.backend(),
        }
        if choice.backend == "tensorflow":
            import tensorflow as tf
            answer["tensorflow"] = tf.config.threading.get_intra_op_parallelism_threads()
            tf.ones(1)  # TensorFlow starts
    except UserError as error:
        answer["error"] = str(error)
    print("ANSWER", json.dumps(answer))
"""


def configured(*jobs: tuple[str, str | None, dict[str, Any]], **environment: str) -> list[dict[str, Any]]:
    """What each job of one process found itself on."""
    hidden = {"CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": ""}
    command = [sys.executable, "-c", SETUP, json.dumps(jobs)]
    done = subprocess.run(command, env=os.environ | hidden | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line.removeprefix("ANSWER ")) for line in done.stdout.splitlines() if line.startswith("ANSWER ")]


@pytest.fixture(scope="module")
def sweep() -> list[dict[str, Any]]:
    return configured(
        ("scratch", None, {}),
        ("mobilenet", None, {}),
        ("scratch", None, {"layout": "channels_last"}),
        ("scratch", None, {"threads": 1}),
        ("scratch", None, {"backend": "jax"}),
        ("mobilenet", "H100", {}),
    )


def test_each_job_of_a_sweep_is_set_up_for_its_own_model(sweep):
    assert [job["policy"] for job in sweep[:3]] == ["mixed_bfloat16", "float32", "mixed_bfloat16"]
    assert [job["precision"] for job in sweep[:3]] == [job["policy"] for job in sweep[:3]]


def test_threads_hold_for_tensorflow_and_opencv(sweep):
    assert (sweep[0]["threads"], sweep[0]["tensorflow"], sweep[0]["opencv"]) == (2, 2, 2)


def test_a_line_says_on_what_a_job_computes(sweep):
    assert sweep[0]["said"] == ["Compute   TensorFlow on 2 CPU cores, bfloat16"]


def test_the_version_of_the_backend_is_known_then(sweep):
    assert sweep[0]["version"] == version("tensorflow")


def test_a_later_job_cannot_change_the_number_of_threads(sweep):
    assert sweep[3]["error"].startswith("compute.threads: an earlier job of this process")
    assert sweep[3]["error"].endswith("Received: 1")


def test_a_later_job_cannot_change_the_backend(sweep):
    assert sweep[4]["error"].startswith("compute.backend: ")
    assert sweep[4]["error"].endswith("Received: jax")


def test_a_gpu_that_the_backend_does_not_find_is_not_counted_on_and_a_line_says_what_it_needs(sweep):
    job = sweep[5]
    assert (job["device"], job["policy"]) == ("2 CPU cores", "float32")
    assert set(job["reasons"]) == OPEN
    assert job["said"] == [
        "Compute   TensorFlow does not find the H100. It needs: uv sync --extra gpu",
        "Compute   TensorFlow on 2 CPU cores, float32",
    ]


@pytest.mark.slow
def test_a_layout_that_this_tensorflow_cannot_compute_in_is_refused():
    (job,) = configured(("scratch", None, {"layout": "channels_first"}), TF_ENABLE_ONEDNN_OPTS="0")
    assert job["error"].startswith("compute.layout: ")
    assert "compute.layout=channels_last" in job["error"]


def test_a_backend_that_is_not_installed_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^compute\.backend: PyTorch is not installed: uv sync --extra torch"):
        setup.configure(config(backend="torch"))


def test_an_installed_package_names_pip_and_a_checkout_uv(tmp_path):
    assert install_command("gpu", tmp_path / "skinexp") == 'pip install "skinexp[gpu]"'
    (tmp_path / "uv.lock").touch()
    assert install_command("gpu", tmp_path / "skinexp") == "uv sync --extra gpu"


def test_jax_keeps_what_it_compiles(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed: uv sync --extra jax")
    script = (
        "import sys; from pathlib import Path; from skinexp.compute.setup import keep_compiled; "
        "keep_compiled(Path(sys.argv[1]) / 'jax'); import jax; jax.jit(lambda x: x + 1)(1.0)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True)
    assert list((tmp_path / "jax").iterdir())


@pytest.mark.parametrize(
    ("visible", "expected"), [("2,3", ["2", "3"]), ("GPU-5a1b, 1", ["GPU-5a1b", "1"]), ("", []), ("-1", [])]
)
def test_a_process_may_see_the_gpus_that_its_environment_names(visible, expected, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == expected


def test_without_the_driver_there_are_no_gpus(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == []


# Keras' settings of other programs


@pytest.fixture
def keras_json(tmp_path, monkeypatch):
    """Writes keras.json for this process, whose Keras is imported already, and sets what Keras would read there."""
    import keras

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def write(**values: Any) -> Path:
        (tmp_path / "keras.json").write_text(json.dumps(values))
        for name, value in values.items():
            getattr(keras.config, f"set_{name}")(value)
        return tmp_path / "keras.json"

    yield write
    keras_settings.set_keras("float32", "channels_last")


def test_settings_of_keras_json_do_not_change_a_run_which_says_so(keras_json, caplog, monkeypatch):
    import keras

    file = keras_json(floatx="float16", epsilon=1e-3, image_data_format="channels_first")
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    keras.config.set_max_epochs(1)
    with caplog.at_level("INFO"):
        keras_settings.set_keras("float32", "channels_last")
    assert caplog.messages == [
        f"Compute   ignored: floatx=float16 of {file}, epsilon=0.001 of {file}, image_data_format=channels_first of "
        f"{file}, KERAS_MAX_EPOCHS=1. A run has settings of its own"
    ]
    found = keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format(), keras.config.max_epochs()
    assert found == ("float32", 1e-7, "channels_last", None)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("text", ["", "[]", '{"floatx": "float32", "backend": "jax", "epsilon": 1e-07}'])
def test_a_keras_json_without_other_settings_is_no_news(keras_json, caplog, text):
    keras_json().write_text(text)
    with caplog.at_level("INFO"):
        keras_settings.set_keras("float32", "channels_last")
    assert caplog.messages == []
