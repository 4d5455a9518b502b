"""NADE: a hidden layer for each pixel, all of them sharing their weights.

The hidden layer for pixel i + 1 differs from the one for pixel i by what pixel i adds to it, and where pixel i is 0 it
does not differ at all. So one walk over the pixels gives all conditionals, and an image costs as many hidden layers as
it has ink. `plain_logits` is the same without the walk: every hidden layer of every pixel in one array, (N, D, H).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ... import functional as F
from ... import nn
from ...autograd import Tensor, primitive
from ...nn.init import generator, glorot_uniform
from .orders import Ordered

__all__ = ["NADE", "plain_logits"]


class NADE(Ordered):
    """aᵢ = bᵢ + Vᵢ · σ(c + Σ_{j before i} xⱼ Wⱼ), the logit of p(xᵢ = 1 | x before i).

    Eq. 3.9 (derivations/03-conditionals.md#eq-3-9). For bits x (N, *shape), D in all. weight W (hidden, D) and bias c
    (hidden,) lead into the hidden layers, out_weight V (D, hidden) and out_bias b (D,) out of them; `order` as in
    `Ordered`, raster order if None.
    Source: H. Larochelle, I. Murray, *The Neural Autoregressive Distribution Estimator*, AISTATS 2011.
    """

    def __init__(
        self, shape: tuple[int, ...], hidden: int = 500, order: Sequence[int] | None = None, rng: Any = None
    ) -> None:
        super().__init__(shape, order)
        size = len(self.rank)
        rng = generator(rng)
        self.weight = nn.Parameter(glorot_uniform((hidden, size), rng))
        self.bias = nn.Parameter(np.zeros(hidden, np.float32))
        self.out_weight = nn.Parameter(glorot_uniform((size, hidden), rng))
        self.out_bias = nn.Parameter(np.zeros(size, np.float32))

    def logits(self, x: Any, condition: Any = None) -> Tensor:
        """As in `Autoregressive`, by the walk. Only where x itself wants a gradient, by the plain form."""
        self.check_input(x, condition)
        flat = F.reshape(x, (len(x), len(self.rank)))
        if isinstance(x, Tensor) and x.requires_grad:
            a = plain_logits(flat, self.weight, self.bias, self.out_weight, self.out_bias, self.order)
        else:
            # All in one array, so that one walk gives the gradients of all.
            rows = F.concatenate([F.reshape(self.bias, (1, -1)), self.weight.T, self.out_weight])
            a = _walk(rows, flat, self.order) + self.out_bias
        return F.reshape(a, x.shape)

    def scan(self, n: int, condition: Any = None) -> Generator[Any, Any, None]:
        """As `Autoregressive.scan`, with one step of the recurrence for each element: O(H), not O(DH).

        Eq. 3.10 (derivations/03-conditionals.md#eq-3-10)
        """
        self.check_condition(n, condition)
        u, h = _begin(self.bias.data, n)
        for i in self.order:
            levels = yield h @ self.out_weight.data[i] + self.out_bias.data[i]
            _advance(u, h, self.scaled(levels), self.weight.data[:, i])


def plain_logits(x: Any, weight: Any, bias: Any, out_weight: Any, out_bias: Any, order: list[int]) -> Any:
    """The logits of NADE as its formula has them, for x (N, D). The oracle of the walk; memory N·D·H.

    Eq. 3.9 (derivations/03-conditionals.md#eq-3-9)
    """
    added = F.reshape(x[:, order], (len(x), len(order), 1)) * weight.T[order]
    h = F.sigmoid(F.cumsum(added, 1) - added + bias)  # what was added before, without the pixel itself
    in_order = F.sum(h * out_weight[order], 2) + out_bias[order]
    return in_order[:, np.argsort(order).tolist()]


# ---------------------------------------------------------------------------------------------------------- the walk
def _begin(bias: Any, n: int) -> tuple[Any, Any]:
    """u and h = σ(u) before the first pixel, (n, H) each."""
    u = np.zeros_like(bias, shape=(n, len(bias))) + bias
    return u, F.sigmoid(u)


def _advance(u: Any, h: Any, x: Any, w: Any) -> tuple[Any, Any]:
    """One pixel on: u ← u + x w and h ← σ(u), in place, in the rows where x (n,) is not 0: Eq. 3.10.

    Returns these rows, and what h was there.
    """
    (on,) = np.nonzero(x)
    before = h[on]
    u[on] += x[on, None] * w
    h[on] = F.sigmoid(u[on])
    return on, before


def _parts(rows: Any) -> tuple[Any, Any, Any]:
    """c (H,), Wᵀ (D, H) and V (D, H) of the array in which they lie."""
    size = len(rows) // 2
    return rows[0], rows[1 : size + 1], rows[size + 1 :]


@primitive
def _walk(rows: Any, x: Any, order: list[int]) -> Any:
    """Vᵢ · hᵢ for every pixel i of x (N, D).  Eq. 3.10 (derivations/03-conditionals.md#eq-3-10)"""
    bias, weight, out_weight = _parts(rows)
    u, h = _begin(bias, len(x))
    out = np.zeros_like(rows, shape=x.shape)
    for i in order:
        out[:, i] = h @ out_weight[i]
        _advance(u, h, x[:, i], weight[i])
    return out


@primitive
def _walk_back(g: Any, rows: Any, x: Any, order: list[int]) -> Any:
    """The gradients of c, W and V, given g = ā (N, D): the walk again, and then backwards.

    Eqs. 3.11–3.13 (derivations/03-conditionals.md#eq-3-11). Along a stretch of pixels in which an image's h does not
    change, Σ gᵢVᵢ collects in h_bar; where it ends, the slope of σ takes this into u_bar, which holds all later pixels.
    """
    bias, weight, out_weight = _parts(rows)
    bars = np.zeros_like(rows)
    bias_bar, weight_bar, out_weight_bar = _parts(bars)
    u, h = _begin(bias, len(x))
    u_bar, h_bar = np.zeros_like(u), np.zeros_like(u)
    steps = [_advance(u, h, x[:, i], weight[i]) for i in order]
    for i, (on, before) in zip(reversed(order), reversed(steps)):
        h_on = h[on]
        u_bar[on] += h_bar[on] * h_on * (1 - h_on)
        weight_bar[i] = x[on, i] @ u_bar[on]
        h_bar[on] = 0
        h[on] = before  # back to the h that pixel i was predicted from
        out_weight_bar[i] = g[:, i] @ h
        h_bar += g[:, i, None] * out_weight[i]
    bias_bar[...] = (u_bar + h_bar * h * (1 - h)).sum(0)
    return bars


_walk.vjp(rows=lambda g, rows, x, order: _walk_back(g, rows, x, order))
