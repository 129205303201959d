"""The rule by which names are escaped, against MLflow's own checks."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, _validate_param_name, _validate_tag_name

from skinexp.tracking.accepted import NAME, accepted_name, accepted_value, original_tags

TEXT = st.text(st.one_of(st.sampled_from("/._-x0028F: ()"), st.characters()))


@given(TEXT, st.booleans())
@example("a" * 300, False)
@example("../" * 100, True)
def test_every_name_becomes_one_that_mlflow_takes(name, strict):
    accepted = accepted_name(name, strict)
    _validate_param_name(accepted)
    assert len(accepted) <= NAME == MAX_ENTITY_KEY_LENGTH
    for tag in original_tags({accepted: name}):
        _validate_tag_name(tag)
        assert len(tag) <= MAX_ENTITY_KEY_LENGTH


@given(TEXT, TEXT, st.booleans())
@example("a(", "a_x0028_", False)
@example("", "_x_", False)
def test_two_names_never_become_one(one, other, strict):
    assert (accepted_name(one, strict) == accepted_name(other, strict)) == (one == other)


@pytest.mark.parametrize("name", ["optim.lr", "test/roc_auc", "data.labels.common nevus", "häufig", "a:b", "..a/b.c"])
def test_a_name_that_mlflow_takes_does_not_change(name):
    assert accepted_name(name) == name


@given(st.text(st.characters(), max_size=100), st.integers(60, 120))
def test_every_value_can_be_written_into_a_database(value, limit):
    accepted = accepted_value(value, limit)
    accepted.encode()
    assert "\0" not in accepted
    assert len(accepted) <= limit
