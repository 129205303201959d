import json

from skinexp.core.run_files import SWEEP
from skinexp.sweep.manifest import Manifest

RUNNING = Manifest("running", ["model=scratch,mobilenet", "seed=1"], ["model"], {"uri": "sqlite:///mlflow.db"})


def test_a_manifest_is_read_back_as_it_was_written(tmp_path):
    RUNNING.save(tmp_path)
    assert Manifest.load(tmp_path) == RUNNING


def test_a_manifest_is_replaced_as_a_whole(tmp_path):
    RUNNING.save(tmp_path)
    Manifest("finished", [], [], {}, jobs=[{"name": "seed=1"}]).save(tmp_path)
    assert json.loads((tmp_path / SWEEP).read_text())["jobs"] == [{"name": "seed=1"}]
    assert [file.name for file in tmp_path.iterdir()] == [SWEEP]
