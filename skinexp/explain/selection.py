"""The selection of explained test images: clear correct and wrong predictions, and a sample for all networks."""

import hashlib

import numpy as np
import pandas as pd

OUTCOMES = np.array(["true positive", "false positive", "true negative", "false negative"])  # positive: malignant


def outcomes(predictions: pd.DataFrame, images: int) -> pd.DataFrame:
    """Chooses hits and misses of a network, the most confident of each kind first.

    Each kind gets an equal share; what a kind cannot fill goes to the others.

    Args:
        predictions: one row per image, with `image_id`, `split`, `label`, `logit` and `predicted` (0/1), its label at
            the operating threshold.
        images: how many to choose at most.

    Returns:
        Rows of the test split, ordered by kind, with a column `outcome`: one of `OUTCOMES`.
    """
    rows = predictions[predictions["split"] == "test"]
    predicted = (rows["predicted"] == 1).to_numpy()
    right = predicted == (rows["label"] == 1).to_numpy()
    kinds = np.select([predicted & right, predicted, right], [0, 1, 2], default=3)
    # By logit, not probability: the probabilities of the surest are all 1.0 in float32.
    confidence = np.where(predicted, rows["logit"], -rows["logit"])
    best_first = np.lexsort((rows["image_id"].astype(str), -confidence))
    chosen = best_first[_equal_shares(kinds[best_first], images)]
    return rows.iloc[chosen].assign(outcome=OUTCOMES[kinds[chosen]]).reset_index(drop=True)


def shared(predictions: pd.DataFrame, images: int) -> pd.DataFrame:
    """Chooses test images by their ids alone: networks with the same test set get the same images.

    Args:
        predictions: one row per image, with `image_id`, `split` and `label`.
        images: how many to choose at most, half of them malignant where there are enough.

    Returns:
        Rows of the test split, benign ones first.
    """
    rows = predictions[predictions["split"] == "test"]
    digests = [hashlib.sha256(str(image_id).encode()).hexdigest() for image_id in rows["image_id"]]
    shuffled = rows.iloc[np.argsort(digests)]
    return shuffled.iloc[_equal_shares(shuffled["label"].to_numpy(), images)].reset_index(drop=True)


def _equal_shares(kinds: np.ndarray, images: int) -> np.ndarray:
    """Takes from each kind in turns, until there are enough; a kind that runs out is passed over.

    Args:
        kinds: (n,) kind of each candidate, the preferred candidates first.
        images: how many to take at most.

    Returns:
        Positions in `kinds`, ordered by kind, the preferred first.
    """
    turns = pd.Series(kinds).groupby(kinds).cumcount().to_numpy()
    taken = np.lexsort((kinds, turns))[:images]
    return taken[np.lexsort((turns[taken], kinds[taken]))]
