"""The Parzen window (파젠 창) estimate of a log-likelihood, from samples alone; and centroids, that make a fool of it.

What it measures: how near test images are to the nearest of some samples, squared distance by squared distance. What it
does not: the likelihood of the model that the samples come from. In hundreds of dimensions no number of samples that
fits into a computer brings the estimate near it, and the centroids of k-means, blurred means of a few digits each,
score higher than real digits do: L. Theis, A. van den Oord, M. Bethge, 2016 (arXiv:1511.01844). It is here because the
paper on GANs reports it, and because one has to see it fail once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.cluster.vq import vq
from scipy.sparse import csr_array

from .inputs import on_host

__all__ = ["SIGMAS", "Parzen", "centroids", "parzen_log_prob", "parzen_score"]

SIGMAS = tuple(np.logspace(-1, 0, 10).tolist())  # those that the code of the GAN paper tries
BLOCK = 1 << 22  # squared distances in memory at a time: 32 MiB


class Parzen(NamedTuple):
    """A score with what belongs to it: the mean of ln p over test data in nats, its standard error (a random choice of
    test data alone, not of samples; of one datum NaN), the σ that was chosen, and ln p of each datum (N,)."""

    log_prob: float
    error: float
    sigma: float
    each: np.ndarray

    def __str__(self) -> str:
        return f"{self.log_prob:.1f} ± {self.error:.1f} nats (σ = {self.sigma:.3g})"


def parzen_score(samples: Any, validation: Any, test: Any, sigmas: Sequence[float] = SIGMAS) -> Parzen:
    """mean of ln p(x) over `test`, p the window of `samples`, with the σ that makes it largest over `validation`.

    Eq. 22.10 (derivations/22-metrics.md#eq-22-10). Real-valued rows (N, d), such as images in [0, 1] (N, 784). The σ is
    never chosen on the test data; one at an end of the grid says that the grid ends too early. A grid as coarse as the
    paper's costs up to 13 nats for images of 784 pixels, Eq. 22.11: compare numbers of the same grid only. Raises
    `ValueError` as `parzen_log_prob` does.

    I. Goodfellow et al., *Generative adversarial nets*, 2014 (arXiv:1406.2661): 10,000 samples, the first 1,000
    validation images; O. Breuleux, Y. Bengio, P. Vincent, 2011.
    """
    sigma = sigmas[int(np.argmax(_log_probs(validation, samples, sigmas).mean(1)))]
    each = parzen_log_prob(test, samples, sigma)
    error = float(each.std() / math.sqrt(len(each))) if len(each) > 1 else math.nan
    return Parzen(float(each.mean()), error, float(sigma), each)


def parzen_log_prob(x: Any, centres: Any, sigma: float) -> np.ndarray:
    """ln p(x) = ln 1/M Σₘ N(x; cₘ, σ²I), in nats, float64 (N,) on the host.

    Eqs. 22.8 and 22.9 (derivations/22-metrics.md#eq-22-8). x (N, d), centres (M, d). In float64 whatever comes in, and
    as a log-sum-exp: all terms may underflow, and none does. Raises `ValueError` for other shapes, for values that are
    not finite and for σ ≤ 0 or not finite.
    """
    return _log_probs(x, centres, (sigma,))[0]


def centroids(x: Any, k: int, rng: np.random.Generator, steps: int = 10) -> np.ndarray:
    """Lloyd's k-means (k-평균): k points (k, d) with a small Σ min |x − c|², begun at k of the data x (N, d).

    Eq. 22.13 (derivations/22-metrics.md#eq-22-13) says why these are what a Parzen window likes best. A centroid that
    loses all its data stays where it is. Raises `ValueError` for more centroids than data.
    """
    x = _rows("centroids", "x", x)
    if not 1 <= k <= len(x):
        raise ValueError(f"centroids: expected 1 ≤ k ≤ {len(x)}, the number of data, got {k}")
    centres = x[rng.choice(len(x), k, replace=False)]
    for _ in range(steps):
        label, _ = vq(x, centres, check_finite=False)
        member = csr_array((np.ones(len(x)), (label, np.arange(len(x)))), shape=(k, len(x)))
        size = np.bincount(label, minlength=k)[:, None]
        centres = np.where(size > 0, (member @ x) / np.maximum(size, 1), centres)
    return centres


def _log_probs(x: Any, centres: Any, sigmas: Sequence[float]) -> np.ndarray:
    """(len(sigmas), N): the distances, which cost the time, are found once for all σ."""
    x, centres = _rows("parzen", "x", x), _rows("parzen", "centres", centres)
    m, d = centres.shape
    if x.shape[1] != d:
        raise ValueError(f"parzen: x {x.shape} and centres {centres.shape} differ in their width")
    if not len(sigmas) or not all(0 < sigma < math.inf for sigma in sigmas):
        raise ValueError(f"parzen: every σ is positive and finite, got {sigmas}")
    found = np.concatenate([_log_sums(squares, sigmas) for squares in _squares(x, centres)], 1)
    width = np.asarray(sigmas)[:, None]
    return found - math.log(m) - d / 2 * np.log(2 * math.pi * width**2)


def _log_sums(squares: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """ln Σₘ exp(−squares/2σ²) for each σ, the largest term taken out: it is the nearest centre's, whatever σ is."""
    nearest = squares.min(1, keepdims=True)
    beyond = nearest - squares
    return np.stack([np.log(np.exp(beyond / (2 * s**2)).sum(1)) - nearest[:, 0] / (2 * s**2) for s in sigmas])


def _squares(x: np.ndarray, centres: np.ndarray) -> Iterator[np.ndarray]:
    """|x − c|² = |x|² + |c|² − 2x·c, some rows of x at a time, (rows, M): one matrix product, six times as fast as the
    differences. Far from the origin it would cancel, so everything is moved to the centres' mean first."""
    origin = centres.mean(0)
    x, centres = x - origin, centres - origin
    lengths = (centres * centres).sum(1)
    rows = max(1, BLOCK // len(centres))
    for i in range(0, len(x), rows):
        some = x[i : i + rows]
        yield np.maximum((some * some).sum(1)[:, None] + lengths - 2 * some @ centres.T, 0)


def _rows(function: str, name: str, a: Any) -> np.ndarray:
    a = on_host(function, name, a)
    if a.ndim != 2 or not len(a):
        raise ValueError(f"{function}: {name} wants one datum a row, (N, d), got {a.shape}")
    if not np.isfinite(a).all():
        raise ValueError(f"{function}: {name} has values that are not finite")
    return a
