"""What predictions are worth: arrays and tables in, numbers out. Knows scikit-learn, and nothing of ours."""

from skinexp.evaluation.cases import CLASSES, why_undefined
from skinexp.evaluation.curves import PrecisionRecallPoints, RocPoints, precision_recall_points, roc_points
from skinexp.evaluation.evaluate import Evaluation, evaluate
from skinexp.evaluation.intervals import auc_standard_error
from skinexp.evaluation.scores import classification_report, confusion_counts, ranking_scores, threshold_scores
from skinexp.evaluation.thresholds import youden_threshold

__all__ = [
    "CLASSES",
    "Evaluation",
    "PrecisionRecallPoints",
    "RocPoints",
    "auc_standard_error",
    "classification_report",
    "confusion_counts",
    "evaluate",
    "precision_recall_points",
    "ranking_scores",
    "roc_points",
    "threshold_scores",
    "why_undefined",
    "youden_threshold",
]
