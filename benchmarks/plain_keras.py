"""The seed study's recipe as a plain Keras script: what a user would write instead, and what skinexp is timed against.

Written the usual way: tf.data with a cache after preparation, Keras' own augmentation layers, keras.applications, two
calls of fit, scikit-learn's scores, matplotlib's figures and MLflow's callback. It uses nothing of skinexp.

    python benchmarks/plain_keras.py --images DIRECTORY --model mobilenet --weights DIRECTORY --out DIRECTORY

The directory of images holds a manifest.csv with the columns file and label; `--split` names a CSV with the columns
file, label (0/1) and split (train, val or test), without which the split is drawn at random, stratified by label.
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import keras
import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    RocCurveDisplay,
    accuracy_score,
    classification_report,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import train_test_split

BATCH_SIZE = 32
BORDER_DARKNESS = 20  # grey levels: an edge row or column that is darker on average is border
HAIR_KERNEL, HAIR_THRESHOLD = 9, 10  # as the DullRazor ports have it
FINE_TUNE_RATE = {"mobilenet": 1e-4, "efficientnet": 1e-5}
CONTRACTS = {  # function, preprocessing, how files with weights begin
    "mobilenet": (
        keras.applications.MobileNetV2,
        keras.applications.mobilenet_v2.preprocess_input,
        "mobilenet_v2_1.0_",
    ),
    "efficientnet": (
        keras.applications.EfficientNetB0,
        keras.applications.efficientnet.preprocess_input,
        "efficientnet_b0_",
    ),
}


def main() -> None:
    """Trains, evaluates and logs one model; the last line printed is JSON: seconds (without imports) and scores."""
    start = time.perf_counter()
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(options.seed)
    table = read_table(options)
    parts = {name: datasets_of(table[table["split"] == name], options) for name in ("train", "val", "test")}
    save_augmentation_sheet(parts["train"], options.out)
    training = with_augmentation(parts["train"])

    mlflow.set_tracking_uri(f"sqlite:///{options.out / 'mlflow.db'}")
    mlflow.set_experiment("plain-keras")
    with mlflow.start_run():
        mlflow.log_params({name: str(value) for name, value in vars(options).items()})
        model, base = scratch(options.size) if options.model == "scratch" else transfer(options)
        compile_model(model, 1e-3)
        histories = [fit(model, training, parts["val"], options.epochs, 0, options)]
        if base is not None and options.fine_tune_epochs:
            unfreeze_last_quarter(base)
            compile_model(model, FINE_TUNE_RATE[options.model])
            histories.append(fit(model, training, parts["val"], options.fine_tune_epochs, options.epochs, options))
        scores = evaluate(model, table, parts, options.out)
        save_learning_curves(histories, options.out)
        save_gradcams(model, base, parts["test"], options)
        mlflow.log_metrics(scores)
        for file in sorted(options.out.glob("*.png")) + sorted(options.out.glob("*.csv")):
            mlflow.log_artifact(str(file))
        mlflow.keras.log_model(model, name="model")
    print(json.dumps({"seconds": round(time.perf_counter() - start, 1), **scores}))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--split", type=Path)
    parser.add_argument("--model", choices=("scratch", "mobilenet", "efficientnet"), required=True)
    parser.add_argument("--weights", type=Path, help="directory of .weights.h5 files; ImageNet's where not given")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--fine-tune-epochs", type=int, default=30)
    parser.add_argument("--histograms", type=int, choices=(0, 1), default=1, help="of all weights, in TensorBoard")
    parser.add_argument("--patience", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def read_table(options: argparse.Namespace) -> pd.DataFrame:
    """One row an image: file, label (0/1), split."""
    if options.split:
        return pd.read_csv(options.split)
    table = pd.read_csv(options.images / "manifest.csv")
    table = table[table["label"].isin(["benign", "malignant"])].copy()
    table["label"] = (table["label"] == "malignant").astype(int)
    train, rest = train_test_split(table, test_size=0.3, stratify=table["label"], random_state=options.seed)
    val, test = train_test_split(rest, test_size=0.5, stratify=rest["label"], random_state=options.seed)
    return pd.concat([train.assign(split="train"), val.assign(split="val"), test.assign(split="test")])


def crop_border(image: np.ndarray) -> np.ndarray:
    """Cuts dark rows and columns off the edges, where at least half of the picture stays."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    rows = np.flatnonzero(grey.mean(axis=1) > BORDER_DARKNESS)
    columns = np.flatnonzero(grey.mean(axis=0) > BORDER_DARKNESS)
    if len(rows) < 2 or len(columns) < 2:
        return image
    cropped = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cropped if cropped.size > image.size / 2 else image


