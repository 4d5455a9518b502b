"""The networks that play: generators (생성자) from noise to data, discriminators (판별자) from data to one logit.

A generator knows its `latent`, and the `range` of what it can make, so that data outside of it is refused instead of
never being reached. A discriminator ends in the logit a, not in the probability σ(a): see `objectives`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import functional as F
from ... import nn
from ...autograd import Tensor

__all__ = ["DCDiscriminator", "DCGenerator", "MLPDiscriminator", "MLPGenerator", "MaxoutDiscriminator"]

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": F.relu,
    "leaky relu": lambda x: F.leaky_relu(x, 0.2),
    "tanh": F.tanh,
}
# How a generator ends, and the range that follows.
OUTPUTS: dict[str, tuple[Callable[[Any], Any], tuple[float, float]]] = {
    "tanh": (F.tanh, (-1.0, 1.0)),
    "sigmoid": (F.sigmoid, (0.0, 1.0)),
    "linear": (lambda x: x, (-math.inf, math.inf)),
}


class _MLP(nn.Module):
    """Linear layers with an activation between them."""

    def __init__(self, sizes: tuple[int, ...], activation: str, init: Any, rng: Any) -> None:
        self.activation = _known("activation", activation, ACTIVATIONS)
        self.layers = nn.ModuleList([nn.Linear(m, n, init=init, rng=rng) for m, n in itertools.pairwise(sizes)])

    def forward(self, x: Any) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = ACTIVATIONS[self.activation](layer(x))
        return last(x)


class MLPGenerator(nn.Module):
    """Noise (N, latent) → rows (N, outputs). The lecture's has 64–256–784 and ends in a tanh (S0, line 1317).

    `activation` between layers: "relu", "leaky relu", "tanh"; `output` at the end: "tanh", "sigmoid", "linear".
    """

    def __init__(
        self,
        latent: int = 64,
        hidden: tuple[int, ...] = (256,),
        outputs: int = 784,
        output: str = "tanh",
        activation: str = "relu",
        init: Any = nn.init.glorot_uniform,
        rng: Any = None,
    ) -> None:
        self.latent, self.output = latent, _known("output", output, OUTPUTS)
        self.range = OUTPUTS[output][1]
        self.network = _MLP((latent, *hidden, outputs), activation, init, rng)

    def forward(self, z: Any) -> Tensor:
        return OUTPUTS[self.output][0](self.network(z))


class MLPDiscriminator(nn.Module):
    """Rows (N, inputs) → logits (N,). The lecture's has 784–256–1 with leaky ReLUs (S0, line 1309)."""

    def __init__(
        self,
        inputs: int = 784,
        hidden: tuple[int, ...] = (256,),
        activation: str = "leaky relu",
        init: Any = nn.init.glorot_uniform,
        rng: Any = None,
    ) -> None:
        self.network = _MLP((inputs, *hidden, 1), activation, init, rng)

    def forward(self, x: Any) -> Tensor:
        return F.reshape(self.network(x), (len(x),))


class MaxoutDiscriminator(nn.Module):
    """Rows (N, inputs) → logits (N,), through layers of maxout units, as in the first GAN.

    `dropout` is the probability to drop an input, and a hidden unit; drawn from `rng`. I. Goodfellow et al.,
    *Generative adversarial nets*, NeurIPS 2014 (arXiv:1406.2661).
    """

    def __init__(
        self,
        inputs: int = 784,
        hidden: tuple[int, ...] = (240, 240),
        pieces: int = 5,
        dropout: tuple[float, float] = (0.0, 0.0),
        init: Any = nn.init.glorot_uniform,
        rng: Any = None,
    ) -> None:
        rng = nn.init.generator(rng)
        sizes = (inputs, *hidden)
        self.layers = nn.ModuleList([nn.Maxout(m, n, pieces, init=init, rng=rng) for m, n in itertools.pairwise(sizes)])
        dropped = [dropout[0], *(dropout[1] for _ in hidden)]
        self.dropouts = nn.ModuleList([nn.Dropout(p, rng) for p in dropped] if any(dropped) else [])
        self.output = nn.Linear(sizes[-1], 1, init=init, rng=rng)

    def forward(self, x: Any) -> Tensor:
        for layer, dropout in itertools.zip_longest([*self.layers, self.output], self.dropouts):
            x = layer(x if dropout is None else dropout(x))
        return F.reshape(x, (len(x),))


