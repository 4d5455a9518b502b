"""Functions of one number, applied to every element.

Where a function is better known by its value than by its argument (exp, tanh, sigmoid), its rule asks for `out`.
At a kink the docstring says which slope is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..autograd import primitive

__all__ = [
    "abs",
    "astype",
    "clip",
    "cos",
    "elu",
    "erf",
    "exp",
    "expm1",
    "leaky_relu",
    "log",
    "log1p",
    "logsigmoid",
    "maximum",
    "minimum",
    "relu",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "square",
    "tanh",
    "to",
    "where",
]


@primitive
def where(condition: Any, x: Any, y: Any) -> Any:
    """z = x where the condition holds, y elsewhere.  Eq. 0.24 (derivations/00-autograd.md#eq-0-24)"""
    return np.where(condition, x, y)


where.vjp(
    x=lambda g, condition: where(condition, g, 0.0),
    y=lambda g, condition: where(condition, 0.0, g),
)


@primitive
def exp(x: Any) -> Any:
    """z = eˣ.  Eq. 0.25 (derivations/00-autograd.md#eq-0-25)"""
    return np.exp(x)


exp.vjp(x=lambda g, out: g * out)


@primitive
def expm1(x: Any) -> Any:
    """z = eˣ − 1, exact near 0.  Eq. 0.25 (derivations/00-autograd.md#eq-0-25)"""
    return np.expm1(x)


expm1.vjp(x=lambda g, out: g * (out + 1))


@primitive
def log(x: Any) -> Any:
    """z = ln x.  Eq. 0.26 (derivations/00-autograd.md#eq-0-26)"""
    return np.log(x)


log.vjp(x=lambda g, x: g / x)


@primitive
def log1p(x: Any) -> Any:
    """z = ln(1 + x), exact near 0.  Eq. 0.26 (derivations/00-autograd.md#eq-0-26)"""
    return np.log1p(x)


log1p.vjp(x=lambda g, x: g / (1 + x))


@primitive
def sqrt(x: Any) -> Any:
    """z = √x.  Eq. 0.27 (derivations/00-autograd.md#eq-0-27). The slope at 0 is infinite."""
    return np.sqrt(x)


sqrt.vjp(x=lambda g, out: g / (2 * out))


@primitive
def square(x: Any) -> Any:
    """z = x².  Eq. 0.27 (derivations/00-autograd.md#eq-0-27)"""
    return x * x


square.vjp(x=lambda g, x: g * (2 * x))


@primitive
def abs(x: Any) -> Any:
    """z = |x|.  Eq. 0.28 (derivations/00-autograd.md#eq-0-28). The slope at 0 is 0."""
    return np.abs(x)


abs.vjp(x=lambda g, x: g * ((x > 0).astype(g.dtype) - (x < 0).astype(g.dtype)))


@primitive
def sin(x: Any) -> Any:
    """z = sin x.  Eq. 0.29 (derivations/00-autograd.md#eq-0-29)"""
    return np.sin(x)


@primitive
def cos(x: Any) -> Any:
    """z = cos x.  Eq. 0.29 (derivations/00-autograd.md#eq-0-29)"""
    return np.cos(x)


sin.vjp(x=lambda g, x: g * cos(x))
cos.vjp(x=lambda g, x: -g * sin(x))


@primitive
def erf(x: Any) -> Any:
    """z = (2/√π) ∫₀ˣ e^(−t²) dt.  Eq. 0.30 (derivations/00-autograd.md#eq-0-30)"""
    return backend.special(x).erf(x).astype(x.dtype, copy=False)  # SciPy's of float16 is float64


erf.vjp(x=lambda g, x: g * (2 / np.pi**0.5 * exp(-square(x))))


@primitive
def tanh(x: Any) -> Any:
    """z = tanh x.  Eq. 0.31 (derivations/00-autograd.md#eq-0-31)"""
    return np.tanh(x)


tanh.vjp(x=lambda g, out: g * (1 - out * out))


@primitive
def sigmoid(x: Any) -> Any:
    """σ(x) = 1 / (1 + e^(−x)).  Eq. 0.32 (derivations/00-autograd.md#eq-0-32)

    The formula is stable as it stands: where e^(−x) overflows to ∞ the quotient is the right 0, and small values keep
    their digits.
    """
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


sigmoid.vjp(x=lambda g, out: g * (out * (1 - out)))


def positive_part(x: Any) -> Any:
    """max(x, 0). For an array and a number NumPy has no vector code, and is half as fast: then the zeros are an array,
    unless making that takes longer than it saves."""
    return np.maximum(x, 0 if x.size < FEW else np.zeros_like(x, shape=x.shape[1:]))


FEW = 4096


@primitive
def softplus(x: Any) -> Any:
    """ζ(x) = ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|)).  Eq. 0.33 (derivations/00-autograd.md#eq-0-33)"""
    return positive_part(x) + np.log1p(np.exp(-np.abs(x)))


softplus.vjp(x=lambda g, x: g * sigmoid(x))


def logsigmoid(x: Any) -> Any:
    """ln σ(x) = −ζ(−x).  Eq. 0.33 (derivations/00-autograd.md#eq-0-33)"""
    return -softplus(-x)


@primitive
def relu(x: Any) -> Any:
    """z = max(x, 0).  Eq. 0.34 (derivations/00-autograd.md#eq-0-34). The slope at 0 is 0; NaN stays NaN."""
    return positive_part(x)


# Multiplying by a mask is ten times faster than selecting by it; and by a mask of numbers, a quarter faster than by one
# of truth values, which NumPy converts piece by piece on the way.
relu.vjp(x=lambda g, out: g * (out > 0).astype(g.dtype))


@primitive
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """z = x where x > 0, a·x elsewhere.  Eq. 0.34 (derivations/00-autograd.md#eq-0-34). The slope at 0 is a."""
    if negative_slope == 0:
        return positive_part(x)  # 0·∞ is NaN
    return (np.maximum if negative_slope <= 1 else np.minimum)(x, negative_slope * x)


def _leaky_rule(g: Any, x: Any, negative_slope: float) -> Any:
    slope = (x > 0).astype(g.dtype)
    slope *= 1 - negative_slope
    slope += negative_slope
    return g * slope


leaky_relu.vjp(x=_leaky_rule)


@primitive
def elu(x: Any, alpha: float = 1.0) -> Any:
    """z = x where x > 0, α(eˣ − 1) elsewhere.  Eq. 0.34 (derivations/00-autograd.md#eq-0-34). The slope at 0 is α."""
    return positive_part(x) + alpha * np.expm1(np.minimum(x, 0))


elu.vjp(x=lambda g, x, out, alpha: where(x > 0, g, g * (out + alpha)))


@primitive
def clip(x: Any, minimum: Any = None, maximum: Any = None) -> Any:
    """z = min(max(x, minimum), maximum).  Eq. 0.35 (derivations/00-autograd.md#eq-0-35)

    The bounds are numbers or None. On a bound the slope is 1, beyond it 0.
    """
    if minimum is None and maximum is None:
        return +x
    return np.clip(x, minimum, maximum)


def _clip_rule(g: Any, x: Any, minimum: Any, maximum: Any) -> Any:
    inside = (x >= (-np.inf if minimum is None else minimum)) & (x <= (np.inf if maximum is None else maximum))
    return g * inside


clip.vjp(x=_clip_rule)


@primitive
def maximum(x: Any, y: Any) -> Any:
    """z = max(x, y).  Eq. 0.36 (derivations/00-autograd.md#eq-0-36). At a tie each argument gets half."""
    return np.maximum(x, y)


maximum.vjp(x=lambda g, x, y: g * _share(x > y, x == y, g), y=lambda g, x, y: g * _share(y > x, x == y, g))


@primitive
def minimum(x: Any, y: Any) -> Any:
    """z = min(x, y).  Eq. 0.36 (derivations/00-autograd.md#eq-0-36). At a tie each argument gets half."""
    return np.minimum(x, y)


minimum.vjp(x=lambda g, x, y: g * _share(x < y, x == y, g), y=lambda g, x, y: g * _share(y < x, x == y, g))


def _share(wins: Any, ties: Any, g: Any) -> Any:
    """1 where this argument wins, ½ at a tie, 0 elsewhere, in g's precision."""
    return wins.astype(g.dtype) + 0.5 * ties.astype(g.dtype)


@primitive
def _cast(x: Any, dtype: Any, origin: Any) -> Any:
    return x.astype(dtype)


_cast.vjp(x=lambda g, origin, dtype: _cast(g, origin, dtype))


def astype(x: Any, dtype: Any) -> Any:
    """x in another precision; the gradient comes back in x's own.  Eq. 0.20 (derivations/00-autograd.md#eq-0-20)"""
    return _cast(x, np.dtype(dtype), x.dtype)


@primitive
def _move(x: Any, device: str, origin: str) -> Any:
    return backend.to_device(x, device)


_move.vjp(x=lambda g, origin, device: _move(g, origin, device))


def to(x: Any, device: str) -> Any:
    """x on another device; the gradient travels back.  Eq. 0.20 (derivations/00-autograd.md#eq-0-20)"""
    return _move(x, device, x.device if hasattr(x, "node") else backend.device_of(x))
