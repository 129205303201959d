"""How busy the GPU was, as its driver counts: the share of the time in which any kernel ran."""

import shutil
import statistics
import subprocess
import threading

EVERY = 200  # milliseconds between samples


class Watch:
    """Asks nvidia-smi while the body of a `with` runs; without it, nothing is known."""

    utilisation: float | None = None  # percent, mean

    def __enter__(self) -> "Watch":
        self._lines: list[str] = []
        self._process = None
        if shutil.which("nvidia-smi"):
            query = ["--id=0", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
            command = ["nvidia-smi", *query, f"--loop-ms={EVERY}"]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        samples = [float(line) for line in self._lines if line.strip().isdigit()]
        self.utilisation = statistics.mean(samples) if samples else None

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.append(line)
