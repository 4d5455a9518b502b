"""Triangular matrices, such as the factors L of covariances LLᵀ: their diagonals, and equations solved by them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import primitive
from .linear import swapped
from .shape import flip

__all__ = ["diagonal", "diagonal_matrix", "lower", "solve_lower"]


@primitive
def diagonal(x: Any) -> Any:
    """The diagonals of matrices, (…, d, d) → (…, d).  Eq. 13.8 (derivations/13-gaussian-kl.md#eq-13-8)"""
    return np.diagonal(x, axis1=-2, axis2=-1).copy()


@primitive
def diagonal_matrix(x: Any) -> Any:
    """Matrices with these diagonals and zeros elsewhere, (…, d) → (…, d, d): the transpose of `diagonal`."""
    d = x.shape[-1]
    flat = np.zeros_like(x, shape=(*x.shape[:-1], d * d), order="C")
    flat[..., :: d + 1] = x
    return np.reshape(flat, (*x.shape, d))


diagonal.vjp(x=lambda g: diagonal_matrix(g))
diagonal_matrix.vjp(x=lambda g: diagonal(g))


@primitive
def lower(x: Any) -> Any:
    """x with zeros above the diagonal, (…, d, d): its own transpose."""
    return np.tril(x)


lower.vjp(x=lambda g: lower(g))


@primitive
def solve_lower(factor: Any, b: Any) -> Any:
    """y = L⁻¹b, row by row from the top: yⱼ = (bⱼ − Σ_{k<j} Lⱼₖyₖ)/Lⱼⱼ  (전진 대입).

    Eq. 13.13 (derivations/13-gaussian-kl.md#eq-13-13), its derivative Eq. 13.14
    (derivations/13-gaussian-kl.md#eq-13-14). factor (…, d, d), of which only the lower triangle is read, b (…, d);
    leading axes broadcast.
    """
    shape, dtype = np.broadcast_shapes(b.shape, factor.shape[:-1]), np.result_type(b, factor)
    y = np.zeros_like(b, shape=shape, dtype=dtype, order="C")
    for j in range(b.shape[-1]):
        known = np.einsum("...k,...k->...", factor[..., j, :j], y[..., :j])
        y[..., j] = (b[..., j] - known) / factor[..., j, j]
    return y


def _solve_upper(factor: Any, b: Any) -> Any:
    """L⁻ᵀb: counted from the last row and column, Lᵀ is lower triangular as well."""
    return flip(solve_lower(flip(swapped(factor), (-2, -1)), flip(b, -1)), -1)


def _factor_rule(g: Any, factor: Any, out: Any) -> Any:
    """−L⁻ᵀḡ yᵀ."""
    return lower(-_solve_upper(factor, g)[..., :, None] * out[..., None, :])


solve_lower.vjp(b=lambda g, factor: _solve_upper(factor, g), factor=_factor_rule)
