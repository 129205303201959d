"""Augmentation against NumPy's, SciPy's and Keras' own transforms."""

import keras
import numpy as np
import pytest
import scipy.ndimage
from keras import layers, ops

from skinexp.config.schema import Augment
from skinexp.data import augment
from skinexp.data.augment import COLUMNS, WIDTH, Augmentation, backward_matrices, draw

EVERYTHING = Augment(
    flip=True, rotation=0.1, zoom=0.2, brightness=0.1, contrast=0.2, quarter_turns=True, colour_jitter=0.1
)
GEOMETRY = Augment(flip=True, rotation=0.1, zoom=0.2, quarter_turns=True)


@pytest.fixture
def images() -> np.ndarray:
    """Smooth random colours: on white noise, resampling would magnify the rounding of coordinates."""
    noise = np.random.default_rng(0).uniform(0, 255, (6, 12, 12, 3))
    return scipy.ndimage.zoom(noise, (1, 4, 4, 1), order=1).round().astype(np.uint8)


def rows(n: int, flips=(False, False), quarter_turns=0, rotation=0.0, zooms=(1.0, 1.0), **values) -> np.ndarray:
    """Draws given by hand, the same for n images."""
    matrices = backward_matrices(
        np.tile(flips, (n, 1)), np.full(n, quarter_turns), np.full(n, rotation), np.tile(zooms, (n, 1))
    )
    rest = {"brightness": 0.0, "contrast": 1.0, "red": 1.0, "green": 1.0, "blue": 1.0} | values
    return np.hstack([matrices.reshape(n, 4), np.tile(list(rest.values()), (n, 1))]).astype(np.float32)


def augmented(options: Augment, images: np.ndarray, draws: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(Augmentation(options)(images, draws))


# What is drawn


def test_a_row_of_draws_has_a_value_for_each_column():
    draws = draw(EVERYTHING, np.random.default_rng(0), 5)
    assert draws.shape == (5, WIDTH) == (5, len(COLUMNS))
    assert draws.dtype == np.float32


def test_the_same_seed_draws_the_same():
    first, second = (draw(EVERYTHING, np.random.default_rng([1, 2]), 8) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_another_epoch_draws_anew():
    first, second = (draw(EVERYTHING, np.random.default_rng([1, epoch]), 8) for epoch in range(2))
    assert (first != second).all(axis=1).all()


def test_nothing_switched_on_draws_no_change():
    np.testing.assert_array_equal(draw(Augment(), np.random.default_rng(0), 4), rows(4))


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ({"brightness": 0.1}, ["brightness"]),
        ({"contrast": 0.1}, ["contrast"]),
        ({"colour_jitter": 0.1}, ["red", "green", "blue"]),
        ({"flip": True}, ["x_from_x", "x_from_y", "y_from_x", "y_from_y"]),
    ],
)
def test_switching_one_change_on_changes_no_other_draws(options, columns):
    own = [COLUMNS.index(column) for column in columns]
    off = {name: type(value)() for name, value in options.items()}
    with_it = draw(EVERYTHING, np.random.default_rng(3), 20)
    without = draw(Augment(**(vars(EVERYTHING) | off)), np.random.default_rng(3), 20)
    alone = draw(Augment(**{name: getattr(EVERYTHING, name) for name in options}), np.random.default_rng(3), 20)
    np.testing.assert_array_equal(np.delete(with_it, own, axis=1), np.delete(without, own, axis=1))
    if "flip" not in options:  # the matrix of a flip alone is not that of all geometry together
        np.testing.assert_array_equal(with_it[:, own], alone[:, own])


def test_switching_flips_on_leaves_rotations_and_zooms_as_they_are():
    turned = draw(Augment(rotation=0.1, zoom=0.2), np.random.default_rng(3), 50)[:, :4].reshape(-1, 2, 2)
    both = draw(Augment(rotation=0.1, zoom=0.2, flip=True), np.random.default_rng(3), 50)[:, :4].reshape(-1, 2, 2)
    signs = both / turned
    np.testing.assert_allclose(np.abs(signs), 1)
    np.testing.assert_array_equal(signs[:, :, 0], signs[:, :, 1])  # a row of the matrix changes sign as a whole


def test_the_first_images_get_the_same_draws_however_many_follow():
    few, many = (draw(EVERYTHING, np.random.default_rng(0), n) for n in (7, 70))
    np.testing.assert_array_equal(few, many[:7])


def test_flips_and_quarter_turns_reach_all_eight_symmetries_of_the_square_equally_often():
    draws = draw(Augment(flip=True, quarter_turns=True), np.random.default_rng(0), 8_000)
    symmetries, counts = np.unique(draws[:, :4], axis=0, return_counts=True)
    assert len(symmetries) == 8
    assert counts == pytest.approx(1_000, abs=4 * np.sqrt(1_000 * 7 / 8))  # 4 standard errors