def remove_hair(image: np.ndarray) -> np.ndarray:
    """DullRazor by morphology: what a black-hat finds is painted over."""
    kernel = cv2.getStructuringElement(cv2.MORPH_CROSS, (HAIR_KERNEL, HAIR_KERNEL))
    blackhat = cv2.morphologyEx(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.MORPH_BLACKHAT, kernel)
    _, mask = cv2.threshold(blackhat, HAIR_THRESHOLD, 255, cv2.THRESH_BINARY)
    return cv2.inpaint(image, cv2.dilate(mask, np.ones((3, 3), np.uint8)), 1, cv2.INPAINT_TELEA)


def load(path: tf.Tensor, size: int) -> tf.Tensor:
    """The prepared picture in a JPEG file: (size, size, 3) float32, 0..255."""
    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
    image = tf.numpy_function(lambda pixels: remove_hair(crop_border(pixels)), [image], tf.uint8)
    image.set_shape((None, None, 3))
    return tf.ensure_shape(tf.image.resize(image, (size, size)), (size, size, 3))


def datasets_of(table: pd.DataFrame, options: argparse.Namespace) -> tf.data.Dataset:
    """Prepared images and labels in the table's order, computed in the first epoch and kept in memory."""
    paths = [str(options.images / file) for file in table["file"]]
    dataset = tf.data.Dataset.from_tensor_slices((paths, table["label"].astype("float32").to_numpy()))
    dataset = dataset.map(lambda path, label: (load(path, options.size), label), num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.cache()


def augmentation() -> keras.Sequential:
    """Keras' own layers, as the seed study set them."""
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal_and_vertical"),
            layers.RandomRotation(0.05),
            layers.RandomZoom(0.1),
            layers.RandomBrightness(0.01, value_range=(0, 255)),
            layers.RandomContrast(0.01, value_range=(0, 255)),
        ]
    )


def with_augmentation(dataset: tf.data.Dataset, batch_size: int = BATCH_SIZE) -> tf.data.Dataset:
    """Shuffled batches, each image changed afresh in every epoch."""
    change = augmentation()
    return (
        dataset.shuffle(10_000)
        .batch(batch_size)
        .map(
            lambda images, labels: (tf.clip_by_value(change(images, training=True), 0, 255), labels),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .prefetch(tf.data.AUTOTUNE)
    )


def scratch(size: int) -> tuple[keras.Model, None]:
    """The seed study's CNN."""
    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    for filters, dropout in (((32, 32), 0.25), ((64, 64), 0.25), ((128, 128), 0.30), ((256,), 0.35)):
        for width in filters:
            x = layers.Conv2D(width, 3, padding="same")(x)
            x = layers.BatchNormalization()(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(dropout)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x)), None


def transfer(options: argparse.Namespace) -> tuple[keras.Model, keras.Model]:
    """A frozen backbone under a new head, and the backbone."""
    function, preprocess_input, stem = CONTRACTS[options.model]
    shape = (options.size, options.size, 3)
    base = function(include_top=False, weights=None if options.weights else "imagenet", input_shape=shape)
    if options.weights:
        (file,) = options.weights.glob(f"{stem}*.weights.h5")
        base.load_weights(file)
    base.trainable = False
    inputs = keras.Input(shape)
    x = base(preprocess_input(inputs), training=False)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x)), base


def unfreeze_last_quarter(base: keras.Model) -> None:
    """Lets the last quarter of the layers learn, but for BatchNormalization."""
    base.trainable = True
    first = round(0.75 * len(base.layers))
    for position, layer in enumerate(base.layers):
        layer.trainable = position >= first and not isinstance(layer, layers.BatchNormalization)


