"""Activation functions (활성화 함수) as modules, for a Sequential. The functions are in scratchgen.functional."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["ELU", "LeakyReLU", "ReLU", "Sigmoid", "Softmax", "Softplus", "Tanh"]


class ReLU(Module):
    """max(x, 0).  Eq. 0.34 (derivations/00-autograd.md#eq-0-34)"""

    def forward(self, x: Any) -> Any:
        return F.relu(x)


class LeakyReLU(Module):
    """x where x > 0, a·x elsewhere.  Eq. 0.34 (derivations/00-autograd.md#eq-0-34)"""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        return F.leaky_relu(x, self.negative_slope)


class ELU(Module):
    """x where x > 0, α(eˣ − 1) elsewhere.  Eq. 0.34 (derivations/00-autograd.md#eq-0-34)"""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return F.elu(x, self.alpha)


class Sigmoid(Module):
    """σ(x) = 1 / (1 + e^(−x)).  Eq. 0.32 (derivations/00-autograd.md#eq-0-32)"""

    def forward(self, x: Any) -> Any:
        return F.sigmoid(x)


class Tanh(Module):
    """tanh x.  Eq. 0.31 (derivations/00-autograd.md#eq-0-31)"""

    def forward(self, x: Any) -> Any:
        return F.tanh(x)


class Softplus(Module):
    """ζ(x) = ln(1 + eˣ).  Eq. 0.33 (derivations/00-autograd.md#eq-0-33)"""

    def forward(self, x: Any) -> Any:
        return F.softplus(x)


class Softmax(Module):
    """e^(xᵢ) / Σⱼ e^(xⱼ) along an axis.  Eq. 0.45 (derivations/00-autograd.md#eq-0-45)"""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        return F.softmax(x, self.axis)
