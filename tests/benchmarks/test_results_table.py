import json
import subprocess
import sys
from pathlib import Path

import documents
import results_table

RESULTS = results_table.PAGE.parents[1] / "benchmarks" / "results"
MACHINE = {"processor": "Abacus 1", "cores": "2", "python": "3.11.7", "keras": "3.15.1"}


def result(name="speed", **changes):
    return {
        "claim": "Reading is fast.",
        "command": f"python benchmarks/{name}.py --runs 3",
        "rows": [{"name": "ours", "value": 1234.5, "unit": "images a second"}],
        "goals": [],
        "machine": MACHINE,
    } | changes


def goal(**changes):
    return {
        "what": "reading",
        "asked": "2 times",
        "measured": "2.5 times",
        "met": True,
        "peers": "theirs: 494",
    } | changes


def lines(*results):
    return results_table.table(results).splitlines()


def test_the_table_is_what_the_results_say():
    found = results_table.PAGE.read_text()
    assert found == documents.replaced(found, results_table.MARK, results_table.table(results_table.read(RESULTS)))


def test_gpu_figures_are_kept_from_gpus_only():
    file = RESULTS / "gpu_study.json"
    assert not file.exists() or "gpu" in json.loads(file.read_text())["machine"]


def test_each_goal_is_a_line_with_its_command():
    table = lines(result(goals=[goal(), goal(what="writing", peers="")]))
    assert table[2] == "| reading | 2 times | 2.5 times | theirs: 494 | `python benchmarks/speed.py --runs 3` |"
    assert table[3].startswith("| writing |")
    assert len(table[2:-2]) == 2


def test_a_goal_that_was_not_met_says_so():
    assert "| 1.5 times (**not met**) |" in lines(result(goals=[goal(measured="1.5 times", met=False)]))[2]


def test_a_benchmark_without_goals_shows_its_claim_and_its_figures():
    assert "| Reading is fast. |  | ours: 1,234 images a second |  |" in lines(result())[2]


def test_text_cannot_end_its_cell():
    assert "a \\| b c" in lines(result(goals=[goal(what="a | b\nc")]))[2]


def test_one_machine_is_named_once():
    table = lines(result("one"), result("two"))
    assert table[-1] == "Measured on 2 cores of Abacus 1, Python 3.11.7, keras 3.15.1."


def test_several_machines_are_named_with_what_ran_on_them():
    other = MACHINE | {"gpu": "Loom 3000", "cores": "16"}
    table = lines(result("one"), result("two", machine=other))
    assert table[-2:] == [
        "Measured on 2 cores of Abacus 1, Python 3.11.7, keras 3.15.1 (`one`).",
        "Measured on 16 cores of Abacus 1, Loom 3000, Python 3.11.7, keras 3.15.1 (`two`).",
    ]


def test_check_finds_a_page_that_differs_and_writing_mends_it(tmp_path: Path):
    (tmp_path / "speed.json").write_text(json.dumps(result()))
    file = tmp_path / "benchmarks.md"
    file.write_text("<!-- benchmarks: begin -->\n<!-- benchmarks: end -->\n")
    command = [sys.executable, results_table.__file__, "--page", str(file), "--results", str(tmp_path)]
    assert subprocess.run([*command, "--check"], stderr=subprocess.DEVNULL).returncode == 1
    assert subprocess.run(command).returncode == 0
    assert "Reading is fast." in file.read_text()
    assert subprocess.run([*command, "--check"]).returncode == 0
