"""The store as a sweep and the comparison command use it: parent runs, looking runs up, fetching their files."""

import pandas as pd
import pytest

from skinexp.config.schema import Tracking
from skinexp.core.atomic_files import write_tables
from skinexp.core.errors import UserError
from skinexp.core.run_files import EVIDENCE
from skinexp.runs.run_log import RunLog
from skinexp.runs.run_outputs import read_outputs
from skinexp.tracking import mlflow_store
from skinexp.tracking.store_errors import explain

NOWHERE = "http://127.0.0.1:1"  # a port that nothing listens on and no server may choose


def explained(uri: str) -> str:
    """What a person reads of a store that cannot be connected to."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  what connecting raises is explained
        mlflow_store.connect(uri, "skinexp")
    return explain(uri, caught.value)


def test_a_server_that_is_not_there_is_told_in_one_sentence_with_what_to_do():
    assert explained(NOWHERE) == (
        f"tracking.uri: {NOWHERE} cannot be used ([Errno 111] Connection refused). Start a server there, "
        "or track into a local file: tracking=local"
    )


def test_an_address_of_no_known_kind_is_told_in_one_sentence():
    sentence = explained("carrier-pigeon://roof")
    assert sentence.startswith("tracking.uri: carrier-pigeon://roof cannot be used")
    assert len(sentence.splitlines()) == 1


def test_a_directory_that_is_not_there_is_told_at_once(tmp_path):
    place = tmp_path / "nowhere"
    sentence = explained(f"sqlite:///{place}/mlflow.db")
    assert sentence == f"tracking.uri: no such directory, or not writable: {place}"


def test_a_sweep_is_found_with_its_children_in_the_order_in_which_they_began(opened, options, tmp_path):
    with opened(tmp_path / "sweep", "seed=0,1,2") as parent:
        pass
    children = []
    for seed in range(3):
        with opened(tmp_path / str(seed), f"seed={seed}", parent=parent.key) as child:
            pass
        children.append(child.id)
    with opened(name="of no sweep"):
        pass
    found = mlflow_store.find(options, parent.id)
    assert (found.id, found.name, found.children) == (parent.id, "seed=0,1,2", tuple(children))


def test_a_single_run_is_found_without_children(opened, options):
    with opened(name="seed=1") as run:
        pass
    assert mlflow_store.find(options, run.id).children == ()


def test_a_run_that_is_not_there_is_told_by_its_name(options, server):
    with pytest.raises(UserError, match=f"^0123: neither a directory nor a run in {server}$"):
        mlflow_store.find(options, "0123")


def test_looking_a_run_up_creates_no_store(tmp_path):
    file = tmp_path / "mlflow.db"
    with pytest.raises(UserError, match=r"^0123: neither a directory nor a run in .*, which does not exist$"):
        mlflow_store.find(Tracking(uri=f"sqlite:///{file}"), "0123")
    assert not file.exists()


def test_the_files_of_a_run_are_fetched(opened, options, tmp_path):
    with opened(tmp_path) as run:
        with RunLog(tmp_path, "seed=1"):
            pass
        run.run_directory()
    copy = mlflow_store.download(options, run.id)
    assert (copy / "result.json").read_bytes() == (tmp_path / "result.json").read_bytes()


def test_scores_have_the_same_intervals_fetched_as_in_their_directory(opened, options, tmp_path):
    scores = pd.DataFrame({"score": ["roc_auc", "f1"], "estimate": [0.8, 0.7], "low": 0.6, "high": 0.9, "method": "x"})
    with opened(tmp_path) as run:
        with RunLog(tmp_path, "seed=1") as run_log:
            run_log.add(metrics={"test/roc_auc": 0.8, "test/f1": 0.7})
        write_tables({"scores": scores}, tmp_path / EVIDENCE)
        run.run_directory()
    fetched = read_outputs(mlflow_store.download(options, run.id))
    assert fetched.interval("f1") == read_outputs(tmp_path).interval("f1") == (0.7, 0.6, 0.9)
