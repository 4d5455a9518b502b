"""Layers that keep activations in range."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional as F
from .module import Module, Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm"]


class _BatchNorm(Module):
    mixes_images = True
    whole_minibatch = "needs the mean over the whole minibatch"
    axes: int  # that the input has
    layout: str

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, *, dtype: Any = np.float32) -> None:
        self.eps = eps
        self.momentum = momentum
        self.weight = Parameter(np.ones(num_features, dtype))
        self.bias = Parameter(np.zeros(num_features, dtype))
        self.running_mean = np.zeros(num_features, dtype)
        self.running_var = np.ones(num_features, dtype)

    def forward(self, x: Any) -> Any:
        if x.ndim != self.axes:
            raise ValueError(f"{type(self).__name__}: expected x {self.layout}, got shape {x.shape}")
        if not self.training:
            return F.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.eps)
        y = F.batch_norm(x, self.weight, self.bias, eps=self.eps)  # first: it refuses what has no variance
        self._remember(x.data if hasattr(x, "node") else x)
        return y

    def _remember(self, x: Any) -> None:
        """Move the running statistics towards this batch's. The variance is the unbiased one, as in PyTorch: it
        estimates that of the whole data, while the batch is normalised by its own."""
        axes = (0, *range(2, x.ndim))
        count = x.size // x.shape[1]
        self.running_mean += self.momentum * (F.mean(x, axes) - self.running_mean)
        self.running_var += self.momentum * (F.var(x, axes) * (count / (count - 1)) - self.running_var)


class BatchNorm1d(_BatchNorm):
    """y = w · (x − m) / √(v + ε) + b, per feature over the batch.  Eq. 0.75 (derivations/00-autograd.md#eq-0-75)

    x (N, C). In training m and v are the batch's, and running averages of them are kept (new = old + momentum ·
    (batch − old)); in evaluation the running ones are used. Raises `ValueError` in training for a batch of one.
    `eps` is the second argument and `momentum` the third: Keras has them the other way round, and its 0.8 in the
    place of `eps` makes the output's variance 1 / 1.8.
    """

    axes, layout = 2, "(N, C)"


class BatchNorm2d(_BatchNorm):
    """y = w · (x − m) / √(v + ε) + b, per channel over batch and pixels.  Eq. 0.75 (derivations/00-autograd.md#eq-0-75)

    x (N, C, H, W). See `BatchNorm1d`.
    """

    axes, layout = 4, "(N, C, H, W)"


class LayerNorm(Module):
    """y = w ∘ (x − m) / √(v + ε) + b over the last axes.  Eq. 0.76 (derivations/00-autograd.md#eq-0-76)

    `shape` is that of the axes to normalise over: an integer for the last one.
    """

    def __init__(self, shape: int | tuple[int, ...], eps: float = 1e-5, *, dtype: Any = np.float32) -> None:
        self.eps = eps
        self.weight = Parameter(np.ones(shape, dtype))
        self.bias = Parameter(np.zeros(shape, dtype))

    def forward(self, x: Any) -> Any:
        return F.layer_norm(x, self.weight, self.bias, self.weight.ndim, self.eps)
