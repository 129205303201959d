"""The seed study's trainings as a PyTorch user would write them for speed: timm's backbones, bfloat16, channels last.

Batches come in order from pinned memory, so that reading costs PyTorch nothing; augmentation is the same composed
resampling on the device as skinexp's, in float32.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from gpu_watch import Watch
from torch import nn
from torch.nn import functional

BACKBONES = {"mobilenet": "mobilenetv2_100", "efficientnet": "efficientnet_b0"}
MODES = {"torch compiled": "default", "torch compiled, CUDA graphs": "reduce-overhead"}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Classifier(nn.Module):
    """A backbone that pools, under the seed study's head; pixels 0..255 in, logits out."""

    def __init__(self, name: str):
        super().__init__()
        if name == "scratch":
            self.backbone, self.head = scratch(), seeds_head(256, 0.0)
        else:
            import timm

            self.backbone = timm.create_model(BACKBONES[name], num_classes=0)
            self.head = seeds_head(self.backbone.num_features, 0.3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(images / 127.5 - 1))


def scratch() -> nn.Sequential:
    """The seed study's CNN up to its pooled features."""
    layers: list[nn.Module] = []
    before = 3
    for filters, dropout in (((32, 32), 0.25), ((64, 64), 0.25), ((128, 128), 0.30), ((256,), 0.35)):
        for width in filters:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            before = width
        layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def seeds_head(features: int, dropout: float) -> nn.Sequential:
    """Dropout, a dense layer, dropout, one logit."""
    return nn.Sequential(
        nn.Dropout(dropout), nn.Linear(features, 128), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(128, 1)
    )


def enter(phase: str, network: Classifier) -> None:
    """Lets the phase's layers learn; what is frozen computes as in inference, BatchNormalization of a backbone too."""
    network.train()
    if phase == "train":
        return
    leaves = [module for module in network.backbone.modules() if not list(module.children())]
    first = round(0.75 * len(leaves)) if phase == "fine_tune" else len(leaves)
    for position, module in enumerate(leaves):
        frozen = position < first or isinstance(module, nn.BatchNorm2d)
        module.requires_grad_(not frozen)
        module.train(not frozen)


def augment(images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Flip, rotation and zoom in one resampling, then brightness and contrast, clipped.

    Args:
        images: (n, 3, height, width) float32, 0..255.
        draws: (n, 8) float32: a 2x3 matrix, what is added, and what contrast is multiplied with.
    """
    matrices = draws[:, :6].reshape(-1, 2, 3)
    grid = functional.affine_grid(matrices, images.shape, align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    images = images + draws[:, 6, None, None, None]
    mean = images.mean(dim=(2, 3), keepdim=True)
    return ((images - mean) * draws[:, 7, None, None, None] + mean).clamp(0, 255)


def measure(options: argparse.Namespace, pixels: np.ndarray) -> dict[str, Any]:
    """Trains for some epochs and says how fast."""
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    step = training_step(options)
    images, draws, labels = host_arrays(options, pixels)
    seconds = []
    with ExitStack() as stack:
        watch = Watch()
        for epoch in range(options.epochs):
            if epoch == 1:
                stack.enter_context(watch)
            start = time.perf_counter()
            for first in range(0, options.images, options.batch_size):
                members = slice(first, first + options.batch_size)
                step(*(part[members].to(DEVICE, non_blocking=True) for part in (images, draws, labels)))
            if DEVICE == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
    memory = torch.cuda.max_memory_reserved() / 1e6 if DEVICE == "cuda" else None
    return {"seconds": seconds, "utilisation": watch.utilisation, "memory_megabytes": memory}


def training_step(options: argparse.Namespace) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]:
    """Forward, backward and update of one batch of (n, height, width, 3) uint8."""
    network = Classifier(options.model).to(DEVICE, memory_format=torch.channels_last)
    enter(options.phase, network)
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learned, lr=1e-4, fused=DEVICE == "cuda")
    bfloat16 = options.precision == "mixed_bfloat16"

    def loss_of(images: torch.Tensor, draws: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        changed = augment(images.permute(0, 3, 1, 2).float(), draws).contiguous(memory_format=torch.channels_last)
        with torch.autocast(DEVICE, torch.bfloat16, enabled=bfloat16):
            logits = network(changed)
        return functional.binary_cross_entropy_with_logits(logits.float(), labels)

    if options.contestant in MODES:
        loss_of = torch.compile(loss_of, mode=MODES[options.contestant])

    def step(images: torch.Tensor, draws: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss_of(images, draws, labels).backward()
        optimizer.step()

    return step


def host_arrays(options: argparse.Namespace, pixels: np.ndarray) -> list[torch.Tensor]:
    """Images, draws and labels, pinned where there is a GPU."""
    labels = np.arange(options.images, dtype=np.float32)[:, None] % 2
    tensors = [torch.from_numpy(array) for array in (pixels, draw(options.images), labels)]
    return [tensor.pin_memory() for tensor in tensors] if DEVICE == "cuda" else tensors


def draw(count: int) -> np.ndarray:
    """(count, 8) as `augment` reads them: flips, a twentieth of a turn, a tenth of zoom, 1 % of light and contrast."""
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * rng.uniform(-0.05, 0.05, count)
    across, along = rng.choice([-1, 1], (2, count)) * rng.uniform(0.9, 1.1, (2, count))
    none = np.zeros(count)
    matrix = [np.cos(angle) * across, -np.sin(angle) * along, none, np.sin(angle) * across, np.cos(angle) * along, none]
    light = [255 * rng.uniform(-0.01, 0.01, count), rng.uniform(0.99, 1.01, count)]
    return np.stack([*matrix, *light], axis=1).astype(np.float32)
