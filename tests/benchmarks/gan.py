"""One round of a GAN, D's step and G's, with Adam, in float32: the lecture's MLPs (64–256–784, batch 128), a DCGAN on
28×28 images (64 and 128 channels, batch 64), and the Unrolled GAN's toy (two layers of 128 tanh units, 2-D data, batch
512), whose generator looks 0 … 10 steps of D ahead.

PyTorch has the same weights, images and noise, computes no gradient of D's weights in G's step, and unrolls with
`create_graph=True`. A round returns the sum of both losses.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .harness import Contender, compare

RATES = {"mlp": 2e-4, "dcgan": 2e-4, "ring": 1e-3}
BATCHES = {"mlp": 128, "dcgan": 64, "ring": 512}


def run(rounds: int = 5) -> list[dict]:
    """MLPs on one thread and on two (two workers, or one and a BLAS of two threads); DCGAN likewise, but batch norm
    wants one worker; then K."""
    names = {"mlp": "MLP GAN round, 64–256–784, batch 128", "dcgan": "DCGAN round, 64 and 128 channels, batch 64"}
    goals = {"mlp": 0.7, "dcgan": 1.2}
    return [
        *(_round(names[game], game, threads, rounds, goals[game]) for game in names for threads in (1, 2)),
        *(
            _round(f"Unrolled GAN round, K = {k}, 2×128 tanh, batch 512", "ring", 1, rounds, 1.0, unroll=k)
            for k in (0, 1, 5, 10)
        ),
    ]


def _round(title: str, game: str, threads: int, rounds: int, goal: float, **options: int) -> dict:
    options = {"workers": threads if game == "mlp" else 1, **options}
    contenders = [
        Contender("scratchgen", f"{__name__}:in_scratchgen", {"game": game, **options}, True),
        Contender("torch", f"{__name__}:in_torch", {"game": game, **options}),
    ]
    if options["workers"] > 1:
        one = {"game": game, **options, "workers": 1}
        contenders.append(Contender("scratchgen, 1 worker", f"{__name__}:in_scratchgen", one, True))
    if game == "dcgan":
        contenders.append(Contender("torch channels_last", f"{__name__}:in_torch_channels_last", {"game": game}))
    return compare(title, contenders, threads=threads, rounds=rounds, goals={"torch": goal})


class Prepared:
    """A generator that hands out the same few arrays over and over: drawing is not what is timed."""

    def __init__(self, batch: int, latent: int) -> None:
        rng = np.random.default_rng(1)
        self.arrays = itertools.cycle([rng.standard_normal((batch, latent), dtype=np.float32) for _ in range(6)])
        self.bit_generator = rng.bit_generator

    def standard_normal(self, size: Any, dtype: Any = None) -> np.ndarray:
        return next(self.arrays)


def problem(game: str) -> tuple[Any, Any, Any, np.ndarray, Prepared]:
    """Generator, discriminator, the objective's name, data, noise."""
    from scratchgen import data
    from scratchgen.models import adversarial as A

    rng, batch = np.random.default_rng(0), BATCHES[game]
    if game == "ring":
        G = A.MLPGenerator(256, (128, 128), 2, output="linear", activation="tanh", rng=rng)
        D = A.MLPDiscriminator(2, (128, 128), activation="tanh", rng=rng)
        return G, D, "minimax", data.mixture_ring(batch, rng).points, Prepared(batch, 256)
    if game == "dcgan":
        x = np.tanh(rng.standard_normal((batch, 1, 28, 28))).astype(np.float32)
        return A.DCGenerator(rng=rng), A.DCDiscriminator(rng=rng), "non-saturating", x, Prepared(batch, 100)
    x = np.tanh(rng.standard_normal((batch, 784))).astype(np.float32)
    return A.MLPGenerator(rng=rng), A.MLPDiscriminator(rng=rng), "non-saturating", x, Prepared(batch, 64)


def in_scratchgen(game: str, workers: int, unroll: int = 0) -> Any:
    """The package's own game in its own loop's step."""
    from scratchgen import optim, training
    from scratchgen.models.adversarial import GAN, UnrolledGAN

    G, D, objective, x, noise = problem(game)
    players = training.Players(*(optim.Adam(p.parameters(), lr=RATES[game], betas=(0.5, 0.999)) for p in (D, G)))
    options = {"objective": objective}
    gan = UnrolledGAN(G, D, players.discriminator, unroll, **options) if game == "ring" else GAN(G, D, **options)
    state = training.Run(gan, players, noise)  # type: ignore[arg-type]
    crew = training.Workers(workers, gan).__enter__()  # as long as the process lives

    def step() -> float:
        metrics = training.play(state, gan, [x], crew)
        state.step += 1
        return float(metrics["D"]) + float(metrics["G"])

    return step


