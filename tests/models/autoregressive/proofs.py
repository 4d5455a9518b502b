"""What every autoregressive model has to prove, whichever way it computes.

- its probabilities add up to one over all images (C-NORM), which no false likelihood does;
- the conditional of an element depends on all elements before it, and on no other;
- what it draws has the frequencies that it claims.

Models are to be in float64, and small: 3×3 or 4×3 pixels.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import scipy.stats

import scratchgen as sg

__all__ = ["chi_square", "dependencies", "every_image", "flips", "jacobian", "randomized", "total_probability"]


def randomized(model: Any, rng: np.random.Generator, scale: float = 0.5) -> Any:
    """The model in float64 with all parameters drawn at random, those that begin as zeros as well."""
    model.astype(np.float64)
    for parameter in model.parameters():
        parameter.data[...] += scale * rng.standard_normal(parameter.shape)
    return model


def every_image(shape: tuple[int, ...], levels: int = 2) -> np.ndarray:
    """All levels^D images (levels^D, *shape)."""
    rows = list(itertools.product(range(levels), repeat=math.prod(shape)))
    return np.array(rows, dtype=np.int64).reshape(-1, *shape)


def total_probability(model: Any, label: int | None = None) -> float:
    """Σ_x p(x), or Σ_x p(x | label)."""
    x = every_image(model.shape, model.levels)
    condition = None if label is None else np.full(len(x), label)
    with sg.no_grad():
        return math.fsum(np.exp(model.log_prob(x, condition).numpy()))


def jacobian(model: Any, rng: np.random.Generator, label: int | None = None, tries: int = 3) -> np.ndarray:
    """matrix[k, l]: whether the conditional of the k-th element in `order` has a derivative for the l-th one, at any of
    some random images of real numbers."""
    size = len(model.order)
    found = np.zeros((size, size), bool)
    for _ in range(tries):
        x = sg.tensor(rng.random((1, *model.shape)), requires_grad=True)
        logits = model.logits(x, None if label is None else np.array([label]))
        by_element = logits.reshape((-1, size))  # a softmax has several logits for each
        for k in range(size):
            seed = np.zeros_like(by_element.data)
            seed[:, k] = rng.standard_normal(len(seed))
            (g,) = sg.grad(by_element, [x], seed, create_graph=True)
            found[k] |= g.numpy().ravel() != 0
    return _in_order(found, model)


def flips(model: Any, rng: np.random.Generator, label: int | None = None, tries: int = 3) -> np.ndarray:
    """The same, found by changing one element of a random image of levels at a time."""
    size = len(model.order)
    found = np.zeros((size, size), bool)
    condition = None if label is None else np.full(size + 1, label)
    for _ in range(tries):
        x = np.repeat(rng.integers(model.levels, size=(1, size)), size + 1, axis=0)
        x[np.arange(size), np.arange(size)] = (x[-1] + rng.integers(1, model.levels, size)) % model.levels
        with sg.no_grad():
            logits = model.logits(model.scaled(x.reshape(-1, *model.shape)), condition).numpy()
        by_element = logits.reshape(size + 1, -1, size)
        # A matrix product may round the same row differently at another place of the batch.
        found |= (np.abs(by_element[:-1] - by_element[-1]) > 1e-12).any(axis=1).T
    return _in_order(found, model)


def _in_order(found: np.ndarray, model: Any) -> np.ndarray:
    return found[np.ix_(model.order, model.order)]


def dependencies(model: Any, rng: np.random.Generator, label: int | None = None) -> np.ndarray:
    """What `jacobian` or `flips` finds. Of a model that is causal and complete it is all that lies below the diagonal:
    `np.tri(D, k=-1)`."""
    return jacobian(model, rng, label) | flips(model, rng, label)


def chi_square(model: Any, n: int, rng: np.random.Generator, label: int | None = None) -> float:
    """The p-value of n samples, counted image by image, against p(x): Pearson's χ² test. Images that are expected less
    than five times are counted together."""
    condition = None if label is None else np.full(n, label)
    samples = model.sample(n, rng, condition).reshape(n, -1).astype(np.int64)
    powers = model.levels ** np.arange(samples.shape[1])[::-1]
    x = every_image(model.shape, model.levels)
    with sg.no_grad():
        p = np.exp(model.log_prob(x, None if label is None else np.full(len(x), label)).numpy())
    counts, expected = np.bincount(samples @ powers, minlength=len(x)), n * p
    rare = expected < 5
    observed = [*counts[~rare], counts[rare].sum()]
    wanted = [*expected[~rare], expected[rare].sum()]
    if wanted[-1] < 5:  # together still too rare: count them with the next
        observed[-2:], wanted[-2:] = [sum(observed[-2:])], [sum(wanted[-2:])]
    return float(scipy.stats.chisquare(observed, np.array(wanted) * (n / sum(wanted))).pvalue)
