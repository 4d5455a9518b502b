"""The fully visible sigmoid belief network: one logistic regression (로지스틱 회귀) for each pixel."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ... import functional as F
from ... import nn
from ...autograd import Tensor
from .orders import Ordered

__all__ = ["FVSBN"]


class FVSBN(Ordered):
    """ln p(xᵢ = 1 | x before i) − ln p(xᵢ = 0 | x before i) = bᵢ + Σ_{j before i} Wᵢⱼ xⱼ.

    Eq. 3.7 (derivations/03-conditionals.md#eq-3-7). For bits x (N, *shape); `order` as in `Ordered`, raster order if
    None. −ln p is convex in the weights: all begin at 0, and no `rng` is needed.
    Source: B. Frey, G. Hinton, P. Dayan, *Does the wake-sleep algorithm produce good density estimators?*, NIPS 1995.
    """

    def __init__(self, shape: tuple[int, ...], order: Sequence[int] | None = None) -> None:
        super().__init__(shape, order)
        size = len(self.rank)
        self.weight = nn.Parameter(np.zeros((size, size), np.float32))
        self.bias = nn.Parameter(np.zeros(size, np.float32))

    def logits(self, x: Any, condition: Any = None) -> Tensor:
        """All D regressions at once: b + W x, with W strictly lower triangular in the model's order."""
        self.check_input(x, condition)
        earlier = self.rank[:, None] > self.rank
        flat = F.reshape(x, (len(x), len(self.rank)))
        return F.reshape(F.linear(flat, self.weight * earlier, self.bias), x.shape)

    def scan(self, n: int, condition: Any = None) -> Generator[Any, Any, None]:
        """As `Autoregressive.scan`, with one row of W for each element: O(D), not O(D²).

        What is not known yet is still 0, so it does not matter which weights it meets.
        """
        self.check_condition(n, condition)
        x = np.zeros_like(self.like, shape=(n, len(self.rank)))
        for i in self.order:
            levels = yield x @ self.weight.data[i] + self.bias.data[i]
            x[:, i] = self.scaled(levels)
