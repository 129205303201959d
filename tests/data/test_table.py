"""Tables of images: the class of a source as a diagnosis."""

import pandas as pd

from skinexp.data.table import metadata_columns, with_diagnosis


def test_more_than_two_classes_are_diagnoses_that_predictions_keep():
    frame = pd.DataFrame({"image_id": ["a", "b", "c"], "class": ["nevus", "melanoma", "keratosis"], "label": [0, 1, 0]})
    found = with_diagnosis(frame)
    assert found["diagnosis"].tolist() == frame["class"].tolist()
    assert metadata_columns(found) == ["diagnosis"]
    assert "diagnosis" not in frame


def test_two_classes_and_diagnoses_that_are_there_stay_as_they_are():
    frame = pd.DataFrame({"class": ["benign", "malignant"], "label": [0, 1]})
    assert with_diagnosis(frame) is frame
    own = pd.DataFrame({"class": ["a", "b", "c"], "Diagnosis": ["x", "y", "z"]})
    assert with_diagnosis(own) is own