class DCGenerator(nn.Module):
    """Noise (N, latent) → images (N, C, H, W) in [−1, 1]: a linear layer, then transposed convolutions that double the
    image, batch norm and ReLU between them, tanh at the end.

    Eq. 19.5 (derivations/19-algorithm-1.md#eq-19-5). `channels` are those at H/2 and H/4. A. Radford, L. Metz,
    S. Chintala, *Unsupervised representation learning with deep convolutional generative adversarial networks*, ICLR
    2016 (arXiv:1511.06434). Raises `ValueError` unless H and W divide by 4.
    """

    range = (-1.0, 1.0)

    def __init__(
        self,
        latent: int = 100,
        channels: tuple[int, int] = (64, 128),
        shape: tuple[int, int, int] = (1, 28, 28),
        rng: Any = None,
    ) -> None:
        c, h, w = _halved_twice("DCGenerator", shape)
        first, second = channels
        self.latent, self.small = latent, (second, h // 4, w // 4)
        self.spread = nn.Linear(latent, math.prod(self.small), init=dcgan_normal, rng=rng)
        self.spread_norm = nn.BatchNorm2d(second)
        self.enlarge = nn.ConvTranspose2d(second, first, 4, stride=2, padding=1, init=dcgan_normal, rng=rng)
        self.enlarge_norm = nn.BatchNorm2d(first)
        self.draw = nn.ConvTranspose2d(first, c, 4, stride=2, padding=1, init=dcgan_normal, rng=rng)
        for layer in (self.enlarge, self.draw):
            layer.weight.data /= 2  # `ConvTranspose2d` makes up for its stride, DCGAN does not

    def forward(self, z: Any) -> Tensor:
        h = F.reshape(self.spread(z), (len(z), *self.small))
        h = F.relu(self.spread_norm(h))
        h = F.relu(self.enlarge_norm(self.enlarge(h)))
        return F.tanh(self.draw(h))


class DCDiscriminator(nn.Module):
    """Images (N, C, H, W) → logits (N,): the generator's mirror image, with leaky ReLUs of slope 0.2, and no batch norm
    at the first layer.

    Eq. 19.5 (derivations/19-algorithm-1.md#eq-19-5); see `DCGenerator`. `norm=False` leaves batch norm away: a penalty
    on the slope at each image wants images that do not see each other. Raises `ValueError` unless H and W divide by 4.
    """

    def __init__(
        self,
        channels: tuple[int, int] = (64, 128),
        shape: tuple[int, int, int] = (1, 28, 28),
        norm: bool = True,
        rng: Any = None,
    ) -> None:
        c, h, w = _halved_twice("DCDiscriminator", shape)
        first, second = channels
        self.width = second * (h // 4) * (w // 4)
        self.first = nn.Conv2d(c, first, 4, stride=2, padding=1, init=dcgan_normal, rng=rng)
        self.second = nn.Conv2d(first, second, 4, stride=2, padding=1, init=dcgan_normal, rng=rng)
        self.second_norm = nn.BatchNorm2d(second) if norm else nn.Sequential()
        self.output = nn.Linear(self.width, 1, init=dcgan_normal, rng=rng)

    def features(self, x: Any) -> Tensor:
        """What the last layer sees: (N, width)."""
        h = F.leaky_relu(self.first(x), 0.2)
        h = F.leaky_relu(self.second_norm(self.second(h)), 0.2)
        return F.reshape(h, (len(x), self.width))

    def forward(self, x: Any) -> Tensor:
        return F.reshape(self.output(self.features(x)), (len(x),))


def dcgan_normal(shape: Any, rng: Any, dtype: Any = np.float32) -> np.ndarray:
    """w ~ N(0, 0.02²), whatever the layer's size: how the DCGAN paper begins."""
    return (0.02 * rng.standard_normal(tuple(shape))).astype(dtype)


def _halved_twice(who: str, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    if len(shape) != 3 or shape[1] % 4 or shape[2] % 4:
        raise ValueError(f"{who}: expected images (C, H, W) whose sides divide by 4, got {tuple(shape)}")
    return shape


def _known(what: str, name: str, names: Any) -> str:
    if name not in names:
        raise ValueError(f"{what}: expected one of {', '.join(map(repr, names))}, got {name!r}")
    return name
