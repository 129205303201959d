"""Rules on observations written by hand: each cause by its readings, and nothing if its evidence is missing."""

import math
from dataclasses import replace
from typing import Any

import pytest

from skinexp.health import rules
from skinexp.health.diagnostic_limits import LIMITS
from skinexp.health.health_verdict import Verdict
from skinexp.health.observations import Observations
from skinexp.health.overfit_test import OverfitResult
from skinexp.health.readings import Readings
from skinexp.training.phases import Phase

TRAIN = Phase("train", 20, 1e-3, frozenset())
HEAD, FINE_TUNE = Phase("head", 20, 1e-3, frozenset({"conv"})), Phase("fine_tune", 5, 1e-5, frozenset())


def epochs(losses, validation=None, phase="train") -> list[dict]:
    """History of these losses."""
    pairs = zip(losses, validation or losses, strict=True)
    return [{"phase": phase, "train/loss": loss, "val/loss": other} for loss, other in pairs]


def observe(
    observations: Observations,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    end: dict[str, Any] | None = None,
    **facts: Any,
) -> Observations:
    """The observations with other readings before and after training and at the end of its phase, and other facts."""
    ends = {name: replace(readings, **(end or {})) for name, readings in observations.phase_ends.items()}
    return replace(
        observations,
        **{
            "before": replace(observations.before, **(before or {})),
            "after": replace(observations.after, **(after or {})),
            "phase_ends": ends,
            **facts,
        },
    )


@pytest.fixture
def healthy() -> Observations:
    """A network that learned."""
    return Observations(
        model="scratch",
        input_scaling="unit",
        expected_scaling="unit",
        pretrained=False,
        phases=[TRAIN],
        weight_decay=0.0,
        dropout=0.5,
        monitor="val/loss",
        steps_per_epoch=20,
        constant_loss=math.log(2),
        chance_error=0.04,
        before=Readings(
            constant_images=0.0, noise_images=0.0, pixel_max=255.0, label_mismatch=0.0,
            appearance_auc_train=0.66, appearance_error_train=0.02, appearance_auc_val=0.64,
            appearance_error_val=0.04, appearance_auc_transferred=0.65, colour_auc=0.6, colour_error=0.02,
            input_error=0.0, input_min=0.0, input_max=1.0, feature_cosine=0.997, initial_loss=0.7,
            gradient_min=0.1, gradient_max=2.0, dead_units=0.4,
        ),
        overfit_results=[OverfitResult(1e-3, 0.3, 1.0)],
        phase_ends={
            "train": Readings(
                weight_change=0.2, weight_norm=1.0, normalizations_learning=7.0, inference_loss=0.5,
                own_statistics_loss=0.45, stale_statistics=0.0,
            )
        },
        epochs=epochs([0.8, 0.6, 0.5], [0.7, 0.55, 0.6]),
        after=Readings(
            val_auc=0.85, val_loss=0.55, best_epoch=2.0, logit_std=1.2, predicted_positive=0.4, feature_cosine=0.7,
            probe_auc=0.83, probe_error=0.04,
        ),
    )  # fmt: skip


@pytest.fixture
def dead(healthy: Observations) -> Observations:
    """A network that predicts benign for every image, for no visible reason."""
    return observe(
        healthy,
        before={"appearance_auc_train": math.nan},
        after={"val_auc": 0.52, "logit_std": 4e-4, "predicted_positive": 0.0, "probe_auc": math.nan, "val_loss": 0.69},
        epochs=epochs([0.7, 0.69, 0.69]),
    )


def first(observations: Observations) -> str | None:
    found = rules.diagnose(observations)
    return found[0].name if found else None


def cause_of(observations: Observations) -> tuple[str, str | None]:
    cause = rules.diagnose(observations)[0]
    return cause.name, cause.cure


def test_nothing_is_found_in_a_healthy_training(healthy):
    assert rules.diagnose(healthy) == []
    verdict = Verdict.conclude(healthy)
    assert verdict.verdict == "ok"
    assert "validation ROC-AUC 0.85" in verdict.sentence


def test_nothing_is_found_if_nothing_was_measured(healthy):
    unmeasured = replace(
        healthy, before=Readings(), overfit_results=[], phase_ends={}, epochs=[], after=Readings(), error=None
    )
    assert rules.diagnose(unmeasured) == []


