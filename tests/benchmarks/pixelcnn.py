"""PixelCNN: a training step, drawing images, and how both grow.

The network is 7×7 type A, then residual blocks of half the channels, and two 1×1 layers; binary images. A step is loss,
gradients and Adam. PyTorch has the same weights, multiplies its masked weights by zero, and draws as its tutorials do:
a whole pass for every pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import Contender, compare

STEP = {"scratchgen": "in_scratchgen", "torch": "in_torch", "torch channels_last": "in_torch_channels_last"}
DRAWING = {"scratchgen": "drawing_in_scratchgen", "torch": "drawing_in_torch"}
USUAL = {"channels": 32, "blocks": 7, "side": 28, "images": 64}
GOALS = {"torch": 0.7, "torch channels_last": 1.0}


def run(rounds: int = 5) -> list[dict]:
    """Steps on one thread and on two; drawing; then one size after the other made larger."""
    both = ["scratchgen", "torch channels_last"]
    sizes = [{"blocks": 3}, {"blocks": 15}, {"channels": 16}, {"channels": 64}, {"side": 14}, {"side": 56}]
    fewer = min(rounds, 3)
    return [
        *(_step(list(STEP), threads, rounds, GOALS) for threads in (1, 2)),
        _draw(list(DRAWING), 1, {"torch": 0.01}),
        *(_step(both, 2, fewer, **size) for size in sizes),
        *(_draw(["scratchgen"], fewer, side=side) for side in (7, 14, 56)),
        *(_draw(["scratchgen"], fewer, images=images) for images in (1, 16, 256)),
    ]


def _step(names: list[str], threads: int, rounds: int, goals: dict[str, float] | None = None, **size: int) -> dict:
    options = USUAL | size
    contenders = [
        Contender(
            name,
            f"{__name__}:{STEP[name]}",
            options | ({"workers": threads} if name == "scratchgen" else {}),
            ours=name == "scratchgen",
        )
        for name in names
    ]
    title = "PixelCNN step, {images} images of {side}×{side}, {blocks} blocks of {channels} channels"
    return compare(title.format(**options), contenders, threads=threads, rounds=rounds, goals=goals, **options)


def _draw(names: list[str], rounds: int, goals: dict[str, float] | None = None, **size: int) -> dict:
    options = USUAL | size
    contenders = [Contender(name, f"{__name__}:{DRAWING[name]}", options, name == "scratchgen") for name in names]
    title = "PixelCNN drawing {images} images of {side}×{side}, {blocks} blocks of {channels} channels"
    return compare(title.format(**options), contenders, threads=1, rounds=rounds, goals=goals, **options)


def problem(channels: int, blocks: int, side: int, images: int) -> tuple[Any, np.ndarray]:
    """The network, and bits of which a fifth are ones."""
    from scratchgen.models.autoregressive import PixelCNN

    rng = np.random.default_rng(0)
    model = PixelCNN((1, side, side), channels=channels, blocks=blocks, rng=rng)
    return model, (rng.random((images, 1, side, side)) < 0.2).astype(np.float32)


def in_scratchgen(workers: int, **size: int) -> Any:
    from scratchgen import backend, optim
    from scratchgen.training.workers import Workers

    backend.keep_memory()
    model, x = problem(**size)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    crew = Workers(workers, model).__enter__()  # open as long as the process lives

    def step() -> float:
        optimizer.zero_grad()
        metrics = crew.backward(model.loss, [x], None)
        optimizer.step()
        return float(metrics["loss"]) / x[0].size

    return step


def twin(channels: int, blocks: int, side: int, images: int, layout: Any = None) -> tuple[Any, Any]:
    """The network with the same weights in PyTorch, and the bits."""
    import torch
    from torch import nn

    class Masked(nn.Conv2d):
        def __init__(self, kind: str, *sizes: int) -> None:
            super().__init__(*sizes, padding=sizes[-1] // 2)
            mask = torch.ones_like(self.weight)
            centre = sizes[-1] // 2
            mask[:, :, centre, centre + (kind == "B") :] = 0
            mask[:, :, centre + 1 :] = 0
            self.register_buffer("mask", mask)

        def forward(self, x: Any) -> Any:
            return nn.functional.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)

    class Residual(nn.Sequential):
        def forward(self, h: Any) -> Any:
            return h + super().forward(h)

    half, relu = channels // 2, nn.ReLU
    body = [
        Residual(
            relu(),
            nn.Conv2d(channels, half, 1),
            relu(),
            Masked("B", half, half, 3),
            relu(),
            nn.Conv2d(half, channels, 1),
        )
        for _ in range(blocks)
    ]
    head = [relu(), nn.Conv2d(channels, channels, 1), relu(), nn.Conv2d(channels, 1, 1)]
    network = nn.Sequential(Masked("A", 1, channels, 7), *body, *head)
    model, x = problem(channels, blocks, side, images)
    with torch.no_grad():
        for theirs, ours in zip(network.parameters(), model.parameters(), strict=True):
            theirs.copy_(torch.tensor(ours.numpy()))
    layout = layout or torch.contiguous_format
    return network.to(memory_format=layout), torch.tensor(x).to(memory_format=layout)


def in_torch_channels_last(**size: int) -> Any:
    import torch

    return in_torch(**size, layout=torch.channels_last)


def in_torch(layout: Any = None, **size: int) -> Any:
    import torch

    network, x = twin(**size, layout=layout)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(x), x)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def drawing_in_scratchgen(**size: int) -> Any:
    from scratchgen import backend

    backend.keep_memory()
    model, _ = problem(**size)
    return lambda: float(model.sample(size["images"], np.random.default_rng(0)).mean())


def drawing_in_torch(**size: int) -> Any:
    import torch

    network, x = twin(**size)

    @torch.no_grad()
    def draw() -> float:
        uniforms = torch.tensor(np.random.default_rng(0).random(x.flatten(1).shape, dtype=np.float32))
        images = torch.zeros_like(x)
        for k in range(uniforms.shape[1]):
            i, j = divmod(k, x.shape[-1])
            images[:, 0, i, j] = (uniforms[:, k] >= torch.sigmoid(-network(images)[:, 0, i, j])).float()
        return images.mean().item()

    return draw
