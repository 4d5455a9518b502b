"""The networks inside autoencoders and VAEs: images to features, and codes to features, from which a head answers.

Two kinds, with one face each way. `encoder_network` makes images (N, pixels) → features (N, width);
`decoder_network` makes codes (N, latent) → features; the `head(outputs)` of either makes a layer features →
(N, outputs). Images stay flat rows outside, whatever happens inside. `Levels` makes such a head one of grey levels.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ... import functional as F
from ... import nn
from ...autograd import Tensor
from .assumptions import check_size

__all__ = ["MLP", "ConvDecoder", "ConvEncoder", "Levels", "decoder_network", "encoder_network", "hidden_sizes"]


class MLP(nn.Module):
    """h = tanh(Wx + b), layer after layer; without a hidden layer h = x.

    Eq. 15.13 (derivations/15-decoders.md#eq-15-13). The features (N, width) are those of the last hidden layer.
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], rng: Any = None) -> None:
        sizes = (inputs, *hidden)
        self.width = sizes[-1]
        self.layers = nn.ModuleList([nn.Linear(m, n, rng=rng) for m, n in itertools.pairwise(sizes)])

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = F.tanh(layer(x))
        return x

    def head(self, outputs: int, rng: Any = None) -> nn.Module:
        """A layer from the features to `outputs` numbers."""
        return nn.Linear(self.width, outputs, rng=rng)


class ConvEncoder(nn.Module):
    """Two convolutions that halve the image, with ReLUs; then one row of features per image.

    Eq. 15.14 (derivations/15-decoders.md#eq-15-14). `channels` are those of the two convolutions. Images (N, C·H·W)
    become (N, channels₂·H/4·W/4). Raises `ValueError` unless H and W divide by 4.
    """

    def __init__(self, shape: tuple[int, int, int], channels: tuple[int, int], rng: Any = None) -> None:
        self.shape = check_shape("ConvEncoder", shape)
        (c, h, w), (first, second) = shape, channels
        self.first = nn.Conv2d(c, first, 4, stride=2, padding=1, rng=rng)
        self.second = nn.Conv2d(first, second, 4, stride=2, padding=1, rng=rng)
        self.width = second * (h // 4) * (w // 4)

    def forward(self, x: Any) -> Tensor:
        h = F.relu(self.first(F.reshape(x, (len(x), *self.shape))))
        return F.reshape(F.relu(self.second(h)), (len(x), self.width))

    def head(self, outputs: int, rng: Any = None) -> nn.Module:
        """A layer from the features to `outputs` numbers."""
        return nn.Linear(self.width, outputs, rng=rng)


class ConvDecoder(nn.Module):
    """The encoder's mirror image: a row of features, and a transposed convolution (upconv) that doubles the image.

    Eq. 15.14 (derivations/15-decoders.md#eq-15-14). The head is the second such layer. Codes (N, inputs) become
    (N, channels₁, H/2, W/2). Raises `ValueError` unless H and W divide by 4.
    """

    def __init__(self, inputs: int, shape: tuple[int, int, int], channels: tuple[int, int], rng: Any = None) -> None:
        self.shape = check_shape("ConvDecoder", shape)
        (_, h, w), (self.channels, second) = shape, channels
        self.small = (second, h // 4, w // 4)
        self.spread = nn.Linear(inputs, math.prod(self.small), init=nn.init.he_normal, rng=rng)
        self.enlarge = nn.ConvTranspose2d(second, self.channels, 4, stride=2, padding=1, rng=rng)

    def forward(self, z: Any) -> Tensor:
        h = F.relu(self.spread(z))
        return F.relu(self.enlarge(F.reshape(h, (len(z), *self.small))))

    def head(self, outputs: int, rng: Any = None) -> nn.Module:
        """A layer from the features to `outputs` numbers, a whole number of maps."""
        return _Enlarge(self.channels, outputs // math.prod(self.shape[1:]), rng)


class _Enlarge(nn.ConvTranspose2d):
    """Features (N, channels, H/2, W/2) → (N, maps·H·W)."""

    def __init__(self, channels: int, maps: int, rng: Any) -> None:
        super().__init__(channels, maps, 4, stride=2, padding=1, init=nn.init.glorot_uniform, rng=rng)

    def forward(self, x: Any) -> Tensor:
        y = super().forward(x)
        return F.reshape(y, (len(x), math.prod(y.shape[1:])))


FEATURES = 16  # numbers for each pixel, of which the logits of its levels are made


class Levels(nn.Module):
    """aₖᵢ = Σ_c vₖ_c f_cᵢ + bₖᵢ: the logits of K levels for every pixel, from the features of a decoder's `network`.

    Eq. 15.21 (derivations/15-decoders.md#eq-15-21). A head of the network says f, 16 numbers for each pixel; all pixels
    share v, as in the last layer of a PixelCNN. With a weight of its own for each logit, 400 hidden units and 256
    levels of 784 pixels would make 80 million. The logits come as (N, pixels, K).
    """

    def __init__(self, network: Any, pixels: int, levels: int, rng: Any = None) -> None:
        self.pixels = pixels
        self.features = network.head(FEATURES * pixels, rng)
        self.shared = nn.Linear(FEATURES, levels, bias=False, rng=rng)
        self.bias = nn.Parameter(np.zeros((levels, pixels), np.float32))

    def forward(self, h: Any) -> Tensor:
        f = F.reshape(self.features(h), (len(h), FEATURES, self.pixels))
        return F.transpose(F.matmul(self.shared.weight, f) + self.bias, (0, 2, 1))


def hidden_sizes(who: str, hidden: int | tuple[int, ...]) -> tuple[int, ...]:
    """400 → (400,): one hidden layer may be written as a plain number. Raises `ValueError` for what is no size."""
    return tuple(check_size(who, "hidden", n) for n in (hidden if np.iterable(hidden) else [hidden]))


def encoder_network(pixels: int, hidden: tuple[int, ...], shape: Any = None, rng: Any = None) -> Any:
    """Images (N, pixels) → features (N, width): convolutional where the image's `shape` is given, else an MLP."""
    return MLP(pixels, hidden, rng) if shape is None else ConvEncoder(shape, check_channels(hidden), rng)


def decoder_network(inputs: int, hidden: tuple[int, ...], shape: Any = None, rng: Any = None) -> Any:
    """Codes (N, inputs) → features, the encoder's layers in the opposite order."""
    if shape is None:
        return MLP(inputs, hidden[::-1], rng)
    return ConvDecoder(inputs, shape, check_channels(hidden), rng)


def check_channels(hidden: tuple[int, ...]) -> tuple[int, int]:
    """Raise `ValueError` unless there are two convolutions' channels."""
    if len(hidden) != 2:
        raise ValueError(f"a convolutional network has two layers: hidden=(16, 32), for example, not {hidden}")
    return hidden[0], hidden[1]


def check_shape(who: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Raise `ValueError` unless images of this shape can be halved twice."""
    if len(shape) != 3 or shape[1] % 4 or shape[2] % 4:
        raise ValueError(f"{who}: expected images (C, H, W) whose sides divide by 4, got {tuple(shape)}")
    return tuple(check_size(who, "shape", n) for n in shape)
