"""The layers of a multilayer perceptron, and what goes between layers of different kinds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import functional as F
from .init import Initializer, generator, glorot_uniform
from .module import Module, Parameter

__all__ = ["Dropout", "Embedding", "Flatten", "Linear", "Maxout", "Reshape"]


class Linear(Module):
    """y = x Wᵀ + b.  Eq. 0.61 (derivations/00-autograd.md#eq-0-61)

    x (…, in_features) → (…, out_features). weight (out, in) begins Glorot uniform, bias (out,) at 0.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: Initializer = glorot_uniform,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        self.weight = Parameter(init((out_features, in_features), generator(rng), dtype))
        self.bias = Parameter(np.zeros(out_features, dtype)) if bias else None

    def forward(self, x: Any) -> Any:
        return F.linear(x, self.weight, self.bias)


class Maxout(Module):
    """yᵢ = maxⱼ (x Wᵢⱼᵀ + bᵢⱼ): the largest of `pieces` linear functions, whose upper edge is a convex activation that
    is learnt.  Eq. 19.4 (derivations/19-algorithm-1.md#eq-19-4)

    x (N, in_features) → (N, out_features). I. Goodfellow et al., *Maxout networks*, ICML 2013.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int,
        *,
        init: Initializer = glorot_uniform,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        self.pieces = pieces
        self.linear = Linear(in_features, out_features * pieces, init=init, rng=rng, dtype=dtype)

    def forward(self, x: Any) -> Any:
        y = self.linear(x)  # j is its outer index: the largest of rows of numbers is found many times faster
        return F.max(F.reshape(y, (len(x), self.pieces, y.shape[1] // self.pieces)), axis=1)


class Embedding(Module):
    """One learnt row for each id.  Eq. 0.57 (derivations/00-autograd.md#eq-0-57)

    ids integers of any shape → (…, features). weight (ids, features) begins standard normal.
    """

    def __init__(self, num_embeddings: int, features: int, *, rng: Any = None, dtype: Any = np.float32) -> None:
        self.weight = Parameter(generator(rng).standard_normal((num_embeddings, features)).astype(dtype))

    def forward(self, ids: Any) -> Any:
        return F.embedding(ids, self.weight)


class Dropout(Module):
    """In training, drop each element with probability p and scale the rest by 1 / (1 − p).

    Eq. 0.77 (derivations/00-autograd.md#eq-0-77). The generator has to be given, and should be the run's own:
    that of another is not saved, and a resumed run would not be the same. Raises `ValueError` unless 0 ≤ p < 1.
    """

    whole_minibatch = "draws from a generator of its own"

    def __init__(self, p: float, rng: Any) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p must lie in [0, 1), got {p}")
        self.p = p
        self.rng = rng

    def forward(self, x: Any) -> Any:
        return F.dropout(x, self.p, self.rng) if self.training else x


class Flatten(Module):
    """(N, a, b, …) → (N, a·b·…)."""

    def forward(self, x: Any) -> Any:
        return F.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Reshape(Module):
    """(N, …) → (N, *shape): `nn.Reshape(32, 7, 7)` after a Linear with 1568 outputs."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        return F.reshape(x, (x.shape[0], *self.shape))
