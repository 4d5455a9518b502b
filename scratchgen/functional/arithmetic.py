"""Arithmetic, with NumPy's broadcasting.

The rules below never mention broadcasting: the walk sums a gradient back to its argument's shape (Eq. 0.8).
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd import primitive
from .elementwise import log, where

__all__ = ["add", "divide", "multiply", "negative", "positive", "power", "subtract"]


@primitive
def add(x: Any, y: Any) -> Any:
    """z = x + y.  Eq. 0.20 (derivations/00-autograd.md#eq-0-20)"""
    return x + y


add.vjp(x=lambda g: g, y=lambda g: g)


@primitive
def subtract(x: Any, y: Any) -> Any:
    """z = x − y.  Eq. 0.20 (derivations/00-autograd.md#eq-0-20)"""
    return x - y


subtract.vjp(x=lambda g: g, y=lambda g: -g)


@primitive
def multiply(x: Any, y: Any) -> Any:
    """z = x ∘ y.  Eq. 0.21 (derivations/00-autograd.md#eq-0-21)"""
    return x * y


multiply.vjp(x=lambda g, y: g * y, y=lambda g, x: g * x)


@primitive
def divide(x: Any, y: Any) -> Any:
    """z = x / y.  Eq. 0.22 (derivations/00-autograd.md#eq-0-22)"""
    return x / y


divide.vjp(x=lambda g, y: g / y, y=lambda g, y, out: -g * out / y)


@primitive
def negative(x: Any) -> Any:
    """z = −x.  Eq. 0.20 (derivations/00-autograd.md#eq-0-20)"""
    return -x


negative.vjp(x=lambda g: -g)


@primitive
def positive(x: Any) -> Any:
    """z = x, as a new array.  Eq. 0.20 (derivations/00-autograd.md#eq-0-20)"""
    return +x


positive.vjp(x=lambda g: g)


@primitive
def power(x: Any, y: Any) -> Any:
    """z = xʸ.  Eq. 0.23 (derivations/00-autograd.md#eq-0-23)

    0⁰ = 1. The derivative in x is 0 where y = 0, the derivative in y is 0 where x = 0 ≤ y (the limit for y > 0).
    A negative base has no derivative in y: it is NaN.
    """
    return x**y


def _one_less(y: Any) -> Any:
    """y − 1, but 1 where y = 0: then y·x^(y−1) is 0·x, and not 0·∞ at x = 0."""
    return (y - 1 if y else 1) if isinstance(y, (int, float)) else where(y == 0, 1.0, y - 1)


def _log_base(x: Any) -> Any:
    """ln x, but 0 where x = 0. The logarithm of a plain number stays one: it must not bring its own precision."""
    if isinstance(x, (int, float)):
        return math.log(x) if x > 0 else 0.0 if x == 0 else math.nan
    return log(where(x == 0, 1.0, x))


power.vjp(
    x=lambda g, x, y: g * (y * x ** _one_less(y)),
    y=lambda g, x, out: g * (out * _log_base(x)),
)
