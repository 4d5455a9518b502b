"""With a single latent variable the latent integral is an integral over a line, and a computer can simply do it.

    ln p(x) = ln ∫ p(x|z) p(z) dz        Eq. 12.1 (derivations/12-elbo.md#eq-12-1), on a grid (구적법, quadrature)

So every model with `latent == 1`, however crooked its decoder, has an exact likelihood, an exact posterior and an exact
ELBO, to which samples and bounds can be held.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ... import backend
from ...autograd import Tensor, no_grad
from ...distributions import Normal
from .assumptions import check_unlabelled

__all__ = ["GRID", "Solution", "solve"]

GRID = np.linspace(-20.0, 20.0, 8001)
EDGE = 1e-13  # a density that is no larger at both ends of the grid has died out
HALF = 0.49  # of the posterior at one point: the sum is of one or two, and neither it nor its error means anything
NARROW = 1.3  # steps: a Gaussian whose σ is so wide is summed without error, 2 exp(−2π²·1.3²) = 7e-15 (Eq. 16.21)


class Solution(NamedTuple):
    """Everything about images x (N, pixels) that a variational bound leaves open. Numbers are in nats per image."""

    log_prob: np.ndarray  # ln p(x): (N,)
    elbo: np.ndarray  # E_q[ln p(x|z)] − KL(q ‖ p(z)), without a sample: (N,)
    kl: np.ndarray  # KL(q(z|x) ‖ p(z|x)), from the densities: (N,)
    posterior: np.ndarray  # the density p(z|x) on the grid: (N, points)
    encoder: np.ndarray  # the density q(z|x) on the grid: (N, points)
    error: float  # in ln p(x), an estimate that errs upwards: what a step twice as large would change


def solve(model: Any, x: Any, grid: np.ndarray = GRID) -> Solution:
    """ln p(x), the exact ELBO and KL(q‖posterior) of images x (N, pixels), for a model with one latent variable.

    Eqs. 16.20 and 16.22 (derivations/16-solvable-vae.md#eq-16-20): sums over equally spaced points z, which for smooth
    integrands that have died out at both ends converge faster than any power of the step. Everything in log space and,
    whatever the model's dtype, summed in float64. Raises `ValueError` for a model with more latent variables or
    with classes, and for a grid that is uneven, or too coarse or too short for the encoder or the posterior.
    """
    if model.latent != 1:
        raise ValueError(f"solve: only a model with latent=1 has a latent integral over a line, got {model.latent}")
    check_unlabelled("solve", model)
    step = _step(grid)
    with no_grad():
        q = model.encode(x)
        log_likelihood = _log_likelihoods(model, x, grid)
        std = q.std if isinstance(q, Normal) else q.factor[..., 0]
    mean, std = (backend.to_host(part.data).astype(np.float64) for part in (q.mean, std))
    log_prior = _log_normal(grid, 0.0, 1.0)
    log_joint = log_likelihood + log_prior
    log_prob, coarse = _log_integral(log_joint, step), _log_integral(log_joint[:, ::2], 2 * step)
    log_posterior, log_q = log_joint - log_prob[:, None], _log_normal(grid, mean, std)
    posterior, encoder = np.exp(log_posterior), np.exp(log_q)
    _check(grid, posterior, encoder, std)

    reconstruction = step * (encoder * log_likelihood).sum(1)
    to_prior = 0.5 * (mean**2 + std**2 - 1 - np.log(std**2))[:, 0]  # Eq. 13.3
    kl = step * (encoder * (log_q - log_posterior)).sum(1)
    error = float(np.abs(log_prob - coarse).max(initial=0.0))
    return Solution(log_prob, reconstruction - to_prior, kl, posterior, encoder, error)


def _log_likelihoods(model: Any, x: Any, grid: np.ndarray) -> np.ndarray:
    """ln p(x|z) for every image and every point: (N, points)."""
    x = x.data if isinstance(x, Tensor) else x
    z = backend.to_device(grid[:, None].astype(model.like.dtype), backend.device_of(model.like))
    p = model.decode(z)
    rows = np.empty((len(x), len(grid)))
    for i in range(len(x)):
        image = np.broadcast_to(x[i], (len(grid), x.shape[1]))
        rows[i] = backend.to_host(model.log_likelihood(p, image).data)
    return rows


def _log_integral(log_values: np.ndarray, step: float) -> np.ndarray:
    """ln Σ e^v · step over the last axis; the largest term is taken out first, so that nothing underflows."""
    top = log_values.max(1)
    return top + np.log(np.exp(log_values - top[:, None]).sum(1) * step)


def _log_normal(z: np.ndarray, mean: Any, std: Any) -> np.ndarray:
    return -0.5 * (math.log(2 * math.pi) + ((z - mean) / std) ** 2) - np.log(std)


def _step(grid: np.ndarray) -> float:
    """The distance of neighbours. Raises `ValueError` unless the points are finite, equally spaced and ascending."""
    steps = np.diff(grid) if grid.ndim == 1 and len(grid) > 2 and np.isfinite(grid).all() else np.zeros(1)
    if not (steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0)):
        raise ValueError(
            "solve: expected a grid of at least three points, finite, ascending and equally spaced, got others in "
            f"{grid.shape}; make one with np.linspace"
        )
    return float(steps[0])


def _check(grid: np.ndarray, posterior: np.ndarray, encoder: np.ndarray, std: np.ndarray) -> None:
    """Raise `ValueError` unless the grid is fine and long enough: a sum over too few points is a number, but wrong."""
    step = float(grid[1] - grid[0])
    narrowest = float(std.min(initial=math.inf))
    if narrowest < NARROW * step:
        raise ValueError(
            f"solve: the encoder is too narrow for the grid (σ = {narrowest:.2g}, step {step:.2g}); "
            f"give more points: the step may be {narrowest / NARROW:.2g}"
        )
    share = float(posterior.max(initial=0.0)) * step
    if share > HALF:
        raise ValueError(
            f"solve: the posterior is too narrow for the grid: one point, of a step of {step:.2g}, has {share:.0%} of "
            "it; give more points where it lies"
        )
    for name, density in (("posterior", posterior), ("encoder", encoder)):
        at_the_ends = float(density[:, [0, -1]].max(initial=0.0))
        if at_the_ends > EDGE:
            raise ValueError(
                f"solve: the {name} reaches beyond the grid {grid[0]:g} … {grid[-1]:g} "
                f"(density {at_the_ends:.2g} at its ends); give a longer one"
            )
