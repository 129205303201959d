"""Readings of the kept weights, when training is over."""

from dataclasses import replace

import numpy as np
import pandas as pd

from skinexp.health import probes
from skinexp.health.diagnostic_limits import limit
from skinexp.health.examined_training import ExaminedTraining
from skinexp.health.observations import Observations
from skinexp.health.readings import Readings
from skinexp.health.rules.outcome import failed
from skinexp.models.prediction import Predictions


def observe_kept_weights(
    training: ExaminedTraining,
    observations: Observations,
    history: pd.DataFrame,
    best_epoch: int,
    predictions: Predictions,
) -> Observations:
    """Returns the observations with the epochs and the readings of the kept weights.

    If something is wrong, units below a cut and the modes of BatchNormalization are examined as well.

    Args:
        training: the training.
        observations: those before and while it ran.
        history: one row for each epoch.
        best_epoch: the epoch whose weights were kept, counted from 1.
        predictions: of the kept weights.
    """
    epochs = [{str(name): value for name, value in record.items()} for record in history.to_dict(orient="records")]
    after = _read_predictions(predictions, training)
    after |= Readings(best_epoch=float(best_epoch)) | training.read_normalizations(len(history))
    observed = replace(observations, epochs=epochs, after=after)
    layer = training.cuts[-1]
    if failed(observed) and layer is not None and not observed.frozen_layers_probed:
        dead = max(np.nan_to_num(observed.before.dead_units), training.dead_units_below(layer))
        observed = replace(observed, before=replace(observed.before, dead_units=float(dead)), frozen_layers_probed=True)
    if _statistics_are_suspect(observed):
        observed = replace(observed, after=observed.after | training.read_modes())
    return observed


def _read_predictions(predictions: Predictions, training: ExaminedTraining) -> Readings:
    """Returns readings of the predictions for the validation images."""
    val = (predictions.table["split"] == "val").to_numpy()
    rows, features = predictions.table[val], predictions.features[val]
    labels, logits = rows["label"].to_numpy(), rows["logit"].to_numpy()
    return Readings(
        val_auc=probes.auc(labels, logits),
        val_loss=training.objective.mean(labels, logits),
        logit_std=float(np.std(logits)),
        predicted_positive=probes.predicted_positive(logits),
        feature_cosine=probes.mean_pairwise_cosine(features),
        feature_rank=probes.effective_rank(features),
        probe_auc=probes.logistic_probe_auc(features, labels, rows["group"], training.config.seed),
        probe_error=probes.chance_error(training.batches.val.labels),
        nonfinite_answers=float(probes.nonfinite_count([logits, features])),
    )


def _statistics_are_suspect(observations: Observations) -> bool:
    """Returns whether running statistics were trained that may explain what is wrong."""
    after = observations.after
    if not after.normalizations_learning > 0:
        return False
    stale = after.stale_statistics > limit("stale")
    high_loss = not after.val_loss <= observations.constant_loss
    return observations.pretrained or stale or failed(observations) or high_loss