def test_draws_fill_the_ranges_that_the_options_give():
    draws = draw(
        Augment(rotation=0.1, brightness=0.2, contrast=0.3, colour_jitter=0.4), np.random.default_rng(0), 5_000
    )
    turns = np.arctan2(draws[:, 2], draws[:, 0]) / (2 * np.pi)
    ranges = {
        "rotation": (turns, -0.1, 0.1),
        "brightness": (draws[:, 4], -0.2 * 255, 0.2 * 255),
        "contrast": (draws[:, 5], 0.7, 1.3),
        "colour": (draws[:, 6:], 0.6, 1.4),
    }
    for values, low, high in ranges.values():
        assert values.min() == pytest.approx(low, abs=0.01 * (high - low))
        assert values.max() == pytest.approx(high, abs=0.01 * (high - low))
    zooms = draw(Augment(zoom=0.1), np.random.default_rng(0), 5_000)[:, [0, 3]]
    assert (zooms.min(), zooms.max()) == (pytest.approx(0.9, abs=1e-3), pytest.approx(1.1, abs=1e-3))
    assert abs(np.corrcoef(zooms.T)[0, 1]) < 0.06  # height and width apart


# What is applied


def test_nothing_switched_on_only_makes_pixels_float(images):
    result = augmented(Augment(), images, draw(EVERYTHING, np.random.default_rng(0), len(images)))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, images)


@pytest.mark.parametrize(("flips", "axes"), [((True, False), 2), ((False, True), 1), ((True, True), (1, 2))])
def test_flips_are_exact(images, flips, axes):
    result = augmented(Augment(flip=True), images, rows(len(images), flips=flips))
    np.testing.assert_array_equal(result, np.flip(images, axes))


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_quarter_turns_are_exact(images, turns):
    result = augmented(Augment(quarter_turns=True), images, rows(len(images), quarter_turns=turns))
    np.testing.assert_array_equal(result, np.rot90(images, turns, axes=(1, 2)))


def test_a_flip_comes_before_a_quarter_turn(images):
    options = Augment(flip=True, quarter_turns=True)
    result = augmented(options, images, rows(len(images), flips=(True, False), quarter_turns=1))
    np.testing.assert_array_equal(result, np.rot90(np.flip(images, 2), 1, axes=(1, 2)))


def test_one_resampling_equals_scipy_at_the_product_of_the_single_matrices(images):
    """SciPy's `reflect` is Keras'; its points are (row, column), so that the matrix is turned over."""
    images = images[:, :40]  # not square: the centre differs by axis
    flip, turn = np.diag([-1.0, 1.0]), np.array([[0.0, -1.0], [1.0, 0.0]])
    angle = 2 * np.pi * 0.07
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    zoom = np.diag([1.15, 0.9])
    matrix = (flip @ turn @ rotation @ zoom)[::-1, ::-1]
    centre = (np.array(images.shape[1:3]) - 1) / 2
    expected = [
        np.dstack(
            [
                scipy.ndimage.affine_transform(
                    image[..., channel].astype(float), matrix, centre - matrix @ centre, order=1, mode="reflect"
                )
                for channel in range(3)
            ]
        )
        for image in images
    ]
    draws = rows(len(images), flips=(True, False), quarter_turns=1, rotation=0.07, zooms=(1.15, 0.9))
    result = augmented(GEOMETRY, images, draws)
    # float32 coordinates are good to about 1e-5 pixels; neighbours differ by up to 255
    np.testing.assert_allclose(result, expected, atol=0.01)


@pytest.mark.parametrize("mode", ["horizontal", "vertical"])
def test_a_flip_equals_keras_random_flip(images, mode):
    stock = layers.RandomFlip(mode).transform_images(images, {"flips": np.ones((len(images), 1, 1, 1), bool)})
    draws = rows(len(images), flips=(mode == "horizontal", mode == "vertical"))
    np.testing.assert_array_equal(augmented(Augment(flip=True), images, draws), ops.convert_to_numpy(stock))


@pytest.mark.parametrize("rotation", [0.03, -0.11, 0.5])
def test_a_rotation_equals_keras_random_rotation(images, rotation):
    stock = layers.RandomRotation(factor=(rotation, rotation))(images.astype("float32"), training=True)
    draws = rows(len(images), rotation=rotation)
    # float32 coordinates, computed in another order: see above
    np.testing.assert_allclose(augmented(Augment(rotation=0.5), images, draws), ops.convert_to_numpy(stock), atol=0.01)


@pytest.mark.parametrize(("width", "height"), [(0.1, 0.1), (-0.2, 0.15)])
def test_a_zoom_equals_keras_random_zoom(images, width, height):
    layer = layers.RandomZoom(height_factor=(height, height), width_factor=(width, width))
    stock = layer(images.astype("float32"), training=True)
    draws = rows(len(images), zooms=(1 + width, 1 + height))
    np.testing.assert_allclose(augmented(Augment(zoom=0.2), images, draws), ops.convert_to_numpy(stock), atol=0.01)


