"""Linear algebra: the products that nearly all the time goes into."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import primitive
from .reduction import sum
from .shape import broadcast_to, reshape, transpose

__all__ = ["einsum", "linear", "matmul"]


def swapped(x: Any) -> Any:
    """xᵀ of each matrix in a stack."""
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@primitive
def _matmul(x: Any, y: Any) -> Any:
    return np.matmul(x, y)


_matmul.vjp(x=lambda g, y: _matmul(g, swapped(y)), y=lambda g, x: _matmul(swapped(x), g))


def matmul(x: Any, y: Any) -> Any:
    """Z = X Y for the last two axes, the others broadcast.  Eq. 0.60 (derivations/00-autograd.md#eq-0-60)

    x (…, n, k), y (…, k, m) → (…, n, m). A vector counts as one row (x) or one column (y), dropped again after.
    """
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"matmul: expected arrays with axes, got shapes {x.shape} and {y.shape}; use * for numbers")
    z = _matmul(reshape(x, (1, -1)) if x.ndim == 1 else x, reshape(y, (-1, 1)) if y.ndim == 1 else y)
    if x.ndim == 1 or y.ndim == 1:
        z = reshape(
            z, z.shape[: z.ndim - (x.ndim == 1) - (y.ndim == 1)] if y.ndim == 1 else (*z.shape[:-2], z.shape[-1])
        )
    return z


@primitive
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """y = x Wᵀ + b.  Eq. 0.61 (derivations/00-autograd.md#eq-0-61)

    x (…, in), weight (out, in), bias (out,) or None → (…, out).
    """
    if x.ndim == 0 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x {x.shape} does not end in weight's {weight.shape[-1:]} inputs (weight {weight.shape})"
        )
    y = np.matmul(x, weight.T)
    if bias is not None:
        y += bias
    return y


def _rows(x: Any) -> Any:
    return x if x.ndim == 2 else reshape(x, (-1, x.shape[-1]))


linear.vjp(
    x=lambda g, weight, x_shape: reshape(_matmul(_rows(g), weight), x_shape),
    weight=lambda g, x: _matmul(transpose(_rows(g)), _rows(x)),
    bias=lambda g: sum(_rows(g), 0),
)


@primitive
def _einsum(subscripts: str, xs: tuple[Any, ...]) -> Any:
    return np.einsum(subscripts, *xs, optimize=len(xs) > 2)


def _einsum_rule(g: Any, which: int, subscripts: str, xs: tuple[Any, ...], xs_shape: Any) -> Any:
    """The gradient of one factor: the product of g with the other factors, summed over all letters but its own."""
    inputs, output = subscripts.split("->")
    letters = inputs.split(",")
    mine, shape = letters[which], xs_shape[which]
    others = [(word, x) for i, (word, x) in enumerate(zip(letters, xs)) if i != which]
    known = "".join(letter for letter in mine if letter in output or any(letter in word for word, _ in others))
    words = ",".join([output, *(word for word, _ in others)])
    partial = _einsum(f"{words}->{known}", (g, *(x for _, x in others)))
    # A letter that stands nowhere else was summed over: its gradient is the same at every position.
    return broadcast_to(reshape(partial, tuple(n if c in known else 1 for c, n in zip(mine, shape))), shape)


_einsum.vjp(xs=_einsum_rule)


def einsum(subscripts: str, *xs: Any) -> Any:
    """Sums of products written with index letters.  Eq. 0.62 (derivations/00-autograd.md#eq-0-62)

    `"bij,bjk->bik"` is a batched matrix product; the output must be written, a letter stands at most once in each
    factor, and there is no ellipsis.
    """
    compact = subscripts.replace(" ", "")
    words = compact.partition("->")[0].split(",")
    if "->" not in compact or "." in compact or any(len(set(word)) < len(word) for word in words):
        raise ValueError(
            f"einsum: {subscripts!r} must name its output (->), without ellipses or a letter twice in one factor"
        )
    if len(words) != len(xs):
        raise ValueError(f"einsum: {subscripts!r} names {len(words)} factors, got {len(xs)}")
    return _einsum(compact, xs)
