"""The errata of page 12, executed: each formula as the slide has it, the number it gives, and the right one."""

import numpy as np
import pytest

from ..linear_gaussian import (
    ENCODER,
    EVIDENCE,
    LOG_EVIDENCE,
    POSTERIOR,
    PRIOR,
    X,
    Z,
    elbo,
    expect,
    kl,
    log_joint,
    log_likelihood,
    log_normal,
)

log_q, log_posterior = log_normal(Z, *ENCODER), log_normal(Z, *POSTERIOR)


@pytest.mark.ledger("E1")
@pytest.mark.equation("12.3", "12.8")
def test_e1_the_second_term_wants_the_encoder_as_weight():
    """S0, line 901, weights ln(q/posterior) with the posterior. Eqs. 12.3 and 12.8."""
    first = expect(log_joint(Z) - log_q, *ENCODER)
    right = first + expect(log_q - log_posterior, *ENCODER)
    slide = first + expect(log_q - log_posterior, *POSTERIOR)
    assert right == pytest.approx(LOG_EVIDENCE, abs=1e-12)
    assert (round(right, 4), round(slide, 4)) == (-2.2655, -3.1743)
    assert slide == pytest.approx(LOG_EVIDENCE - kl(ENCODER, POSTERIOR) - kl(POSTERIOR, ENCODER), abs=1e-12)
    assert slide < elbo(*ENCODER) < LOG_EVIDENCE  # not even a tighter bound


@pytest.mark.ledger("E2")
def test_e2_the_line_without_q_in_the_denominator_is_off_by_an_entropy():
    """S4, line 304, multiplies by q and forgets to divide: the difference is E_q[ln q] = −H(q)."""
    above = expect(log_joint(Z) - log_posterior, *ENCODER)
    slide = expect(log_joint(Z) + log_q - log_posterior, *ENCODER)
    entropy = 0.5 * (np.log(2 * np.pi) + 1 + np.log(ENCODER[1]))
    assert above == pytest.approx(LOG_EVIDENCE, abs=1e-12)
    assert slide - above == pytest.approx(-entropy, abs=1e-12)
    assert round(entropy, 4) == 1.3074


@pytest.mark.ledger("E5")
def test_e5_the_prior_is_in_the_samples_already():
    """S0, line 767, multiplies by p(z) once more and forgets 1/n."""
    rng = np.random.default_rng(5)
    z = rng.normal(size=200_000)
    likelihood, prior = np.exp(log_likelihood(z)), np.exp(log_normal(z, *PRIOR))
    right = np.exp(log_normal(X, *EVIDENCE))
    slide = expect(np.exp(log_joint(Z)), *PRIOR)
    assert (round(right, 4), round(slide, 4)) == (0.1038, 0.0242)
    for sample, value in ((likelihood, right), (likelihood * prior, slide)):
        assert abs(sample.mean() - value) < 4 * sample.std() / len(z) ** 0.5
    assert np.sum(np.exp(log_joint(Z))) * (Z[1] - Z[0]) == pytest.approx(right, abs=1e-12)  # the Riemann sum wants Δz


@pytest.mark.ledger("E6")
@pytest.mark.equation("12.5")
def test_e6_samples_from_the_encoder_want_weights():
    """S0, line 751, averages p(x|z) over posterior samples: 2.25 times too large. Eq. 12.5 has the weights."""
    right = np.exp(LOG_EVIDENCE)
    slide = expect(np.exp(log_likelihood(Z)), *POSTERIOR)
    weighted = expect(np.exp(log_joint(Z) - log_posterior), *POSTERIOR)
    assert weighted == pytest.approx(right, abs=1e-12)
    assert (round(slide, 4), round(slide / right, 2)) == (0.2334, 2.25)
    # In d independent dimensions both are products of d such factors, so the error is a power.
    z = np.random.default_rng(6).normal(POSTERIOR[0], POSTERIOR[1] ** 0.5, size=(200_000, 3))
    sample = np.exp(log_likelihood(z).sum(1))
    assert abs(sample.mean() - slide**3) < 4 * sample.std() / len(z) ** 0.5
    assert slide**3 / right**3 == pytest.approx(2.25**3, rel=2e-3)


@pytest.mark.ledger("E14")
def test_e14_the_second_kl_can_be_zero():
    """S3, line 113: "always greater than zero". It is zero when the encoder is the posterior, and only then."""
    assert kl(POSTERIOR, POSTERIOR) == pytest.approx(0, abs=1e-12)
    assert elbo(*POSTERIOR) == pytest.approx(LOG_EVIDENCE, abs=1e-12)
    rng = np.random.default_rng(14)
    for mean, variance in zip(rng.normal(1, 1, 50), rng.gamma(2, 0.5, 50)):
        assert kl((mean, variance), POSTERIOR) > 1e-6


