"""Claim: a sweep that is killed at any moment goes on, ends to the bit as one that never was, and leaves no process.

    python benchmarks/kills.py [--kills 100] [--first 0] [--chains 2] [--docs docs/how-to/resume.md]

A sweep of two jobs is killed (kill -9 of its launcher) at a moment that is drawn, and resumed, until it finishes; then
the next sweep begins. It is compared with a sweep that nobody disturbed: logits, epochs, scores, and what MLflow has.
An hour on two cores; a call with `--first` adds its kills to those of earlier calls.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import documents
import pandas as pd
import psutil
from measure import Goal, Row, earlier, report
from mlflow import MlflowClient

from skinexp.core.result_file import read_result

MARK = "kills"  # about the table in the docs
JOBS = ("0", "1")
# Two phases, cached features, checkpoints within a phase, and nothing that takes long and says nothing.
ARGUMENTS = (
    "experiment=smoke model=mobilenet model.weights=phantom seed=0,1 data.phantom.images=100 "
    "optim.epochs=3 model.fine_tune.epochs=2 tracking.tensorboard=false tracking.system_metrics=false explain.images=2"
)
LONGEST = 0.6  # of a life, as a share of the time that the undisturbed sweep takes
PATIENCE = 120.0  # seconds in which what a launcher leaves must have ended


@dataclass(frozen=True)
class Kill:
    """One kill of a launcher.

    Attributes:
        number: of the kill.
        seconds: after which the launcher was killed; fewer if the sweep was finished before.
        where: the sweep was, for example `job 1, training`.
        left: the processes that had not ended after `PATIENCE`.
    """

    number: int
    seconds: float
    where: str
    left: tuple[str, ...] = ()


@dataclass
class Sweep:
    """A sweep in a directory and a store of its own, which lives as often as it must."""

    root: Path
    lives: int = 0

    @property
    def directory(self) -> Path:
        """Where its jobs are."""
        return self.root / "sweep"

    def start(self) -> subprocess.Popen[bytes]:
        """Starts the command, or the command that goes on."""
        self.root.mkdir(parents=True, exist_ok=True)
        began = (self.directory / "sweep.json").is_file()
        given = [f"resume={self.directory}"] if began else [*ARGUMENTS.split(), f"hydra.sweep.dir={self.directory}"]
        self.lives += 1
        with (self.root / f"life_{self.lives}.txt").open("wb") as output:
            command = [sys.executable, "-m", "skinexp.train", "-m", *given]
            return subprocess.Popen(command, cwd=self.root, stdout=output, stderr=output, start_new_session=True)

    def stage(self) -> str:
        """Returns the job and the stage that the sweep is in."""
        results = {job: read_result(self.directory / job) for job in JOBS}
        begun = [job for job in JOBS if results[job]]
        if not begun:
            return "before the first job"
        return f"job {begun[-1]}, {results[begun[-1]].get('stage') or 'start'}"


def kill(sweep: Sweep, number: int, longest: float) -> Kill | None:
    """Kills the sweep's launcher after seconds that are drawn; None if it finished before.

    Args:
        sweep: which lives once more.
        number: of the kill, from which its moment is drawn.
        longest: seconds of a life.

    Raises:
        RuntimeError: if the sweep ended in another way.
    """
    seconds = random.Random(number).uniform(0.0, longest)
    process = sweep.start()
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        others = psutil.Process(process.pid).children(recursive=True)
        where = sweep.stage()
        process.kill()
        process.wait()
        psutil.wait_procs(others, PATIENCE)
        return Kill(number, seconds, where, tuple(_at_work(sweep.root)))
    if code:
        raise RuntimeError((sweep.root / f"life_{sweep.lives}.txt").read_text())
    return None


def _at_work(root: Path) -> Iterator[str]:
    """Yields the commands of all processes that work in a directory or name it."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if str(root) in (process.info["cwd"] or "") or any(str(root) in word for word in words):
            yield " ".join(words)[:120]


def finish(sweep: Sweep) -> None:
    """Lets the sweep end.

    Raises:
        RuntimeError: if it fails.
    """
    if sweep.start().wait():
        raise RuntimeError((sweep.root / f"life_{sweep.lives}.txt").read_text())


def differences(sweep: Sweep, reference: Sweep) -> list[str]:
    """Returns what a finished sweep has that the undisturbed one has not, or the other way round."""
    found = [f"job {job}: {what}" for job in JOBS for what in _of_a_job(sweep.directory / job, reference, job)]
    manifest = json.loads((sweep.directory / "sweep.json").read_text())
    client = MlflowClient(f"sqlite:///{sweep.root}/mlflow.db")
    children = client.search_runs(["1"], f"tags.`mlflow.parentRunId` = '{manifest['parent']}'")
    if manifest["status"] != "finished" or client.get_run(manifest["parent"]).info.status != "FINISHED":
        found.append("the sweep has not finished")
    if {child.info.run_id for child in children} != {job["run_id"] for job in manifest["jobs"]}:
        found.append("MLflow has other runs than the sweep")
    for child in children:
        epochs = [point.step for point in client.get_metric_history(child.info.run_id, "train/loss")]
        if child.info.status != "FINISHED" or epochs != sorted(set(epochs)):
            found.append(f"MLflow's run is {child.info.status}, with the epochs {epochs}")
    return found


