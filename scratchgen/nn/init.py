"""How weights begin.

A layer y = W x keeps the variance of its signal if Var(w) = 1/fan_in, and the variance of the gradient on the way back
if Var(w) = 1/fan_out. Glorot takes the mean of the two; He counts that a ReLU lets half of the signal through. With
orthogonal weights even the length of the vector is kept.

| layer | weight | bias |
|---|---|---|
| Linear | Glorot uniform: what follows may be a sigmoid, a tanh or nothing | 0 |
| Conv2d, ConvTranspose2d, MaskedConv2d | He normal: a ReLU follows as a rule | 0 |
| Embedding | standard normal | |
| BatchNorm, LayerNorm | 1 | 0 |

Every initialiser takes `(shape, rng, dtype)` and can be handed to a layer:
`nn.Linear(784, 400, init=nn.init.he_normal)`. Shapes are (out, in) or (out, in, height, width).

Without an `rng` a layer draws from the generator that `sg.manual_seed` sets: that keeps listings in PyTorch's shape
short; where numbers matter, pass your own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backend

__all__ = ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "manual_seed", "orthogonal"]

Initializer = Callable[[Sequence[int], Any, Any], np.ndarray]

_default_rng = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Seed the generator from which layers draw their first weights when they are given no `rng`."""
    global _default_rng
    _default_rng = np.random.default_rng(seed)


def generator(rng: Any) -> Any:
    """`rng`, or the default generator in its place. Raises `TypeError` for what is no generator, such as a seed."""
    return _default_rng if rng is None else backend.generator(rng)


def glorot_uniform(shape: Sequence[int], rng: Any, dtype: Any = np.float32) -> np.ndarray:
    """w ~ U(−a, a), a = √(6 / (fan_in + fan_out)): variance 2 / (fan_in + fan_out).

    X. Glorot, Y. Bengio, *Understanding the difficulty of training deep feedforward neural networks*, AISTATS 2010.
    """
    return _uniform(shape, rng, dtype, 2 / sum(_fans(shape)))


def glorot_normal(shape: Sequence[int], rng: Any, dtype: Any = np.float32) -> np.ndarray:
    """w ~ N(0, 2 / (fan_in + fan_out)). See `glorot_uniform`."""
    return _normal(shape, rng, dtype, 2 / sum(_fans(shape)))


def he_uniform(shape: Sequence[int], rng: Any, dtype: Any = np.float32) -> np.ndarray:
    """w ~ U(−a, a), a = √(6 / fan_in): variance 2 / fan_in. See `he_normal`."""
    return _uniform(shape, rng, dtype, 2 / _fans(shape)[0])


def he_normal(shape: Sequence[int], rng: Any, dtype: Any = np.float32) -> np.ndarray:
    """w ~ N(0, 2 / fan_in).

    K. He et al., *Delving deep into rectifiers*, ICCV 2015.
    """
    return _normal(shape, rng, dtype, 2 / _fans(shape)[0])


def orthogonal(shape: Sequence[int], rng: Any, dtype: Any = np.float32) -> np.ndarray:
    """W Wᵀ = I (or WᵀW = I where W, as (out, the rest), is tall): uniform over all such matrices.

    A. Saxe, J. McClelland, S. Ganguli, *Exact solutions to the nonlinear dynamics of learning*, ICLR 2014.
    """
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # QR leaves the signs of the columns to the algorithm; this makes q uniform
    return np.ascontiguousarray(q if rows >= columns else q.T).reshape(shape).astype(dtype)


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    """How many numbers reach one output (fan_in), and how many outputs one input reaches (fan_out)."""
    if len(shape) < 2 or math.prod(shape) == 0:
        raise ValueError(f"an initialiser needs a shape (out, in, …) without zeros, got {tuple(shape)}")
    taps = math.prod(shape[2:])
    return shape[1] * taps, shape[0] * taps


def _uniform(shape: Sequence[int], rng: Any, dtype: Any, variance: float) -> np.ndarray:
    bound = math.sqrt(3 * variance)
    return rng.uniform(-bound, bound, tuple(shape)).astype(dtype)


def _normal(shape: Sequence[int], rng: Any, dtype: Any, variance: float) -> np.ndarray:
    return (rng.standard_normal(tuple(shape)) * math.sqrt(variance)).astype(dtype)
