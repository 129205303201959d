"""The story of a run, one noun a line: table, images, splits, model, training, predictions, scores, maps."""

import dataclasses
import logging
import shutil
from pathlib import Path

from skinexp import models, samples, tracking, training
from skinexp.config import Config
from skinexp.data import pipeline, sources, store
from skinexp.data.split import split
from skinexp.evaluation import Evaluation, evaluate
from skinexp.explain.maps import explain
from skinexp.job import Job
from skinexp.models.archive import save_model
from skinexp.models.predict import predict
from skinexp.report import run_figures, style
from skinexp.result import Result

log = logging.getLogger(__name__)


def run(config: Config, job: Job, result: Result) -> float:
    """Trains one model on one data set and writes down everything that a reader needs to judge it.

    Args:
        result: collects what became of the run; the caller writes it, also where this raises.

    Returns:
        The score named by `config.objective`.
    """
    directory = job.directory
    git = {f"git_{name}": value for name, value in result.values["git"].items()}
    tags = {"model": config.model.name, "sweep": job.sweep and job.sweep.name, **git}
    with tracking.start(config.tracking, job.name, tags, dataclasses.asdict(config), job.parent) as record:
        result.add(run_id=record.id, experiment_id=record.experiment_id, parent_run_id=job.parent)
        result.send_to(record.last_word)
        with result.stage("data"):
            table = sources.load(config.data, config.seed)
            log.info("Data      %s", table)
        with result.stage("prepare"):
            prepared = store.prepare(table, config.data)
            frame = prepared.table.frame
            frame["split"] = split(frame, config.data.split, config.seed)
            batches = pipeline.batches(prepared.images, frame, config.augment, config.optim.batch_size, config.seed)
            result.add(**samples.describe(prepared))
            samples.record(record, prepared, config.data.path)
        with result.stage("build"):
            classifier = models.build(config.model, config.data.preprocess.size)
            classifier.network.jit_compile = config.compute.jit_compile  # for predictions; training says it itself
            result.add(model={"name": config.model.name, "parameters": classifier.parameters})
        with result.stage("training"):
            trained = training.fit(classifier, batches, config, directory, on_epoch=record.epoch)
            trained.history.to_csv(directory / "history.csv", index=False)
            result.add(best_epoch=trained.best_epoch, epochs=len(trained.history), phases=trained.phases)
        with result.stage("evaluation"):
            predictions = predict(classifier, batches, frame)
            predictions.to_parquet(directory / "predictions.parquet", index=False)
            scores = evaluate(predictions)
            result.add(metrics=scores.metrics, thresholds={"half": 0.5, "youden": scores.threshold})
            _write_reports(scores, directory)
        with result.stage("explanation"):
            maps = explain(classifier, predictions, batches.test, scores.threshold, config.explain)
        with result.stage("figures"):
            figures = run_figures.result_figures(config.model.name, trained.history, predictions, scores.threshold)
            figures |= samples.sheets(prepared, batches.train, config)
            if maps is not None:
                maps.shared.save(directory / "gradcam.npz")
                figures["gradcam"] = run_figures.outcome_sheet(
                    config.model.name, maps.outcomes.rows, maps.outcomes.images, maps.outcomes.heats
                )
            for name, figure in figures.items():
                style.save(figure, directory / "figures" / f"{name}.png")
        with result.stage("model"):
            save_model(classifier.network, directory / "model.keras", _needed_to_serve(config, scores))
        with result.stage("tracking"):
            record.metrics(scores.metrics)
            record.run_directory(directory)
            if config.tracking.model:
                first = predictions.loc[predictions["split"] == "test", ["logit"]].head(1)
                record.model(classifier.network, batches.test.read([0]), first.to_numpy())
    shutil.rmtree(directory / "checkpoints")  # last: killed before, the run finds its training done
    return scores.metrics[config.objective]


def _write_reports(scores: Evaluation, directory: Path) -> None:
    for threshold, report in scores.reports.items():
        report.to_csv(directory / f"classification_report_{threshold}.csv", index_label="class")


def _needed_to_serve(config: Config, scores: Evaluation) -> dict[str, object]:
    """What turns a new photograph into a class, apart from the network."""
    return {
        "preprocess": dataclasses.asdict(config.data.preprocess),
        "threshold": scores.threshold,
        "classes": ["benign", "malignant"],
    }
