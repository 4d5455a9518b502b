"""The smallest model in which everything depends on everything before: logits linear in the elements before.

For tests of what all models share, in any number of levels, colours and classes, and in any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen import functional as F
from scratchgen import nn
from scratchgen.models.autoregressive import Autoregressive

__all__ = ["Linear"]


class Linear(Autoregressive):
    def __init__(
        self,
        shape: tuple[int, ...],
        levels: int = 2,
        classes: int | None = None,
        *,
        rng: np.random.Generator,
        order: Any = None,
        scale: float = 1.0,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(shape, levels, classes)
        self.positions = tuple(super().order if order is None else order)
        size, outputs = len(self.order), 1 if levels == 2 else levels
        rank = np.argsort(self.order)
        before = np.repeat((rank[:, None] > rank)[None], outputs, 0).reshape(-1, size)
        self.mask = before.astype(dtype)
        self.weight = nn.Parameter((scale * rng.standard_normal((outputs * size, size))).astype(dtype))
        self.bias = nn.Parameter((scale * rng.standard_normal((classes or 1, outputs * size))).astype(dtype))

    @property
    def order(self) -> list[int]:
        return list(self.positions)

    def logits(self, x: Any, condition: Any = None) -> Any:
        bias = self.bias if condition is None else F.embedding(condition, self.bias)
        a = F.linear(x.reshape((len(x), len(self.order))), self.weight * self.mask) + bias
        return a.reshape((len(x), *([] if self.levels == 2 else [self.levels]), *self.shape))
