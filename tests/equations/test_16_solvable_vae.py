"""derivations/16-solvable-vae.md, equation by equation."""

import math

import numpy as np
import pytest
from scipy import optimize
from scipy.stats import multivariate_normal, norm

from scratchgen.distributions import MultivariateNormal, Normal
from scratchgen.models.latent import LinearGaussian
from scratchgen.models.latent.linear_gaussian import maximum_log_likelihood, spectrum

D, J = 6, 3


@pytest.fixture
def rng():
    return np.random.default_rng(16)


@pytest.fixture
def model(rng):
    return LinearGaussian(rng.normal(size=(D, J)), rng.normal(size=D), 0.4)


@pytest.fixture
def x(model, rng):
    return model.sample(5, rng)


def log_normal(x, mean, covariance):
    """Eq. 16.3 as it stands."""
    off = x - mean
    quadratic = (off @ np.linalg.inv(covariance) * off).sum(-1)
    return -0.5 * (len(mean) * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1] + quadratic)


def covariance_of(model):
    """Eq. 16.2."""
    return model.weight @ model.weight.T + model.variance * np.eye(model.pixels)


@pytest.mark.equation("16.1", "16.2")
def test_the_integral_over_z_is_the_marginal(rng):
    """With one latent variable the integral of Eq. 12.1 is a sum over a line."""
    model = LinearGaussian(rng.normal(size=(4, 1)), rng.normal(size=4), 0.4)
    x = model.sample(3, rng)
    z = np.linspace(-12, 12, 4001)
    p = model.decode(z[:, None])
    likelihood = np.stack([np.exp(p.log_prob(image[None]).sum(1).numpy()) for image in x])
    integral = (likelihood * norm.pdf(z)).sum(1) * (z[1] - z[0])
    np.testing.assert_allclose(integral, np.exp(log_normal(x, model.mean, covariance_of(model))), rtol=1e-11)


@pytest.mark.equation("16.3", "16.6")
def test_three_ways_to_the_density(model, x):
    pixel_space = log_normal(x, model.mean, covariance_of(model))
    np.testing.assert_allclose(pixel_space, multivariate_normal(model.mean, covariance_of(model)).logpdf(x), rtol=1e-11)
    np.testing.assert_allclose(model.log_prob(x), pixel_space, rtol=1e-11)
    # and what Eq. 16.6 proves by the way: the determinant lemma and Woodbury's identity
    log_det = (D - J) * math.log(0.4) + np.linalg.slogdet(model.moment)[1]
    assert np.linalg.slogdet(covariance_of(model))[1] == pytest.approx(log_det, rel=1e-12)
    inverse = (np.eye(D) - model.weight @ np.linalg.inv(model.moment) @ model.weight.T) / 0.4
    np.testing.assert_allclose(np.linalg.inv(covariance_of(model)), inverse, atol=1e-12)


@pytest.mark.equation("16.4", "16.5")
def test_the_completed_square_is_the_joint_density(model, x, rng):
    z = rng.normal(size=(5, J))
    m, covariance = model.posterior(x)

    def Q(z):
        return ((x - model.mean - z @ model.weight.T) ** 2).sum(1) / 0.4 + (z * z).sum(1)

    np.testing.assert_allclose(Q(z), ((z - m) @ model.moment / 0.4 * (z - m)).sum(1) + Q(m), rtol=1e-12)
    log_joint = model.decode(z).log_prob(x).sum(1).numpy() + norm.logpdf(z).sum(1)
    log_posterior = [multivariate_normal(mean, covariance).logpdf(row) for mean, row in zip(m, z)]
    np.testing.assert_allclose(log_joint - log_posterior, model.log_prob(x), rtol=1e-12)  # whatever z


@pytest.mark.equation("16.7", "16.8")
def test_elbo_and_gap_by_monte_carlo(model, x, rng):
    """E_q of the logarithms themselves, each with its standard error."""
    factor = np.tril(rng.normal(size=(J, J)), -1) + np.diag([0.5, 0.9, 1.3])
    q = MultivariateNormal(rng.normal(size=(1, J)), factor[None])
    image, n = x[:1], 50_000
    z = q.mean.numpy() + rng.standard_normal((n, J)) @ factor.T
    log_q = multivariate_normal(q.mean.numpy()[0], factor @ factor.T).logpdf(z)
    mean, covariance = model.posterior(image)
    log_joint = model.decode(z).log_prob(image).sum(1).numpy() + norm.logpdf(z).sum(1)
    for sampled, exact in (
        (log_joint - log_q, model.exact_elbo(image, q)[0]),
        (log_q - multivariate_normal(mean[0], covariance).logpdf(z), model.gap(image, q)[0]),
    ):
        assert abs(sampled.mean() - exact) < 4 * sampled.std() / math.sqrt(n)


