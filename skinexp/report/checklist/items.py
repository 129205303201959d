"""The items of TRIPOD+AI in short words, where a run fills them in, and what people must add.

The full wording is in the statement and in its explanation: Collins et al., BMJ 385 (2024) e078378. A test checks that
each place exists in the directory of a run, an evaluation or a comparison.
"""

from dataclasses import dataclass

from skinexp.core import run_files
from skinexp.report.checklist.places import Place


@dataclass(frozen=True)
class Item:
    """An item of the checklist.

    Attributes:
        number: of TRIPOD+AI, 1 to 27, with the letter of a part.
        asks: what is to be reported, in short words.
        places: where runs and comparisons fill it in.
        people: what people must add; empty if nothing is left to add.
        stated: fields of `data.card` that fill it in if people state them.
        needs_table_1: whether characteristics that the data do not record are left to people.
    """

    number: str
    asks: str
    places: tuple[Place, ...] = ()
    people: str = ""
    stated: tuple[str, ...] = ()
    needs_table_1: bool = False


def _result(at: str, what: str) -> Place:
    return Place(run_files.RESULT, at, what)


def _card(at: str, what: str) -> Place:
    return Place(run_files.DATA_CARD, at, what)


def _values(at: str, what: str) -> Place:
    return Place(run_files.DATA_CARD_VALUES, at, what)


def _page(at: str, what: str) -> Place:
    return Place(run_files.COMPARISON_PAGE, at, what)


def _evidence(name: str, what: str) -> Place:
    return Place(f"{run_files.EVIDENCE}/{name}.csv", what=what)


def _figure(name: str, what: str) -> Place:
    return Place(f"{run_files.FIGURES}/{name}.png", what=what)


COUNTS = _result("data.counts", "images by part of the split and class")
SUBGROUPS = _evidence("subgroups", "scores by subgroup, with 95 % CI")
GAPS = _evidence("subgroup_gaps", "gap between the best and the worst subgroup, with 95 % CI")
FLOW = _values("flow", "images listed, left out with the reason, and used")
TABLE_1 = _card("Table 1", "age, sex, site, diagnosis and skin tone by part of the split and class; unknown values")
SHIFT = _result("shift", "distance of these images from the training images")
NETWORK = Place(run_files.MODEL, what="the network with preprocessing, calibration and operating threshold")

