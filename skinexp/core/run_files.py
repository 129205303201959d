"""The names of all files and folders in a run's directory, defined once for writers and readers."""

# Written by every run, a training or an evaluation.
RESULT = "result.json"  # the run's summary, see skinexp.runs.run_summary
RESERVE = ".reserve.part"  # room for result.json on a disk that fills up; removed at the end
TRACEBACK = "traceback.txt"  # of a run that failed
PREDICTIONS = "predictions.parquet"
EVIDENCE = "evidence"  # folder: scores with intervals, as tables
FIGURES = "figures"  # folder
OUTBOX = "outbox"  # folder: what is to be tracked, see skinexp.tracking.outbox
UPLOADER_LOG = "courier.log"  # in the outbox
HYDRA = ".hydra"  # folder: the composed configuration, as Hydra writes it
LOCK = ".run.lock"  # held by the process that works in the directory, see skinexp.runs.ownership

# Written by a training.
TRAIN_LOG = "train.log"
HISTORY = "history.csv"
MODEL = "model.keras"
MAPS = "gradcam.npz"
HEALTH = "health.json"
AUDIT = "audit.json"
DATA_CARD = "data_card.md"
DATA_CARD_VALUES = "data_card.json"
CHECKLIST = "checklist.md"  # of a comparison too
PACKAGES = "packages.txt"
TENSORBOARD = "tensorboard"  # folder
CHECKPOINTS = "checkpoints"  # folder: where an interrupted training continues

# Written by an evaluation.
EVALUATE_LOG = "evaluate.log"
EXTERNAL_SETS = "external_sets.csv"  # of several sets, each in a directory of its own
EXTERNAL_SETS_VALUES = "external_sets.json"

# Written by a learning-rate range test, and by an audit.
LR_CURVE = "lr_find.csv"
LR_SUGGESTION = "lr_find.json"
AUDIT_PAGE = "audit.html"

# Written by a sweep, or by a comparison of runs.
SWEEP = "sweep.json"
MULTIRUN = "multirun.yaml"  # the sweep's composed configuration, as Hydra writes it
COMPARISON_PAGE = "comparison.html"
COMPARISON_TABLE = "comparison.csv"
COMPARISON_VALUES = "comparison.json"
COMPARISON_SCORES = "comparison_scores.csv"
COMPARISON_PAIRS = "comparison_pairs.csv"
COMPARISON_DIFFERENCES = "comparison_differences.csv"
FOLDS = "folds.csv"


def classification_report(threshold: str) -> str:
    """Returns the name of the classification report at a threshold."""
    return f"classification_report_{threshold}.csv"
