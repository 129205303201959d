"""Claim: logistic recalibration, the default, lowers the log loss where temperature scaling cannot, and costs little.

    python benchmarks/calibration.py [--studies 200] [--docs docs/concepts/thresholds.md]

Networks are drawn whose true log odds are known, and whose logits are wrong in a known way. Each method is fitted on
validation images and judged on test images: by how much the log loss falls, and in which share of studies it does.
Two minutes on one core.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import documents
import numpy as np
from measure import Goal, Row, report
from scipy.special import expit

from skinexp.evaluation import fit_calibrator

MARK = "calibration"  # about the table in the docs
METHODS = ("logistic", "temperature", "isotonic", "beta")
VALIDATION = (60, 200, 1_000)  # images
TEST = 5_000  # images
MALIGNANT, SPREAD = -1.0, 2.0  # mean and standard deviation of the true log odds: some 35 % are malignant
LITTLE = 0.02  # log loss that a method may cost a network which needs no calibration, on 200 validation images
FAULTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of the logits, given the true log odds
    "none: calibrated": lambda odds: odds,
    "too extreme (overfitted)": lambda odds: 2.5 * odds,
    "shifted (class weights)": lambda odds: odds + 1.5,
    "shrunk and shifted (focal loss, class weights)": lambda odds: 0.5 * odds + 1.0,
    "too extreme on the malignant side only": lambda odds: np.where(odds > 0, 4 * odds, odds),
}


def draw(fault: str, images: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and logits with a fault."""
    odds = generator.normal(MALIGNANT, SPREAD, images)
    labels = (generator.random(images) < expit(odds)).astype(int)
    return labels, FAULTS[fault](odds)


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative logarithm of the probability of what came true."""
    inside = np.clip(probabilities, 1e-12, 1 - 1e-12)
    return float(-np.log(np.where(labels == 1, inside, 1 - inside)).mean())


def changes(fault: str, images: int, studies: int) -> dict[str, np.ndarray]:
    """Method -> (studies,) log loss of test images after calibration less that before."""
    found: dict[str, list[float]] = {method: [] for method in METHODS}
    for number in range(studies):
        generator = np.random.default_rng([5, images, number])
        validation, (labels, logits) = draw(fault, images, generator), draw(fault, TEST, generator)
        before = log_loss(labels, expit(logits))
        for method in METHODS:
            calibrated = fit_calibrator(method, *validation).apply(logits)
            found[method].append(log_loss(labels, calibrated) - before)
    return {method: np.array(values) for method, values in found.items()}


def write_docs(file: Path, found: dict[tuple[str, int], dict[str, np.ndarray]], studies: int) -> None:
    """Puts the table between its marks."""
    lines = [
        f"Made by `python benchmarks/calibration.py --docs docs/concepts/thresholds.md`: {studies:,} studies a row. "
        "Mean change of the log loss of test images (below 0: calibration helped), and in brackets the share of "
        "studies in which it fell.",
        "",
        f"| fault of the logits | validation images | {' | '.join(f'`{method}`' for method in METHODS)} |",
        f"|---|---:|{'---:|' * len(METHODS)}",
    ]
    for (fault, images), values in found.items():
        cells = [f"{values[method].mean():+.3f} ({(values[method] < 0).mean():.0%})" for method in METHODS]
        lines.append(f"| {fault} | {images:,} | {' | '.join(cells)} |")
    documents.replace(file, MARK, "\n".join(lines))


def main() -> None:
    """Draws, fits, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--docs", type=Path, help="a file whose table is to be replaced")
    options = parser.parse_args()
    found = {(fault, images): changes(fault, images, options.studies) for fault in FAULTS for images in VALIDATION}
    rows = [
        Row(f"{fault}, {images} validation images, {method}", round(float(values[method].mean()), 4), "log loss")
        for (fault, images), values in found.items()
        for method in METHODS
    ]
    calibrated, shifted = (found[fault, 200] for fault in ("none: calibrated", "shifted (class weights)"))
    cost, gain = float(calibrated["logistic"].mean()), float(shifted["logistic"].mean())
    goal = Goal(
        "logistic recalibration on 200 validation images",
        f"lowers the log loss of shifted logits, and costs calibrated ones less than {LITTLE}",
        f"{gain:+.3f} if logits are shifted, {cost:+.3f} if they are calibrated",
        gain < 0 and cost < LITTLE,
        f"temperature: {shifted['temperature'].mean():+.3f} and {calibrated['temperature'].mean():+.3f}",
    )
    report(__file__, "Log loss after calibration", rows, goals=[goal], studies=options.studies, typed=[])
    if options.docs:
        write_docs(options.docs, found, options.studies)


if __name__ == "__main__":
    main()
