"""What is wrong with the network as it was built."""

import math

from skinexp.contracts.scalings import SCALINGS
from skinexp.health.chart import Chart, Evidence
from skinexp.health.diagnosis import LIKELY, POSSIBLE, SURE, Diagnosis
from skinexp.health.rules.outcome import failed
from skinexp.health.thresholds import limit


def wrong_input_range(chart: Chart) -> Diagnosis | None:
    """What enters the backbone is not what it was trained on."""
    before, (chosen, expected) = chart.before, chart.scaling
    names = ("input_error", "input_min", "input_max", "pixel_max", "feature_cosine", "probe_auc")
    seen = {name: before[name] for name in names if name in before}
    pixel_max = before.get("pixel_max", math.nan)
    if pixel_max <= limit("byte_range") and before.get("constant_images", 1) <= limit("bad_images"):
        why = f"pixels go up to {pixel_max:g} only, where every network here takes 0 to 255"
        return Diagnosis("wrong_input_range", SURE, why, None, seen)
    if before.get("input_error", math.nan) > limit("input_error") and (chart.pretrained or failed(chart)):
        what = "its weights were trained on" if chart.pretrained else "it was designed for"
        why = (
            f"{chart.network} gets inputs from {before['input_min']:.3g} to {before['input_max']:.3g} "
            f"(model.input_scaling={chosen}), {what} {SCALINGS[expected].described}"
        )
        confidence = SURE if chart.pretrained else LIKELY
        return Diagnosis("wrong_input_range", confidence, why, "model.input_scaling=contract", seen)
    better = _in_other_ranges(before)
    scaling = min(better, key=lambda name: better[name], default=None)
    if scaling and _is_dead(before) and better[scaling] < limit("awake"):
        why = (
            f"all images look alike to {chart.network} (cosine of features {before['feature_cosine']:.4f}), and would "
            f"not with inputs in {SCALINGS[scaling].described} ({better[scaling]:.2f})"
        )
        return Diagnosis(
            "wrong_input_range", SURE, why, f"model.input_scaling={scaling}", seen | {"cosine_then": better[scaling]}
        )
    return None


def frozen_random_backbone(chart: Chart) -> Diagnosis | None:
    """The head stands on layers that nobody trained and that cannot learn."""
    before = chart.before
    share = before.get("untrained_kernels", math.nan)
    seen = {name: before[name] for name in ("untrained_kernels", "feature_cosine") if name in before}
    if share > limit("untrained"):
        why = f"{share:.0%} of the frozen layers hold what their initializer draws: nobody has trained them"
        return Diagnosis("frozen_random_backbone", SURE, why, "model.weights=imagenet", seen)
    sees_nothing = _is_dead(before) and not any(cosine < limit("awake") for cosine in _in_other_ranges(before).values())
    if chart.backbone_frozen and sees_nothing and failed(chart):
        why = (
            f"the frozen backbone sees no difference between images (cosine of features "
            f"{before['feature_cosine']:.4f}) in any range of inputs: its weights do not know such images, or are "
            f"damaged"
        )
        return Diagnosis("frozen_random_backbone", POSSIBLE, why, "model.weights=imagenet", seen)
    return None


def _is_dead(before: Evidence) -> bool:
    return before.get("feature_cosine", math.nan) > limit("constant_features")


def _in_other_ranges(before: Evidence) -> dict[str, float]:
    """The features' cosine if inputs were scaled otherwise, by the scaling; empty where nobody asked."""
    prefix = "cosine_if_"
    return {name.removeprefix(prefix): value for name, value in before.items() if name.startswith(prefix)}
