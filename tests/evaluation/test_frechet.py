"""The Fréchet distance against its closed forms, SciPy's square root of a matrix, and what a distance has to be."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import backend
from scratchgen.evaluation import frechet_distance


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def exactly(rng, n, mean, root):
    """n rows with exactly this mean and exactly the covariance rootᵀ root."""
    x = rng.standard_normal((n, len(root)))
    q, _ = np.linalg.qr(x - x.mean(0))
    return mean + np.sqrt(n - 1) * q @ root


def by_the_definition(a, b):
    """Eq. 8.19 as it stands, with SciPy's square root."""
    first, second = np.cov(a.T), np.cov(b.T)
    shift = a.mean(0) - b.mean(0)
    return shift @ shift + np.trace(first + second - 2 * scipy.linalg.sqrtm(first @ second).real)


@pytest.mark.equation("8.19")
def test_in_one_dimension_it_is_the_distance_of_mean_and_deviation(rng):
    """d² = (μ₁ − μ₂)² + (σ₁ − σ₂)²."""
    for _ in range(20):
        (m1, m2), (s1, s2) = rng.normal(size=2), rng.gamma(2, size=2)
        a, b = exactly(rng, 9, m1, np.array([[s1]])), exactly(rng, 14, m2, np.array([[s2]]))
        assert frechet_distance(a, b) == pytest.approx((m1 - m2) ** 2 + (s1 - s2) ** 2, rel=1e-10)


@pytest.mark.equation("8.19")
def test_of_commuting_covariances_it_is_that_of_their_square_roots(rng):
    """Σ₁ = UΛ₁Uᵀ and Σ₂ = UΛ₂Uᵀ: d² = |μ₁ − μ₂|² + Σ (√λ₁ − √λ₂)²."""
    turn, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    first, second, (m1, m2) = rng.gamma(2, size=5), rng.gamma(2, size=5), rng.normal(size=(2, 5))
    a, b = exactly(rng, 40, m1, first[:, None] * turn), exactly(rng, 60, m2, second[:, None] * turn)
    expected = ((m1 - m2) ** 2).sum() + ((first - second) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)


@pytest.mark.equation("8.19", "8.20")
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(8, 30), st.integers(8, 30))
def test_against_the_square_root_of_a_matrix(seed, width, n, m):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, width)) @ rng.standard_normal((width, width))
    b = rng.standard_normal((m, width)) @ rng.standard_normal((width, width)) + rng.standard_normal(width)
    assert frechet_distance(a, b) == pytest.approx(by_the_definition(a, b), rel=1e-5, abs=1e-5)


def test_a_distance_is_symmetric_zero_for_the_same_and_keeps_the_triangle(rng):
    a, b, c = (rng.standard_normal((n, 6)) @ rng.standard_normal((6, 6)) + rng.normal() for n in (20, 9, 30))
    ab, bc, ac = (np.sqrt(frechet_distance(*pair)) for pair in ((a, b), (b, c), (a, c)))
    assert frechet_distance(b, a) == pytest.approx(ab**2, rel=1e-10)
    assert 0 <= frechet_distance(a, a) < 1e-20
    assert 0 <= frechet_distance(a, rng.permutation(a)) < 1e-20
    assert ac < ab + bc
    assert ab < ac + bc
    assert min(ab, bc, ac) > 0.5


def test_turning_mirroring_and_shifting_both_changes_nothing_and_scaling_scales(rng):
    a, b = rng.standard_normal((30, 7)) * np.arange(7), rng.standard_normal((25, 7)) + 1
    turn, _ = np.linalg.qr(rng.standard_normal((7, 7)))
    d = frechet_distance(a, b)
    assert frechet_distance(a @ turn + 5, b @ turn + 5) == pytest.approx(d, rel=1e-10)
    assert frechet_distance(3 * a, 3 * b) == pytest.approx(9 * d, rel=1e-10)
    assert frechet_distance(a, a + np.arange(7)) == pytest.approx(91, rel=1e-10)  # a shift alone: its square


@pytest.mark.equation("8.20")
def test_singular_covariances(rng):
    """Two rows each, in many dimensions: all is known. And features that never change are as if they were not there."""
    u, v = np.zeros((2, 50))
    u[3], v[7] = 2.0, 1.0
    a, b = np.stack([u, -u]), np.stack([v, -v])  # variances 2·2² and 2·1², at right angles: no overlap
    assert frechet_distance(a, b) == pytest.approx(8 + 2)
    assert frechet_distance(a, 0.5 * a) == pytest.approx(2)
    a, b = rng.standard_normal((12, 4)), rng.standard_normal((15, 4)) + 1
    still = frechet_distance(np.pad(a, ((0, 0), (0, 30))), np.pad(b, ((0, 0), (0, 30))))
    assert still == pytest.approx(frechet_distance(a, b), rel=1e-10)
    constant = np.ones((5, 3))
    assert frechet_distance(constant, 2 * constant) == pytest.approx(3)


@pytest.mark.equation("8.21")
@pytest.mark.parametrize(("width", "n"), [(1, 200), (5, 200), (20, 2000)])
def test_two_sets_of_one_source_are_not_at_zero(width, n):
    rng = np.random.default_rng(21)
    drawn = [frechet_distance(*rng.standard_normal((2, n, width))) for _ in range(200)]
    error = np.std(drawn) / np.sqrt(len(drawn))
    expected = width * (width + 5) / (2 * n)
    assert abs(np.mean(drawn) - expected) < 4 * error + 0.02 * expected
    assert error < 0.1 * expected


def test_float32_tensors_devices_and_views_all_end_in_one_float(rng, device):
    a, b = rng.standard_normal((2, 30, 5)).astype(np.float32)
    expected = frechet_distance(a.astype(float), b.astype(float))
    there = [backend.to_device(x, device) for x in (a, b)]
    assert type(frechet_distance(*there)) is float
    assert frechet_distance(*there) == expected
    assert frechet_distance(*(sg.tensor(x) for x in there)) == expected
    assert frechet_distance(np.repeat(a, 2, 1)[:, ::2], np.asfortranarray(b)) == pytest.approx(expected, rel=1e-12)


def test_a_small_spread_far_from_zero_keeps_its_digits(rng):
    a, b = rng.standard_normal((2, 30, 5))
    assert frechet_distance(a + 1e6, b + 1e6) == pytest.approx(frechet_distance(a, b), rel=1e-7)


def test_what_cannot_be_compared_is_refused(rng):
    a = rng.standard_normal((4, 3))
    with pytest.raises(ValueError, match=r"frechet_distance: features of different widths, a \(4, 3\) and b \(4, 2\)"):
        frechet_distance(a, a[:, :2])
    for few in (a[:1], a[:0], a[0], a[None]):
        with pytest.raises(ValueError, match=r"frechet_distance: b wants features \(N, width\) of at least two images"):
            frechet_distance(a, few)
    for bad in (np.nan, np.inf):
        a[1, 2] = bad
        with pytest.raises(ValueError, match="frechet_distance: a has features that are not finite"):
            frechet_distance(a, a[:2])
