"""E1, E14 and B11 on the oracles of page 16: with several latent variables, and with a nonlinear decoder."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from scratchgen.distributions import MultivariateNormal, kl_divergence
from scratchgen.models.latent import VAE, LinearGaussian
from scratchgen.models.latent.quadrature import GRID, solve

STEP = GRID[1] - GRID[0]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def model(rng):
    return LinearGaussian(rng.normal(size=(6, 3)), rng.normal(size=6), 0.4)


@pytest.mark.ledger("E1")
@pytest.mark.equation("12.3", "12.8", "16.8")
def test_e1_on_the_linear_gaussian_model(model, rng):
    """Right: ELBO + KL(q‖posterior). The slide's weight makes the second term −KL(posterior‖q): below the ELBO."""
    x = model.sample(4, rng)
    factor = np.tile(np.tril(rng.normal(size=(3, 3)), -1) + np.diag([0.5, 1.0, 2.0]), (4, 1, 1))
    q, posterior = MultivariateNormal(rng.normal(size=(4, 3)), factor), model.encode(x)
    elbo, other = model.exact_elbo(x, q), kl_divergence(posterior, q).numpy()
    np.testing.assert_allclose(elbo + model.gap(x, q), model.log_prob(x), atol=1e-10)
    assert (elbo - other < elbo - 0.1).all()


@pytest.mark.ledger("E1")
@pytest.mark.equation("12.3", "12.8", "16.22")
def test_e1_with_a_nonlinear_decoder(rng):
    vae = VAE(6, 5, 1, rng=rng).astype(np.float64)
    for parameter in vae.parameters():
        parameter.data[...] = 0.5 * rng.standard_normal(parameter.shape)
    s = solve(vae, (rng.random((4, 6)) < 0.5).astype(float))
    tiny = np.finfo(float).tiny
    log_ratio = np.log(np.maximum(s.encoder, tiny)) - np.log(np.maximum(s.posterior, tiny))
    right, slide = (s.elbo + STEP * (weight * log_ratio).sum(1) for weight in (s.encoder, s.posterior))
    np.testing.assert_allclose(right, s.log_prob, atol=1e-9)
    assert (slide < s.elbo - 0.01).all()
    assert (s.elbo < s.log_prob - 0.01).all()


@pytest.mark.ledger("E23")
@pytest.mark.equation("12.1", "16.20")
def test_e23_no_product_over_pixels_is_the_density_of_a_vae(rng):
    """S1, line 201, has Π p(xᵢ | x₁ … xᵢ₋₁) on the VAE's slide. Its factors say nothing of the pixels before: each is
    p(xᵢ|z), and only the integral over z makes them depend on each other."""
    vae = VAE(4, 5, 1, rng=rng).astype(np.float64)
    for parameter in vae.parameters():
        parameter.data[...] = 1.5 * rng.standard_normal(parameter.shape)
    for parameter in vae.encoder.log_variance.parameters():
        parameter.data[...] = 0  # no encoder is asked here, but `solve` wants one that its grid can see
    images = np.array(list(itertools.product((0.0, 1.0), repeat=4)))
    p = np.exp(solve(vae, images).log_prob)
    assert p.sum() == pytest.approx(1, abs=1e-10)
    ink = p @ images  # p(xᵢ = 1), all that factors without z have to say
    apart = np.where(images == 1, ink, 1 - ink).prod(1)
    assert apart.sum() == pytest.approx(1, abs=1e-10)
    assert (p * np.log(p / apart)).sum() > 0.05  # nats by which these miss the images of the VAE
    with_z = [np.where(images == 1, q, 1 - q).prod(1) for q in vae.decode(GRID[:, None]).mean.numpy()]
    prior = np.exp(-0.5 * GRID**2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(STEP * prior @ with_z, p, atol=1e-10)  # Eq. 12.1, by hand


@pytest.mark.ledger("E14")
@pytest.mark.equation("16.8")
def test_e14_the_gap_is_zero_at_the_posterior_and_only_there(model, rng):
    """S3, line 113: "always greater than zero"."""
    x = model.sample(50, rng)
    posterior = model.encode(x)
    mean, factor = posterior.mean.numpy(), posterior.factor.numpy()
    np.testing.assert_allclose(model.gap(x, posterior), 0, atol=1e-13)
    np.testing.assert_allclose(model.exact_elbo(x, posterior), model.log_prob(x), rtol=1e-12)
    for size in (0.01, 0.1, 1.0):
        moved = MultivariateNormal(mean + size * rng.normal(size=mean.shape), factor)
        stretched = MultivariateNormal(mean, factor * np.exp(size * rng.choice([-1, 1], size=(50, 1, 1))))
        for other in (moved, stretched):
            assert (model.gap(x, other) > 1e-6).all()
            assert (model.exact_elbo(x, other) < model.log_prob(x)).all()


def b11(x, mean, covariance):
    """The published line: the log-determinant of the data, and the number of images for D."""
    off = x - mean
    quadratic = (off @ np.linalg.inv(covariance) * off).sum(-1)
    return -0.5 * (x.shape[0] * math.log(2 * math.pi) + np.linalg.slogdet(x)[1] + quadratic)


@pytest.mark.ledger("B11")
@pytest.mark.equation("16.3", "16.6")
def test_b11_the_determinant_is_the_covariances(rng):
    model = LinearGaussian(rng.normal(size=(3, 1)), rng.normal(size=3), 0.4)
    covariance = model.weight @ model.weight.T + 0.4 * np.eye(3)
    x = model.sample(3, rng)
    right = multivariate_normal(model.mean, covariance).logpdf(x)
    np.testing.assert_allclose(model.log_prob(x), right, rtol=1e-10)
    assert np.abs(b11(x, model.mean, covariance) - right).min() > 0.3
    with pytest.raises(np.linalg.LinAlgError):  # of any other number of images it has no determinant at all
        b11(model.sample(4, rng), model.mean, covariance)