def test_a_constant_prediction_without_a_cause_is_named_that_and_no_more(dead):
    (diagnosis,) = rules.diagnose(dead)
    assert diagnosis.name == "class_prior_only"
    assert diagnosis.confidence == "low"
    verdict = Verdict.conclude(dead)
    assert verdict.verdict == "collapsed"
    assert "Every image is predicted benign (standard deviation of the logits 0.0004)" in verdict.sentence
    assert "Perhaps class prior only" in verdict.sentence


def test_the_seeds_collapse_is_explained_by_its_input(dead):
    collapsed = observe(
        dead,
        before={"input_error": 2.3, "input_min": 0.0, "input_max": 1.0, "feature_cosine": 1.0},
        after={"feature_cosine": 1.0, "probe_auc": 0.76},
        model="efficientnet",
        pretrained=True,
        input_scaling="unit",
        expected_scaling="byte",
        phases=[HEAD],
    )
    cause = rules.diagnose(collapsed)[0]
    assert cause.name == "wrong_input_range"
    assert cause.confidence == "high"
    assert cause.cure == "model.input_scaling=contract"
    assert "0..255" in cause.why
    assert "class_prior_only" in cause.consequences


def test_a_broken_contract_is_named_even_if_the_network_learned(healthy):
    broken = observe(
        healthy,
        before={"input_error": 1.5},
        model="mobilenet",
        pretrained=True,
        input_scaling="unit",
        expected_scaling="tf",
    )
    assert first(broken) == "wrong_input_range"
    assert Verdict.conclude(broken).verdict == "warning"


def test_another_scaling_of_a_network_without_weights_is_no_fault_if_it_learns(healthy):
    assert first(observe(healthy, before={"input_error": 3.0})) is None


def test_weights_of_another_range_are_found_by_trying_ranges(dead):
    other_range = observe(
        dead,
        before={"feature_cosine": 0.9996, "cosine_by_scaling": {"unit": 0.999, "byte": 0.55}},
        pretrained=True,
        phases=[HEAD],
        model="mobilenet",
        input_scaling="tf",
        expected_scaling="tf",
    )
    assert cause_of(other_range) == ("wrong_input_range", "model.input_scaling=byte")


def test_frozen_layers_that_nobody_trained_are_named(dead):
    untrained = observe(dead, before={"untrained_kernels": 1.0, "feature_cosine": 1.0}, pretrained=True, phases=[HEAD])
    assert first(untrained) == "frozen_random_backbone"


@pytest.mark.parametrize(
    ("others", "cause"), [([OverfitResult(1e-4, 0.4, 1.0)], "learning_rate_too_high"), ([], "exploding_or_nonfinite")]
)
def test_a_rate_is_too_high_only_if_a_lower_one_learns(healthy, others, cause):
    results = [OverfitResult(1e-3, math.inf, math.inf), *others]
    broken = replace(healthy, overfit_results=results, error="The loss became nan", after=Readings())
    assert first(broken) == cause


def test_a_loss_that_is_not_finite_follows_from_a_rate_that_is_too_high(healthy):
    results = [OverfitResult(1.0, math.inf, math.inf), OverfitResult(0.1, 3.0, 9.0), OverfitResult(1e-3, 0.3, 1.0)]
    broken = replace(healthy, overfit_results=results, error="The loss became nan", after=Readings())
    cause = rules.diagnose(broken)[0]
    assert cause.name == "learning_rate_too_high"
    assert cause.cure == "optim.lr=0.001"
    assert cause.consequences == ("exploding_or_nonfinite",)


def test_a_rate_is_too_low_if_weights_hardly_change_and_a_higher_one_learns(dead):
    results = [OverfitResult(1e-8, 1.0, 1.0), OverfitResult(1e-9, 1.0, 1.0), OverfitResult(1e-3, 0.4, 1.0)]
    still = observe(dead, end={"weight_change": 1e-5}, overfit_results=results)
    assert cause_of(still) == ("learning_rate_too_low", "optim.lr=0.001")


def test_weights_that_changed_do_not_suggest_a_rate_that_is_too_low(dead):
    results = [OverfitResult(1e-8, 1.0, 1.0), OverfitResult(1e-3, 0.4, 1.0)]
    assert first(replace(dead, overfit_results=results)) != "learning_rate_too_low"


def test_fine_tuning_that_destroys_the_head_is_at_too_high_a_rate(healthy):
    fine_tuned = replace(
        healthy,
        pretrained=True,
        phases=[HEAD, replace(FINE_TUNE, lr=0.1)],
        epochs=epochs([0.6, 0.5, 0.45], phase="head") + epochs([4.0, 1.2], phase="fine_tune"),
    )
    assert cause_of(fine_tuned) == ("learning_rate_too_high", "model.fine_tune.lr=0.01")


