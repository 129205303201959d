"""A model on several external sets: which sets are meant, one row a set, and what is said of their differences."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from skinexp.config.evaluation_config import compose_evaluation, split_sets
from skinexp.core.errors import UserError
from skinexp.report.console import external_sets_table
from skinexp.runs.run_summary import DataSummary
from skinexp.workflows import external_sets
from skinexp.workflows.external_sets import ExternalImages, summarise
from tests.report.runs import failed, in_memory, predicted


def evaluated(number: int, signal: float):
    predictions = predicted(number, signal)
    run = in_memory(f"set {number}", predictions)
    return replace(run, directory=run.directory / str(number), predictions=predictions)


def said(found: external_sets.ExternalSets) -> str:
    return " ".join(external_sets_table.sentences(found.shared, found.heterogeneity, found.pooled))


def images(*names: str) -> ExternalImages:
    table = SimpleNamespace(frame=pd.DataFrame({"sha256": list(names)}))
    return ExternalImages(compose_evaluation(["data=phantom"]), table, [f"data.path={'-'.join(names)}"])


def test_values_that_are_separated_by_commas_are_sets():
    assert split_sets(["data=phantom", "seed=1,2"]) == [["data=phantom", "seed=1"], ["data=phantom", "seed=2"]]
    found = split_sets(["data=folder", "data.path=a,'b c'", "+data.labels.nevus=0"])
    assert [words[1] for words in found] == ["data.path=a", "data.path='b c'"]
    assert found[0][2] == "+data.labels.nevus=0"


@pytest.mark.parametrize(("words", "says"), [(["data=phantom"], "-m: names several"), (["é"], "é: not KEY=VALUE")])
def test_one_set_or_words_that_cannot_be_read_are_refused(words, says):
    with pytest.raises(UserError, match=says):
        split_sets(words)


def test_each_set_has_a_row_with_intervals_and_no_number_stands_for_all():
    found = summarise([evaluated(0, 2.5), evaluated(1, 0.5), evaluated(2, 1.5)], 0, pool=False)
    assert found.rows["directory"].tolist() == ["0", "1", "2"]
    assert (found.rows["roc_auc_low"] < found.rows["roc_auc"]).all()
    assert (found.rows[["images", "malignant"]] == [200, 100]).all().all()
    assert found.pooled is None
    assert "significantly larger than sampling variation (Cochran's Q = " in said(found)
    assert "on 2 degrees of freedom, p < 0.001" in said(found)
    assert "No pooled ROC-AUC is shown" in said(found)


def test_a_pooled_mean_is_shown_if_it_is_asked_for():
    found = summarise([evaluated(0, 1.5)] * 3, 0, pool=True)
    assert "not significantly larger than sampling variation" in said(found)
    assert "Random-effects mean of the ROC-AUC: 0." in said(found)
    assert "Hartung-Knapp" in said(found)
    assert "No pooled" not in said(found)


def test_a_set_that_failed_has_a_row_and_no_part_in_the_statistics():
    found = summarise([evaluated(0, 1.0), evaluated(1, 1.0), failed("lost", "disk")], 0, pool=False)
    assert found.rows["status"].tolist() == ["finished", "finished", "failed"]
    assert math.isnan(found.rows["roc_auc"].iloc[2])
    assert found.heterogeneity.sets == 2


def test_sets_with_common_images_have_no_statistics_of_independent_sets():
    assert external_sets._shared_images([images("a", "b"), images("b", "c"), images("c", "d")]) == 2
    found = summarise([evaluated(0, 1.0), evaluated(1, 1.0)], 2, pool=True)
    assert (found.heterogeneity, found.pooled) == (None, None)
    assert "2 images are in more than one set: the sets are not independent" in said(found)


def test_the_same_images_twice_are_refused():
    with pytest.raises(
        UserError, match=r"-m: sets 0 and 2 are the same images.*Received: data.path=a-b and data.path=b-a"
    ):
        external_sets._shared_images([images("a", "b"), images("c"), images("b", "a")])


def test_the_files_hold_what_the_terminal_says(tmp_path, capsys):
    found = summarise([evaluated(0, 2.5), evaluated(1, 0.5), evaluated(2, 1.5)], 0, pool=True)
    external_sets.write(found, tmp_path)
    values = json.loads((tmp_path / "external_sets.json").read_text())
    assert values["heterogeneity"]["q"] == pytest.approx(found.heterogeneity.q)
    assert values["pooled"]["mean"]["estimate"] == pytest.approx(found.pooled.mean.estimate)
    table = pd.read_csv(tmp_path / "external_sets.csv")
    assert table["roc_auc"].tolist() == pytest.approx([row["roc_auc"] for row in values["sets"]])
    external_sets_table.show(found.rows)
    assert f"{table['roc_auc'][0]:.3f}" in capsys.readouterr().out


def test_the_rows_name_the_data_of_each_set():
    run = evaluated(0, 1.0)
    named = replace(run, summary=replace(run.summary, data=DataSummary("clinic_b")))
    assert summarise([named, run], 0, False).rows["set"].tolist()[0] == "clinic_b"