def compile_model(model: keras.Model, learning_rate: float) -> None:
    """Adam and binary cross-entropy."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="binary_crossentropy",
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
    )


def fit(
    model: keras.Model,
    training: tf.data.Dataset,
    validation: tf.data.Dataset,
    epochs: int,
    done: int,
    options: argparse.Namespace,
) -> keras.callbacks.History:
    """One phase; its epochs count on from those done before."""
    callbacks = [
        keras.callbacks.EarlyStopping("val_loss", patience=options.patience, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.2, patience=5, min_lr=1e-6),
        keras.callbacks.ModelCheckpoint(str(options.out / "best.keras"), monitor="val_loss", save_best_only=True),
        keras.callbacks.TensorBoard(str(options.out / "tensorboard"), histogram_freq=options.histograms),
        mlflow.keras.MlflowCallback(),
    ]
    return model.fit(
        training,
        validation_data=validation.batch(BATCH_SIZE),
        initial_epoch=done,
        epochs=done + epochs,
        callbacks=callbacks,
        verbose=2,
    )


def evaluate(model: keras.Model, table: pd.DataFrame, parts: dict[str, tf.data.Dataset], out: Path) -> dict[str, float]:
    """Scores on the test images, with figures, report and predictions beside them."""
    test = table[table["split"] == "test"]
    labels = test["label"].to_numpy()
    probabilities = model.predict(parts["test"].batch(BATCH_SIZE), verbose=0)[:, 0]
    test[["file", "label"]].assign(probability=probabilities).to_csv(out / "predictions.csv", index=False)
    decisions = (probabilities >= 0.5).astype(int)
    report = classification_report(labels, decisions, output_dict=True, zero_division=0)
    pd.DataFrame(report).T.to_csv(out / "classification_report.csv")
    ConfusionMatrixDisplay.from_predictions(labels, decisions, display_labels=["benign", "malignant"])
    save_figure(out / "confusion.png")
    RocCurveDisplay.from_predictions(labels, probabilities)
    save_figure(out / "roc.png")
    return {
        "auc": float(roc_auc_score(labels, probabilities)),
        "accuracy": float(accuracy_score(labels, decisions)),
        "precision": float(precision_score(labels, decisions, zero_division=0)),
        "recall": float(recall_score(labels, decisions)),
        "f1": float(f1_score(labels, decisions)),
    }


def save_learning_curves(histories: list[keras.callbacks.History], out: Path) -> None:
    """Loss and accuracy by epoch, over both phases."""
    _, axes = plt.subplots(1, 2, figsize=(10, 4))
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        for key in (name, f"val_{name}"):
            axis.plot([value for history in histories for value in history.history[key]], label=key)
        axis.legend()
    save_figure(out / "curves.png")


def save_augmentation_sheet(dataset: tf.data.Dataset, out: Path) -> None:
    """Three pairs: original and augmented."""
    originals = np.stack([image for image, _ in dataset.take(3).as_numpy_iterator()])
    changed = np.clip(augmentation()(originals, training=True), 0, 255)
    save_sheet([*originals, *changed], 3, out / "augmentation.png")


def save_gradcams(
    model: keras.Model, base: keras.Model | None, dataset: tf.data.Dataset, options: argparse.Namespace
) -> None:
    """Eight test images, each beside itself under its map."""
    images = np.stack([image for image, _ in dataset.take(8).as_numpy_iterator()])
    pictures = []
    for image, heat in zip(images, gradcam(model, base, images, options.model), strict=True):
        coloured = cv2.applyColorMap(np.uint8(255 * cv2.resize(heat, image.shape[:2])), cv2.COLORMAP_JET)
        pictures += [image, 0.6 * image + 0.4 * coloured[..., ::-1]]
    save_sheet(pictures, 4, options.out / "gradcam.png")


def gradcam(model: keras.Model, base: keras.Model | None, images: np.ndarray, name: str) -> np.ndarray:
    """(n, height, width) maps of what speaks for malignant, each with a maximum of 1."""
    if base is None:
        position = max(index for index, layer in enumerate(model.layers) if isinstance(layer, layers.ReLU))
        activation = keras.Model(model.input, model.layers[position].output)(images, training=False)
    else:  # a nested model cannot be cut open: its part is computed apart
        position = model.layers.index(base)
        activation = base(CONTRACTS[name][1](images), training=False)
    with tf.GradientTape() as tape:
        tape.watch(activation)
        x = activation
        for layer in model.layers[position + 1 :]:
            x = layer(x, training=False) if isinstance(layer, layers.Dropout) else layer(x)
    weights = tf.reduce_mean(tape.gradient(x, activation), axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * activation, axis=-1)).numpy()
    return heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-12)


def save_sheet(pictures: list[np.ndarray], columns: int, file: Path) -> None:
    """Pictures in rows."""
    rows = -(-len(pictures) // columns)
    _, axes = plt.subplots(rows, columns, figsize=(2.5 * columns, 2.5 * rows))
    for axis, picture in zip(axes.flat, pictures, strict=False):
        axis.imshow(np.clip(picture, 0, 255).astype(np.uint8))
        axis.axis("off")
    save_figure(file)


def save_figure(file: Path) -> None:
    """Writes the current figure and forgets it."""
    plt.tight_layout()
    plt.savefig(file, dpi=150)
    plt.close("all")


if __name__ == "__main__":
    main()