def in_torch_channels_last(**options: Any) -> Any:
    import torch

    return in_torch(**options, layout=torch.channels_last)


def in_torch(game: str, workers: int = 1, unroll: int = 0, layout: Any = None) -> Any:
    import torch
    from torch.func import functional_call
    from torch.nn.functional import softplus

    G, D, x, noise = twins(game, layout)
    weights = {name: list(player.parameters()) for name, player in (("D", D), ("G", G))}
    descend = {name: torch.optim.Adam(w, lr=RATES[game], betas=(0.5, 0.999)) for name, w in weights.items()}

    def noises() -> Any:
        return torch.from_numpy(noise.standard_normal(None))

    def d_loss(discriminator: Any, fake: Any) -> Any:
        return softplus(-discriminator(x)).mean() + softplus(discriminator(fake)).mean()

    def future(fake: Any) -> Any:
        """D after `unroll` steps of Adam from where Adam is, as a function of G's images."""
        state = [descend["D"].state[p] for p in weights["D"]]
        names, now = [n for n, _ in D.named_parameters()], weights["D"]
        m, v = [s["exp_avg"] for s in state], [s["exp_avg_sq"] for s in state]
        t = int(state[0]["step"]) if state and "step" in state[0] else 0
        for k in range(1, unroll + 1):
            loss = d_loss(lambda y: functional_call(D, dict(zip(names, now)), (y,)), fake)  # noqa: B023
            slopes = torch.autograd.grad(loss, now, create_graph=True)
            m = [0.5 * a + 0.5 * g for a, g in zip(m, slopes)]
            v = [0.999 * a + 0.001 * g * g for a, g in zip(v, slopes)]
            first, second = 1 - 0.5 ** (t + k), 1 - 0.999 ** (t + k)
            now = [w - RATES[game] * (a / first) / ((b / second + 1e-30).sqrt() + 1e-8) for w, a, b in zip(now, m, v)]
        return lambda y: functional_call(D, dict(zip(names, now)), (y,))

    def step() -> float:
        with torch.no_grad():
            fake = G(noises())
        descend["D"].zero_grad()
        first = d_loss(D, fake)
        first.backward()
        descend["D"].step()

        for p in weights["D"]:
            p.requires_grad_(unroll > 0)
        descend["G"].zero_grad()
        fake = G(noises())
        if game == "ring":
            second = -d_loss(future(fake) if unroll else D, fake)
        else:
            second = softplus(-D(fake)).mean()
        second.backward(inputs=weights["G"])
        descend["G"].step()
        for p in weights["D"]:
            p.requires_grad_(True)
        return first.item() + second.item()

    return step


def twins(game: str, layout: Any = None) -> tuple[Any, Any, Any, Prepared]:
    """Both players with the same weights in PyTorch, the data, and the noise."""
    import torch
    from torch import nn

    ours_g, ours_d, _, x, noise = problem(game)
    if game == "dcgan":
        G = nn.Sequential(
            nn.Linear(100, 128 * 49), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip
        D = nn.Sequential(
            nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 4, 2, 1), nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(128 * 49, 1), nn.Flatten(0),
        )  # fmt: skip
    elif game == "ring":
        G = nn.Sequential(
            nn.Linear(256, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 2),
        )  # fmt: skip
        D = nn.Sequential(
            nn.Linear(2, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 1), nn.Flatten(0),
        )  # fmt: skip
    else:
        G = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh())
        D = nn.Sequential(nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1), nn.Flatten(0))
    with torch.no_grad():
        for theirs, ours in ((G, ours_g), (D, ours_d)):
            for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):
                p.copy_(torch.tensor(q.numpy()))
    layout = layout or torch.contiguous_format
    images = torch.tensor(x)
    if game == "dcgan":
        G, D, images = G.to(memory_format=layout), D.to(memory_format=layout), images.to(memory_format=layout)
    return G, D, images, noise
