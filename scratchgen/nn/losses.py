"""Losses (손실 함수) as modules: `criterion = nn.BCELoss(); criterion(D(x), 1)`.

A target is an array or Tensor of the input's shape, or one number for all elements (not for `CrossEntropyLoss`, whose
targets are class labels). `reduction` is "mean", "sum" or "none".
"""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "L1Loss", "MSELoss"]


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"{type(self).__name__}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
        self.reduction = reduction


class BCELoss(_Loss):
    """−(t ln p + (1 − t) ln(1 − p)) of probabilities p.  Eq. 0.70 (derivations/00-autograd.md#eq-0-70)"""

    def forward(self, p: Any, target: Any) -> Any:
        return F.binary_cross_entropy(p, target, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """ζ(a) − a t of logits a.  Eq. 0.71 (derivations/00-autograd.md#eq-0-71)"""

    def forward(self, logits: Any, target: Any) -> Any:
        return F.binary_cross_entropy_with_logits(logits, target, self.reduction)


class CrossEntropyLoss(_Loss):
    """−ln softmax(logits) at each integer label; classes on axis 1.  Eq. 0.72 (derivations/00-autograd.md#eq-0-72)"""

    def forward(self, logits: Any, labels: Any) -> Any:
        return F.cross_entropy(logits, labels, self.reduction)


class MSELoss(_Loss):
    """(x − t)².  Eq. 0.73 (derivations/00-autograd.md#eq-0-73)"""

    def forward(self, x: Any, target: Any) -> Any:
        return F.mse_loss(x, target, self.reduction)


class L1Loss(_Loss):
    """|x − t|.  Eq. 0.74 (derivations/00-autograd.md#eq-0-74)"""

    def forward(self, x: Any, target: Any) -> Any:
        return F.l1_loss(x, target, self.reduction)