@pytest.mark.ledger("E12")
def test_e12_the_sum_covers_both_terms():
    """S0, lines 947 and 957, without braces: the KL of a single datum stands beside the whole data's reconstruction."""
    rng = np.random.default_rng(12)
    means, variances = rng.normal(1, 0.2, size=100), rng.uniform(0.4, 0.6, size=100)
    reconstruction = [-expect(log_likelihood(Z), m, v) for m, v in zip(means, variances)]
    divergence = [kl((m, v), PRIOR) for m, v in zip(means, variances)]
    braces = sum(r + d for r, d in zip(reconstruction, divergence))
    slide = sum(reconstruction) + divergence[-1]
    assert braces == pytest.approx(-sum(elbo(m, v) for m, v in zip(means, variances)), abs=1e-9)
    assert braces - slide == pytest.approx(sum(divergence[:-1]), abs=1e-9)
    assert -braces <= 100 * LOG_EVIDENCE < -slide  # the slide's number is no bound any more


@pytest.mark.ledger("E36")
def test_e36_the_likelihood_term_averages_over_z_at_the_data():
    """S4, lines 346–349, samples x̂. The first term of the ELBO needs samples of z and the observed x, no x̂."""
    rng = np.random.default_rng(36)
    z = rng.normal(ENCODER[0], ENCODER[1] ** 0.5, 100_000)
    right = expect(log_likelihood(Z), *ENCODER)
    at_the_data = log_likelihood(z)
    x_hat = rng.normal(z, 1.0)
    at_samples = log_normal(x_hat, z, 1.0)
    assert abs(at_the_data.mean() - right) < 4 * at_the_data.std() / len(z) ** 0.5
    assert at_samples.mean() - right > 1  # −½(ln 2π + 1) whatever the data: it does not look at x at all
    assert abs(at_samples.mean() + 0.5 * (np.log(2 * np.pi) + 1)) < 4 * at_samples.std() / len(z) ** 0.5


@pytest.mark.ledger("E7")
def test_e7_the_law_of_the_samples_decides_what_the_mean_estimates():
    """S0, lines 727 and 734, do not name it: (1/n) Σ p(x|zᵢ) is p(x) for zᵢ ~ p(z) only."""
    rng = np.random.default_rng(7)
    laws = {
        0.1038: rng.normal(*PRIOR, 200_000),
        0.2334: rng.normal(POSTERIOR[0], POSTERIOR[1] ** 0.5, 200_000),
        0.1402: rng.uniform(-3, 3, 200_000),
    }
    for tends_to, z in laws.items():
        values = np.exp(log_likelihood(z))
        assert abs(values.mean() - tends_to) < 4 * values.std() / len(z) ** 0.5 + 5e-5
    assert round(float(np.exp(LOG_EVIDENCE)), 4) == 0.1038


@pytest.mark.ledger("E20")
def test_e20_the_latent_is_a_sample_and_not_its_mean_or_variance():
    """S1, lines 290–294: "z is mean and variance". For one x, mean and variance are fixed numbers, z is not."""
    z = np.random.default_rng(20).normal(ENCODER[0], ENCODER[1] ** 0.5, 100_000)
    assert abs(z.mean() - ENCODER[0]) < 4 * z.std() / len(z) ** 0.5
    assert z.var() == pytest.approx(ENCODER[1], rel=0.03)  # of the slide's z it would be 0
    # and the bound at z = μ, without noise, is not the bound: the likelihood term loses σ²/2
    assert log_likelihood(ENCODER[0]) - expect(log_likelihood(Z), *ENCODER) == pytest.approx(ENCODER[1] / 2, abs=1e-12)


@pytest.mark.ledger("E35")
def test_e35_the_first_term_looks_at_the_data_and_not_at_the_true_decoder():
    """S4, line 288: "similarity of the decoder to the actual p(x|z)". That is perfect here for every x."""
    similarity = -kl((0.7, 1.0), (0.7, 1.0))  # p(x|z) is the decoder, at z = 0.7 as anywhere
    first = expect(log_likelihood(Z), *ENCODER)
    assert (similarity, round(first, 4)) == (0, -2.7639)
    elsewhere = expect(log_normal(-1.0, Z, 1.0), *ENCODER)  # another x, another value
    assert abs(elsewhere - first) > 0.5


@pytest.mark.ledger("E37")
def test_e37_samples_on_the_decoders_side_leave_the_encoder_out():
    """S4, line 364, draws z "in the decoder network", so from the prior: the term does not contain q any more."""
    right, slide = expect(log_likelihood(Z), *ENCODER), expect(log_likelihood(Z), *PRIOR)
    assert (round(right, 4), round(slide, 4)) == (-2.7639, -3.4189)
    assert slide < elbo(*ENCODER) < elbo(*POSTERIOR)  # with the KL of q = p, which is 0, still a bound: a worse one
