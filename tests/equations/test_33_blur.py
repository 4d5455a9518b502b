"""derivations/33-blur.md, on images of a bar in one of six places, with a latent line: every integral is a sum."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm

from scratchgen.evaluation import sharpness

PLACES, SIDE = 6, 12
GRID = np.linspace(-9, 9, 3001)
STEP = GRID[1] - GRID[0]


def bars():
    """A bar of height 4 in one of six columns of 12 × 12, clear of the border: all equally sharp, all equally often."""
    x = np.zeros((PLACES, SIDE, SIDE))
    for k in range(PLACES):
        x[k, 4:8, 3 + k] = 1
    return x


X = bars()
MEANS, STD = np.linspace(-1.5, 1.5, PLACES), 0.6  # q(z|x) = N(mean of its place, STD²): neighbours overlap
Q = norm.pdf(GRID[:, None], MEANS, STD)  # (grid, places)
AGGREGATE = Q.mean(1)  # q(z)
SHARES = Q / Q.sum(1, keepdims=True)  # q(x|z)
BEST = np.einsum("zk,khw->zhw", SHARES, X)  # m*(z)


def expect(values, density=AGGREGATE):
    return float((density * values).sum() * STEP)


def trace_with(covariance):
    """tr(A C): S(x) = xᵀAx, so A's entries come from S by polarisation."""
    one, units = sharpness(np.eye(SIDE * SIDE)), np.eye(SIDE * SIDE)
    pairs = itertools.combinations(range(SIDE * SIDE), 2)
    total = (one * np.diag(covariance)).sum()
    left, right = np.array(list(pairs)).T
    mixed = 0.5 * (sharpness(units[left] + units[right]) - one[left] - one[right])
    return float(total + 2 * (mixed * covariance[left, right]).sum())


@pytest.mark.equation("33.1")
def test_one_normal_for_two_modes_sits_between_them():
    """Half at −1, half at +1, each of width 0.1: the KL to N(m, s²) is least for m = 0, s² = 1.01; what lies at 0 is
    ten standard deviations from every datum."""
    x = np.linspace(-3, 3, 6001)
    p = 0.5 * (norm.pdf(x, -1, 0.1) + norm.pdf(x, 1, 0.1))

    def cross_entropy(m, variance):
        return -(p * norm.logpdf(x, m, math.sqrt(variance))).sum() * (x[1] - x[0])

    best = cross_entropy(0, 1.01)
    for m, variance in ((0.1, 1.01), (-0.1, 1.01), (0, 1.1), (0, 0.92), (1, 0.01), (1, 1.01), (0, 0.01)):
        assert cross_entropy(m, variance) > best + 1e-4
    assert p[3000] < 1e-19


@pytest.mark.equation("33.2", "33.3")
def test_the_best_mean_is_the_mean_of_what_z_could_come_from():
    """Any other m(z) has a larger squared error, and a larger cross-entropy as a Bernoulli's mean."""
    assert Q.mean(1).sum() * STEP == pytest.approx(1)
    rng = np.random.default_rng(3)

    def squares(m):
        return expect((SHARES * ((X - m[:, None]) ** 2).sum((2, 3))).sum(1))

    def bits(m):
        ink = np.clip(m, 1e-9, 1 - 1e-9)[:, None]
        return -expect((SHARES * (X * np.log(ink) + (1 - X) * np.log1p(-ink)).sum((2, 3))).sum(1))

    for _ in range(5):
        other = np.clip(BEST + 0.05 * rng.standard_normal(BEST.shape), 0, 1)
        assert squares(other) > squares(BEST)
        assert bits(other) > bits(BEST)


@pytest.mark.equation("33.4")
def test_the_best_single_variance_is_what_the_mean_misses():
    """E tr Cov(x|z)/D, by setting the derivative of the expected log-likelihood to zero."""
    missed = expect((SHARES * ((X - BEST[:, None]) ** 2).sum((2, 3))).sum(1)) / SIDE**2
    covariance = np.einsum("zk,ka,kb,z->ab", SHARES, X.reshape(PLACES, -1), X.reshape(PLACES, -1), AGGREGATE) * STEP
    flat = BEST.reshape(len(GRID), -1)
    covariance -= np.einsum("za,zb,z->ab", flat, flat, AGGREGATE) * STEP
    assert missed == pytest.approx(np.trace(covariance) / SIDE**2)

    def loss(variance):
        return 0.5 * (math.log(variance) + missed / variance)

    assert loss(missed) < min(loss(0.98 * missed), loss(1.02 * missed))


