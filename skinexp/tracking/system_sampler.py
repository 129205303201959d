"""Samples of the machine's load during a run, written into the run's outbox."""

from typing import Any

from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from skinexp.tracking.outbox import Outbox, now

UNUSED_STORE = "http://127.0.0.1"  # MLflow's client needs an address; this one opens no file and is never used


class Sampler(SystemMetricsMonitor):
    """MLflow's system monitor writing to the outbox; MLflow's own logs to the store and stops if that is offline."""

    def __init__(self, outbox: Outbox):
        super().__init__(run_id=None, tracking_uri=UNUSED_STORE)
        self._outbox = outbox
        steps = [
            record["step"]
            for record, _ in outbox.read()
            if record["kind"] == "metrics" and any(name.startswith(self._metrics_prefix) for name in record["values"])
        ]
        self._logging_step = max(steps, default=-1) + 1  # after those of an earlier attempt
        self.start()

    def monitor(self) -> None:
        while not self._shutdown_event.wait(self.sampling_interval):
            self.collect_metrics()
            self.publish_metrics(self.aggregate_metrics())

    def publish_metrics(self, metrics: dict[str, Any]) -> None:
        values = {f"{self._metrics_prefix}{name}": value for name, value in metrics.items()}
        self._outbox.append("metrics", values=values, step=self._logging_step, time=now())
        self._logging_step += 1
        for monitor in self.monitors:
            monitor.clear_metrics()

    def finish(self) -> None:
        self._shutdown_event.set()
        if self._process is not None:
            self._process.join()