def test_unfrozen_normalization_of_a_pretrained_backbone_is_named(healthy):
    after = {"normalizations_learning": 52.0, "inference_loss": 4.0, "own_statistics_loss": 0.5}
    unfrozen = observe(healthy, after=after, pretrained=True)
    assert cause_of(unfrozen) == ("batchnorm_unfrozen_or_stale", "model.batch_norm=frozen")


STALE = {"inference_loss": 1.4, "own_statistics_loss": 0.4, "stale_statistics": 0.97}


def test_statistics_that_are_still_initial_are_named_with_the_share_that_is(dead):
    cause = rules.diagnose(observe(dead, after=STALE))[0]
    assert (cause.name, cause.cure) == ("batchnorm_unfrozen_or_stale", "model.batch_norm_momentum=0.9")
    assert "97%" in cause.why


MISFIT = {"inference_loss": 1.7, "own_statistics_loss": 0.3, "own_statistics_auc": 0.97}


def test_statistics_that_cost_the_order_of_the_images_are_named_before_what_follows(healthy):
    misfit = observe(
        healthy, after={**MISFIT, "inference_auc": 0.7}, epochs=epochs([0.6, 0.1, 0.01, 0.01], [0.7, 0.55, 1.5, 1.6])
    )
    assert cause_of(misfit) == ("batchnorm_unfrozen_or_stale", "optim.batch_size=32")


def test_statistics_that_shift_all_logits_alike_come_after_causes_that_cost_more(healthy):
    shifted = observe(
        healthy,
        after={**MISFIT, "inference_auc": 0.95, "val_loss": 0.8},
        epochs=epochs([0.8, 0.6, 0.5], [0.9, 0.8, 0.85]),
    )
    cause = rules.diagnose(shifted)[0]
    assert (cause.name, cause.cure) == ("batchnorm_unfrozen_or_stale", None)
    assert "the ROC-AUC is intact (0.95)" in cause.why
    overfitted = replace(shifted, epochs=epochs([0.6, 0.1, 0.01, 0.01], [0.9, 0.8, 1.5, 1.6]))
    cause = rules.diagnose(overfitted)[0]
    assert (cause.name, cause.consequences) == ("overfitting", ("batchnorm_unfrozen_or_stale",))


def test_a_layer_whose_units_are_all_dead_is_named(dead):
    assert first(observe(dead, before={"dead_units": 1.0})) == "dead_units"


def test_dead_units_are_no_fault_of_a_network_that_learns(healthy):
    assert first(observe(healthy, before={"dead_units": 1.0})) is None


def test_gradients_that_do_not_reach_the_first_layers_are_named(dead):
    assert first(observe(dead, before={"gradient_min": 1e-9, "gradient_max": 0.5})) == "vanishing_gradient"


@pytest.mark.parametrize("area", [0.04, 0.30])
def test_labels_that_are_inverted_in_one_part_are_named(healthy, area):
    assert first(observe(healthy, before={"appearance_auc_transferred": area})) == "labels_shuffled_or_misaligned"


def test_training_labels_of_other_images_are_named(dead):
    before = {"appearance_auc_train": 0.51, "appearance_auc_val": 0.72}
    assert first(observe(dead, before=before)) == "labels_shuffled_or_misaligned"


def test_labels_that_nothing_predicts_are_named(dead):
    unpredictable = observe(
        dead,
        before={"appearance_auc_train": 0.5},
        after={"logit_std": 1.0, "predicted_positive": 0.45, "probe_auc": 0.51},
    )
    assert first(unpredictable) == "labels_shuffled_or_misaligned"


def test_one_wrong_label_in_a_batch_is_proof(healthy):
    assert first(observe(healthy, before={"label_mismatch": 1 / 32})) == "labels_shuffled_or_misaligned"


def test_weights_of_another_epoch_are_named_with_that_epoch(healthy):
    other = observe(healthy, after={"val_loss": 0.9}, epochs=epochs([0.5, 0.4, 0.2], [0.6, 0.55, 0.9]))
    cause = rules.diagnose(other)[0]
    assert cause.name == "wrong_checkpoint_restored"
    assert "as in epoch 3" in cause.why


