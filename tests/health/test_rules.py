"""Rules on charts that are written down by hand: each cause by its signature, and nothing where evidence is missing."""

import math
from dataclasses import replace

import pytest

from skinexp.health import rules, words
from skinexp.health.chart import Chart
from skinexp.health.thresholds import LIMITS
from skinexp.health.trial import Trial
from skinexp.training.phases import Phase

TRAIN = Phase("train", 20, 1e-3, frozenset())
HEAD, FINE_TUNE = Phase("head", 20, 1e-3, frozenset({"conv"})), Phase("fine_tune", 5, 1e-5, frozenset())


def epochs(losses, validation=None, phase="train") -> list[dict]:
    """History of these losses."""
    pairs = zip(losses, validation or losses, strict=True)
    return [{"phase": phase, "train/loss": loss, "val/loss": other} for loss, other in pairs]


@pytest.fixture
def healthy() -> Chart:
    """A network that learned."""
    return Chart(
        network="scratch",
        scaling=("unit", "unit"),
        pretrained=False,
        phases=[TRAIN],
        weight_decay=0.0,
        dropout=0.5,
        monitor="val/loss",
        steps_an_epoch=20,
        entropy=math.log(2),
        chance_error=0.04,
        before={
            "constant_images": 0.0, "noise_images": 0.0, "pixel_max": 255.0, "label_mismatch": 0.0,
            "appearance_auc_train": 0.66, "appearance_error_train": 0.02, "appearance_auc_val": 0.64,
            "appearance_error_val": 0.04, "appearance_auc_transferred": 0.65, "colour_auc": 0.6, "colour_error": 0.02,
            "input_error": 0.0, "input_min": 0.0, "input_max": 1.0, "feature_cosine": 0.997, "initial_loss": 0.7,
            "gradient_min": 0.1, "gradient_max": 2.0, "dead_units": 0.4,
        },
        trials=[Trial(1e-3, 0.3, 1.0)],
        ends={"train": {"weight_change": 0.2, "weight_norm": 1.0, "normalizations_learning": 7.0, "inference_loss": 0.5,
                        "own_statistics_loss": 0.45, "stale_statistics": 0.0}},
        epochs=epochs([0.8, 0.6, 0.5], [0.7, 0.55, 0.6]),
        after={"val_auc": 0.85, "val_loss": 0.55, "best_epoch": 2.0, "logit_std": 1.2, "predicted_positive": 0.4,
               "feature_cosine": 0.7, "probe_auc": 0.83, "probe_error": 0.04},
    )  # fmt: skip


@pytest.fixture
def dead(healthy: Chart) -> Chart:
    """A network that answers benign to everything, for no reason that can be seen."""
    healthy.after |= {"val_auc": 0.52, "logit_std": 4e-4, "predicted_positive": 0.0}
    healthy.after |= {"probe_auc": math.nan, "val_loss": 0.69}
    healthy.epochs = epochs([0.7, 0.69, 0.69])
    healthy.before |= {"appearance_auc_train": math.nan}
    return healthy


def first(chart: Chart) -> str | None:
    found = rules.diagnose(chart)
    return found[0].name if found else None


def test_nothing_is_said_of_a_healthy_training(healthy):
    assert rules.diagnose(healthy) == []
    verdict = words.verdict(healthy, [])
    assert verdict.verdict == "ok"
    assert "validation AUC 0.85" in verdict.sentence


def test_nothing_is_said_where_nothing_is_known(healthy):
    assert rules.diagnose(replace(healthy, before={}, trials=[], ends={}, epochs=[], after={})) == []


def test_a_constant_answer_without_a_cause_is_called_that_and_no_more(dead):
    (diagnosis,) = rules.diagnose(dead)
    assert diagnosis.name == "class_prior_only"
    assert diagnosis.confidence == "low"
    verdict = words.verdict(dead, [diagnosis])
    assert verdict.verdict == "collapsed"
    assert "Every image is called benign" in verdict.sentence
    assert "Perhaps class prior only" in verdict.sentence


