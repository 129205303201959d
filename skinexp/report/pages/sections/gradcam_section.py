"""Grad-CAM maps of test images that several runs explained: where models disagree, or else the first such images."""

from skinexp.comparison.analyse import Comparison
from skinexp.comparison.disagreement import SharedImages
from skinexp.core.number_format import three_decimals
from skinexp.report.figures.image_grids import gradcam_comparison
from skinexp.report.pages.captioned import Captioned
from skinexp.report.pages.embedded_figure import embed
from skinexp.report.pages.section import Content, Section

SHOWN_RUNS = 6  # columns of a Grad-CAM sheet: more would be too small to see
MEANINGLESS = "collapsed:\nno meaning"  # in the place of a collapsed run's maps
CAPTION = (
    "Grad-CAM maps of the same test images, model by model. A map shows which regions a model's prediction rests on, "
    "not whether the prediction is correct."
)


def disagreement(comparison: Comparison) -> Content | None:
    """Returns the images on which runs disagree most; None if their spread cannot be computed."""
    shared = comparison.shared_images
    return _content(comparison, shared) if shared is not None and shared.by_spread else None


def maps(comparison: Comparison) -> Content | None:
    """Returns the first images that all runs explained, or why there are none; None if `disagreement` shows them."""
    shared = comparison.shared_images
    has_single_runs = any(not comparison.is_pooled(run) for run in comparison.finished)
    return _content(comparison, shared) if has_single_runs and not (shared and shared.by_spread) else None


def gradcam_figures(shared: SharedImages) -> list[Captioned]:
    """Returns sheets of the maps, one row per image and a column per run."""
    captions = [f"{one.image_id}\n{one.true_class}" for one in shared.probabilities]
    images = ", ".join(one.image_id for one in shared.probabilities)
    meaningless = dict.fromkeys(shared.collapsed, MEANINGLESS)
    figures = []
    for start in range(0, len(shared.runs), SHOWN_RUNS):
        sheet = {run: shared.heats[run] for run in shared.runs[start : start + SHOWN_RUNS]}
        alternative = f"Grad-CAM maps of {', '.join(sheet)} on the test images {images}."
        if marked := [run for run in sheet if run in meaningless]:
            alternative += f" Not drawn, because a collapsed run's maps have no meaning: {', '.join(marked)}."
        figure = gradcam_comparison(shared.images, sheet, captions, meaningless)
        figures.append(Captioned(CAPTION, embed(figure, alternative, photographs=True)))
    return figures


def _content(comparison: Comparison, shared: SharedImages | None) -> Content:
    runs = [run for run in comparison.finished if not comparison.is_pooled(run)]
    return {
        "shared": shared,
        "figures": gradcam_figures(shared) if shared else [],
        "score": three_decimals,
        "has_maps": any(run.gradcam is not None for run in comparison.finished),
        "without_maps": [run.name for run in runs if run.gradcam is None],
    }


DISAGREEMENT = Section("gradcam", "Where models disagree", "gradcam.html.j2", disagreement)
MAPS = Section("gradcam", "Grad-CAM on the same test images", "gradcam.html.j2", maps)
