from skinexp.tracking.flat import flatten


def test_nested_keys_are_joined_by_dots():
    assert flatten({"seed": 0, "model": {"name": "scratch", "head": {"units": 128}}}) == {
        "seed": 0,
        "model.name": "scratch",
        "model.head.units": 128,
    }


def test_lists_and_empty_mappings_stay_as_they_are():
    assert flatten({"data": {"exclude": ["nevus"], "labels": {}}}) == {"data.exclude": ["nevus"], "data.labels": {}}