def test_the_seeds_collapse_is_explained_by_its_input(dead):
    dead = replace(dead, network="efficientnet", pretrained=True, scaling=("unit", "byte"), phases=[HEAD])
    dead.before |= {"input_error": 2.3, "input_min": 0.0, "input_max": 1.0, "feature_cosine": 1.0}
    dead.after |= {"feature_cosine": 1.0, "probe_auc": 0.76}
    cause = rules.diagnose(dead)[0]
    assert cause.name == "wrong_input_range"
    assert cause.confidence == "high"
    assert cause.cure == "model.input_scaling=contract"
    assert "0..255" in cause.why
    assert "class_prior_only" in cause.consequences


def test_a_broken_contract_is_named_even_where_the_network_learned(healthy):
    healthy = replace(healthy, network="mobilenet", pretrained=True, scaling=("unit", "tf"))
    healthy.before["input_error"] = 1.5
    assert first(healthy) == "wrong_input_range"
    assert words.verdict(healthy, rules.diagnose(healthy)).verdict == "warning"


def test_another_scaling_of_a_network_without_weights_is_no_fault_where_it_learns(healthy):
    healthy.before["input_error"] = 3.0
    assert first(healthy) is None


def test_weights_of_another_range_are_found_by_trying_ranges(dead):
    dead = replace(dead, pretrained=True, phases=[HEAD], network="mobilenet", scaling=("tf", "tf"))
    dead.before |= {"feature_cosine": 0.9996, "cosine_if_unit": 0.999, "cosine_if_byte": 0.55}
    cause = rules.diagnose(dead)[0]
    assert (cause.name, cause.cure) == ("wrong_input_range", "model.input_scaling=byte")


def test_frozen_layers_that_nobody_trained_are_named(dead):
    dead = replace(dead, pretrained=True, phases=[HEAD])
    dead.before |= {"untrained_kernels": 1.0, "feature_cosine": 1.0}
    assert first(dead) == "frozen_random_backbone"


@pytest.mark.parametrize(("others", "cause"), [([Trial(1e-4, 0.4, 1.0)], "learning_rate_too_high"), ([], None)])
def test_a_rate_is_too_high_only_if_a_lower_one_learns(healthy, others, cause):
    broken = replace(healthy, trials=[Trial(1e-3, math.inf, math.inf), *others], error="The loss became nan", after={})
    assert first(broken) == (cause or "exploding_or_nonfinite")


def test_a_lost_loss_follows_from_a_rate_that_is_too_high(healthy):
    trials = [Trial(1.0, math.inf, math.inf), Trial(0.1, 3.0, 9.0), Trial(1e-3, 0.3, 1.0)]
    cause = rules.diagnose(replace(healthy, trials=trials, error="The loss became nan", after={}))[0]
    assert cause.name == "learning_rate_too_high"
    assert cause.cure == "optim.lr=0.001"
    assert cause.consequences == ("exploding_or_nonfinite",)


def test_a_rate_is_too_low_where_weights_stand_still_and_a_higher_one_learns(dead):
    dead.trials = [Trial(1e-8, 1.0, 1.0), Trial(1e-9, 1.0, 1.0), Trial(1e-3, 0.4, 1.0)]
    dead.ends["train"]["weight_change"] = 1e-5
    cause = rules.diagnose(dead)[0]
    assert (cause.name, cause.cure) == ("learning_rate_too_low", "optim.lr=0.001")


def test_weights_that_moved_do_not_speak_for_a_rate_that_is_too_low(dead):
    dead.trials = [Trial(1e-8, 1.0, 1.0), Trial(1e-3, 0.4, 1.0)]
    assert first(dead) != "learning_rate_too_low"


def test_fine_tuning_that_destroys_the_head_is_at_too_high_a_rate(healthy):
    healthy = replace(healthy, pretrained=True, phases=[HEAD, replace(FINE_TUNE, lr=0.1)])
    healthy.epochs = epochs([0.6, 0.5, 0.45], phase="head") + epochs([4.0, 1.2], phase="fine_tune")
    cause = rules.diagnose(healthy)[0]
    assert (cause.name, cause.cure) == ("learning_rate_too_high", "model.fine_tune.lr=0.01")


