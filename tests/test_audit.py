"""The audit as it is typed: what it prints, what it leaves, and what it refuses."""

import json
import re

import pytest

from skinexp.core.python_command import skinexp_command
from tests.commands import imported, refusal, typed

AUDIT = "skinexp.audit"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    place = tmp_path_factory.mktemp("audit")
    return place, typed(AUDIT, "data.phantom.images=80", place)


def test_it_succeeds_and_says_that_nothing_speaks_against_the_set(sound):
    _, finished = sound
    assert finished.returncode == 0, finished.stderr
    assert "The audit found nothing to warn about." in finished.stdout
    assert re.search(r"^Page      outputs/\S+/audit\.html$", finished.stdout, re.MULTILINE)


def test_it_leaves_its_files(sound):
    place, _ = sound
    (directory,) = place.glob("outputs/*/*")
    files = {file.name for file in directory.iterdir() if file.is_file()}
    assert files == {".run.lock", "audit.html", "audit.json", "audit.log", "data_card.md", "data_card.json"}
    values = json.loads((directory / "audit.json").read_text())
    assert (values["mode"], values["verdict"], values["images"]) == ("full", "ok", 80)
    assert values["command"].startswith("python -m skinexp.audit data.phantom.images=80")


@pytest.mark.slow
def test_findings_do_not_change_the_exit_code(tmp_path):
    finished = typed(AUDIT, "data.phantom.images=40 data.augmented_copies=3", tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "looks augmented before it was split" in " ".join(finished.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        ("data.adit=quick", "data.adit: no such key. Did you mean data.audit?"),
        ("data=folder", "data.path: data=folder needs the directory"),
        ("-m seed=1,2", f"-m: belongs to {skinexp_command('train')}"),
        ("data.on_conflict=ask", "data.on_conflict: must be one of keep, drop, fail. Received: ask"),
    ],
)
def test_a_mistake_is_answered_in_one_line(arguments, begins, tmp_path):
    assert refusal(AUDIT, arguments, tmp_path).startswith(begins)


@pytest.mark.parametrize("arguments", ["--help", "--cfg job"])
def test_what_needs_no_image_imports_nothing_heavy(arguments, tmp_path):
    assert imported(AUDIT, arguments, tmp_path) == "HEAVY []"