@pytest.mark.equation("16.9")
def test_no_diagonal_covariance_is_better(model, x, rng):
    best = model.best_diagonal(x)
    gap = model.gap(x, best)
    np.testing.assert_allclose(gap, 0.5 * (np.log(np.diag(model.moment)).sum() - np.linalg.slogdet(model.moment)[1]))
    for _ in range(50):
        other = Normal(*(part.numpy() + 0.1 * rng.normal(size=part.shape) for part in (best.mean, best.log_var)))
        assert (model.gap(x, other) > gap).all()


@pytest.mark.equation("16.10")
def test_rotations_change_the_gap_and_nothing_else(model, x, rng):
    turn = np.linalg.qr(rng.normal(size=(J, J)))[0]
    turned = LinearGaussian(model.weight @ turn, model.mean, model.variance)
    np.testing.assert_allclose(turned.log_prob(x), model.log_prob(x), rtol=1e-12)
    np.testing.assert_allclose(turned.moment, turn.T @ model.moment @ turn, atol=1e-12)
    assert abs(turned.gap(x, turned.best_diagonal(x)) - model.gap(x, model.best_diagonal(x))).min() > 1e-3


# ------------------------------------------------------------------------------------------------ the best parameters
@pytest.fixture
def data(rng):
    """Data whose covariance has far-apart eigenvalues."""
    turn = np.linalg.qr(rng.normal(size=(D, D)))[0]
    return (rng.normal(size=(400, D)) * np.sqrt([6.0, 3.0, 1.5, 0.7, 0.4, 0.2])) @ turn + rng.normal(size=D)


def average(W, variance, S):
    """Eq. 16.11."""
    C = W @ W.T + variance * np.eye(len(W))
    return -0.5 * (len(W) * math.log(2 * math.pi) + np.linalg.slogdet(C)[1] + np.trace(np.linalg.solve(C, S)))


def of_elbo(W, variance, S):
    """F of Eq. 16.17: the average log-likelihood less the gap of the best diagonal encoder."""
    M = W.T @ W + variance * np.eye(W.shape[1])
    return average(W, variance, S) - 0.5 * (np.log(np.diag(M)).sum() - np.linalg.slogdet(M)[1])


@pytest.mark.equation("16.11", "16.12")
def test_the_average_and_its_slope(data, rng):
    mean, eigenvalues, directions = spectrum(data)
    S = np.cov(data.T, bias=True)
    np.testing.assert_allclose(directions.T * eigenvalues @ directions, S, atol=1e-12)
    W = rng.normal(size=(D, J))
    assert average(W, 0.4, S) == pytest.approx(LinearGaussian(W, mean, 0.4).log_prob(data).mean(), rel=1e-12)
    inverse = np.linalg.inv(W @ W.T + 0.4 * np.eye(D))
    slope, v, h = (inverse @ S @ inverse - inverse) @ W, rng.normal(size=(D, J)), 1e-5
    numerical = (average(W + h * v, 0.4, S) - average(W - h * v, 0.4, S)) / (2 * h)
    assert (slope * v).sum() == pytest.approx(numerical, rel=1e-7)


SETS = [(), (0,), (2,), (0, 1), (1, 2), (0, 1, 2), (0, 2, 3)]


def stationary(eigenvalues, directions, K, variance):
    W = np.zeros((D, J))
    W[:, : len(K)] = directions[list(K)].T * np.sqrt(eigenvalues[list(K)] - variance)
    return W


@pytest.mark.equation("16.12", "16.13", "16.14")
@pytest.mark.parametrize("K", SETS)
def test_stationary_points_and_their_values(K, data, rng):
    _, eigenvalues, directions = spectrum(data)
    S, variance = np.cov(data.T, bias=True), 0.3
    W = stationary(eigenvalues, directions, K, variance) @ np.linalg.qr(rng.normal(size=(J, J)))[0]
    np.testing.assert_allclose(S @ np.linalg.solve(W @ W.T + variance * np.eye(D), W), W, atol=1e-12)
    used, rest = eigenvalues[list(K)], np.delete(eigenvalues, list(K))
    value = -0.5 * (D * math.log(2 * math.pi) + (np.log(used) + 1).sum() + (math.log(variance) + rest / variance).sum())
    assert average(W, variance, S) == pytest.approx(value, rel=1e-12)
    best = maximum_log_likelihood(data, J, variance)
    assert average(W, variance, S) == pytest.approx(best) if K == (0, 1, 2) else average(W, variance, S) < best - 0.01


