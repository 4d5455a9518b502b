"""The terms of the ELBO, each one primitive: the formula, and below it the derivative as the derivation finds it.

They say the same as `scratchgen.distributions` does in many small steps (a test holds them to it), and are quicker
because nothing is stored on the way. Unless the name says otherwise, everything is summed over pixels or latent
dimensions: one number per image, in nats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import backend
from ... import functional as F
from ...autograd import primitive

__all__ = [
    "active_units",
    "bernoulli_log_likelihood",
    "categorical_log_likelihood",
    "free_bits",
    "kl_full",
    "kl_per_dimension",
    "kl_to_standard_normal",
    "lower_triangle",
    "normal_log_likelihood",
    "reparameterize",
    "reparameterize_full",
]


# ---------------------------------------------------------------------------------------------- diagonal posterior
@primitive
def reparameterize(mean: Any, log_variance: Any, noise: Any) -> Any:
    """z = μ + σ∘ε  (재매개변수화).  Eq. 14.1 (derivations/14-reparameterisation.md#eq-14-1). All (N, latent)."""
    _check_noise("reparameterize", mean, noise)
    return mean + np.exp(0.5 * log_variance) * noise


reparameterize.vjp(
    mean=lambda g: g,  # Eq. 14.2
    log_variance=lambda g, log_variance, noise: g * (0.5 * F.exp(0.5 * log_variance) * noise),  # Eq. 14.3
)


@primitive
def kl_to_standard_normal(mean: Any, log_variance: Any) -> Any:
    """½ Σⱼ (μⱼ² + σⱼ² − 1 − ln σⱼ²).  Eq. 13.3 (derivations/13-gaussian-kl.md#eq-13-3). (N, latent) → (N,).

    A sum over the latent dimensions: a mean would weigh the KL latent times too little (ledger B17).
    """
    return 0.5 * (mean * mean + np.expm1(log_variance) - log_variance).sum(1)


kl_to_standard_normal.vjp(
    mean=lambda g, mean: _column(g) * mean,  # Eq. 13.4
    log_variance=lambda g, log_variance: _column(g) * (0.5 * F.expm1(log_variance)),  # Eq. 13.5
)


@primitive
def kl_per_dimension(mean: Any, log_variance: Any) -> Any:
    """½ (μⱼ² + σⱼ² − 1 − ln σⱼ²), not yet summed.  Eq. 13.3 (derivations/13-gaussian-kl.md#eq-13-3). (N, latent)."""
    return 0.5 * (mean * mean + np.expm1(log_variance) - log_variance)


kl_per_dimension.vjp(
    mean=lambda g, mean: g * mean,  # Eq. 13.4
    log_variance=lambda g, log_variance: g * (0.5 * F.expm1(log_variance)),  # Eq. 13.5
)


def free_bits(kl: Any, nats: float) -> Any:
    """Σⱼ max(λ, mean over the batch of KLⱼ): λ nats per latent dimension cost nothing extra.

    Eq. 12.10 (derivations/12-elbo.md#eq-12-10). kl (N, latent) from `kl_per_dimension` → one number for the batch.
    Below λ the slope is 0, at λ half of what it is above. Source: D. Kingma et al., *Improving Variational Inference
    with Inverse Autoregressive Flow*, 2016 (arXiv:1606.04934).
    """
    return F.sum(F.maximum(F.mean(kl, 0), nats))


def active_units(mean: Any, threshold: float = 0.01) -> Any:
    """Which latent dimensions tell images apart: Varₓ E_q[zⱼ] > 0.01.  Eq. 12.12 (derivations/12-elbo.md#eq-12-12)

    mean (N, latent), the posterior means of N images, a raw array → booleans (latent,). Source: Y. Burda, R. Grosse,
    R. Salakhutdinov, *Importance Weighted Autoencoders*, 2016 (arXiv:1509.00519).
    """
    return mean.var(0) > threshold


# ---------------------------------------------------------------------------------------------- full posterior
@primitive
def lower_triangle(v: Any) -> Any:
    """L with Lⱼⱼ = e^(vⱼ), and the rest of v below the diagonal, row by row.

    Eq. 13.8 (derivations/13-gaussian-kl.md#eq-13-8). v (N, d(d + 1)/2) → L (N, d, d), the Cholesky factor
    (촐레스키 분해) of a covariance; the first d columns of v are ln Lⱼⱼ. Raises `ValueError` for a number of columns
    that makes no triangle.
    """
    n, columns = v.shape
    d = (math.isqrt(8 * columns + 1) - 1) // 2
    if d * (d + 1) // 2 != columns:
        raise ValueError(f"lower_triangle: d(d + 1)/2 numbers make a triangle (1, 3, 6, 10, …), got {columns} per row")
    flat = np.zeros_like(v, shape=(n, d * d), order="C")
    flat[:, :: d + 1] = np.exp(v[:, :d])
    flat[:, _below(d, flat)] = v[:, d:]
    return np.reshape(flat, (n, d, d))


def _lower_triangle_rule(g: Any, out: Any) -> Any:
    n, d, _ = g.shape
    below = F.reshape(g, (n, d * d))[:, _below(d, g)]
    return F.concatenate((F.diagonal(g) * F.diagonal(out), below), 1)


lower_triangle.vjp(v=_lower_triangle_rule)


@primitive
def reparameterize_full(mean: Any, factor: Any, noise: Any) -> Any:
    """z = μ + Lε.  Eq. 14.6 (derivations/14-reparameterisation.md#eq-14-6). (N, d), (N, d, d), (N, d) → (N, d)."""
    _check_noise("reparameterize_full", mean, noise)
    return mean + np.matmul(factor, noise[..., None])[..., 0]


reparameterize_full.vjp(
    mean=lambda g: g,
    factor=lambda g, noise: g[..., :, None] * noise[..., None, :],  # Eq. 14.7
)


@primitive
def kl_full(mean: Any, factor: Any) -> Any:
    """½ (tr LLᵀ + |μ|² − d) − Σⱼ ln Lⱼⱼ.  Eq. 13.10 (derivations/13-gaussian-kl.md#eq-13-10)

    mean (N, d), factor (N, d, d), lower triangular → (N,).
    """
    squares = mean * mean + (factor * factor).sum(2)
    return (0.5 * (squares - 1) - np.log(F.diagonal(factor))).sum(1)


kl_full.vjp(  # Eq. 13.11
    mean=lambda g, mean: _column(g) * mean,
    factor=lambda g, factor: F.reshape(g, (-1, 1, 1)) * (factor - F.diagonal_matrix(1 / F.diagonal(factor))),
)


# ---------------------------------------------------------------------------------------------- decoders
@primitive
def bernoulli_log_likelihood(a: Any, x: Any) -> Any:
    """Σᵢ [xᵢaᵢ − ζ(aᵢ)], a the logits.  Eq. 15.1 (derivations/15-decoders.md#eq-15-1). (N, pixels) → (N,)."""
    return (x * a - F.softplus(a)).sum(1)


bernoulli_log_likelihood.vjp(a=lambda g, a, x: _column(g) * (x - F.sigmoid(a)))  # Eq. 15.2, with its sign turned


@primitive
def normal_log_likelihood(mean: Any, log_variance: Any, x: Any) -> Any:
    """−½ Σᵢ [ln 2π + ln σ² + (xᵢ − μᵢ)²/σ²].  Eq. 15.3 (derivations/15-decoders.md#eq-15-3). (N, pixels) → (N,).

    `log_variance` has the mean's shape, or one that broadcasts to it (a learned scalar, shape ()), or is one plain
    number for all pixels.
    """
    return -0.5 * (math.log(2 * math.pi) + log_variance + F.square(x - mean) * _precision(log_variance)).sum(1)


def _log_variance_rule(g: Any, mean: Any, log_variance: Any, x: Any) -> Any:
    return _column(g) * (0.5 * (F.square(x - mean) * _precision(log_variance) - 1))


normal_log_likelihood.vjp(
    mean=lambda g, mean, log_variance, x: _column(g) * ((x - mean) * _precision(log_variance)),  # Eq. 15.4
    log_variance=_log_variance_rule,  # Eq. 15.5
)


@primitive
def categorical_log_likelihood(logits: Any, levels: Any) -> Any:
    """Σᵢ [aᵢ,ₓᵢ − ln Σₖ e^(aᵢₖ)], a the logits.  Eq. 15.17 (derivations/15-decoders.md#eq-15-17)

    logits (N, pixels, K), levels (N, pixels) integers in 0 … K − 1 → (N,). Raises `TypeError` for levels that are not
    integers, `ValueError` for levels or shapes that do not fit.
    """
    _check_levels(logits, levels)
    a = logits - np.max(logits, -1, keepdims=True)
    return (F.gather(a, 2, levels[..., None])[..., 0] - np.log(np.exp(a).sum(-1))).sum(1)


def _categorical_rule(g: Any, logits: Any, levels: Any) -> Any:
    """Eq. 15.18, with its sign turned."""
    return F.reshape(g, (-1, 1, 1)) * (F.one_hot(levels, logits.shape[-1], g.dtype) - F.softmax(logits, -1))


categorical_log_likelihood.vjp(logits=_categorical_rule)


def _check_levels(logits: Any, levels: Any) -> None:
    where = "categorical_log_likelihood"
    if levels.dtype.kind not in "iu":
        raise TypeError(f"{where}: grey levels must be integers, got {levels.dtype}; quantise the pixels first")
    if logits.shape[:-1] != levels.shape:
        raise ValueError(f"{where}: levels {levels.shape} want logits (N, pixels, K), got {logits.shape}")
    top = logits.shape[-1] - 1
    if levels.size and not (backend.host_scalar(levels.min()) >= 0 and backend.host_scalar(levels.max()) <= top):
        raise ValueError(f"{where}: grey levels must lie in 0 … {top}, the classes of logits {logits.shape}")


def _check_noise(who: str, mean: Any, noise: Any) -> None:
    """An ε for each dimension of each image, perhaps several times over: what broadcasts would be shared."""
    if noise.shape[noise.ndim - mean.ndim :] != mean.shape:
        raise ValueError(f"{who}: expected noise {mean.shape} or (k, N, latent), as the mean is, got {noise.shape}")


def _column(g: Any) -> Any:
    return F.reshape(g, (-1, 1))


def _precision(log_variance: Any) -> Any:
    """1/σ² = e^(−ln σ²)."""
    return math.exp(-log_variance) if isinstance(log_variance, (int, float)) else F.exp(-log_variance)


def _below(d: int, like: Any) -> Any:
    """Where the entries below the diagonal stand in a flattened (d, d) matrix, row by row, as indices for `like`."""
    rows, columns = np.tril_indices(d, -1)
    device = like.device if hasattr(like, "node") else backend.device_of(like)
    return backend.to_device(rows * d + columns, device)
