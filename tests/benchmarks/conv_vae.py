"""One training step of a convolutional VAE: 28×28 bits, two convolutions of stride 2 (32 and 64 channels, 4×4, ReLU),
20 latent dimensions, and their mirror image; batch 128, Adam, float32. The same weights, images and noise in PyTorch.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .harness import Contender, compare

CHANNELS, LATENT, BATCH = (32, 64), 20, 128
STEP = {"scratchgen": "in_scratchgen", "torch": "in_torch", "torch channels_last": "in_torch_channels_last"}
GOALS = {"torch": 1.0}


def run(rounds: int = 5) -> list[dict]:
    """On one thread, and on two."""
    return [
        compare(
            f"convolutional VAE step, batch {BATCH}, channels {CHANNELS}",
            [
                Contender(
                    name, f"{__name__}:{f}", {"workers": threads} if name == "scratchgen" else {}, f == "in_scratchgen"
                )
                for name, f in STEP.items()
            ],
            threads=threads,
            rounds=rounds,
            goals=GOALS,
        )
        for threads in (1, 2)
    ]


def problem() -> tuple[Any, list[tuple[np.ndarray, np.ndarray]]]:
    """The model, and minibatches of images and noise."""
    from scratchgen.models.latent import VAE

    rng = np.random.default_rng(0)
    model = VAE(784, CHANNELS, LATENT, shape=(1, 28, 28), rng=rng)
    batches = [
        ((rng.random((BATCH, 784)) < 0.2).astype(np.float32), rng.standard_normal((BATCH, LATENT), np.float32))
        for _ in range(4)
    ]
    return model, batches


def in_scratchgen(workers: int) -> Any:
    from scratchgen import optim
    from scratchgen.training import Workers

    model, batches = problem()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    minibatches = itertools.cycle(batches)
    crew = Workers(workers, model).__enter__()  # as long as the process lives

    def loss(x: Any, noise: Any, rng: Any) -> Any:
        reconstruction, kl = model.elbo(x, noise)
        return (reconstruction + kl).mean(), {}

    def step() -> float:
        optimizer.zero_grad()
        value = crew.backward(loss, next(minibatches), None)["loss"]
        optimizer.step()
        return float(value)

    return step


def in_torch_channels_last() -> Any:
    import torch

    return in_torch(torch.channels_last)


def in_torch(layout: Any = None) -> Any:
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits

    ours, batches = problem()
    (first, second), side = CHANNELS, 7
    small = (second, side, side)
    encoder = nn.Sequential(
        nn.Conv2d(1, first, 4, 2, 1), nn.ReLU(), nn.Conv2d(first, second, 4, 2, 1), nn.ReLU(), nn.Flatten()
    )
    width = second * side * side
    heads = nn.ModuleList([nn.Linear(width, LATENT), nn.Linear(width, LATENT)])
    decoder = nn.Sequential(
        nn.Linear(LATENT, width), nn.ReLU(), nn.Unflatten(1, small),
        nn.ConvTranspose2d(second, first, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(first, 1, 4, 2, 1),
    )  # fmt: skip
    network = nn.ModuleList([encoder, heads, decoder])
    with torch.no_grad():
        for theirs, mine in zip(network.parameters(), ours.parameters(), strict=True):
            theirs.copy_(torch.tensor(mine.numpy()))
    layout = layout or torch.contiguous_format
    network.to(memory_format=layout)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    minibatches = itertools.cycle(
        [(torch.tensor(x.reshape(-1, 1, 28, 28)).to(memory_format=layout), torch.tensor(e)) for x, e in batches]
    )

    def step() -> float:
        x, noise = next(minibatches)
        optimizer.zero_grad()
        h = encoder(x)
        mean, log_variance = (head(h) for head in heads)
        logits = decoder(mean + (0.5 * log_variance).exp() * noise)
        reconstruction = binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        loss = (reconstruction + kl) / len(x)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
