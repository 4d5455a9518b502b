"""E16 and C-BLUR: is a VAE's blur the prior's fault? On real digits, with a VAE whose optimum needs no training."""

import numpy as np
import pytest

from scratchgen import data
from scratchgen.evaluation import sharpness
from scratchgen.models.latent import LinearGaussian

LATENT = 20


@pytest.fixture(scope="module")
def digits():
    return data.digits("train").flat().astype(float), data.digits("test").flat().astype(float)


@pytest.fixture(scope="module")
def model(digits):
    """The best linear VAE (page 16): encoder, decoder and variance at their maximum."""
    return LinearGaussian.fit(digits[0], LATENT)


def from_priors(model, x, rng, n=1000):
    """Codes from N(0, I), from a normal fitted to the codes of x, and from these codes themselves, mixed."""
    mean, covariance = model.posterior(x)
    codes = mean + rng.standard_normal(mean.shape) @ np.linalg.cholesky(covariance).T
    return {
        "N(0, I)": rng.standard_normal((n, LATENT)),
        "fitted": rng.multivariate_normal(codes.mean(0), np.cov(codes.T), n),
        "aggregate": codes[rng.choice(len(codes), n)],
    }


@pytest.mark.ledger("E16", "C-BLUR")
def test_no_prior_makes_the_means_sharp(model, digits):
    """S4, line 374, blames the Gaussian z. With codes of real digits in its place the means stay as soft as they
    were."""
    train, test = digits
    true = sharpness(test).mean()
    found = {
        prior: sharpness(model.decode(z).mean.numpy()).mean() / true
        for prior, z in from_priors(model, train, np.random.default_rng(16)).items()
    }
    assert all(0.02 < share < 0.25 for share in found.values())
    assert max(found.values()) < 1.3 * min(found.values())


@pytest.mark.ledger("E16", "C-BLUR")
@pytest.mark.equation("33.6", "33.8")
def test_the_rest_is_what_the_decoder_leaves_out(model, digits):
    """Of each test digit's sharpness the larger part is in x − m(z), for its own z. Independent noise of the right
    size brings far too much back: it does not know where."""
    rng, (_, x) = np.random.default_rng(17), digits
    mean, covariance = model.posterior(x)
    p = model.decode(mean + rng.standard_normal(mean.shape) @ np.linalg.cholesky(covariance).T)
    m = p.mean.numpy()
    true = sharpness(x).mean()
    assert sharpness(m).mean() < 0.25 * true
    assert sharpness(x - m).mean() > 0.6 * true
    noisy = sharpness(p.sample(rng).numpy()).mean()
    assert noisy == pytest.approx(sharpness(m).mean() + 20 * model.variance, rel=0.01)
    assert noisy > 2 * true


@pytest.mark.ledger("E16", "C-BLUR")
def test_another_decoder_with_the_same_gaussian_z_is_sharp(digits):
    """A decoder that shows one digit that z could have come from, and not their mean: k cells of equal prior mass on
    one axis of z, a digit in each. z is N(0, 1), and the images are as sharp as digits are."""
    train, test = digits
    z = np.random.default_rng(18).standard_normal(2000)
    rank = np.argsort(np.argsort(z)) * len(train) // len(z)  # Φ(z), by the empirical law
    assert sharpness(train[rank]).mean() == pytest.approx(sharpness(test).mean(), rel=0.05)
