"""The PyTorch side of the GPU study does the same work as ours."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import torch_peer  # noqa: E402

IDENTITY = [1, 0, 0, 0, 1, 0, 0, 1]


def changed(images, row):
    return torch_peer.augment(torch.from_numpy(images), torch.tensor([row], dtype=torch.float32)).numpy()


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(20, 230, (1, 3, 16, 16)).astype(np.float32)


def test_augmentation_that_changes_nothing_leaves_images_alone(images):
    np.testing.assert_allclose(changed(images, IDENTITY), images, atol=1e-2)


def test_a_negative_scale_is_a_flip_and_light_is_added(images):
    flipped = changed(images, [-1, 0, 0, 0, 1, 0, 2.5, 1])
    np.testing.assert_allclose(flipped, images[..., ::-1] + 2.5, atol=1e-2)


def test_the_scratch_network_has_the_seed_studys_parameters():
    network = torch_peer.Classifier("scratch")
    assert sum(parameter.numel() for parameter in network.parameters()) == 616_609  # those that are trained


def test_a_head_phase_trains_the_head_alone():
    network = torch_peer.Classifier("scratch")
    torch_peer.enter("head", network)
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert sum(parameter.numel() for parameter in learned) == 256 * 128 + 128 + 128 + 1
