"""Samples of the machine's load, which need no store."""

from skinexp.tracking.outbox import Outbox
from skinexp.tracking.system_sampler import Sampler


def test_the_store_that_the_environment_names_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "carrier-pigeon://roof")
    (tmp_path / "outbox").mkdir()
    outbox = Outbox(tmp_path)
    sampler = Sampler(outbox)
    sampler.publish_metrics({"cpu": 1.0})
    sampler.finish()
    assert [record["values"] for record, _ in outbox.read()] == [{"system/cpu": 1.0}]
