"""The latent integral as the slides have it: E5, E6 and E7 through the package, and claim C-MC."""

import numpy as np
import pytest

from scratchgen.distributions import Normal
from scratchgen.models.latent.bounds import log_prob, prior_log_prob
from scratchgen.models.latent.linear_gaussian import LinearGaussian

SAMPLES = 200_000


def solvable(d):
    """The model of page 12, d times over: p(x|z) = N(z, I), x = (2, …, 2), posterior N(1, ½)ᵈ."""
    return LinearGaussian(np.eye(d), np.zeros(d), 1.0), np.full((1, d), 2.0)


def likelihoods(model, x, z):
    """p(x|zᵢ), written out for no model in particular."""
    return np.exp(model.log_likelihood(model.decode(z), np.broadcast_to(x, (len(z), x.shape[1]))).numpy())


def assert_mean(values, expected):
    assert abs(values.mean() - expected) < 4 * values.std() / len(values) ** 0.5


@pytest.mark.ledger("E5")
def test_e5_the_prior_appears_twice():
    """S0, line 767: Σ p(x|z) p(z). With 1/n in front it tends to 0.0242, without it to nothing at all; the mean of
    p(x|z) alone is what `prior_log_prob` takes, and tends to p(2) = 0.1038."""
    (model, x), rng = solvable(1), np.random.default_rng(5)
    z = rng.standard_normal((SAMPLES, 1))
    both = likelihoods(model, x, z) * np.exp(-0.5 * z[:, 0] ** 2) / (2 * np.pi) ** 0.5
    # N(z|0, 1)² = N(z|0, ½)/√(4π), and then x ~ N(0, 3/2)
    wrong = np.exp(-(2**2) / 3) / (3 * np.pi) ** 0.5 / (4 * np.pi) ** 0.5
    assert round(wrong, 4) == 0.0242
    assert_mean(both, wrong)
    sums = [both[:n].sum() for n in (100, 10_000, SAMPLES)]
    assert sums[2] > 15 * sums[1] > 15 * 50 * sums[0]  # as printed, without 1/n, it grows with n
    estimate = prior_log_prob(model, x, SAMPLES, np.random.default_rng(5))
    right = np.exp(model.log_prob(x)[0])
    assert round(right, 4) == 0.1038
    assert np.exp(estimate.log_prob[0]) == pytest.approx(right, abs=4 * estimate.error[0] * right)


@pytest.mark.ledger("E6")
@pytest.mark.parametrize("d", [1, 2, 4])
def test_e6_the_posteriors_samples_want_weights(d):
    """S0, line 751: z where x could have come from, but still (1/n) Σ p(x|zᵢ). Too large by 2.25 to the power of d;
    `log_prob`, with the weights, is exact for this encoder."""
    (model, x), rng = solvable(d), np.random.default_rng(6)
    p = likelihoods(model, x, 1 + 0.5**0.5 * rng.standard_normal((SAMPLES, d)))
    factor = 2 / 3**0.5 * np.exp(2 / 3)
    assert round(factor, 2) == 2.25
    assert_mean(p / np.exp(model.log_prob(x)[0]), factor**d)
    assert log_prob(model, x, 10, rng).log_prob[0] == pytest.approx(model.log_prob(x)[0], abs=1e-12)


@pytest.mark.ledger("E7")
def test_e7_the_same_mean_is_another_number_for_every_sampling_law():
    """S0, lines 727 and 734, do not say where the zᵢ come from. Only z ~ p(z) gives p(x)."""
    (model, x), rng = solvable(1), np.random.default_rng(7)
    draws = rng.standard_normal((SAMPLES, 1))
    laws = {"prior": draws, "posterior": 1 + 0.5**0.5 * draws, "uniform on −3 … 3": rng.uniform(-3, 3, (SAMPLES, 1))}
    means = {name: float(likelihoods(model, x, z).mean()) for name, z in laws.items()}
    assert means == pytest.approx({"prior": 0.1038, "posterior": 0.2334, "uniform on −3 … 3": 0.1402}, abs=2e-3)


# --------------------------------------------------------------------------------------------------------- claim C-MC
def crooked(d):
    """x = z + 0.1ε in d dimensions, its encoder the posterior moved by a tenth of its standard deviation and a tenth
    too wide."""
    model = LinearGaussian(np.eye(d), np.zeros(d), 0.01)

    def encode(x):
        mean, covariance = model.posterior(x)
        std = np.sqrt(np.diag(covariance))
        return Normal(mean + 0.1 * std, 2 * np.log(1.1 * std) + 0 * mean)

    model.encode = encode
    return model


@pytest.mark.ledger("C-MC")
def test_samples_of_the_prior_fail_with_the_dimension_and_importance_samples_do_not():
    """S0, lines 741–757. 20,000 samples of the prior, 10,000 of the encoder, 12 data in each dimension."""
    rng = np.random.default_rng(1)
    errors, sizes = {}, {}
    for d in (1, 5, 20, 50):
        model = crooked(d)
        x = model.sample(12, rng)
        exact = model.log_prob(x)
        prior = prior_log_prob(model, x, 20_000, rng, chunk=20_000)
        encoder = log_prob(model, x, 10_000, rng, chunk=5000)
        errors[d], sizes[d] = np.abs(prior.log_prob - exact), prior.effective
        off = np.abs(encoder.log_prob - exact)
        assert off.max() < 4 * encoder.error.max() < 0.1
        assert off.max() < 0.05
        assert (encoder.effective > 10_000 / 5).all()
        assert (prior.error <= 1).all()  # its own error does not see it
    assert np.median(errors[1]) < 0.05 < np.median(errors[5]) < 10
    assert 100 < np.median(errors[20]) < 1000 < np.median(errors[50]) < 4000
    assert sizes[1].min() > 500
    assert sizes[20].max() < 3


@pytest.mark.ledger("C-MC")
def test_what_the_prior_misses_is_always_missing():
    """The estimate of ln p(x) is not noisy around the truth, it is below it: in 20 dimensions for each of 40 data."""
    rng = np.random.default_rng(2)
    model = crooked(20)
    x = model.sample(40, rng)
    assert (prior_log_prob(model, x, 2000, rng).log_prob < model.log_prob(x) - 50).all()
