"""From many numbers to one: sums, extremes, and the soft versions of both.

`axis` is None (all axes), an integer or a tuple; `keepdims` leaves reduced axes in place with length 1, as in NumPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import primitive
from .elementwise import exp, square, where
from .shape import broadcast_to, concatenate, flip, pad, place, reshape, transpose

__all__ = ["cumsum", "log_softmax", "logsumexp", "max", "mean", "min", "norm", "prod", "softmax", "sum", "var"]


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    several = axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(place(a, ndim or 1) for a in several)  # a single number has an axis 0, and −1, as in NumPy
    return axes if ndim else ()


def _kept(y: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """`y`, a reduction of an array of that shape, with the reduced axes back in place (length 1)."""
    axes = _axes(axis, len(shape))
    return reshape(y, tuple(1 if i in axes else n for i, n in enumerate(shape)))


def added(x: Any, axis: Any, keepdims: bool = False) -> Any:
    """Σᵢ xᵢ of an array. Of several axes the first one first: that adds rows to rows, which is up to four times as
    quick as short sums along the last ones."""
    axes = _axes(axis, x.ndim)
    if 0 in axes and 1 < len(axes) < x.ndim:
        x = np.sum(x, axis=0, keepdims=True)
    return np.sum(x, axis=axis, keepdims=keepdims)


@primitive
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """z = Σᵢ xᵢ.  Eq. 0.40 (derivations/00-autograd.md#eq-0-40)"""
    return added(x, axis, keepdims)


sum.vjp(x=lambda g, x_shape, axis: broadcast_to(_kept(g, x_shape, axis), x_shape))


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """z = (1/n) Σᵢ xᵢ.  Eq. 0.41 (derivations/00-autograd.md#eq-0-41)

    Raises `ValueError` for the mean of nothing.
    """
    return sum(x, axis, keepdims) * (1 / _count(x, axis, "mean"))


def var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """z = Σᵢ (xᵢ − x̄)² / (n − ddof).  Eq. 0.42 (derivations/00-autograd.md#eq-0-42)"""
    count = _count(x, axis, "var")
    if count <= ddof:
        raise ValueError(f"var: {count} numbers and ddof={ddof} leave nothing to divide by")
    return sum(square(x - mean(x, axis, keepdims=True)), axis, keepdims) * (1 / (count - ddof))


def _count(x: Any, axis: Any, name: str) -> int:
    count = math.prod(x.shape[a] for a in _axes(axis, x.ndim))
    if count == 0:
        raise ValueError(f"{name}: nothing to average along axis {axis} of shape {x.shape}")
    return count


@primitive
def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """z = maxᵢ xᵢ.  Eq. 0.43 (derivations/00-autograd.md#eq-0-43). Ties share the gradient equally."""
    return np.max(x, axis=axis, keepdims=keepdims)


@primitive
def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """z = minᵢ xᵢ.  Eq. 0.43 (derivations/00-autograd.md#eq-0-43). Ties share the gradient equally."""
    return np.min(x, axis=axis, keepdims=keepdims)


def _extreme_rule(g: Any, x: Any, out: Any, axis: Any) -> Any:
    winners = (x == _kept(out, x.shape, axis)).astype(x.dtype)  # raw 0 and 1: who wins is locally constant
    return _kept(g, x.shape, axis) / np.sum(winners, axis=_axes(axis, x.ndim), keepdims=True) * winners


max.vjp(x=_extreme_rule)
min.vjp(x=_extreme_rule)


@primitive
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """z = ln Σᵢ e^(xᵢ) = m + ln Σᵢ e^(xᵢ − m), m = max x.  Eq. 0.44 (derivations/00-autograd.md#eq-0-44)"""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)  # all −∞: the sum is 0, not NaN
    with np.errstate(divide="ignore"):
        out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.reshape(out, np.sum(out, axis=axis).shape)


logsumexp.vjp(x=lambda g, x, out, axis: _kept(g, x.shape, axis) * exp(x - _kept(out, x.shape, axis)))


@primitive
def softmax(x: Any, axis: Any = -1) -> Any:
    """pᵢ = e^(xᵢ) / Σⱼ e^(xⱼ).  Eq. 0.45 (derivations/00-autograd.md#eq-0-45)"""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


softmax.vjp(x=lambda g, out, axis: out * (g - sum(g * out, axis, True)))


@primitive
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """ln pᵢ = xᵢ − ln Σⱼ e^(xⱼ).  Eq. 0.46 (derivations/00-autograd.md#eq-0-46)"""
    x = x - np.max(x, axis=axis, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


log_softmax.vjp(x=lambda g, out, axis: g - exp(out) * sum(g, axis, True))


@primitive
def cumsum(x: Any, axis: int = 0) -> Any:
    """zₙ = Σ_{i ≤ n} xᵢ.  Eq. 0.47 (derivations/00-autograd.md#eq-0-47)"""
    return np.cumsum(x, axis=axis)


cumsum.vjp(x=lambda g, axis: flip(cumsum(flip(g, axis), axis), axis))


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """z = Πᵢ xᵢ.  Eq. 0.48 (derivations/00-autograd.md#eq-0-48)

    Halves are multiplied until one element is left, so that the derivative, the product of all *other* elements,
    is right at zeros too, where z / xᵢ is not.
    """
    axes = _axes(axis, x.ndim)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    y = reshape(transpose(x, (*axes, *rest)), (math.prod(x.shape[i] for i in axes), *(x.shape[i] for i in rest)))
    if len(y) == 0:  # the product of nothing is 1
        y = pad(y, ((0, 1), *((0, 0) for _ in rest)), 1.0)
    while len(y) > 1:
        half, odd = divmod(len(y), 2)
        pairs = y[:half] * y[half : 2 * half]
        y = concatenate((pairs, y[2 * half :])) if odd else pairs
    return reshape(y, tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes))


@primitive
def norm(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """z = √(Σᵢ xᵢ²).  Eq. 0.49 (derivations/00-autograd.md#eq-0-49). The slope at 0 is 0."""
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


def _norm_rule(g: Any, x: Any, out: Any, axis: Any) -> Any:
    out = _kept(out, x.shape, axis)
    return _kept(g, x.shape, axis) * (x / where(out == 0, 1.0, out))


norm.vjp(x=_norm_rule)
