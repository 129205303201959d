"""The sections of the comparison page, in their order. A new one is a module here, its template, and a line below."""

from skinexp.report.pages.section import Section
from skinexp.report.pages.sections import (
    confusion_section,
    curves_section,
    data_section,
    data_warnings_section,
    diagnosis_section,
    failures_section,
    gradcam_section,
    health_section,
    leakage_section,
    learning_curves_section,
    learning_rate_section,
    pairs_section,
    reliability_section,
    reproduction_section,
    scores_section,
    seeds_section,
    subgroups_section,
)

SECTIONS: tuple[Section, ...] = (
    scores_section.SECTION,
    seeds_section.SECTION,
    pairs_section.SECTION,
    failures_section.SECTION,
    diagnosis_section.SECTION,
    learning_rate_section.SECTION,
    curves_section.SECTION,
    reliability_section.SECTION,
    confusion_section.SECTION,
    learning_curves_section.SECTION,
    subgroups_section.SECTION,
    gradcam_section.DISAGREEMENT,
    gradcam_section.MAPS,
    health_section.SECTION,
    leakage_section.SECTION,
    data_warnings_section.SECTION,
    data_section.SECTION,
    reproduction_section.SECTION,
)
