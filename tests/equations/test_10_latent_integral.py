"""derivations/10-latent-integral.md, equation by equation."""

import numpy as np
import pytest
import scipy.stats

from demos.monte_carlo import nearest
from scratchgen.distributions import Normal, kl_divergence
from scratchgen.models.latent.bounds import prior_log_prob
from scratchgen.models.latent.linear_gaussian import LinearGaussian

from ..linear_gaussian import (
    EVIDENCE,
    LOG_EVIDENCE,
    POSTERIOR,
    PRIOR,
    X,
    Z,
    expect,
    log_likelihood,
    log_normal,
)

SMALL = LinearGaussian(np.eye(1), np.zeros(1), 1.0)  # the model of tests/linear_gaussian.py as the package has it
OBSERVED = np.full((1, 1), X)


def log_second_moment(model, x):
    """ln E[p(x|z)²]/p(x)² under the prior, Eq. 10.5 as it stands on the page."""
    directions, lengths, _ = np.linalg.svd(model.weight, full_matrices=False)
    y, r = (x - model.mean) @ directions, lengths**2 / model.variance
    return (np.log1p(r) - 0.5 * np.log1p(2 * r) + y**2 / model.variance * r / ((1 + r) * (1 + 2 * r))).sum(1)


def second_moment(model, x):
    return np.exp(log_second_moment(model, x))


def random_model(rng, pixels=5, latent=3, variance=0.3):
    return LinearGaussian(rng.standard_normal((pixels, latent)), rng.standard_normal(pixels), variance)


def runs(n, count, rng):
    """`count` independent estimates of ln p(2), n samples of the prior each."""
    return prior_log_prob(SMALL, np.repeat(OBSERVED, count, 0), n, rng).log_prob


@pytest.mark.equation("10.1", "10.2")
@pytest.mark.parametrize("n", [1, 4, 50])
def test_the_mean_of_the_estimates_is_p_of_x(n):
    """Eq. 10.2: for every n, however small; it is the estimate of p(x) that is unbiased, not that of ln p(x)."""
    p = np.exp(runs(n, 8000, np.random.default_rng(2)))
    assert abs(p.mean() - np.exp(LOG_EVIDENCE)) < 4 * p.std() / 8000**0.5


@pytest.mark.equation("10.3")
@pytest.mark.parametrize("nonlinear", [False, True])
def test_the_variance_is_the_chi_square_from_the_prior_to_the_posterior(nonlinear):
    """Eq. 10.3, on a grid; the nonlinear decoder N(z + sin 3z, ¼) has a posterior of two modes."""
    log_p = log_normal(1.2, Z + np.sin(3 * Z), 0.25) if nonlinear else log_likelihood(Z)
    evidence = expect(np.exp(log_p), *PRIOR)
    prior = np.exp(log_normal(Z, *PRIOR))
    posterior = prior * np.exp(log_p) / evidence
    moment = expect(np.exp(2 * log_p), *PRIOR) / evidence**2
    far = prior > 1e-300
    chi_square = np.sum((posterior - prior)[far] ** 2 / prior[far]) * (Z[1] - Z[0])
    assert moment - 1 == pytest.approx(chi_square, rel=1e-9)
    z = np.random.default_rng(3).standard_normal((20_000, 10))
    decoded = log_normal(1.2, z + np.sin(3 * z), 0.25) if nonlinear else log_likelihood(z)
    estimates = np.exp(decoded).mean(1) / evidence
    assert estimates.var() == pytest.approx((moment - 1) / 10, rel=0.06)