def test_unfrozen_normalization_of_a_pretrained_backbone_is_named(healthy):
    healthy = replace(healthy, pretrained=True)
    healthy.after |= {"normalizations_learning": 52.0, "inference_loss": 4.0, "own_statistics_loss": 0.5}
    cause = rules.diagnose(healthy)[0]
    assert (cause.name, cause.cure) == ("batchnorm_unfrozen_or_stale", "model.batch_norm=frozen")


def test_statistics_that_never_arrived_are_named_with_what_is_left_of_their_start(dead):
    dead.after |= {"inference_loss": 1.4, "own_statistics_loss": 0.4, "stale_statistics": 0.97}
    cause = rules.diagnose(dead)[0]
    assert (cause.name, cause.cure) == ("batchnorm_unfrozen_or_stale", "model.batch_norm_momentum=0.9")
    assert "97%" in cause.why


MISFIT = {"inference_loss": 1.7, "own_statistics_loss": 0.3, "own_statistics_auc": 0.97}


def test_statistics_that_cost_the_order_of_the_images_are_named_before_what_follows(healthy):
    healthy.after |= {**MISFIT, "inference_auc": 0.7}
    healthy.epochs = epochs([0.6, 0.1, 0.01, 0.01], [0.7, 0.55, 1.5, 1.6])
    cause = rules.diagnose(healthy)[0]
    assert (cause.name, cause.cure) == ("batchnorm_unfrozen_or_stale", "optim.batch_size=32")


def test_statistics_that_shift_all_answers_alike_come_after_what_costs_more(healthy):
    healthy.after |= {**MISFIT, "inference_auc": 0.95, "val_loss": 0.8}
    healthy.epochs = epochs([0.8, 0.6, 0.5], [0.9, 0.8, 0.85])
    cause = rules.diagnose(healthy)[0]
    assert (cause.name, cause.cure) == ("batchnorm_unfrozen_or_stale", None)
    assert "AUC 0.95" in cause.why
    healthy.epochs = epochs([0.6, 0.1, 0.01, 0.01], [0.9, 0.8, 1.5, 1.6])
    cause = rules.diagnose(healthy)[0]
    assert (cause.name, cause.consequences) == ("overfitting", ("batchnorm_unfrozen_or_stale",))


def test_a_layer_that_lets_nothing_through_is_named(dead):
    dead.before["dead_units"] = 1.0
    assert first(dead) == "dead_units"


def test_dead_units_are_no_fault_of_a_network_that_learns(healthy):
    healthy.before["dead_units"] = 1.0
    assert first(healthy) is None


def test_gradients_that_do_not_reach_the_first_layers_are_named(dead):
    dead.before |= {"gradient_min": 1e-9, "gradient_max": 0.5}
    assert first(dead) == "vanishing_gradient"


@pytest.mark.parametrize("area", [0.04, 0.30])
def test_labels_that_are_turned_in_one_part_are_named(healthy, area):
    healthy.before["appearance_auc_transferred"] = area
    assert first(healthy) == "labels_shuffled_or_misaligned"


def test_training_labels_of_other_images_are_named(dead):
    dead.before |= {"appearance_auc_train": 0.51, "appearance_auc_val": 0.72}
    assert first(dead) == "labels_shuffled_or_misaligned"


def test_labels_that_nothing_tells_are_named(dead):
    dead.after |= {"logit_std": 1.0, "predicted_positive": 0.45, "probe_auc": 0.51}
    dead.before["appearance_auc_train"] = 0.5
    assert first(dead) == "labels_shuffled_or_misaligned"


def test_one_wrong_label_in_a_batch_is_proof(healthy):
    healthy.before["label_mismatch"] = 1 / 32
    assert first(healthy) == "labels_shuffled_or_misaligned"


def test_weights_of_another_epoch_are_named_with_that_epoch(healthy):
    healthy.epochs = epochs([0.5, 0.4, 0.2], [0.6, 0.55, 0.9])
    healthy.after["val_loss"] = 0.9
    cause = rules.diagnose(healthy)[0]
    assert cause.name == "wrong_checkpoint_restored"
    assert "as in epoch 3" in cause.why


