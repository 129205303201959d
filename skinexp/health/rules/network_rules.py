"""Causes in the network as it was built."""

from skinexp.contracts.scalings import SCALINGS
from skinexp.health.diagnosis import LIKELY, POSSIBLE, SURE, Diagnosis
from skinexp.health.diagnostic_limits import limit
from skinexp.health.observations import Observations
from skinexp.health.readings import Readings, measured
from skinexp.health.rules.outcome import failed


def wrong_input_range(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if the input of the backbone is not in the range that it was trained on."""
    return _scaled_images(observations) or _broken_contract(observations) or _better_range(observations)


def _scaled_images(observations: Observations) -> Diagnosis | None:
    """Images that were scaled before they were stored."""
    before = observations.before
    if not (before.pixel_max <= limit("byte_range") and before.constant_images <= limit("bad_images")):
        return None
    why = f"the largest pixel value is {before.pixel_max:g}, but the network expects pixels in 0..255"
    return Diagnosis("wrong_input_range", SURE, why, None, _range_evidence(before))


def _broken_contract(observations: Observations) -> Diagnosis | None:
    """An input scaling that is not the one of the backbone's contract."""
    before, pretrained = observations.before, observations.pretrained
    if not (before.input_error > limit("input_error") and (pretrained or failed(observations))):
        return None
    purpose = "its weights were trained on" if pretrained else "it was designed for"
    expected = SCALINGS[observations.expected_scaling].described
    why = (
        f"{observations.model} receives inputs from {before.input_min:.3g} to {before.input_max:.3g} "
        f"(model.input_scaling={observations.input_scaling}), but {purpose} {expected}"
    )
    cure = "model.input_scaling=contract"
    return Diagnosis("wrong_input_range", SURE if pretrained else LIKELY, why, cure, _range_evidence(before))


def _better_range(observations: Observations) -> Diagnosis | None:
    """Weights that were trained on another range than the contract says."""
    before = observations.before
    cosines = before.cosine_by_scaling
    scaling = min(cosines, key=lambda name: cosines[name], default=None)
    if not (scaling and _is_dead(before) and cosines[scaling] < limit("awake")):
        return None
    why = (
        f"{observations.model} has nearly the same features for all images (mean cosine {before.feature_cosine:.4f}), "
        f"but different ones with inputs in {SCALINGS[scaling].described} ({cosines[scaling]:.2f})"
    )
    evidence = _range_evidence(before) | {"cosine_then": cosines[scaling]}
    return Diagnosis("wrong_input_range", SURE, why, f"model.input_scaling={scaling}", evidence)


def _range_evidence(before: Readings) -> dict[str, float]:
    return measured(
        input_error=before.input_error,
        input_min=before.input_min,
        input_max=before.input_max,
        pixel_max=before.pixel_max,
        feature_cosine=before.feature_cosine,
        probe_auc=before.probe_auc,
    )


def frozen_random_backbone(observations: Observations) -> Diagnosis | None:
    """Returns a diagnosis if the head is trained on a frozen backbone that was never trained."""
    before = observations.before
    evidence = measured(untrained_kernels=before.untrained_kernels, feature_cosine=before.feature_cosine)
    if before.untrained_kernels > limit("untrained"):
        why = f"{before.untrained_kernels:.0%} of the frozen kernels are as their initializer draws them: not trained"
        return Diagnosis("frozen_random_backbone", SURE, why, "model.weights=imagenet", evidence)
    awake_elsewhere = any(cosine < limit("awake") for cosine in before.cosine_by_scaling.values())
    if observations.backbone_frozen and _is_dead(before) and not awake_elsewhere and failed(observations):
        why = (
            f"the frozen backbone has nearly the same features for all images (mean cosine "
            f"{before.feature_cosine:.4f}) in every input range: its weights do not fit such images, or are damaged"
        )
        return Diagnosis("frozen_random_backbone", POSSIBLE, why, "model.weights=imagenet", evidence)
    return None


def _is_dead(before: Readings) -> bool:
    return before.feature_cosine > limit("constant_features")
