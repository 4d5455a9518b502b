"""Keeping activations in range: batch and layer normalisation, dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..autograd import primitive
from . import reduction
from .elementwise import sqrt
from .shape import reshape

__all__ = ["batch_norm", "dropout", "layer_norm"]


@primitive
def _standardize(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    """x̂ = (x − mean) / √(var + ε), mean and variance over `axes`."""
    share = 1 / math.prod(x.shape[a] for a in axes)
    centred = x - share * reduction.added(x, axes, True)
    centred *= 1 / np.sqrt(share * reduction.added(centred * centred, axes, True) + eps)
    return centred


def _standardize_rule(g: Any, x: Any, out: Any, axes: tuple[int, ...], eps: float) -> Any:
    # The mean and the variance move with x: both their paths are taken off again.
    g = g - reduction.mean(g, axes, True) - out * reduction.mean(g * out, axes, True)
    return g / sqrt(reduction.var(x, axes, 0, True) + eps)


_standardize.vjp(x=_standardize_rule)


def _scaled(x: Any, weight: Any, bias: Any) -> Any:
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias


def batch_norm(
    x: Any, weight: Any = None, bias: Any = None, mean: Any = None, var: Any = None, eps: float = 1e-5
) -> Any:
    """y = w · (x − m) / √(v + ε) + b, per channel.  Eq. 0.75 (derivations/00-autograd.md#eq-0-75)

    x (N, C) or (N, C, H, W); weight, bias (C,) or None. Without `mean` and `var` they are the batch's own (the biased
    variance) and the gradient flows through them; given as (C,) they are constants, as in evaluation.
    Raises `ValueError` for fewer than two numbers per channel in the first case: their variance says nothing.
    Source: Ioffe and Szegedy, 2015.
    """
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x needs a batch and a channel axis, got shape {x.shape}")
    axes = (0, *range(2, x.ndim))
    channels = (1, x.shape[1], *(1 for _ in x.shape[2:]))
    for name, value in (("weight", weight), ("bias", bias), ("mean", mean), ("var", var)):
        if value is not None and value.shape != (x.shape[1],):
            raise ValueError(f"batch_norm: x {x.shape} has {x.shape[1]} channels, {name} has shape {value.shape}")
    if (mean is None) != (var is None):
        raise ValueError("batch_norm: give both mean and var, or neither")
    if mean is None:
        if math.prod(x.shape[a] for a in axes) < 2:
            raise ValueError(
                f"batch_norm: x {x.shape} has fewer than two numbers per channel; use running statistics (eval mode)"
            )
        y = _standardize(x, axes, eps)
    else:
        y = (x - reshape(mean, channels)) / sqrt(reshape(var, channels) + eps)
    return _scaled(
        y, None if weight is None else reshape(weight, channels), None if bias is None else reshape(bias, channels)
    )


def layer_norm(x: Any, weight: Any = None, bias: Any = None, axes: int = 1, eps: float = 1e-5) -> Any:
    """y = w ∘ (x − m) / √(v + ε) + b over the last `axes` axes of x.  Eq. 0.76 (derivations/00-autograd.md#eq-0-76)

    weight, bias: the shape of those axes, or None. Source: Ba, Kiros and Hinton, 2016.
    """
    if not 1 <= axes <= x.ndim:
        raise ValueError(f"layer_norm: x {x.shape} does not have {axes} axes to normalise")
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != x.shape[-axes:]:
            raise ValueError(f"layer_norm: {name} has shape {value.shape}, expected {x.shape[-axes:]} (x {x.shape})")
    return _scaled(_standardize(x, tuple(range(x.ndim - axes, x.ndim)), eps), weight, bias)


def dropout(x: Any, p: float, rng: Any) -> Any:
    """y = x ∘ m / (1 − p), m ~ Bernoulli(1 − p).  Eq. 0.77 (derivations/00-autograd.md#eq-0-77)

    `p` is the probability of being dropped; the division keeps E[y] = x. `rng` draws the mask.
    Raises `ValueError` unless 0 ≤ p < 1. Source: Srivastava et al., 2014.
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p must lie in [0, 1), got {p}")
    array = getattr(x, "data", x) if hasattr(x, "node") else x
    kept = backend.uniform(rng, array.shape, array) >= p
    return x * (kept.astype(array.dtype) * (1 / (1 - p)))