def test_memorised_images_and_a_rising_validation_loss_are_overfitting(healthy):
    healthy.epochs = epochs([0.6, 0.3, 0.05, 0.02, 0.01], [0.6, 0.55, 0.8, 1.0, 1.2])
    assert first(healthy) == "overfitting"


def test_a_gap_that_early_stopping_ended_in_time_is_not(healthy):
    healthy.epochs = epochs([0.6, 0.45, 0.35], [0.6, 0.55, 0.7])
    assert first(healthy) is None


def test_a_colour_that_tells_the_label_is_a_suspected_shortcut(healthy):
    healthy.before["colour_auc"] = 0.96
    cause = rules.diagnose(healthy)[0]
    assert (cause.name, cause.cure) == ("shortcut_suspected", "data.preprocess.colour_constancy=true")


@pytest.mark.parametrize(("name", "share"), [("constant_images", 0.5), ("noise_images", 1.0)])
def test_images_that_are_no_pictures_come_first(dead, name, share):
    dead.before[name] = share
    dead.before["appearance_auc_transferred"] = 0.1
    assert first(dead) == "data_constant_or_corrupt"


def test_too_few_validation_images_are_not_judged(healthy):
    healthy = replace(healthy, chance_error=0.15)
    healthy.after["val_auc"] = 0.5
    assert rules.diagnose(healthy) == []
    assert "too few validation images" in words.verdict(healthy, []).sentence


def test_every_limit_says_where_it_comes_from():
    assert all(len(limit.origin.split()) > 4 for limit in LIMITS.values())


def test_a_cause_is_no_consequence_of_itself(dead):
    dead.after |= {"inference_loss": 1.4, "own_statistics_loss": 0.4, "stale_statistics": 0.97}
    assert rules.diagnose(dead)[0].consequences == ("class_prior_only",)


@pytest.mark.parametrize("validation", [[0.7, 0.6, 0.65], [0.6, 0.9, 0.65]], ids=["never", "in the kept epoch alone"])
def test_a_shift_that_validation_images_hardly_show_is_no_cause(healthy, validation):
    healthy.after |= {**MISFIT, "inference_auc": 0.95, "val_loss": validation[1]}
    healthy.epochs = epochs([0.8, 0.6, 0.5], validation)
    healthy.monitor = "val/auc"
    for epoch, area in zip(healthy.epochs, [0.8, 0.9, 0.85], strict=True):
        epoch["val/auc"] = area
    assert rules.diagnose(healthy) == []


def test_much_dropout_is_not_taken_for_a_rate_that_is_too_high(dead):
    high = epochs([20.0, 15.0, 12.0], [0.7, 0.69, 0.69])
    much = replace(dead, dropout=0.95, epochs=high, steps_an_epoch=100)
    much.before["appearance_auc_train"] = 0.7
    cause = rules.diagnose(much)[0]
    assert cause.name == "underfitting_capacity"
    assert "dropout" in cause.why


def test_a_network_that_begins_sure_and_wrong_is_named_even_where_its_order_is_right(healthy):
    healthy.before["initial_loss"] = 500.0
    healthy.after["val_loss"] = healthy.epochs[1]["val/loss"] = 300.0
    assert first(healthy) == "exploding_or_nonfinite"


def test_what_a_probe_still_reads_in_a_collapsed_networks_features_is_said(dead):
    dead.after["probe_auc"] = 0.76
    assert "reads an AUC of 0.76: the information is there" in words.verdict(dead, rules.diagnose(dead)).sentence
    dead.after["probe_auc"] = 0.55
    assert "information is there" not in words.verdict(dead, rules.diagnose(dead)).sentence


def test_a_head_that_begins_worse_than_chance_and_stays_there_is_not_at_too_high_a_rate(dead):
    dead.before["initial_loss"] = 1.1
    still = replace(dead, epochs=epochs([1.45, 1.44, 1.45], [0.69, 0.69, 0.69]))
    assert first(still) != "learning_rate_too_high"


def test_a_loss_that_training_took_far_above_a_constant_answer_speaks_for_too_high_a_rate(dead):
    assert first(replace(dead, epochs=epochs([9.0, 30.0, 2.0], [0.7, 0.69, 0.69]))) == "learning_rate_too_high"
