"""How benchmarks time things: peers take turns in one run, medians count, and what came out is kept as JSON.

A script measures one claim: `in_turns` times its contestants, `report` prints them as a table and writes
`benchmarks/results/<script>.json`, from which `benchmarks/results_table.py` makes the table in docs/benchmarks.md.
"""

import importlib.metadata
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(os.environ.get("BENCHMARK_RESULTS", Path(__file__).parent / "results"))  # tests keep theirs elsewhere
MEGABYTE = 1e6


@dataclass(frozen=True)
class Row:
    """What one contestant did.

    Attributes:
        name: which contestant.
        value: the median.
        unit: of the value, as a reader says it: s, images a second, GB/s.
        memory: peak megabytes of the process and its children beyond what it held before; None where not measured.
        note: anything a reader must know to read the value.
    """

    name: str
    value: float
    unit: str
    memory: float | None = None
    note: str = ""

    def __str__(self) -> str:
        return f"{figure(self.value)} {self.unit}"


@dataclass(frozen=True)
class Goal:
    """What was asked for beside what was measured: a line of the table in docs/benchmarks.md.

    Attributes:
        what: is measured.
        asked: what was asked for.
        measured: what came out.
        met: whether that is what was asked for.
        peers: what the others of the same run did.
    """

    what: str
    asked: str
    measured: str
    met: bool
    peers: str


def at_least(times: float, against: str, name: str, rows: Sequence[Row], what: str, beside: Sequence[str] = ()) -> Goal:
    """The goal that one contestant is so many times as good as another.

    Args:
        name: of the contestant's row.
        against: name of the other's.
        beside: names of further rows that a reader compares with.
    """
    found = {row.name: row for row in rows}
    ratio = _times_better(found[name], found[against])
    peers = "; ".join(f"{peer}: {found[peer]}" for peer in (against, *beside))
    return Goal(what, f"{times:g} times {against}", f"{figure(ratio)} times: {found[name]}", ratio >= times, peers)


def figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def in_turns(contestants: Mapping[str, Callable[[], Any]], runs: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Seconds of each contestant, `runs` times, in turns: a machine that slows down slows all of them down.

    Args:
        warm_up: rounds that are not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(warm_up + runs):
        for name, contestant in contestants.items():
            start = time.perf_counter()
            contestant()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """The middle one of each contestant's times."""
    return {name: statistics.median(values) for name, values in seconds.items()}


class Peak:
    """Most megabytes of its own that this process and its children held, beyond what they held at the start."""

    megabytes: float = 0.0


@contextmanager
def peak_memory(interval: float = 0.02) -> Iterator[Peak]:
    """Samples memory while the body runs. Pages of mapped files do not count: they belong to the page cache."""
    peak, stop = Peak(), threading.Event()
    start = _private_megabytes()

    def sample() -> None:
        while not stop.wait(interval):
            peak.megabytes = max(peak.megabytes, _private_megabytes() - start)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        stop.set()
        sampler.join()
        peak.megabytes = max(peak.megabytes, _private_megabytes() - start)


def _private_megabytes() -> float:
    total = 0
    process = psutil.Process()
    for one in [process, *process.children(recursive=True)]:
        try:
            memory = one.memory_info()
        except psutil.NoSuchProcess:
            continue
        total += memory.rss - getattr(memory, "shared", 0)
    return total / MEGABYTE


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of a script's top level returns in a process that has computed nothing before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def report(
    script: str,
    claim: str,
    rows: list[Row],
    against: str | None = None,
    goals: Sequence[Goal] = (),
    keep: bool = True,
    typed: Sequence[str] | None = None,
    **facts: Any,
) -> None:
    """Prints a table and keeps it for docs/benchmarks.md.

    Args:
        script: `__file__` of the benchmark.
        claim: what is measured, and what was asked for, in one sentence.
        against: name of the row that ratios are formed with; a ratio above 1 says that a row does better.
        goals: a line of the table in docs/benchmarks.md each; without any, the claim and the rows are its line.
        keep: whether figures are worth keeping; else the table is printed only.
        typed: the arguments that lead there; by default, this command's.
        facts: what else a reader must know: sizes, options, scores.
    """
    reference = next((row for row in rows if row.name == against), None)
    print(f"\n{claim}\n")
    listed = []
    for row in rows:
        ratio = None if reference is None else _times_better(row, reference)
        listed.append({**asdict(row), "ratio": ratio})
        columns = [f"  {row.name:<44}", f"{row.value:>12,.4g} {row.unit}"]
        columns += [f"{ratio:.2f} times {against}"] if ratio is not None and row is not reference else []
        columns += [f"{row.memory:,.0f} MB"] if row.memory is not None else []
        print("   ".join([*columns, row.note]))
    for goal in goals:
        print(f"\n  {goal.what}: {goal.measured}; asked for {goal.asked}{'' if goal.met else ': NOT MET'}")
    if not keep:
        return
    name = Path(script).stem
    content = {
        "claim": claim,
        "command": command(name, sys.argv[1:] if typed is None else typed),
        "against": against,
        "rows": listed,
        "goals": [asdict(goal) for goal in goals],
        "facts": facts,
        "machine": machine(),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{name}.json"
    file.write_text(json.dumps(content, indent=2) + "\n")
    print(f"\n  kept in {file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}")


def earlier(script: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of an earlier report whose `settings` were the same, on the same machine; empty where there is none."""
    file = RESULTS / f"{Path(script).stem}.json"
    if not file.is_file():
        return {}
    content = json.loads(file.read_text())
    same = content["machine"] == machine() and content["facts"].get("settings") == settings
    return content["facts"] if same else {}


def command(name: str, arguments: Sequence[str]) -> str:
    """How a reader runs a script likewise: paths of this machine mean nothing to them."""
    general = ["DIRECTORY" if os.sep in argument and Path(argument).exists() else argument for argument in arguments]
    return " ".join(["python", f"benchmarks/{name}.py", *general])


def _times_better(row: Row, reference: Row) -> float:
    """How many times better: less of a time, more of a rate."""
    less_is_better = row.unit in ("s", "ms", "min")
    return reference.value / row.value if less_is_better else row.value / reference.value


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    packages = ("tensorflow", "keras", "jax", "torch", "opencv-python-headless", "numpy")
    versions = {item.metadata["Name"]: item.version for item in importlib.metadata.distributions()}
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        **({"gpu": gpu} if (gpu := gpu_name()) else {}),
        "python": platform.python_version(),
        **{name: versions[name] for name in packages if name in versions},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def gpu_name() -> str | None:
    """The first GPU's, as its driver calls it; None where there is none."""
    try:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.splitlines()[0].strip() if answer.stdout.strip() else None
