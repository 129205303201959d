"""The checklist of real runs: what a training and a sweep say is filled in is there, and nothing of it is missing."""

from skinexp.report.checklist.items import PARTS
from skinexp.report.checklist.places import Directory
from tests.report.checklist.links import broken_links, filled_in

OF_OTHERS = {  # places of an evaluation or a comparison, and those of which so few images have nothing
    *("comparison.html", "shift", "git.sha", "evidence/subgroup_gaps.csv"),
}


def test_a_training_fills_in_all_places_that_a_training_has(single):
    directory = Directory(single.directory)
    places = {place for part in PARTS.values() for item in part for place in item.places}
    own = {place for place in places if not {place.file, place.at} & OF_OTHERS}
    assert {place for place in own if not directory.has(place)} == set()
    assert len(filled_in(single.directory)) > len(own)  # some places are named by several items
    assert broken_links(single.directory) == []


def test_a_sweep_has_a_checklist_beside_its_page_that_points_into_its_runs(three):
    assert broken_links(three.directory) == []
    links = {place["link"] for place in filled_in(three.directory)}
    assert {"comparison.html", "0/data_card.md", "0/data_card.json"} <= links
