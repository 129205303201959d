"""How a data set was collected: what the user, the source, a column or the share of malignant images say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skinexp.config.schema import Data, Phantom
from skinexp.data.sampling import sampling_of
from skinexp.data.sources import registry
from skinexp.data.table import Table


def table(malignant: int, column: str = "age", values: object = 50) -> Table:
    frame = pd.DataFrame({"label": (np.arange(100) < malignant).astype(int), column: values})
    return Table("set", frame, bytes)


@pytest.mark.parametrize(
    ("images", "design", "reason"),
    [
        (table(20), "cohort", "the data do not state it; 20% of the images are malignant"),
        (table(50), "case_control", "50% malignant images are a choice"),
        (table(20, "sampling", "case_control"), "case_control", "column 'sampling'"),
        (table(50, "Sampling", "Consecutive"), "cohort", "column 'Sampling'"),
        (table(20, "sampling", ["cohort", "case-control"] * 50), "cohort", "holds both designs"),
        (table(50, "sampling", "punch biopsy"), "case_control", "50% malignant images are a choice"),
        (replace(table(20), sampling="case_control"), "case_control", "as the source generates images"),
    ],
)
def test_the_design_and_what_says_so(images, design, reason):
    found = sampling_of(images)
    assert found.design == design
    assert reason in found.sentence


def test_the_user_has_the_last_word():
    found = sampling_of(table(20, "sampling", "cohort"), "case_control")
    assert found.design == "case_control"
    assert found.sentence == ("case-control: in intervals, the share of malignant images is fixed (evaluate.sampling)")


def test_phantoms_are_half_malignant_by_design():
    generated = registry.load(Data(phantom=Phantom(images=40, size=32)), seed=0)
    assert sampling_of(generated).design == "case_control"
