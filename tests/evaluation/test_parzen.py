"""The Parzen window: two oracles, what must not underflow, where σ comes from; and centroids."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

import scratchgen as sg
from scratchgen import backend, data
from scratchgen.evaluation import centroids, parzen_log_prob, parzen_score
from scratchgen.evaluation.parzen import SIGMAS


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def one_by_one(x, centres, sigma):
    """The formula with loops: a mean over centres of a product over dimensions."""
    return np.array([
        math.log(math.fsum(math.prod(scipy.stats.norm.pdf(a, c, sigma)) for c in centres) / len(centres)) for a in x
    ])  # fmt: skip


@pytest.mark.equation("22.8", "22.9")
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 9), st.integers(1, 4), st.floats(0.3, 3))
def test_it_is_the_log_of_a_mean_of_products(seed, n, m, d, sigma):
    rng = np.random.default_rng(seed)
    x, centres = rng.standard_normal((n, d)), rng.standard_normal((m, d))
    np.testing.assert_allclose(parzen_log_prob(x, centres, sigma), one_by_one(x, centres, sigma), rtol=1e-9, atol=1e-9)


@pytest.mark.equation("22.8")
def test_scipys_kernel_density_agrees(rng):
    """SciPy scales its window by the covariance of the centres; where that is exactly I, the windows are the same."""
    centres = rng.standard_normal((200, 3))
    centres -= centres.mean(0)
    centres = centres @ np.linalg.inv(np.linalg.cholesky(np.cov(centres.T))).T
    kde = scipy.stats.gaussian_kde(centres.T, bw_method=0.4)
    x = 2 * rng.standard_normal((50, 3))
    np.testing.assert_allclose(parzen_log_prob(x, centres, 0.4), kde.logpdf(x.T), rtol=1e-9)


@pytest.mark.equation("22.9")
def test_nothing_underflows_and_float32_is_enough(rng):
    """784 pixels, σ = 0.02: every term of the sum is e^(−100,000) and less. float32 images cost no digit."""
    x, centres = rng.random((4, 784), dtype=np.float32), rng.random((30, 784), dtype=np.float32)
    found = parzen_log_prob(x, centres, 0.02)
    squares = ((x[:, None].astype(float) - centres) ** 2).sum(2)
    assert squares.min() / (2 * 0.02**2) > 90_000
    expected = logsumexp(-squares / (2 * 0.02**2), 1) - math.log(30) - 392 * math.log(2 * math.pi * 0.02**2)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, parzen_log_prob(x.astype(float), centres.astype(float), 0.02))


def test_moving_everything_far_away_changes_nothing(rng):
    x, centres = rng.standard_normal((5, 10)), rng.standard_normal((20, 10))
    np.testing.assert_allclose(
        parzen_log_prob(x + 1e6, centres + 1e6, 0.3), parzen_log_prob(x, centres, 0.3), rtol=1e-7
    )
    assert np.isfinite(parzen_log_prob(centres, centres, 1e-8)).all()


def test_the_size_of_a_block_changes_nothing(rng, monkeypatch):
    x, centres = rng.standard_normal((23, 4)), rng.standard_normal((10, 4))
    whole = parzen_log_prob(x, centres, 0.5)
    for block in (1, 10, 75):
        monkeypatch.setattr("scratchgen.evaluation.parzen.BLOCK", block, raising=True)
        np.testing.assert_allclose(parzen_log_prob(x, centres, 0.5), whole, rtol=1e-12)


def test_every_kind_of_array(rng, device):
    x, centres = rng.random((3, 5), dtype=np.float32), rng.random((7, 5), dtype=np.float32)
    expected = parzen_log_prob(x, centres, 0.3)
    there = [backend.to_device(a, device) for a in (x, centres)]
    for some in (there, [sg.tensor(a) for a in there]):
        found = parzen_log_prob(*some, 0.3)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(parzen_log_prob(np.repeat(x, 2, 1)[:, ::2], centres, 0.3), expected)


@pytest.mark.equation("22.10")
def test_sigma_is_chosen_on_the_validation_data(rng):
    """Validation data that lie near the samples want a narrow window, test data far from them would want a wide one."""
    samples, near = rng.standard_normal((50, 5)), 0.1 * rng.standard_normal((200, 5))
    validation, test = samples[rng.integers(50, size=200)] + near, 3 * rng.standard_normal((300, 5))
    sigmas = (0.05, 0.1, 0.2, 1.0, 3.0)
    found = parzen_score(samples, validation, test, sigmas)
    each = {sigma: parzen_log_prob(test, samples, sigma) for sigma in sigmas}
    assert found.sigma == 0.1
    assert max(each, key=lambda sigma: each[sigma].mean()) == 3.0
    np.testing.assert_allclose(found.each, each[0.1])
    assert found.log_prob == pytest.approx(each[0.1].mean())
    assert found.error == pytest.approx(each[0.1].std() / math.sqrt(300))
    assert str(found).endswith("nats (σ = 0.1)")


def test_the_standard_error_is_how_much_a_score_varies_with_the_test_data(rng):
    samples = rng.standard_normal((100, 3))
    scores = [parzen_score(samples, samples[:9], rng.standard_normal((200, 3)), (0.5,)) for _ in range(200)]
    assert np.std([s.log_prob for s in scores]) == pytest.approx(np.mean([s.error for s in scores]), rel=0.2)


def test_the_sigmas_of_the_paper():
    assert len(SIGMAS) == 10
    assert SIGMAS[0] == pytest.approx(0.1)
    assert SIGMAS[-1] == pytest.approx(1)
    np.testing.assert_allclose(np.diff(np.log(SIGMAS)), math.log(10) / 9)


def test_what_is_refused(rng):
    x = rng.standard_normal((4, 3))
    with pytest.raises(ValueError, match=r"parzen: x \(4, 3\) and centres \(4, 2\) differ in their width"):
        parzen_log_prob(x, x[:, :2], 0.1)
    for sigma in (0.0, -1.0):
        with pytest.raises(ValueError, match="every σ is positive"):
            parzen_log_prob(x, x, sigma)
    for bad in (x[0], x[:0], x.reshape(2, 2, 3)):
        with pytest.raises(ValueError, match=r"wants one datum a row, \(N, d\)"):
            parzen_log_prob(bad, x, 0.1)
    with pytest.raises(ValueError, match="centres has values that are not finite"):
        parzen_log_prob(x, x * np.inf, 0.1)
    with pytest.raises(ValueError, match="1 ≤ k ≤ 4"):
        centroids(x, 5, rng)


# ---------------------------------------------------------------------------------------------------------- centroids
def quantisation(x, centres):
    return ((x[:, None] - centres) ** 2).sum(2).min(1).mean()


def test_centroids_find_clusters_and_are_the_means_of_their_own(rng):
    x = np.concatenate([rng.standard_normal((50, 2)) + shift for shift in ((0, 0), (20, 0), (0, 20))])
    found = centroids(x, 3, np.random.default_rng(5))
    own = ((x[:, None] - found) ** 2).sum(2).argmin(1)
    np.testing.assert_allclose(found, [x[own == k].mean(0) for k in range(3)])
    assert quantisation(x, found) < 3


def test_every_step_helps_and_no_centroid_is_lost():
    x = data.digits("train").flat()[:400]
    errors = [quantisation(x, centroids(x, 40, np.random.default_rng(1), steps)) for steps in range(5)]
    assert all(b < a for a, b in itertools.pairwise(errors))
    twins = np.repeat([[3.0, 3.0], [5.0, 5.0]], 10, axis=0)  # 20 data, 2 places: of 6 centroids most lose their data
    found = centroids(twins, 6, np.random.default_rng(2))
    assert found.shape == (6, 2)
    assert np.isfinite(found).all()
    assert set(map(tuple, found)) <= {(3.0, 3.0), (5.0, 5.0)}


def test_as_many_centroids_as_data_are_the_data(rng):
    x = rng.standard_normal((12, 3))
    np.testing.assert_allclose(np.sort(centroids(x, 12, rng), 0), np.sort(x, 0))
    np.testing.assert_allclose(centroids(x, 1, rng), [x.mean(0)])


@pytest.mark.parametrize("sigma", [math.nan, math.inf, -math.inf])
def test_a_width_that_is_not_finite(sigma, rng):
    x = rng.standard_normal((4, 2))
    with pytest.raises(ValueError, match="parzen: every σ is positive and finite, got"):
        parzen_log_prob(x, x, sigma)
    with pytest.raises(ValueError, match="parzen: every σ is positive and finite, got"):
        parzen_score(x, x, x, (0.1, sigma))


def test_of_one_datum_no_error_is_known():
    x = np.random.default_rng(0).standard_normal((4, 2))
    assert math.isnan(parzen_score(x, x, x[:1]).error)
    assert parzen_score(x, x, x[:2]).error > 0