def test_memorised_images_and_a_rising_validation_loss_are_overfitting(healthy):
    losses = epochs([0.6, 0.3, 0.05, 0.02, 0.01], [0.6, 0.55, 0.8, 1.0, 1.2])
    assert first(replace(healthy, epochs=losses)) == "overfitting"


def test_a_gap_that_early_stopping_ended_in_time_is_not_overfitting(healthy):
    assert first(replace(healthy, epochs=epochs([0.6, 0.45, 0.35], [0.6, 0.55, 0.7]))) is None


def test_a_colour_that_predicts_the_label_is_a_suspected_shortcut(healthy):
    coloured = observe(healthy, before={"colour_auc": 0.96})
    assert cause_of(coloured) == ("shortcut_suspected", "data.preprocess.colour_constancy=true")


@pytest.mark.parametrize(("name", "share"), [("constant_images", 0.5), ("noise_images", 1.0)])
def test_images_that_show_nothing_come_first(dead, name, share):
    assert first(observe(dead, before={name: share, "appearance_auc_transferred": 0.1})) == "data_constant_or_corrupt"


def test_too_few_validation_images_are_not_judged(healthy):
    few = observe(healthy, after={"val_auc": 0.5}, chance_error=0.15)
    assert rules.diagnose(few) == []
    assert "too few validation images" in Verdict.conclude(few).sentence


def test_every_limit_has_an_origin():
    assert all(len(limit.origin.split()) > 4 for limit in LIMITS.values())


def test_a_cause_is_no_consequence_of_itself(dead):
    assert rules.diagnose(observe(dead, after=STALE))[0].consequences == ("class_prior_only",)


@pytest.mark.parametrize("validation", [[0.7, 0.6, 0.65], [0.6, 0.9, 0.65]], ids=["never", "in the kept epoch alone"])
def test_a_shift_that_hardly_shows_on_validation_images_is_no_cause(healthy, validation):
    records = epochs([0.8, 0.6, 0.5], validation)
    for record, area in zip(records, [0.8, 0.9, 0.85], strict=True):
        record["val/auc"] = area
    after = {**MISFIT, "inference_auc": 0.95, "val_loss": validation[1]}
    assert rules.diagnose(observe(healthy, after=after, epochs=records, monitor="val/auc")) == []


def test_much_dropout_is_not_taken_for_a_rate_that_is_too_high(dead):
    much = observe(
        dead,
        before={"appearance_auc_train": 0.7},
        dropout=0.95,
        epochs=epochs([20.0, 15.0, 12.0], [0.7, 0.69, 0.69]),
        steps_per_epoch=100,
    )
    cause = rules.diagnose(much)[0]
    assert cause.name == "underfitting_capacity"
    assert "dropout" in cause.why


def test_a_network_whose_first_loss_is_extreme_is_named_even_if_its_order_is_right(healthy):
    records = epochs([0.8, 0.6, 0.5], [0.7, 300.0, 0.6])
    extreme = observe(healthy, before={"initial_loss": 500.0}, after={"val_loss": 300.0}, epochs=records)
    assert first(extreme) == "exploding_or_nonfinite"


def test_information_that_a_probe_finds_in_a_collapsed_network_s_features_is_reported(dead):
    informed = Verdict.conclude(observe(dead, after={"probe_auc": 0.76})).sentence
    assert "has a ROC-AUC of 0.76: the features contain information that the network does not use" in informed
    assert "contain information" not in Verdict.conclude(observe(dead, after={"probe_auc": 0.55})).sentence


def test_a_head_that_begins_worse_than_chance_and_stays_there_is_not_at_too_high_a_rate(dead):
    still = observe(dead, before={"initial_loss": 1.1}, epochs=epochs([1.45, 1.44, 1.45], [0.69, 0.69, 0.69]))
    assert first(still) != "learning_rate_too_high"


def test_a_loss_that_rose_far_above_a_constant_prediction_suggests_too_high_a_rate(dead):
    raised = replace(dead, epochs=epochs([9.0, 30.0, 2.0], [0.7, 0.69, 0.69]))
    assert first(raised) == "learning_rate_too_high"


def test_nearly_black_images_of_any_part_come_first_and_name_the_range(healthy):
    dark = observe(healthy, before={"dark_images": 0.2})
    assert first(dark) == "data_constant_or_corrupt"
    assert "data.pixel_bits" in rules.diagnose(dark)[0].why
    assert rules.diagnose(observe(healthy, before={"dark_images": 0.01})) == []