@pytest.mark.equation("10.4")
def test_the_logarithm_is_too_small_by_half_the_variance_over_n():
    """Eq. 10.4: bias −v/2n and spread √(v/n); and Jensen for every n."""
    v, rng = float(second_moment(SMALL, OBSERVED)[0]) - 1, np.random.default_rng(4)
    means = []
    for n in (1, 4, 16, 64, 256):
        log_p = runs(n, 4000, rng) - LOG_EVIDENCE
        means.append(log_p.mean())
        assert means[-1] < 0
    assert np.all(np.diff(means) > 0)
    assert log_p.std() == pytest.approx((v / 256) ** 0.5, rel=0.05)
    assert means[-1] == pytest.approx(-v / (2 * 256), abs=4 * log_p.std() / 4000**0.5)
    assert means[-2] == pytest.approx(-v / (2 * 64), abs=4 * (v / 64 / 4000) ** 0.5 + 2e-3)


@pytest.mark.equation("10.5")
def test_the_second_moment_of_the_linear_gaussian_model():
    """Eq. 10.5, direction by direction, against one Gaussian in the space of x: a squared N(x|μ, σ²I) is
    N(x|μ, ½σ²I)/(4πσ²)^(D/2), so its mean under the prior is a density at x, of covariance WWᵀ + ½σ²I."""
    rng = np.random.default_rng(5)
    for pixels, latent in ((5, 3), (3, 3), (2, 4), (1, 1)):
        model = random_model(rng, pixels, latent)
        x = model.sample(20, rng)
        covariance = model.weight @ model.weight.T + 0.5 * model.variance * np.eye(pixels)
        log_square = scipy.stats.multivariate_normal(model.mean, covariance).logpdf(x) - 0.5 * pixels * np.log(
            4 * np.pi * model.variance
        )
        np.testing.assert_allclose(second_moment(model, x), np.exp(log_square - 2 * model.log_prob(x)), rtol=1e-9)
    moment = expect(np.exp(2 * log_likelihood(Z)), *PRIOR) / np.exp(2 * LOG_EVIDENCE)
    assert second_moment(SMALL, OBSERVED)[0] == pytest.approx(moment, rel=1e-10)


@pytest.mark.equation("10.5")
def test_the_variance_foretells_how_estimates_scatter():
    rng = np.random.default_rng(55)
    model = LinearGaussian(np.eye(2), np.zeros(2), 0.5)
    x = np.array([[0.5, -0.8]])
    estimates = np.exp(prior_log_prob(model, np.repeat(x, 5000, 0), 40, rng).log_prob - model.log_prob(x))
    assert estimates.var() == pytest.approx((second_moment(model, x)[0] - 1) / 40, rel=0.1)


@pytest.mark.equation("10.6")
def test_averaged_over_x_it_is_a_determinant_and_grows_with_the_information():
    """Eq. 10.6: the average of Eq. 10.5 over the model's own x, by quadrature; the determinant; and the mutual
    information as the mean of KL(posterior ‖ prior) over x."""
    for r in (0.1, 1.0, 8.0, 100.0):  # one dimension with s² = r, σ² = 1
        line = LinearGaussian(np.full((1, 1), r**0.5), np.zeros(1), 1.0)
        y = 12 * np.sqrt((1 + r) * (1 + 2 * r)) * np.linspace(-1, 1, 4001)  # rare x have much the larger moments
        integrand = np.exp(log_normal(y, 0.0, 1 + r) + log_second_moment(line, y[:, None]))
        assert np.sum(integrand) * (y[1] - y[0]) == pytest.approx(1 + r, rel=1e-9)
    rng = np.random.default_rng(6)
    model = random_model(rng)
    information = 0.5 * np.linalg.slogdet(np.eye(3) + model.weight.T @ model.weight / model.variance)[1]
    lengths = np.linalg.svd(model.weight, compute_uv=False)
    assert np.exp(2 * information) == pytest.approx(np.prod(1 + lengths**2 / model.variance), rel=1e-9)
    divergences = kl_divergence(model.encode(model.sample(4000, rng)), Normal(0.0, 0.0)).numpy()
    assert abs(divergences.mean() - information) < 4 * divergences.std() / 4000**0.5


