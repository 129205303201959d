"""The sentence above the matrix: found by rule, for whatever a sweep has varied."""

import pytest

from skinexp.comparison.collapse_rules import explain_collapses

WELL = {"verdict": "ok", "feature_cosine": 0.5, "probe_auc": 0.8}


def ill(cause: str, cure: str | None = None, probe: float | None = None, cosine: float | None = None):
    return {"verdict": "collapsed", "cause": cause, "cure": cure, "probe_auc": probe, "feature_cosine": cosine}


def test_the_collapse_is_explained_by_the_two_settings_that_make_it(collapse):
    (explanation,) = explain_collapses(collapse)
    assert explanation.text == (
        "efficientnet collapses (wrong input range) in all runs with model.input_scaling=unit (4 of 4 runs: "
        "test ROC-AUC 0.50 to 0.53, cosine above 0.999), and never with model.input_scaling=contract (0 of 4 runs: "
        "test ROC-AUC 0.81 to 0.84). "
        "The same setting with model.name=mobilenet leads to no collapse (0 of 4 runs: test ROC-AUC 0.74 to 0.77). "
        "A linear probe on the same features reaches ROC-AUC 0.76: the features contain the information, but the head "
        "does not use it."
    )
    assert explanation.cure == "model.input_scaling=contract"


def test_learning_rates_above_which_runs_collapse_are_one_condition(run):
    rates = (1e-4, 1e-3, 1e-2, 1e-1)
    records = [
        run({"model.name": name, "optim.lr": lr}, 0.5 if lr > 1e-3 else 0.8, ill("too_high") if lr > 1e-3 else WELL)
        for name in ("a", "b")
        for lr in rates
    ]
    (explanation,) = explain_collapses(records)
    assert explanation.text == (
        "Runs collapse (too high) in all runs with optim.lr≥0.01 (4 of 4 runs: test ROC-AUC 0.50), "
        "and never elsewhere (0 of 4 runs: test ROC-AUC 0.80)."
    )
    assert explanation.cure is None


def test_all_values_but_one_are_one_condition(run):
    records = [
        run({"model.input_scaling": scaling, "optim.lr": lr}, health=WELL if scaling == "contract" else ill("range"))
        for scaling in ("contract", "unit", "tf")
        for lr in (0.1, 0.2)
    ]
    assert "in all runs with model.input_scaling≠contract (4 of 4 runs" in explain_collapses(records)[0].text


def test_each_cause_has_a_paragraph_and_the_most_frequent_comes_first(run):
    def health(norm: str, lr: float):
        if norm == "trained":
            return ill("stale", cure="model.batch_norm=frozen")
        return ill("too_high", cure="optim.lr=0.001") if lr == 1.0 else WELL

    records = [
        run({"model.batch_norm": norm, "optim.lr": lr}, 0.8, health(norm, lr))
        for norm in ("frozen", "trained")
        for lr in (0.001, 0.01, 1.0)
    ]
    first, second = explain_collapses(records)
    assert first.text.startswith("Runs collapse (stale) in all runs with model.batch_norm=trained (3 of 3 runs")
    assert first.cure == "model.batch_norm=frozen"
    assert "(too high) in all runs with optim.lr=1 (1 of 1 run" in second.text
    assert "This conclusion rests on one run: repeat it with other seeds." in second.text


def test_a_rule_with_exceptions_says_how_many(run):
    def health(lr: float, seed: int):
        return ill("x") if lr == 0.1 and seed != 0 else WELL

    records = [run({"optim.lr": lr}, 0.7, health(lr, seed), seed=seed) for lr in (0.01, 0.1) for seed in range(8)]
    (explanation,) = explain_collapses(records)
    assert "in most runs with optim.lr=0.1 (7 of 8 runs" in explanation.text
    assert "never with optim.lr=0.01 (0 of 8 runs" in explanation.text


def test_where_nothing_separates_it_is_said_with_the_closest(run):
    records = [
        run({"optim.lr": lr, "augment.flip": flip}, 0.7, ill("x") if seed == 0 else WELL, seed=seed)
        for lr in (0.01, 0.1)
        for flip in (False, True)
        for seed in range(3)
    ]
    (explanation,) = explain_collapses(records)
    assert explanation.text.startswith(
        "No single setting and no pair of settings separates the collapsed runs (x) from the"
    )
    assert "holds for 2 of 4 runs that collapsed and for 4 of 8 runs that did not." in explanation.text


def test_settings_that_were_changed_together_are_not_told_apart(run):
    pairs = [(1, 1), (0, 0), (0, 2), (2, 0)]
    records = [run({"a": a, "b": b}, 0.7, ill("x") if (a, b) == (1, 1) else WELL) for a, b in pairs]
    assert (
        "These are also the runs with b=1: the sweep cannot separate the two settings."
        in explain_collapses(records)[0].text
    )


def test_a_probe_that_reads_no_more_than_the_head_is_told_as_well(run):
    records = [
        run({"optim.lr": lr}, 0.55 if lr == 0.1 else 0.8, ill("x", probe=0.57) if lr == 0.1 else WELL)
        for lr in (0.01, 0.1)
    ]
    assert "A linear probe on the same features reaches no more (ROC-AUC 0.57)." in explain_collapses(records)[0].text


def test_runs_that_failed_count_though_they_have_no_area(run):
    records = [
        run({"optim.lr": lr}, seed=seed, **({"area": None, "status": "failed"} if lr == 0.1 else {}), health=health)
        for lr, health in ((0.01, WELL), (0.1, ill("too_high")))
        for seed in (0, 1)
    ]
    (explanation,) = explain_collapses(records)
    assert (
        "in all runs with optim.lr=0.1 (2 of 2 runs), and never with optim.lr=0.01 (0 of 2 runs: test ROC-AUC 0.80)"
        in (explanation.text)
    )


@pytest.mark.parametrize(
    ("health", "words"), [(WELL, "None of the 2 examined runs"), (ill("x"), "All 2 examined runs have collapsed")]
)
def test_where_all_runs_fare_alike_there_is_no_rule(run, health, words):
    (explanation,) = explain_collapses([run({"optim.lr": lr}, health=health) for lr in (0.1, 0.2)])
    assert explanation.text.startswith(words)


def test_nothing_is_said_of_runs_that_no_doctor_saw_or_that_do_not_differ(run):
    assert explain_collapses([run({"optim.lr": lr}) for lr in (0.1, 0.2)]) == []
    assert explain_collapses([run({"optim.lr": 0.1}, health=ill("x"), seed=seed) for seed in (0, 1)]) == []
    assert explain_collapses([]) == []
