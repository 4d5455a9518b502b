"""Gated PixelCNN (게이트 픽셀 CNN): two stacks of masked convolutions, which together see every earlier pixel.

A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves, K. Kavukcuoglu, *Conditional Image Generation with
PixelCNN Decoders*, NIPS 2016.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ... import functional as F
from ... import nn
from ...autograd import primitive
from .cache import MaskedNetwork, Run
from .positions import PositionEmbedding

__all__ = ["GatedLayer", "GatedPixelCNN", "gated"]


@primitive
def gated(x: Any) -> Any:
    """y = tanh(a) ∘ σ(b), a and b being the halves of x along axis 1.  Eq. 6.3
    (derivations/06-gated-pixelcnn.md#eq-6-3)"""
    half = x.shape[1] // 2
    return np.tanh(x[:, :half]) * F.sigmoid(x[:, half:])


def _gated_rule(g: Any, x: Any) -> Any:
    half = x.shape[1] // 2
    t, s = F.tanh(x[:, :half]), F.sigmoid(x[:, half:])
    through = g * s
    return F.concatenate([through * (1 - t * t), through * t * (1 - s)], 1)  # Eq. 6.4


gated.vjp(x=_gated_rule)


class GatedLayer(nn.Module):
    """One layer of both stacks.  Eqs. 6.5 and 6.8 (derivations/06-gated-pixelcnn.md#eq-6-5)

        v' = gate(K ⋆ v + B_y)                      K: rows above and its own, 3×3
        h' = h + O gate(k ⋆ h + M (K ⋆ v) + B'_y)   k: left and itself, 1×3; M and O: 1×1

    B and B' have a learnt row for each class, and are absent where there are no classes.
    """

    def __init__(self, channels: int, classes: int | None, colours: int, rng: Any, dtype: Any) -> None:
        init = nn.init.glorot_normal
        masked = functools.partial(nn.MaskedConv2d, "B", init=init, rng=rng, dtype=dtype)
        self.vertical = masked(channels, 2 * channels, 3, vertical=True)
        self.link = masked(2 * channels, 2 * channels, 1, vertical=True)
        self.horizontal = masked(channels, 2 * channels, (1, 3), colours=colours)
        self.out = masked(channels, channels, 1, colours=colours)
        if classes is not None:
            self.label = nn.Embedding(classes, 4 * channels, rng=rng, dtype=dtype)
            self.label.weight.data[...] = 0

    def from_above(self, v: Any, condition: Any, run: Run) -> tuple[Any, Any]:
        """v' and M (K ⋆ v) + B'_y."""
        seen = run(self.vertical, v)
        link = run(self.link, seen)
        if condition is not None:
            label = run(self.label, condition)
            label = label.reshape((*label.shape, *[1] * (v.ndim - 2)))  # the same at all pixels
            half = seen.shape[1]
            seen, link = seen + label[:, :half], link + label[:, half:]
        return gated(seen), link

    def along_row(self, h: Any, link: Any, run: Run) -> Any:
        """h'."""
        return h + run(self.out, gated(run(self.horizontal, h) + link))


class GatedPixelCNN(MaskedNetwork):
    """p(x | y) = Πₖ p(xₖ | x before k, y), of images and, with `classes`, of their labels y.

    A vertical stack, which sees all rows above, informs a horizontal stack, which sees what is to the left. There is no
    blind spot. With `positions` the vertical stack is told where it stands: Eq. 6.17. Raises `ValueError` where the
    channels are not a multiple of the colours.
    """

    def __init__(
        self,
        shape: tuple[int, ...] = (1, 28, 28),
        levels: int = 2,
        channels: int = 32,
        layers: int = 7,
        classes: int | None = None,
        rng: Any = None,
        dtype: Any = np.float32,
        positions: bool = False,
    ) -> None:
        super().__init__(shape, levels, classes)
        colours, height, width = shape
        if channels % colours:
            raise ValueError(f"GatedPixelCNN: expected a multiple of {colours} channels (the colours), got {channels}")
        masked = functools.partial(nn.MaskedConv2d, rng=rng, dtype=dtype)
        self.first_vertical = masked("A", colours, channels, 7, vertical=True)
        self.positions = PositionEmbedding(channels, height, width, True, dtype) if positions else None
        self.first = masked("A", colours, channels, (1, 7), colours=colours)
        self.layers: Any = nn.ModuleList([GatedLayer(channels, classes, colours, rng, dtype) for _ in range(layers)])
        self.hidden = masked("B", channels, channels, 1, colours=colours)
        self.last = masked("B", channels, self.outputs, 1, colours=colours)

    def from_above(self, x: Any, condition: Any, run: Run) -> list[Any]:
        v, links = run(self.first_vertical, x), []
        if self.positions is not None:
            v = run(self.positions, v)
        for layer in self.layers:
            v, link = layer.from_above(v, condition, run)
            links.append(link)
        return links

    def along_row(self, x: Any, above: list[Any], run: Run) -> Any:
        h = run(self.first, x)
        for layer, link in zip(self.layers, above):
            h = layer.along_row(h, link, run)
        h = run(self.hidden, F.relu(h))
        return run(self.last, F.relu(h))
