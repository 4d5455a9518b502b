"""Mixtures and moons: their means, their spread, and that one seed is one data set."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from scratchgen.data import mixture_grid, mixture_ring, two_moons


@pytest.mark.ledger("B9")
@pytest.mark.parametrize("modes", [1, 2, 7, 8, 25])
def test_the_modes_of_a_ring_are_apart(modes):
    """Neighbours on the ring are a chord 2r·sin(π/K) apart. With the end point counted twice one distance is 0."""
    means = mixture_ring(1, np.random.default_rng(0), modes=modes, radius=3.0).means
    assert len(np.unique(means.round(4), axis=0)) == modes
    np.testing.assert_array_equal(means[0], (3, 0))
    np.testing.assert_allclose(np.linalg.norm(means, axis=1), 3.0, rtol=1e-6)
    np.testing.assert_allclose(
        pdist(means).min(initial=np.inf), 6 * np.sin(np.pi / modes) if modes > 1 else np.inf, rtol=1e-6
    )


@pytest.mark.ledger("B9")
def test_every_mode_of_the_ring_of_8_is_drawn_equally():
    x = mixture_ring(40_000, np.random.default_rng(0))
    nearest = np.linalg.norm(x.points[:, None] - x.means, axis=2).argmin(1)
    np.testing.assert_array_equal(nearest, x.labels)  # the modes are ~38 standard deviations from each other's border
    counts = np.bincount(nearest)
    assert counts.shape == (8,)
    assert abs(counts - 5000).max() < 5 * np.sqrt(40_000 * 1 / 8 * 7 / 8)


def test_the_grid_is_centred_and_even():
    means = mixture_grid(1, np.random.default_rng(0)).means
    assert sorted(map(tuple, means.tolist())) == [(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)]
    assert mixture_grid(1, np.random.default_rng(0), side=2, spacing=3.0).means.min() == -1.5


@pytest.mark.parametrize("draw", [mixture_ring, mixture_grid])
@pytest.mark.parametrize("std", [0.01, 0.3])
def test_std_is_the_standard_deviation_in_each_direction(draw, std):
    """Not the variance, and not the radius: E[(x − mean)²] = std² in each coordinate, coordinates uncorrelated."""
    n = 20_000
    x = draw(n, np.random.default_rng(2), std=std)
    u = (x.points - x.means[x.labels]) / std
    assert abs(u.mean(0)).max() < 5 / np.sqrt(n)
    assert abs((u**2).mean(0) - 1).max() < 5 * np.sqrt(2 / n)
    assert abs((u[:, 0] * u[:, 1]).mean()) < 5 / np.sqrt(n)


def test_moons_without_noise_lie_on_their_half_circles():
    points, labels = two_moons(2000, np.random.default_rng(3), noise=0.0)
    first, second = points[labels == 0], points[labels == 1]
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(second - [1, 0.5], axis=1), 1, rtol=1e-6)
    assert first[:, 1].min() >= 0
    assert second[:, 1].max() <= 0.5
    for x, (left, right) in ((first[:, 0], (-1, 1)), (second[:, 0], (0, 2))):  # from end to end
        assert x.min() < left + 0.01
        assert x.max() > right - 0.01
    assert abs(labels.mean() - 0.5) < 5 * 0.5 / np.sqrt(2000)


def test_noise_spreads_the_moons():
    clean, _ = two_moons(5000, np.random.default_rng(4), noise=0.0)
    noisy, _ = two_moons(5000, np.random.default_rng(4), noise=0.2)
    spread = (noisy - clean) / 0.2
    assert abs((spread**2).mean(0) - 1).max() < 5 * np.sqrt(2 / 5000)


@pytest.mark.parametrize("draw", [mixture_ring, mixture_grid, two_moons])
@pytest.mark.parametrize("n", [0, 1, 17])
def test_types_and_the_seed(draw, n):
    points, labels = draw(n, np.random.default_rng(5))[:2]
    again, labels_again = draw(n, np.random.default_rng(5))[:2]
    assert (points.dtype, labels.dtype) == (np.float32, np.int64)
    assert (points.shape, labels.shape) == ((n, 2), (n,))
    np.testing.assert_array_equal(points, again)
    np.testing.assert_array_equal(labels, labels_again)
    other = draw(n, np.random.default_rng(6))[0]
    assert n == 0 or not np.array_equal(points, other)
