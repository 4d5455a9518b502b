"""The terms of the ELBO, each one primitive: the formula, and below it the derivative as the derivation finds it.

They say the same as `scratchgen.distributions` does in many small steps (a test holds them to it), and are quicker
because nothing is stored on the way. Everything is summed over pixels or latent dimensions: one number per image, in
nats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import functional as F
from ...autograd import primitive

__all__ = ["bernoulli_log_likelihood", "kl_to_standard_normal", "normal_log_likelihood", "reparameterize"]


@primitive
def reparameterize(mean: Any, log_variance: Any, noise: Any) -> Any:
    """z = μ + σ∘ε  (재매개변수화).  Eq. 14.1 (derivations/14-reparameterisation.md#eq-14-1). All (N, latent)."""
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
def bernoulli_log_likelihood(a: Any, x: Any) -> Any:
    """Σᵢ [xᵢaᵢ − ζ(aᵢ)], a the logits.  Eq. 15.1 (derivations/15-decoders.md#eq-15-1). (N, pixels) → (N,)."""
    return (x * a - F.softplus(a)).sum(1)


bernoulli_log_likelihood.vjp(a=lambda g, a, x: _column(g) * (x - F.sigmoid(a)))  # Eq. 15.2, with its sign turned


@primitive
def normal_log_likelihood(mean: Any, log_variance: Any, x: Any) -> Any:
    """−½ Σᵢ [ln 2π + ln σ² + (xᵢ − μᵢ)²/σ²].  Eq. 15.3 (derivations/15-decoders.md#eq-15-3). (N, pixels) → (N,).

    `log_variance` has the mean's shape, or is one plain number for all pixels.
    """
    return -0.5 * (math.log(2 * math.pi) + log_variance + F.square(x - mean) * _precision(log_variance)).sum(1)


def _log_variance_rule(g: Any, mean: Any, log_variance: Any, x: Any) -> Any:
    return _column(g) * (0.5 * (F.square(x - mean) * _precision(log_variance) - 1))


normal_log_likelihood.vjp(
    mean=lambda g, mean, log_variance, x: _column(g) * ((x - mean) * _precision(log_variance)),  # Eq. 15.4
    log_variance=_log_variance_rule,  # Eq. 15.5
)


def _column(g: Any) -> Any:
    return F.reshape(g, (-1, 1))


def _precision(log_variance: Any) -> Any:
    """1/σ² = e^(−ln σ²)."""
    return math.exp(-log_variance) if isinstance(log_variance, float) else F.exp(-log_variance)
