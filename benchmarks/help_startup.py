"""Claim: `python -m skinexp.train --help` takes less than 3 times as long as `python -c "import hydra"`.

Run it with `uv run python benchmarks/help_startup.py`.
"""

import statistics
import subprocess
import sys
import time

RUNS = 15
COMMANDS = {
    "import hydra": [sys.executable, "-c", "import hydra"],
    "skinexp.train --help": [sys.executable, "-m", "skinexp.train", "--help"],
    "skinexp.train --cfg job": [sys.executable, "-m", "skinexp.train", "--cfg", "job"],
}


def main() -> None:
    """Times the commands in turns, after one run of each that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(RUNS + 1):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if run:
                seconds[name].append(time.perf_counter() - start)
    reference = statistics.median(seconds["import hydra"])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:<26} median {median:.3f} s of {RUNS} runs, {median / reference:.2f} times `import hydra`")


if __name__ == "__main__":
    main()