@pytest.mark.equation("16.14", "16.15", "16.16")
def test_the_best_noise_is_the_mean_of_the_discarded(data):
    _, eigenvalues, _ = spectrum(data)
    at = LinearGaussian.fit(data, J).variance
    assert at == pytest.approx(eigenvalues[J:].mean(), rel=1e-12)
    variances = np.geomspace(0.05, 20, 60)
    values = np.array([maximum_log_likelihood(data, J, v) for v in variances])
    assert values.max() < maximum_log_likelihood(data, J)
    assert (np.diff(values[variances < at]) > 0).all()  # one hill
    assert (np.diff(values[variances > at]) < 0).all()
    for v in (0.1, 0.5, 2.0, 9.0):  # on both sides of several eigenvalues
        bracket = (eigenvalues[J:] - v).sum() + np.minimum(eigenvalues[:J] - v, 0).sum()
        numerical = (maximum_log_likelihood(data, J, v + 1e-6) - maximum_log_likelihood(data, J, v - 1e-6)) / 2e-6
        assert bracket / (2 * v * v) == pytest.approx(numerical, rel=1e-6)


@pytest.mark.equation("16.17")
def test_the_elbo_has_no_other_maxima(data):
    """From twenty random starts, W and σ² free, by a quasi-Newton method: all end at the maximum of the likelihood,
    with orthogonal columns."""
    S, best = np.cov(data.T, bias=True), maximum_log_likelihood(data, 2)

    def unpack(parameters):
        return parameters[:-1].reshape(D, 2), math.exp(parameters[-1])

    for seed in range(20):
        start = np.random.default_rng(seed).normal(size=2 * D + 1)
        found = optimize.minimize(lambda p: -of_elbo(*unpack(p), S), start)
        W, _ = unpack(found.x)
        assert -found.fun == pytest.approx(best, abs=1e-6), seed
        assert abs(W[:, 0] @ W[:, 1]) < 1e-2


@pytest.mark.equation("16.18")
def test_the_way_up_from_a_saddle(data):
    _, eigenvalues, directions = spectrum(data)
    S, variance = np.cov(data.T, bias=True), 0.3
    for K, column, better in (((1, 2), 0, 0), ((0, 2, 3), 2, 1), ((0,), 1, 3), ((), 0, 2)):
        W = stationary(eigenvalues, directions, K, variance)
        old = eigenvalues[K[column]] if column < len(K) else variance
        moved = W.copy()
        moved[:, column] += 1e-3 * directions[better]
        gain = of_elbo(moved, variance, S) - of_elbo(W, variance, S)
        assert gain == pytest.approx(0.5e-6 * (eigenvalues[better] - old) / (variance * old), rel=1e-4)
        assert gain > 0


@pytest.mark.equation("16.19")
def test_what_a_latent_variable_is_worth(data):
    _, eigenvalues, _ = spectrum(data)
    for variance in (0.3, 2.0, 5.0, 10.0):
        model = LinearGaussian.fit(data, J, variance)
        q = model.best_diagonal(data)
        mean, log_var = q.mean.numpy(), q.log_var.numpy()
        kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).mean(0)
        worth = 0.5 * np.maximum(np.log(eigenvalues[:J] / variance), 0)
        np.testing.assert_allclose(kl, worth, atol=1e-12)
        assert ((np.abs(model.weight).sum(0) == 0) == (eigenvalues[:J] <= variance)).all()


# ------------------------------------------------------------------------------------------------- one latent variable
@pytest.mark.equation("16.21")
@pytest.mark.parametrize("ratio", [0.4, 0.5, 0.7, 1.0])
def test_the_error_of_the_rectangle_rule(ratio):
    """h Σ N(gh | μ, σ²) with h = σ / ratio, its deviation from 1 by Poisson's formula."""
    grid = np.arange(-60, 61) / ratio
    for mean in (0.0, 0.2, 0.5 / ratio):
        error = norm.pdf(grid, mean, 1).sum() / ratio - 1
        k = np.arange(1, 6)
        stated = 2 * (np.exp(-2 * (np.pi * k * ratio) ** 2) * np.cos(2 * np.pi * k * mean * ratio)).sum()
        assert error == pytest.approx(stated, rel=1e-5, abs=1e-15)


@pytest.mark.equation("16.23")
def test_two_hills_cost_one_bit():
    """The best Gaussian for an equal mixture of N(±d, 1), found numerically from several starts."""
    z = np.linspace(-40, 40, 8001)

    def kl(parameters, d):
        mean, log_std = parameters
        log_q = norm.logpdf(z, mean, math.exp(log_std))
        log_p = np.logaddexp(norm.logpdf(z, d), norm.logpdf(z, -d)) - math.log(2)
        return (np.exp(log_q) * (log_q - log_p)).sum() * 0.01

    gaps = []
    for d in (1.0, 2.0, 4.0, 8.0):
        starts = [(0.0, math.log(1 + d)), (d, 0.0), (0.3 * d, 0.5)]
        gaps.append(min(optimize.minimize(kl, start, (d,)).fun for start in starts))
    assert np.all(np.diff(gaps) > 0)
    assert gaps[-1] == pytest.approx(math.log(2), abs=1e-6)
    assert gaps[0] < 0.05  # two hills that touch are one
