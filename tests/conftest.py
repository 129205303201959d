"""What all tests share: real images and weights, quiet settings for property tests, a browser, and the MLflow UI."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHARED = Path(__file__).parents[2] / "shared"
PATIENCE = 120  # seconds for a server to start on a busy machine
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Tests compile many programs and run each a few times. Set before a backend is imported, and inherited by commands.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

settings.register_profile("skinexp", deadline=None, max_examples=50)  # no test depends on a clock
settings.load_profile("skinexp")


TRAININGS = "shared_trainings"  # the fixture, and the mark of the tests that ask for it


@pytest.fixture(scope="session")
def shared_trainings() -> None:
    """Asked for by fixtures whose training serves many tests: these go to one process, which trains once."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks a test that shares trainings. After the collection xdist has already read the marks of all tests."""
    if TRAININGS in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.xdist_group(TRAININGS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what takes longest first: the tests that share trainings, then the others of whole commands."""
    items.sort(key=lambda item: (item.get_closest_marker("xdist_group") is None, "end_to_end" not in item.path.parts))


class InFewProcesses(LoadFileScheduling):
    """Hands out tests to processes: those of a file together, and those that share trainings."""

    def _split_scope(self, nodeid: str) -> str:
        return TRAININGS if nodeid.endswith(f"@{TRAININGS}") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InFewProcesses:
    """How the tests are shared out among the processes of `-n`."""
    return InFewProcesses(config, log)


@pytest.fixture(scope="session")
def isic9() -> Path:
    """A folder of real dermoscopic photographs with a manifest."""
    return _present(SHARED / "data" / "isic9")


@pytest.fixture(scope="session")
def ham10000() -> Path:
    """A local data set of the hub's shape."""
    return _present(SHARED / "data" / "ham10000_100x75")


@pytest.fixture(scope="session")
def weights() -> Path:
    """A directory of pretrained backbones."""
    return _present(SHARED / "weights")


def _present(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout: it may not be published with it")
    return path


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A real Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium on the PATH (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Interface:
    """A running `python -m skinexp.ui` and what it prints."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def words(self) -> str:
        return self.output.read_text()

    @property
    def page(self) -> str:
        """The address that it prints."""
        (address,) = re.findall("^MLflow UI: (.+)$", self.words, re.MULTILINE)
        return address

    @property
    def server(self) -> list[psutil.Process]:
        """The processes below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the MLflow UI did not come up:\n{self.words}")
            time.sleep(0.05)


@pytest.fixture(scope="session")
def start_ui() -> Iterator[Callable[..., Interface]]:
    """Starts the command in a directory; all that it started has ended with the tests."""
    started: list[Interface] = []

    def start_ui(place: Path, *arguments: str, **environment: str) -> Interface:
        output = place / f"ui-{len(started)}.txt"
        command = [sys.executable, "-m", "skinexp.ui", *arguments]
        # Else a command would ignore what the background jobs of a shell, or of nohup, ignore.
        kept = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)}
        with output.open("wb") as file:
            process = subprocess.Popen(command, cwd=place, env=os.environ | environment, stdout=file, stderr=file)
        for number, handler in kept.items():
            signal.signal(number, handler)
        started.append(Interface(process, output))
        return started[-1]

    yield start_ui
    for interface in started:
        interface.process.terminate()
        interface.process.wait()
