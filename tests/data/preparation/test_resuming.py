"""Preparations that are stopped, killed, doubled or out of room: nothing is lost, done twice, or half done."""

import dataclasses
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from PIL import Image

from skinexp.config.schema import Data, Preprocess
from skinexp.core.errors import UserError
from skinexp.data.preparation import image_cache
from skinexp.data.preparation.resumable_cache import CHUNK
from skinexp.data.sources import registry
from skinexp.data.table import Table

COUNT = 3 * CHUNK + 5  # images; the last chunk is a short one
BROKEN = CHUNK + 2

# What a killed or second job runs: the same preparation, which writes each position that it reads into a log. It stops
# at the position given until the file `go` is there.
JOB = """
import dataclasses, logging, os, sys, time
from pathlib import Path
from skinexp.config.schema import Data, Preprocess
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry

place, name, stop_at, action = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
logging.basicConfig(level="INFO", filename=place / f"{name}.log")
options = Data(name="folder", path=str(place / "photographs"), cache=str(place / "cache"), workers=1,
               on_bad_image="skip", preprocess=Preprocess(size=32))
table = registry.load(options, 0)

def read(position):
    with (place / f"{name}.reads").open("a") as reads:
        print(position, file=reads)
    while position == stop_at and action == "wait" and not (place / "go").exists():
        time.sleep(0.01)
    if position == stop_at and action == "die":
        os.kill(os.getpid(), 9)
    return table.reader(position)

image_cache.prepare(dataclasses.replace(table, reader=read), options)
"""


@pytest.fixture
def options(tmp_path) -> Data:
    """A folder of coloured noise, one of whose files is no image."""
    directory = tmp_path / "photographs"
    directory.mkdir()
    rng = np.random.default_rng(0)
    files = [f"{number:03d}.jpg" for number in range(COUNT)]
    for file in files:
        Image.fromarray(rng.integers(40, 256, (40, 44, 3), dtype=np.uint8)).save(directory / file)
    (directory / files[BROKEN]).write_bytes(b"once a photograph")
    labels = [("benign", "malignant")[number % 2] for number in range(COUNT)]
    pd.DataFrame({"file": files, "label": labels}).to_csv(directory / "manifest.csv", index=False)
    cache = str(tmp_path / "cache")
    return Data(
        name="folder",
        path=str(directory),
        cache=cache,
        workers=1,
        on_bad_image="skip",
        preprocess=Preprocess(size=32),
    )


@pytest.fixture
def table(options) -> Table:
    return registry.load(options, 0)


@pytest.fixture
def undisturbed(options, table, tmp_path) -> bytes:
    """The cache file of a preparation that nothing stopped."""
    prepared = image_cache.prepare(table, dataclasses.replace(options, cache=str(tmp_path / "undisturbed")))
    return (prepared.directory / "images.npy").read_bytes()


def recording(table: Table) -> tuple[Table, list[int]]:
    """The table, and the positions that are read from it from now on."""
    reads: list[int] = []

    def read(position: int) -> bytes:
        reads.append(position)
        return table.reader(position)

    return dataclasses.replace(table, reader=read), reads


def stopping(table: Table, at: int, error: type[BaseException]) -> Table:
    def read(position: int) -> bytes:
        if position == at:
            raise error
        return table.reader(position)

    return dataclasses.replace(table, reader=read)