@pytest.mark.parametrize("brightness", [0.1, -0.6])
def test_brightness_equals_keras_random_brightness(images, brightness):
    layer = layers.RandomBrightness(factor=(brightness, brightness), value_range=(0, 255))
    stock = layer(images.astype("float32"), training=True)
    draws = rows(len(images), brightness=255 * brightness)
    np.testing.assert_allclose(
        augmented(Augment(brightness=0.6), images, draws), ops.convert_to_numpy(stock), atol=1e-4
    )


@pytest.mark.parametrize("contrast", [0.5, 1.5])
def test_contrast_equals_keras_random_contrast(images, contrast):
    factors = np.full((len(images), 1, 1, 1), contrast, "float32")
    layer = layers.RandomContrast(0.5, value_range=(0, 255))
    stock = layer.transform_images(ops.cast(images, "float32"), {"contrast_factor": ops.convert_to_tensor(factors)})
    draws = rows(len(images), contrast=contrast)
    np.testing.assert_allclose(augmented(Augment(contrast=0.5), images, draws), ops.convert_to_numpy(stock), atol=1e-3)


def test_colour_jitter_scales_each_channel(images):
    draws = rows(len(images), red=0.5, green=1.1, blue=2.0)
    result = augmented(Augment(colour_jitter=0.9), images, draws)
    np.testing.assert_allclose(result, np.minimum(images * np.array([0.5, 1.1, 2.0]), 255), atol=1e-4)


def test_pixels_are_clipped_once_after_brightness_and_contrast_together():
    images = np.full((1, 4, 4, 3), 200, np.uint8)
    images[:, :2] = 250
    result = augmented(Augment(brightness=0.2, contrast=0.5), images, rows(1, brightness=50.0, contrast=0.5))
    # around their mean of 275, 250 and 300 come half as close; clipped in between, both would be nearer to 252
    np.testing.assert_allclose(result, np.full_like(images, 255, dtype="float32"))
    darker = augmented(Augment(brightness=0.2, contrast=0.5), images, rows(1, brightness=20.0, contrast=2.0))
    np.testing.assert_allclose(np.unique(darker), [195, 255])  # 220 and 270 around 245: 195 and 295


def test_pixels_stay_within_their_range(images):
    extreme = Augment(**(vars(EVERYTHING) | {"brightness": 1.0, "contrast": 0.9}))
    result = augmented(extreme, images, draw(extreme, np.random.default_rng(0), len(images)))
    assert (result.min(), result.max()) == pytest.approx((0, 255), abs=1e-3)  # resampling rounds


def test_light_changes_before_the_geometry(images):
    """So that all of it happens to bytes, of which there are 256."""
    draws = draw(EVERYTHING, np.random.default_rng(0), len(images))
    shaded = augmented(Augment(brightness=0.1, contrast=0.2, colour_jitter=0.1), images, draws)
    np.testing.assert_allclose(augmented(EVERYTHING, images, draws), augmented(GEOMETRY, shaded, draws), atol=0.01)


def test_bytes_and_floats_are_changed_alike(images):
    draws = draw(EVERYTHING, np.random.default_rng(0), len(images))
    floats = augmented(EVERYTHING, images.astype(np.float32), draws)
    np.testing.assert_allclose(augmented(EVERYTHING, images, draws), floats, atol=0.01)


def test_a_reduced_precision_policy_changes_nothing(images):
    draws = draw(EVERYTHING, np.random.default_rng(0), len(images))
    expected = augmented(EVERYTHING, images, draws)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        result = Augmentation(EVERYTHING)(images, draws)
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    np.testing.assert_array_equal(ops.convert_to_numpy(result), expected)


def test_a_compiled_training_step_changes_images_as_a_plain_call_does(images):
    """The layer is a part of a model that Keras compiles and trains; sizes are not known beforehand."""
    pixels, draws = keras.Input((None, None, 3), dtype="uint8"), keras.Input((WIDTH,))
    changed = Augmentation(EVERYTHING)(pixels, draws)
    model = keras.Model([pixels, draws], layers.Dense(1)(layers.GlobalAveragePooling2D()(changed)))
    model.compile(optimizer="sgd", loss="mse", metrics=[])
    values = draw(EVERYTHING, np.random.default_rng(0), len(images))
    loss = model.train_on_batch([images, values], np.zeros((len(images), 1)))
    assert np.isfinite(loss)
    whole = keras.Model([pixels, draws], changed)
    np.testing.assert_allclose(
        whole.predict([images, values], verbose=0), augmented(EVERYTHING, images, values), atol=0.01
    )


@pytest.mark.parametrize(
    "options",
    [EVERYTHING, GEOMETRY, Augment(flip=True, brightness=0.3), Augment(zoom=0.2, contrast=0.3, colour_jitter=0.2)],
    ids=["everything", "geometry", "brightness", "contrast and colour"],
)
def test_image_by_image_on_a_cpu_it_is_the_same_as_batch_by_batch(options, images, monkeypatch):
    draws = draw(options, np.random.default_rng(0), len(images))
    found = augmented(options, images, draws)
    monkeypatch.setattr(augment, "_on_tensorflows_cpu", lambda: False)
    np.testing.assert_allclose(found, augmented(options, images, draws), atol=0.01)
