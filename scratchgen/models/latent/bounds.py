"""What can be said about ln p(x) when only weights can be computed: bounds, estimates, and how far to trust them.

A latent-variable model gives, for a z drawn from its encoder, the logarithm of an importance weight (중요도 가중치)

    ln w = ln p(x|z) + ln p(z) − ln q(z|x),    E_q[w] = p(x)        Eq. 12.5 (derivations/12-elbo.md#eq-12-5)

All functions here take such logarithms, k of them for each of N images, (k, N), or a model that makes them. The weights
themselves never appear: e^(−90) is still a float32, but e^(−543), a digit under an untrained model, is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ... import backend
from ... import functional as F
from ...autograd import Tensor, no_grad, primitive
from ...distributions import Normal
from .assumptions import check_images

__all__ = [
    "Estimate",
    "effective_sample_size",
    "iwae_bound",
    "kl_sample",
    "log_prob",
    "normalized_weights",
    "prior_log_prob",
    "weigh_path",
]


# ------------------------------------------------------------------------------------------- functions of ln w (k, N)
@primitive
def iwae_bound(log_weights: Any) -> Any:
    """L = ln (1/k) Σᵢ wᵢ, of log-weights (k, N) → (N,), nats.  Eq. 11.5 (derivations/11-importance.md#eq-11-5)

    In expectation a lower bound on ln p(x), the closer the larger k is; for k = 1 it is the one-sample ELBO. A weight
    of 0 is ln w = −∞; where all are 0 the bound is −∞ and its slope, by convention, 0. Raises `ValueError` for k = 0.
    Y. Burda, R. Grosse, R. Salakhutdinov, *Importance weighted autoencoders*, 2015 (arXiv:1509.00519).
    """
    if len(log_weights) == 0:
        raise ValueError(f"expected at least one log-weight an image, (k, N) with k ≥ 1, got {log_weights.shape}")
    top = np.max(log_weights, axis=0)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return top + np.log(np.mean(np.exp(log_weights - top), axis=0))


iwae_bound.vjp(log_weights=lambda g, log_weights: g * normalized_weights(log_weights))  # Eq. 11.8


def normalized_weights(log_weights: Any) -> Any:
    """w̃ᵢ = wᵢ / Σⱼ wⱼ, (k, N).  Eq. 11.4 (derivations/11-importance.md#eq-11-4)

    The share of each sample in its image's estimate: Σᵢ w̃ᵢ f(zᵢ) estimates the posterior mean of f (self-normalised
    importance sampling, 자기 정규화). Where all weights are 0, so are the shares.
    """
    dead = F.max(log_weights, 0) == -math.inf
    return F.where(dead, 0.0, F.softmax(F.where(dead, 0.0, log_weights), 0))


def effective_sample_size(log_weights: Any) -> Any:
    """1 / Σᵢ w̃ᵢ², (k, N) → (N,).  Eq. 11.3 (derivations/11-importance.md#eq-11-3)

    The effective sample size (유효 표본 크기): how many samples of equal weights would be worth as much. From 1, where
    one weight is all, to k; 0 where all weights are 0.
    """
    squares = F.sum(F.square(normalized_weights(log_weights)), 0)
    return 1.0 / F.where(squares == 0, math.inf, squares)


@primitive
def weigh_path(z: Any, shares: Any) -> Any:
    """z (k, N, latent) as it is; on the way back, the gradient that comes to zᵢ times its share w̃ᵢ, `shares` (k, N).

    Eq. 11.16 (derivations/11-importance.md#eq-11-16), whose second factor w̃ᵢ this is. Weights are known only after z:
    the array of shares may be filled in later, before the walk back. G. Tucker et al., *Doubly Reparameterized Gradient
    Estimators for Monte Carlo Objectives*, 2019 (arXiv:1810.04152).
    """
    return z.copy()


weigh_path.vjp(z=lambda g, shares: g * shares[..., None])  # Eq. 11.16


def kl_sample(q: Any, z: Any) -> Any:
    """ln q(z|x) − ln p(z), z ~ q (…, N, latent) → (…, N), nats.  Eq. 11.13 (derivations/11-importance.md#eq-11-13)

    The Monte-Carlo estimate of KL(q(z|x) ‖ N(0, I)), for any q with a `log_prob`; a Gaussian's closed form is
    Eq. 13.3. A single one may be negative; the mean of many is the KL.
    """
    log_q = q.log_prob(z)
    log_q = log_q.sum(-1) if log_q.ndim == z.ndim else log_q  # a diagonal q answers for each latent dimension
    return log_q - Normal(0.0, 0.0).log_prob(z).sum(-1)


# -------------------------------------------------------------------------------------------------- of a whole model
class Estimate(NamedTuple):
    """Estimates of ln p(x), and how far to trust them: float64 on the host, one number for each image."""

    log_prob: np.ndarray  # ln (1/k) Σ w in nats: on average *below* ln p(x)
    effective: np.ndarray  # effective sample size, 1 … k
    error: np.ndarray  # standard error of log_prob in nats: to be believed only where ESS is large; NaN for k = 1


def log_prob(model: Any, x: Any, k: int, rng: Any, labels: Any = None, chunk: int = 1000) -> Estimate:
    """ln p(x) for images x (N, pixels), by importance sampling (중요도 표집): k samples of the encoder for each.

    This is L_k of Eq. 11.5 (derivations/11-importance.md#eq-11-5), in expectation a *lower* bound that closes as k
    grows; k = 5000 is what publications report. `labels` (N,) go to a model of p(x|y). `chunk` says how many images are
    decoded at once: it bounds the memory, and changes the result by rounding alone. Raises `ValueError` for x that are
    no rows of the model's pixels, and for k or chunk below 1; `TypeError` for an `rng` that is no generator.
    """
    return _estimate("log_prob", model.log_weights, model, k, rng, chunk, x, labels)


def prior_log_prob(model: Any, x: Any, k: int, rng: Any, labels: Any = None, chunk: int = 1000) -> Estimate:
    """The same by k samples of the *prior*: ln (1/k) Σᵢ p(x|zᵢ), zᵢ ~ p(z).

    Eq. 10.1 (derivations/10-latent-integral.md#eq-10-1). Unbiased for p(x), and of no use beyond a few latent
    dimensions (claim C-MC): next to no z explains this x, and the k that were drawn do not know it. There the effective
    sample size is 1, and `error`, which is never above 1, tells nothing.
    """

    def log_likelihoods(x: Any, z: Any, *labels: Any) -> Any:
        image, *label = (np.broadcast_to(a, (len(z), *a.shape)).reshape(-1, *a.shape[1:]) for a in (x, *labels))
        p = model.decode(z.reshape(-1, model.latent), *label)
        return F.reshape(model.log_likelihood(p, image), z.shape[:2])

    return _estimate("prior_log_prob", log_likelihoods, model, k, rng, chunk, x, labels)


def _estimate(
    who: str, log_weights: Callable[..., Any], model: Any, k: int, rng: Any, chunk: int, x: Any, labels: Any
) -> Estimate:
    """Add up the weights of k samples for each image, and their squares, as logarithms in float64."""
    check_images(who, x, model.pixels)
    if k < 1 or chunk < 1:
        raise ValueError(f"{who}: expected k ≥ 1 samples and a chunk ≥ 1, got k={k} and chunk={chunk}")
    sums = np.full((2, len(x)), -np.inf)  # ln Σ w and ln Σ w² of the samples so far
    with no_grad():
        for rows, draws in _blocks(len(x), k, chunk):
            some = [a[rows] for a in (x, labels) if a is not None]
            noise = backend.normal(rng, (len(some[0]), draws, model.latent), model.like)
            log_w = log_weights(some[0], np.swapaxes(noise, 0, 1), *some[1:])
            log_w = backend.to_host(log_w.data if isinstance(log_w, Tensor) else log_w).astype(np.float64)
            more = F.logsumexp(np.stack([log_w, 2 * log_w]), 1)
            with np.errstate(invalid="ignore"):  # NaN, if there is any, goes through
                sums[:, rows] = np.logaddexp(sums[:, rows], more)  # Eq. 11.11
    total, squares = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        effective = np.where(total == -np.inf, 0.0, np.exp(2 * total - squares))  # 0 where all weights are 0
        error = np.sqrt(np.maximum(1 / effective - 1 / k, 0.0))  # Eq. 11.12
    if k == 1:
        error[:] = np.nan  # one draw says nothing about its spread
    return Estimate(total - math.log(k), effective, error)


def _blocks(images: int, k: int, chunk: int) -> Iterator[tuple[slice, int]]:
    """Which images to take next, and with how many samples: at most `chunk` in all, and an image's samples one after
    the other, so that the noise is dealt out alike whatever the chunk. Few images at a time are encoded few times."""
    together = max(1, chunk // k)
    for start in range(0, images, together):
        for done in range(0, k, chunk):
            yield slice(start, start + together), min(chunk, k - done)
