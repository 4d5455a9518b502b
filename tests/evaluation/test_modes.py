"""Counting modes: the definitions, what a perfect generator gets, and what leaves the count alone."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

import scratchgen as sg
from scratchgen import backend
from scratchgen.data import mixture_grid, mixture_ring
from scratchgen.evaluation import count_modes, reverse_kl


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.equation("22.1", "22.2", "22.4")
def test_by_hand():
    """Three modes on a line, σ = 0.1: two good samples at the first, one bad one near the second, none at the third."""
    means = [[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]]
    samples = [[0.0, 0.29], [-0.1, 0.0], [1.0, 0.31]]
    found = count_modes(np.array(samples), np.array(means), 0.1)
    assert found.counts.tolist() == [2, 1, 0]
    assert found.reached == 1  # the bad sample is nearest to the second mode and does not reach it
    assert found.quality == pytest.approx(2 / 3)
    assert found.reverse_kl == pytest.approx(2 / 3 * math.log((2 / 3) * 3) + 1 / 3 * math.log((1 / 3) * 3))
    assert str(found) == "1 of 3 modes, 66.7% high quality, reverse KL 0.462 nats"


@pytest.mark.equation("22.2", "22.3")
@pytest.mark.parametrize("draw", [mixture_ring, mixture_grid])
@pytest.mark.parametrize("deviations", [1.0, 2.0, 3.0])
def test_the_data_themselves_are_what_the_formula_says(draw, deviations, rng):
    """All modes, and 1 − exp(−r²/2) within r standard deviations. (Within 3 *variances* it would be 0.05 %.)"""
    n, std = 20_000, 0.01
    data = draw(n, rng, std=std)
    found = count_modes(data.points, data.means, std, deviations)
    p = 1 - math.exp(-(deviations**2) / 2)
    assert abs(found.quality - p) < 4 * math.sqrt(p * (1 - p) / n)
    assert found.reached == len(data.means)
    np.testing.assert_array_equal(found.counts, np.bincount(data.labels, minlength=len(data.means)))


def test_weights_of_the_mixture(rng):
    """Data with modes of unequal weight: a generator that has them too is perfect, one with equal ones is not."""
    weights = np.array([0.5, 0.3, 0.15, 0.05])
    means = np.arange(8.0).reshape(4, 2)

    def draw(p):
        return means[rng.choice(4, 4000, p=p)] + 0.01 * rng.standard_normal((4000, 2))

    assert count_modes(draw(weights), means, 0.01, weights=weights).reverse_kl < 0.003
    even = count_modes(draw(np.full(4, 0.25)), means, 0.01, weights=weights).reverse_kl
    assert even == pytest.approx(entropy(np.full(4, 0.25), weights), abs=0.05)
    assert count_modes(draw(weights), means, 0.01, weights=7 * weights).reverse_kl < 0.003  # they need not add up to 1


@pytest.mark.equation("22.4")
@given(hnp.arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 50)), st.integers(0, 2**32 - 1))
def test_the_reverse_kl_is_scipys_entropy_of_generated_against_data(counts, seed):
    if not counts.sum():
        return
    weights = np.random.default_rng(seed).uniform(0.1, 1, len(counts))
    assert reverse_kl(counts, weights) == pytest.approx(entropy(counts, weights), abs=1e-12)
    assert reverse_kl(counts) == pytest.approx(math.log(len(counts)) - entropy(counts), abs=1e-12)
    assert 0 <= reverse_kl(counts) <= math.log(len(counts)) + 1e-12


@given(st.integers(0, 2**32 - 1), st.floats(0, 2 * math.pi), st.floats(0.1, 10))
def test_turning_moving_and_scaling_everything_changes_nothing(seed, angle, scale):
    rng = np.random.default_rng(seed)
    data = mixture_ring(300, rng, std=0.1)
    x = data.points.astype(float) + 0.05 * rng.standard_normal((300, 2))
    found = count_modes(x, data.means, 0.1, 2.5)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shift, order = rng.standard_normal(2), rng.permutation(8)
    moved = count_modes(scale * x @ turn + shift, (scale * data.means @ turn + shift)[order], scale * 0.1, 2.5)
    assert moved.counts.tolist() == found.counts[order].tolist()
    assert (moved.reached, moved.quality) == (found.reached, found.quality)
    assert moved.reverse_kl == pytest.approx(found.reverse_kl)


@pytest.mark.ledger("B9")
@pytest.mark.parametrize("modes", [2, 8])
def test_a_ring_that_closes_twice_is_refused(modes):
    """`linspace(0, 2π, 8)`: angle 2π is angle 0, and the ring of 8 has 7 modes. In float32 they differ by rounding."""
    angles = np.linspace(0, 2 * np.pi, modes)
    means = np.stack([np.cos(angles), np.sin(angles)], 1)
    for kind in (np.float64, np.float32):
        with pytest.raises(ValueError, match=rf"means 0 and {modes - 1} are the same point .* leave out the end point"):
            count_modes(means.astype(kind), means.astype(kind), 0.01)
    assert count_modes(means, means[:-1], 0.01).reached == modes - 1


def test_every_kind_of_array(device, rng):
    data = mixture_ring(200, rng)
    expected = count_modes(data.points.astype(float), data.means.astype(float), 0.01)
    x, means = (backend.to_device(a, device) for a in (data.points, data.means))
    for samples in (x, sg.tensor(x)):
        found = count_modes(samples, means, 0.01)
        assert (found.reached, found.quality, found.reverse_kl) == expected[:3]
        assert type(found.counts) is np.ndarray
    assert count_modes(np.repeat(data.points, 2, 1)[:, ::2], data.means, 0.01)[:3] == expected[:3]


def test_what_is_refused(rng):
    x, means = rng.standard_normal((5, 2)), np.eye(2)
    with pytest.raises(ValueError, match=r"count_modes: samples wants points in rows, \(N, d\), got \(5,\)"):
        count_modes(x[:, 0], means, 0.1)
    with pytest.raises(ValueError, match="no points of one space"):
        count_modes(x, np.eye(3), 0.1)
    with pytest.raises(ValueError, match=r"count_modes: expected at least one sample, got \(0, 2\)"):
        count_modes(x[:0], means, 0.1)
    with pytest.raises(ValueError, match="std and deviations are positive, got 0 and 3"):
        count_modes(x, means, 0)
    for std, deviations in ((np.nan, 3.0), (np.inf, 3.0), (0.1, np.nan)):
        with pytest.raises(ValueError, match=f"std and deviations are positive, got {std} and {deviations}"):
            count_modes(x, means, std, deviations)
    with pytest.raises(ValueError, match=r"count_modes: expected at least one mean, got \(0, 2\)"):
        count_modes(x, means[:0], 0.1)
    x[2, 1] = np.nan
    with pytest.raises(ValueError, match="not finite: the run has diverged"):
        count_modes(x, means, 0.1)
    with pytest.raises(ValueError, match="mode of weight 0"):
        reverse_kl([1, 2], [1, 0])
    for bad in ([0, 0], [-1, 2], [[1, 2]], []):
        with pytest.raises(ValueError, match="reverse_kl: expected counts"):
            reverse_kl(np.array(bad))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_reverse_kl_of_what_is_not_finite(bad):
    """max(0, NaN) is 0, the best there is."""
    for counts, weights in (([1, 1], [bad, 1]), ([1, bad], [1, 1]), ([1, bad], None)):
        with pytest.raises(ValueError, match="reverse_kl: expected counts"):
            reverse_kl(counts, weights)