@pytest.mark.equation("33.6")
def test_a_mean_is_less_sharp_by_what_it_averages_over():
    """E[S(x)|z] = S(m*(z)) + tr(A Cov(x|z)), at every z."""
    for i in (1200, 1400, 1500, 1777):
        residual = (X - BEST[i]).reshape(PLACES, -1)
        covariance = np.einsum("k,ka,kb->ab", SHARES[i], residual, residual)
        left = (SHARES[i] * sharpness(X)).sum()
        assert left == pytest.approx(sharpness(BEST[i : i + 1])[0] + trace_with(covariance))
        assert left == pytest.approx(sharpness(BEST[i : i + 1])[0] + (SHARES[i] * sharpness(X - BEST[i])).sum())
        assert sharpness(BEST[i : i + 1])[0] < 0.75 * left


@pytest.mark.equation("33.7")
def test_the_best_prior_is_the_aggregate_posterior_and_blurs():
    """The prior's part of the ELBO is highest for q(z); and even that loses the second term of Eq. 33.6."""

    def gain(density):
        return expect(np.log(density))

    best = gain(AGGREGATE)
    mean, std = expect(GRID), math.sqrt(expect(GRID**2) - expect(GRID) ** 2)
    for other in (norm.pdf(GRID), norm.pdf(GRID, mean, std), Q[:, 2], 0.5 * AGGREGATE + 0.5 * norm.pdf(GRID)):
        kl = expect(np.log(AGGREGATE / other))
        assert gain(other) == pytest.approx(best - kl, abs=1e-9)
        assert kl > 1e-4
    lost = expect((SHARES * sharpness((X - BEST[:, None]).reshape(-1, SIDE, SIDE)).reshape(SHARES.shape)).sum(1))
    assert expect(sharpness(BEST)) == pytest.approx(sharpness(X).mean() - lost)
    assert lost > 0.5 * sharpness(X).mean()


@pytest.mark.equation("33.8")
def test_independent_pixels_add_noise():
    """A draw with the right variance in every pixel and no covariance: sharper than the mean by Σ Aᵢᵢ σᵢ², and here
    sharper than the bars themselves."""
    rng = np.random.default_rng(8)
    i = 1500
    residual = (X - BEST[i]).reshape(PLACES, -1)
    variances = (SHARES[i][:, None] * residual**2).sum(0)
    drawn = BEST[i].ravel() + np.sqrt(variances) * rng.standard_normal((20_000, SIDE * SIDE))
    found = sharpness(drawn)
    expected = sharpness(BEST[i : i + 1])[0] + (sharpness(np.eye(SIDE * SIDE)) * variances).sum()
    assert abs(found.mean() - expected) < 4 * found.std() / len(found) ** 0.5
    true = (SHARES[i] * sharpness(X)).sum()
    assert expected > 1.05 * true
    assert sharpness(BEST[i : i + 1])[0] < 0.5 * true


@pytest.mark.equation("33.9")
def test_a_chain_of_conditionals_draws_whole_bars():
    """p(xᵢ | x before i, z), found by counting, pixel after pixel: what comes out is one of the six bars, as often as
    q(x|z) says, and as sharp."""
    rng, i, n = np.random.default_rng(9), 1400, 3000
    flat = X.reshape(PLACES, -1)
    drawn = np.zeros((n, SIDE * SIDE))
    alive = np.tile(SHARES[i], (n, 1))  # the weight of every bar that agrees with what has been drawn
    for pixel in range(SIDE * SIDE):
        p = (alive * flat[:, pixel]).sum(1) / alive.sum(1)
        drawn[:, pixel] = rng.random(n) < p
        alive *= flat[:, pixel] == drawn[:, pixel : pixel + 1]
    which = (drawn[:, None] == flat).all(2)
    assert (which.sum(1) == 1).all()
    p = SHARES[i]
    assert (np.abs(which.mean(0) - p) < 4 * np.sqrt(p * (1 - p) / n) + 1e-9).all()
    np.testing.assert_allclose(sharpness(drawn), sharpness(X)[0])


@pytest.mark.equation("33.10")
def test_a_gaussian_can_become_anything():
    """g(z) = F⁻¹(Φ(z)) turns N(0, 1) into any law on the line: here an exponential one, and one of two points."""
    z = np.random.default_rng(10).standard_normal(50_000)
    u = norm.cdf(z)
    waiting = -np.log1p(-u)
    assert abs(waiting.mean() - 1) < 4 / math.sqrt(len(z))
    assert abs((waiting > 2).mean() - math.exp(-2)) < 4 * 0.35 / math.sqrt(len(z))
    coin = (u > 0.3).astype(float)
    assert set(coin) == {0.0, 1.0}
    assert abs(coin.mean() - 0.7) < 4 * 0.46 / math.sqrt(len(z))