TITLE = (
    Item("1", "title: a model is developed or evaluated, population and outcome", people="the title"),
    Item("2", "abstract", people="the abstract, by the checklist TRIPOD+AI for Abstracts"),
)
INTRODUCTION = (
    Item("3a", "healthcare context, rationale, existing models", people="all of it"),
    Item("3b", "target population, intended purpose and users", people="all of it"),
    Item("3c", "known health inequalities", people="all of it"),
    Item("4", "objectives: development, validation, or both", people="all of it"),
)
METHODS = (
    Item(
        "5a",
        "sources of the data for development and evaluation",
        (_values("source", "directory or name of the data set"), _values("data_digest", "digest of its images")),
        "why these data were used, and whom they represent",
        ("enrolment",),
    ),
    Item("5b", "dates of the data", stated=("dates",)),
    Item("6a", "setting, number and location of centres", stated=("centres",)),
    Item("6b", "eligibility criteria", (FLOW,), stated=("eligibility",)),
    Item("6c", "treatments received", people="which treatments, and how they were handled; or that there were none"),
    Item(
        "7",
        "preprocessing and quality checks of the data",
        (
            _card("Preprocessing", "steps that were applied to each image"),
            Place(run_files.AUDIT, "findings", "copies, contradictory labels, unusable files and confounds"),
        ),
        "whether preparation and checks were alike across sociodemographic groups",
    ),
    Item(
        "8a",
        "the outcome, how and when it was assessed",
        (_result("config.data.labels", "which classes are benign and malignant"),),
        "why this outcome was chosen, and whether its assessment was alike across sociodemographic groups",
        ("reference_standard",),
    ),
    Item("8b", "qualifications of the assessors of the outcome", people="their demographics", stated=("assessors",)),
    Item("8c", "blinding of the assessment of the outcome", people="what was hidden from the assessors"),
    Item(
        "9a",
        "choice of predictors",
        (_result("config.model", "the network; its predictors are the pixels of one image"),),
        "why these images, and no clinical data, are the predictors",
    ),
    Item(
        "9b",
        "definition and measurement of predictors",
        (_result("config.data.preprocess", "how pixels are made from a photograph"),),
        "how photographs were taken, and what was hidden from those who took them",
        ("devices",),
    ),
    Item("9c", "assessors of predictors", people="who took or selected the images, if that takes judgement"),
    Item(
        "10",
        "sample size and its justification",
        (COUNTS, _card("Precision planning", "width of the ROC-AUC's 95 % CI, and the images that a width needs")),
        "how the study size was arrived at, for development and for evaluation",
    ),
    Item(
        "11",
        "missing data, and reasons for omitting data",
        (_values("table_1", "values that are unknown"), FLOW),
        "why values are missing",
        needs_table_1=True,
    ),
    Item(
        "12a",
        "use of the data: partition for development and evaluation",
        (_result("config.data.split", "fractions or folds, and what stays together"), COUNTS),
    ),
    Item(
        "12b",
        "handling of predictors: rescaling, transformation",
        (
            _result("config.model.input_scaling", "scaling of the pixels"),
            _result("config.augment", "random changes of training images"),
        ),
    ),
    Item(
        "12c",
        "type of model, steps of building it, tuning, internal validation",
        (
            _result("model", "network and number of parameters"),
            _result("config.optim", "optimizer, loss, learning rate, stopping"),
            Place(run_files.HISTORY, what="losses and scores by epoch"),
            _figure("curves", "learning curves"),
            _page("reproduce", "command and configuration of each run"),
        ),
        "why this type of model; how the compared configurations were chosen",
    ),
    Item(
        "12d",
        "heterogeneity across clusters, and how it was handled",
        (SUBGROUPS, GAPS),
        "which clusters (centres, countries) matter; columns of the data name them",
    ),
    Item(
        "12e",
        "measures and plots of performance, comparison of models",
        (
            _evidence("scores", "measures with the method of each 95 % CI"),
            _figure("roc", "ROC curve"),
            _figure("precision_recall", "precision-recall curve"),
            _evidence("reliability", "reliability before and after calibration"),
            _page("scores", "all measures of all runs"),
            _page("pairs", "paired tests between models"),
        ),
        "why these measures suit the intended use",
    ),
    Item("12f", "model updating from the evaluation", people="whether the model was updated; a run updates none"),
    Item(
        "12g",
        "how predictions were calculated",
        (NETWORK, Place(run_files.PREDICTIONS, what="logit and probability of each image")),
    ),
    Item(
        "13",
        "class imbalance methods, and recalibration after them",
        (
            _result("config.optim.class_weight", "weights of the classes in the loss"),
            _result("calibration", "calibration that was fitted on validation images"),
        ),
        "why the method was used, if one was",
    ),
    Item("14", "fairness: approaches and rationale", (SUBGROUPS,), "the approach to fairness, and its rationale"),
    Item(
        "15",
        "output of the model, and how thresholds were identified",
        (
            _result("config.evaluate.threshold", "rule of the operating threshold"),
            _result("thresholds.chosen", "the operating threshold"),
        ),
        "why this rule suits the intended use",
    ),
    Item(
        "16",
        "differences between development and evaluation data",
        (SHIFT, TABLE_1),
        "differences in setting, eligibility, outcome and predictors",
    ),
    Item("17", "ethical approval and informed consent", stated=("consent",)),
)
OPEN_SCIENCE = (
    Item("18a", "funding", people="all of it"),
    Item("18b", "conflicts of interest", people="all of it"),
    Item("18c", "protocol", people="where it is, or that there is none"),
    Item("18d", "registration", people="register and number, or that the study was not registered"),
    Item(
        "18e",
        "availability of the data",
        (_values("licence", "licence of the images"), _result("data_digest", "digest that identifies the data")),
        "where the data can be obtained",
    ),
    Item(
        "18f",
        "availability of the code",
        (
            _result("git.sha", "commit of the code"),
            Place(run_files.PACKAGES, what="packages with their versions"),
            _page("reproduce", "commands and digests"),
        ),
        "where the code can be obtained",
    ),
    Item("19", "patient and public involvement", people="details, or that there was none"),
)
RESULTS = (
    Item("20a", "flow of participants, with and without the outcome", (FLOW, COUNTS), "a diagram"),
    Item(
        "20b",
        "characteristics of participants, missing data",
        (TABLE_1,),
        "treatments, key dates, differences",
        needs_table_1=True,
    ),
    Item("20c", "comparison with the development data", (TABLE_1, SHIFT), needs_table_1=True),
    Item("21", "participants and outcome events in each analysis", (COUNTS, _page("data", "images of each data set"))),
    Item(
        "22", "the full model, and restrictions on its use", (NETWORK,), "where the model can be obtained, and by whom"
    ),
    Item(
        "23a",
        "performance with confidence intervals, also of subgroups",
        (
            _evidence("scores", "each score with its 95 % CI"),
            SUBGROUPS,
            _figure("roc", "ROC curve"),
            _page("scores", "scores of all runs"),
            _page("subgroups", "ROC-AUC by subgroup"),
        ),
    ),
    Item("23b", "heterogeneity of performance across clusters", (GAPS,), "what the gaps mean for the clusters"),
    Item("24", "results of model updating", people="the updated model and its performance, if it was updated"),
)
DISCUSSION = (
    Item("25", "interpretation, fairness, previous studies", people="all of it"),
    Item(
        "26",
        "limitations: sample, overfitting, missing data",
        (
            Place(run_files.AUDIT, "verdict", "what the audit of the data found"),
            Place(run_files.HEALTH, "verdict", "what the doctor found of the training"),
            _page("audit", "data warnings of all runs"),
        ),
        "their effect on bias, uncertainty and generalizability",
    ),
    Item("27a", "poor or unavailable input in use", people="how it is to be assessed and handled"),
    Item("27b", "interaction and expertise of users", people="all of it"),
    Item("27c", "next steps for research", people="all of it"),
)
PARTS = {
    "Title and abstract": TITLE,
    "Introduction": INTRODUCTION,
    "Methods": METHODS,
    "Open science, patients and public": OPEN_SCIENCE,
    "Results": RESULTS,
    "Discussion": DISCUSSION,
}