@pytest.mark.equation("10.7")
def test_the_estimate_hangs_on_its_best_sample():
    """Eq. 10.7, with p(x|zᵢ) of the very same samples."""
    rng = np.random.default_rng(8)
    for d in (1, 5, 30):
        model = LinearGaussian(np.eye(d), np.zeros(d), 0.01)
        x = model.sample(1, rng)
        estimate = prior_log_prob(model, x, 2000, np.random.default_rng(9), chunk=2000)
        z = np.random.default_rng(9).standard_normal((2000, d))
        log_p = model.log_likelihood(model.decode(z), x).numpy()
        assert log_p.max() - np.log(2000) <= estimate.log_prob[0] <= log_p.max()
        assert estimate.log_prob[0] == pytest.approx(scipy.special.logsumexp(log_p) - np.log(2000), abs=1e-9)


@pytest.mark.equation("10.8")
@pytest.mark.parametrize(("d", "n"), [(2, 300), (20, 300), (50, 1000)])
def test_how_near_the_nearest_sample_comes(d, n):
    """Eq. 10.8: half of all estimates by n samples have a nearer nearest one. (The demo's function, at its σ = 0.1.)"""
    rng = np.random.default_rng(9)
    x = rng.standard_normal((1, d)) * 1.01**0.5
    foretold = nearest(x, n)[0]
    squares = np.array([((x - rng.standard_normal((n, d))) ** 2).sum(1).min() for _ in range(400)])
    best = -0.5 * (d * np.log(2 * np.pi * 0.01) + squares / 0.01) - np.log(n)
    assert abs((best > foretold).mean() - 0.5) < 4 * 0.5 / 400**0.5
    if d > 2:
        model = LinearGaussian(np.eye(d), np.zeros(d), 0.01)
        estimates = prior_log_prob(model, np.repeat(x, 60, 0), n, rng).log_prob
        assert abs((estimates > foretold).mean() - 0.5) < 4 * 0.5 / 60**0.5


@pytest.mark.equation("10.9")
def test_an_estimate_is_seldom_far_too_high():
    """Eq. 10.9, where estimates are worst: few samples, many dimensions' worth of variance."""
    model, rng = LinearGaussian(np.eye(3), np.zeros(3), 0.05), np.random.default_rng(10)
    x = np.repeat(model.sample(1, rng), 20_000, 0)
    off = prior_log_prob(model, x, 5, rng).log_prob - model.log_prob(x[:1])
    for c in (0.5, 1.0, 2.0):
        share = (off >= c).mean()
        assert share <= np.exp(-c)
        assert share > 0  # it does happen
    assert (off < -2).mean() > 0.5  # and this is what mostly happens


@pytest.mark.equation("10.10")
@pytest.mark.ledger("E6")
def test_without_weights_the_posteriors_samples_are_off_by_the_same_number():
    """Eq. 10.10: the factor 2.25 of erratum E6 is one plus the relative variance under the prior; for every model."""
    unweighted = expect(np.exp(log_likelihood(Z)), *POSTERIOR)
    factor = second_moment(SMALL, OBSERVED)[0]
    assert unweighted / np.exp(LOG_EVIDENCE) == pytest.approx(factor, rel=1e-10)
    assert factor == pytest.approx(2 / 3**0.5 * np.exp(2 / 3), rel=1e-12)
    assert round(factor, 2) == 2.25
    rng = np.random.default_rng(7)
    model = random_model(rng, variance=0.8)
    x = model.sample(1, rng)
    z = model.encode(x).sample(rng, 40_000).numpy()[:, 0]
    ratios = np.exp(model.log_likelihood(model.decode(z), x).numpy() - model.log_prob(x))
    assert abs(ratios.mean() - second_moment(model, x)[0]) < 4 * ratios.std() / 200


def test_the_small_model_is_the_one_of_page_12():
    assert SMALL.log_prob(OBSERVED)[0] == pytest.approx(float(log_normal(X, *EVIDENCE)), rel=1e-12)