def _of_a_job(directory: Path, reference: Sweep, job: str) -> Iterator[str]:
    expected = reference.directory / job
    for name, read in (("predictions.parquet", pd.read_parquet), ("history.csv", _history)):
        if not read(directory / name).equals(read(expected / name)):
            yield f"{name} differs"
    metrics, wanted = (read_result(one)["metrics"] for one in (directory, expected))
    if metrics != wanted:
        yield f"scores differ: {sorted(name for name in wanted if metrics.get(name) != wanted[name])}"
    if (directory / "checkpoints").exists():
        yield "checkpoints are left"


def _history(file: Path) -> pd.DataFrame:
    return pd.read_csv(file).drop(columns="seconds")


def chain(numbers: Sequence[int], root: Path, reference: Sweep, longest: float) -> tuple[list[Kill], list[str]]:
    """Kills sweeps, one after the other.

    Args:
        numbers: of the kills.
        root: where the sweeps are.
        reference: the sweep that was left alone.
        longest: seconds of a life.

    Returns:
        The kills, and what was different when a sweep had finished.
    """
    sweep, kills, faults = Sweep(root / "0"), [], []
    for number in numbers:
        while (killed := kill(sweep, number, longest)) is None:  # it finished before the moment came: the next one's
            faults += [f"{root.name}/{sweep.root.name}: {what}" for what in differences(sweep, reference)]
            sweep = Sweep(root / str(number))
        kills.append(killed)
        print(f"  {killed.number:>3}  {killed.seconds:5.1f} s  {killed.where}", flush=True)
    finish(sweep)
    faults += [f"{root.name}/{sweep.root.name}: {what}" for what in differences(sweep, reference)]
    return kills, faults


def trial(numbers: Sequence[int], chains: int, root: Path) -> tuple[list[Kill], list[str]]:
    """Kills launchers, some at the same time, and compares each sweep with one that was left alone."""
    reference, start = Sweep(root / "reference"), time.monotonic()
    finish(reference)
    longest = LONGEST * (time.monotonic() - start)
    parts = [(numbers[first::chains], root / f"chain_{first}") for first in range(chains)]
    with ThreadPoolExecutor(chains) as threads:
        begun = [threads.submit(chain, part, place, reference, longest) for part, place in parts]
        ended = [one.result() for one in begun]
    told = sorted((one for kills, _ in ended for one in kills), key=lambda one: one.number)
    return told, [fault for _, faults in ended for fault in faults]


def table(kills: Sequence[Kill], faults: Sequence[str]) -> str:
    """Returns the kills as a table in Markdown: where the sweep was, how often it was killed there, what was left."""
    told = pd.DataFrame([{"where": one.where, "left": len(one.left)} for one in kills])
    lines = [
        "Made by `python benchmarks/kills.py --docs docs/how-to/resume.md`: "
        f"{len(kills)} kills; {'; '.join(faults) or 'each sweep ended to the bit as one that was left alone'}.",
        "",
        "| where the sweep was | kills | processes that stayed |",
        "|---|---:|---:|",
        *(f"| {where} | {len(group)} | {group['left'].sum()} |" for where, group in told.groupby("where", sort=False)),
    ]
    return "\n".join(lines)


def main() -> None:
    """Kills, resumes, compares, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--chains", type=int, default=2, help="of sweeps, at the same time")
    parser.add_argument("--docs", type=Path, help="a file whose table is to be replaced")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.kills)
    with tempfile.TemporaryDirectory() as directory:
        kills, faults = trial(numbers, options.chains, Path(directory))
    settings = {"sweep": ARGUMENTS, "longest": LONGEST}
    before = earlier(__file__, settings) if options.first else {}
    kills = [*(Kill(**one) for one in before.get("kills", ())), *kills]
    faults = [*before.get("faults", ()), *faults]
    left = [f"kill {one.number} ({one.where}): {process}" for one in kills for process in one.left]
    goal = Goal(
        f"{len(kills)} kills of a sweep of two jobs at moments that were drawn",
        "each sweep ends to the bit as one that was left alone; no process stays",
        "; ".join([*faults, *left]) or "so it was",
        not faults and not left,
        "a sweep that was left alone",
    )
    rows = [Row(f"kill {one.number}: {one.where}", round(one.seconds, 1), "s") for one in kills]
    claim = "Sweeps that are killed go on as if nothing had been"
    kept = {"kills": [asdict(one) for one in kills], "faults": faults}
    report(__file__, claim, rows, goals=[goal], typed=[], settings=settings, **kept)
    if options.docs:
        documents.replace(options.docs, MARK, table(kills, [*faults, *left]))


if __name__ == "__main__":
    main()
