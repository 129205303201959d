"""Evaluation of predictions: arrays and tables in, numbers out; independent of the rest of skinexp."""

from skinexp.evaluation.by_diagnosis import scores_by_diagnosis, worst_diagnoses
from skinexp.evaluation.cases import CLASSES, why_undefined
from skinexp.evaluation.decision.calibration import Calibrator, fit_calibrator
from skinexp.evaluation.decision.net_benefit import decision_curve, net_benefit
from skinexp.evaluation.decision.prevalence import at_prevalence, probabilities_at_prevalence
from skinexp.evaluation.decision.threshold_rules import ThresholdRule, choose_threshold, parse_rule
from skinexp.evaluation.decision.youden import youden_threshold
from skinexp.evaluation.evaluate import TestEvaluation, evaluate
from skinexp.evaluation.folds import FoldAreas, fold_areas, pool_folds
from skinexp.evaluation.group_level import scores_by_unit
from skinexp.evaluation.intervals.bootstrap import Bootstrap, Resampling, bootstrap
from skinexp.evaluation.intervals.delong import delong_interval
from skinexp.evaluation.intervals.independent_difference import independent_difference
from skinexp.evaluation.intervals.interval import Interval
from skinexp.evaluation.intervals.newcombe import auc_interval
from skinexp.evaluation.intervals.wilson import grouped_wilson, wilson
from skinexp.evaluation.metrics.curve_points import (
    PrecisionRecallPoints,
    RocPoints,
    precision_recall_points,
    roc_points,
)
from skinexp.evaluation.metrics.probability_scores import probability_scores
from skinexp.evaluation.metrics.ranking_scores import ranking_scores
from skinexp.evaluation.metrics.reliability_points import reliability_points
from skinexp.evaluation.metrics.threshold_scores import classification_report, confusion_counts, threshold_scores
from skinexp.evaluation.operating_point import OperatingPoint, calibrated_probabilities, predicted_labels
from skinexp.evaluation.options import EvaluationOptions
from skinexp.evaluation.paired.area_test import PairedAuc, delong_test
from skinexp.evaluation.paired.holm import holm
from skinexp.evaluation.paired.mcnemar import McNemar, mcnemar
from skinexp.evaluation.paired.model_pairs import PairedComparison, compare_pairs
from skinexp.evaluation.paired.score_differences import score_differences
from skinexp.evaluation.paired.seed_comparison import SeedComparison, SeedSummary, compare_seeds, summarise_seeds
from skinexp.evaluation.subgroups import Subgroups, subgroups

__all__ = [
    "CLASSES",
    "Bootstrap",
    "Calibrator",
    "EvaluationOptions",
    "FoldAreas",
    "Interval",
    "McNemar",
    "OperatingPoint",
    "PairedAuc",
    "PairedComparison",
    "PrecisionRecallPoints",
    "Resampling",
    "RocPoints",
    "SeedComparison",
    "SeedSummary",
    "Subgroups",
    "TestEvaluation",
    "ThresholdRule",
    "at_prevalence",
    "auc_interval",
    "bootstrap",
    "calibrated_probabilities",
    "choose_threshold",
    "classification_report",
    "compare_pairs",
    "compare_seeds",
    "confusion_counts",
    "decision_curve",
    "delong_interval",
    "delong_test",
    "evaluate",
    "fit_calibrator",
    "fold_areas",
    "grouped_wilson",
    "holm",
    "independent_difference",
    "mcnemar",
    "net_benefit",
    "parse_rule",
    "pool_folds",
    "precision_recall_points",
    "predicted_labels",
    "probabilities_at_prevalence",
    "probability_scores",
    "ranking_scores",
    "reliability_points",
    "roc_points",
    "score_differences",
    "scores_by_diagnosis",
    "scores_by_unit",
    "subgroups",
    "summarise_seeds",
    "threshold_scores",
    "why_undefined",
    "wilson",
    "worst_diagnoses",
    "youden_threshold",
]