def job(place: Path, name: str, stop_at: int, action: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", JOB, str(place), name, str(stop_at), action])


def until(condition: Callable[[], object]) -> None:
    for _ in range(12_000):  # two minutes, for the case that what is waited for has failed
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


def entries(options: Data) -> list[Path]:
    return sorted((Path(options.cache) / "prepared").iterdir())


def assert_like(undisturbed: bytes, prepared: image_cache.Prepared, options: Data) -> None:
    assert (prepared.directory / "images.npy").read_bytes() == undisturbed
    assert [Path(path).name for path in prepared.bad] == [f"{BROKEN:03d}.jpg"]
    assert len(prepared.table.frame) == COUNT - 1
    assert entries(options) == [prepared.directory]
    assert sorted(file.name for file in prepared.directory.iterdir()) == ["images.npy", "progress.jsonl"]


# Stopped and killed


@pytest.mark.parametrize("moment", [0, 5, CHUNK, 2 * CHUNK + 3, COUNT - 1])
def test_a_killed_preparation_goes_on_where_it_was(options, table, undisturbed, moment, tmp_path):
    assert job(tmp_path, "killed", moment, "die").wait() == -signal.SIGKILL
    assert [entry.suffix for entry in entries(options)] == [".unfinished"]
    watched, reads = recording(table)
    prepared = image_cache.prepare(watched, options)
    assert reads == list(range(moment // CHUNK * CHUNK, COUNT))  # the chunk that was half done is done again
    assert_like(undisturbed, prepared, options)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_stopped_preparation_goes_on_where_it_was(options, table, undisturbed, error, caplog):
    caplog.set_level(logging.INFO)
    for moment in (CHUNK + 4, 2 * CHUNK):
        with pytest.raises(error):
            image_cache.prepare(stopping(table, moment, error), options)
    assert_like(undisturbed, image_cache.prepare(table, options), options)
    assert f"Preparing {COUNT} images; prepared already: {2 * CHUNK}" in caplog.text


def test_a_chunk_whose_pixels_a_power_cut_lost_is_done_again(options, table, undisturbed):
    with pytest.raises(KeyboardInterrupt):
        image_cache.prepare(stopping(table, 3 * CHUNK, KeyboardInterrupt), options)
    (unfinished,) = entries(options)
    with (unfinished / "images.npy").open("r+b") as stream:
        stream.seek(-(COUNT - CHUNK - 1) * 3 * 32**2, os.SEEK_END)  # within the second chunk
        stream.write(bytes(100))
    watched, reads = recording(table)
    assert_like(undisturbed, image_cache.prepare(watched, options), options)
    assert reads == [*range(CHUNK, 2 * CHUNK), *range(3 * CHUNK, COUNT)]


@pytest.mark.parametrize("torn", [b'{"first": 32, "si', b"\x00\x00\xff\x00\n", b"7\n", b'{"first": 1, "size": 2}\n'])
def test_a_torn_line_of_the_progress_file_does_no_harm(options, table, undisturbed, torn):
    with pytest.raises(KeyboardInterrupt):
        image_cache.prepare(stopping(table, 2 * CHUNK, KeyboardInterrupt), options)
    (unfinished,) = entries(options)
    with (unfinished / "progress.jsonl").open("ab") as stream:
        stream.write(torn)
    for moment in (3 * CHUNK, COUNT):
        watched, reads = recording(table)
        if moment < COUNT:
            with pytest.raises(KeyboardInterrupt):
                image_cache.prepare(stopping(watched, moment, KeyboardInterrupt), options)
            assert reads == list(range(2 * CHUNK, 3 * CHUNK))
        else:
            assert_like(undisturbed, image_cache.prepare(watched, options), options)
            assert reads == list(range(3 * CHUNK, COUNT))


# Several processes


@pytest.fixture
def in_processes(options, monkeypatch) -> Data:
    monkeypatch.setattr(image_cache, "FEWEST_FOR_PROCESSES", 1)
    return dataclasses.replace(options, workers=2)


# In processes that find this on their path, a file never comes to an end: they read until somebody ends them.
NEVER = """
import os, threading
from skinexp.data import image_readers

read_file = image_readers.read_file
image_readers.read_file = lambda path: threading.Event().wait() if path.name == {name!r} else read_file(path)
"""

ENDLESS = """
import sys
from pathlib import Path
from skinexp.config.schema import Data, Preprocess
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry

place, path = map(Path, sys.argv[1:])
options = Data(name="folder", path=str(place / "photographs"), cache=str(place / "cache"), workers=2,
               on_bad_image="skip", preprocess=Preprocess(size=32))
table = registry.load(options, 0)
sys.path.insert(0, str(path))
image_cache.FEWEST_FOR_PROCESSES = 1
image_cache.prepare(table, options)
"""


def never_ending(place: Path, number: int) -> Path:
    """What has to be on the path of a process for image `number` never to end."""
    directory = place / "never"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(NEVER.format(name=f"{number:03d}.jpg"))
    return directory


def lines(options: Data) -> int:
    """Chunks that the progress file says are done."""
    return sum(file.read_text().count("\n") for file in Path(options.cache).glob("prepared/*/progress.jsonl"))


@pytest.fixture
def stuck(options, tmp_path) -> Iterator[psutil.Process]:
    """A job with two worker processes, one of which stands in the second chunk for ever; the others are done."""
    command = [sys.executable, "-c", ENDLESS, str(tmp_path), str(never_ending(tmp_path, CHUNK + 7))]
    process = psutil.Popen(command)
    until(lambda: lines(options) == -(-COUNT // CHUNK) - 1)
    yield process
    for one in [*process.children(), process]:
        one.kill()
    process.wait()


def workers() -> list[psutil.Process]:
    """The worker processes of this one."""
    alive = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in alive if "skinexp.data.preparation.worker" in one.cmdline()]


def test_worker_processes_end_with_a_killed_parent_and_leave_what_is_done(options, undisturbed, stuck, in_processes):
    children = stuck.children()
    assert len(children) == 2
    stuck.kill()
    psutil.wait_procs(children)
    watched, reads = recording(registry.load(options, 0))
    assert_like(undisturbed, image_cache.prepare(watched, options), options)
    assert reads == list(range(CHUNK, 2 * CHUNK))


def test_a_killed_worker_process_ends_the_job_with_an_explanation(in_processes, undisturbed, table, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(never_ending(tmp_path, 0))
        prepare_and_lose_workers(in_processes, table)
    assert_like(undisturbed, image_cache.prepare(table, in_processes), in_processes)


def prepare_and_lose_workers(in_processes: Data, table: Table) -> None:
    def kill() -> None:
        until(lambda: lines(in_processes) == -(-COUNT // CHUNK) - 1)
        for worker in workers():
            worker.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(UserError, match=r"^data\.workers: the system killed .* images [0-9]+ to [0-9]+, .*memory"):
        image_cache.prepare(table, in_processes)
    killer.join()


def test_what_goes_wrong_in_a_worker_process_is_raised_here(in_processes, table):
    with pytest.raises(KeyError):
        image_cache.prepare(dataclasses.replace(table, reader={}.__getitem__), in_processes)
    assert workers() == []


def test_a_worker_process_imports_little():
    heavy = {"tensorflow", "keras", "mlflow", "hydra", "matplotlib", "pandas", "datasets", "rich", "sklearn", "scipy"}
    command = [sys.executable, "-X", "importtime", "-m", "skinexp.data.preparation.worker"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "skinexp.data.preparation.chunks" in imported
    assert not imported & heavy


# Two jobs at once


def test_of_two_jobs_at_once_one_prepares_and_the_other_waits(options, table, undisturbed, tmp_path):
    first = job(tmp_path, "first", CHUNK + 1, "wait")
    until(lambda: (tmp_path / "first.reads").exists() and len((tmp_path / "first.reads").read_text().split()) > CHUNK)
    second = job(tmp_path, "second", -1, "wait")
    until(lambda: (tmp_path / "second.log").exists() and "another job" in (tmp_path / "second.log").read_text())
    (tmp_path / "go").touch()
    assert (first.wait(), second.wait()) == (0, 0)
    assert not (tmp_path / "second.reads").exists()
    assert f"Prepared  {COUNT} images, found in the cache" in (tmp_path / "second.log").read_text()
    assert_like(undisturbed, image_cache.prepare(table, options), options)


def test_a_job_that_waited_for_a_killed_one_goes_on_with_its_work(options, table, undisturbed, tmp_path):
    first = job(tmp_path, "first", CHUNK + 1, "wait")
    until(lambda: (tmp_path / "first.reads").exists() and len((tmp_path / "first.reads").read_text().split()) > CHUNK)
    second = job(tmp_path, "second", -1, "wait")
    until(lambda: (tmp_path / "second.log").exists() and "another job" in (tmp_path / "second.log").read_text())
    first.kill()
    assert (first.wait(), second.wait()) == (-signal.SIGKILL, 0)
    assert [int(line) for line in (tmp_path / "second.reads").read_text().split()] == list(range(CHUNK, COUNT))
    assert_like(undisturbed, image_cache.prepare(table, options), options)


# No room

Usage = namedtuple("Usage", "total used free")


def test_a_disk_without_room_is_refused_before_any_image_is_read(options, table, monkeypatch):
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 1000, 1000))
    watched, reads = recording(table)
    needed = COUNT * 3 * 32**2
    with pytest.raises(UserError, match=rf"^data\.cache: .*{needed:,} bytes are needed and 1,000 are free"):
        image_cache.prepare(watched, options)
    assert reads == []


def test_only_what_is_not_done_needs_room(options, table, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        image_cache.prepare(stopping(table, 2 * CHUNK, KeyboardInterrupt), options)
    left = (COUNT - 2 * CHUNK) * 3 * 32**2
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - left, left))
    assert len(image_cache.prepare(table, options).images) == COUNT


LIMITED = """
import resource, sys
from skinexp.config.schema import Data, Preprocess
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.core.errors import UserError

options = Data(name="folder", path=sys.argv[1], cache=sys.argv[2], on_bad_image="skip", preprocess=Preprocess(size=32))
table = registry.load(options, 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    image_cache.prepare(table, options)
except UserError as error:
    print(error)
"""


def test_a_file_larger_than_the_system_allows_is_explained(options):
    command = [sys.executable, "-c", LIMITED, options.path, options.cache]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"data.cache: the disk of {options.cache} has no room for {COUNT} more images")


FULL = """
import shutil, sys
from collections import namedtuple
from pathlib import Path
from skinexp.config.schema import Data, Preprocess
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry
from skinexp.core.errors import UserError

options = Data(name="folder", path=sys.argv[1], cache=sys.argv[2], on_bad_image="skip", workers=2,
               preprocess=Preprocess(size=96))
table = registry.load(options, 0)
really = shutil.disk_usage
image_cache.shutil.disk_usage = lambda path: namedtuple("Usage", "total used free")(0, 0, 10**12)  # others fill it
image_cache.FEWEST_FOR_PROCESSES = 1
try:
    image_cache.prepare(table, options)
except UserError as error:
    print(error)
(progress,) = Path(options.cache).glob("prepared/*.unfinished/progress.jsonl")
print(progress.read_text().count("first"), "chunks are kept")
"""


def test_a_disk_that_fills_up_ends_the_job_in_a_sentence_and_keeps_what_is_done(options, tmp_path):
    place = tmp_path / "small disk"
    place.mkdir()
    mount = f"mount -t tmpfs -o size=1000k tmpfs '{place}'"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    program = tmp_path / "full.py"
    program.write_text(FULL)
    command = f"{mount} && exec '{sys.executable}' '{program}' '{options.path}' '{place}'"
    result = subprocess.run(["unshare", "-rm", "sh", "-c", command], capture_output=True, text=True, check=False)
    sentence, kept = result.stdout.splitlines()
    assert sentence.startswith(f"data.cache: the disk of {place} has no room for ")
    assert int(kept.split()[0]) >= 1
    assert "Traceback" not in result.stderr


# Memory

GREEDY = """
import dataclasses, resource, sys
import pandas as pd
from skinexp.config.schema import Data, Preprocess
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry

options = Data(name="folder", path=sys.argv[1], cache=sys.argv[2], workers=2, on_bad_image="skip",
               preprocess=Preprocess(crop_border=False, remove_hair=False, size=128))
table = registry.load(options, 0)
frame = pd.concat([table.frame] * int(sys.argv[3]), ignore_index=True)
image_cache.prepare(dataclasses.replace(table, frame=frame), options)
print(*(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(options, tmp_path):
    peaks = {}
    for repeats in (6, 60):  # 318 and 3,180 images: files of 16 and 156 megabytes
        command = [sys.executable, "-c", GREEDY, options.path, str(tmp_path / f"cache {repeats}"), str(repeats)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peaks[repeats] = [int(kilobytes) / 1024 for kilobytes in said.split()]
    parent, worker = np.array(peaks[60]) - np.array(peaks[6])
    assert parent < 30
    assert worker < 30


def test_the_progress_file_has_one_line_a_chunk(options, table):
    with pytest.raises(KeyboardInterrupt):
        image_cache.prepare(stopping(table, 2 * CHUNK, KeyboardInterrupt), options)
    (progress,) = Path(options.cache).glob("prepared/*.unfinished/progress.jsonl")
    done = [json.loads(line) for line in progress.read_text().splitlines()]
    assert [(item["first"], item["size"]) for item in done] == [(0, CHUNK), (CHUNK, CHUNK)]
    assert list(done[1]["bad"]) == [str(BROKEN)]
