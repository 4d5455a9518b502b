"""derivations/09-bayes.md, equation by equation."""

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

THETA = np.linspace(0, 1, 200_001)[1:-1]
COINS = [(400, 1000, 5, 5), (3, 7, 2, 1), (1, 9, 1, 1), (50, 60, 9, 3)]  # heads, throws, α, β
coins = pytest.mark.parametrize(("heads", "throws", "a", "b"), COINS)


def integral(density):
    return float(scipy.integrate.trapezoid(density, THETA))


def log_likelihood(heads, throws, theta=THETA):
    """Of one given order of heads and tails."""
    return heads * np.log(theta) + (throws - heads) * np.log1p(-theta)


@pytest.mark.equation("9.1")
def test_bayes_theorem_over_a_partition():
    """Eq. 9.1 from a table of joint probabilities; and with sets that overlap the denominator is not P(B) any more."""
    joint = np.random.default_rng(0).dirichlet(np.ones(12)).reshape(4, 3)  # P(Aᵢ ∩ Bⱼ)
    prior, evidence = joint.sum(1), joint.sum(0)
    likelihood = joint / prior[:, None]  # P(Bⱼ|Aᵢ)
    posterior = prior[:, None] * likelihood / (prior[:, None] * likelihood).sum(0)
    np.testing.assert_allclose(posterior, joint / evidence, rtol=1e-13)
    np.testing.assert_allclose(posterior.sum(0), 1, rtol=1e-13)
    overlapping = [[0, 1], [1, 2], [3]]  # unions of atoms: together everything, but not a partition
    total = sum(joint[atoms].sum(0) for atoms in overlapping)
    np.testing.assert_allclose(total - evidence, joint[1], rtol=1e-9)  # what lies in two sets is counted twice


@pytest.mark.equation("9.2", "9.5")
@coins
def test_the_evidence_is_an_integral_over_the_parameter(heads, throws, a, b):
    """Eqs. 9.2 and 9.5: by quadrature, by the Beta functions, and by SciPy's beta-binomial distribution, which counts
    the orders in which the heads may come as well."""
    prior = scipy.stats.beta.pdf(THETA, a, b)
    top = log_likelihood(heads, throws).max()
    quadrature = np.log(integral(prior * np.exp(log_likelihood(heads, throws) - top))) + top
    closed = scipy.special.betaln(heads + a, throws - heads + b) - scipy.special.betaln(a, b)
    orders = -scipy.special.betaln(heads + 1, throws - heads + 1) - np.log(throws + 1)
    assert closed == pytest.approx(quadrature, abs=1e-6)
    assert closed + orders == pytest.approx(scipy.stats.betabinom.logpmf(heads, throws, a, b), abs=1e-8)


@pytest.mark.equation("9.3", "9.4")
@coins
def test_the_posterior_is_the_product_normalised(heads, throws, a, b):
    """Eqs. 9.3 and 9.4: prior times likelihood, divided by its integral, is Beta(α + k, β + n − k)."""
    product = scipy.stats.beta.logpdf(THETA, a, b) + log_likelihood(heads, throws)
    posterior = np.exp(product - product.max())
    posterior /= integral(posterior)
    np.testing.assert_allclose(posterior, scipy.stats.beta.pdf(THETA, a + heads, b + throws - heads), atol=2e-4)
    # the ratio to the product does not depend on θ: it is 1/p(x)
    near = posterior > 1e-6
    ratio = np.log(posterior[near]) - product[near]
    assert np.ptp(ratio) < 1e-9


@pytest.mark.equation("9.4")
def test_one_throw_at_a_time_is_all_throws_at_once():
    """Eq. 9.4: yesterday's posterior is today's prior."""
    rng = np.random.default_rng(4)
    a, b = 5.0, 5.0
    throws = rng.random(1000) < 0.4
    log_posterior, log_heads, log_tails = scipy.stats.beta.logpdf(THETA, a, b), np.log(THETA), np.log1p(-THETA)
    for head in throws:
        a, b = (a + 1, b) if head else (a, b + 1)
        log_posterior += log_heads if head else log_tails
    posterior = np.exp(log_posterior - log_posterior.max())
    posterior /= integral(posterior)
    np.testing.assert_allclose(posterior, scipy.stats.beta.pdf(THETA, 5 + throws.sum(), 5 + (~throws).sum()), atol=2e-4)
    assert (a, b) == (5 + throws.sum(), 5 + (~throws).sum())


@pytest.mark.equation("9.6")
@pytest.mark.ledger("E3")
@coins
def test_which_quotient_is_maximised_by_which_estimate(heads, throws, a, b):
    """Eq. 9.6. S0, line 472, divides the posterior by p(x) and calls the maximum MLE: it is the MAP. Divided by the
    *prior*, it would have been the MLE."""
    log_prior = scipy.stats.beta.logpdf(THETA, a, b)
    log_evidence = scipy.special.betaln(heads + a, throws - heads + b) - scipy.special.betaln(a, b)
    log_posterior = log_prior + log_likelihood(heads, throws) - log_evidence
    mle, map_estimate = heads / throws, (heads + a - 1) / (throws + a + b - 2)
    slide = THETA[np.argmax(log_posterior - log_evidence)]
    assert slide == THETA[np.argmax(log_posterior)] == pytest.approx(map_estimate, abs=1e-5)
    assert THETA[np.argmax(log_posterior - log_prior)] == pytest.approx(mle, abs=1e-5)
    assert (abs(slide - mle) < 1e-5) == (a == b == 1)  # equal for the flat prior only


@pytest.mark.equation("9.7", "9.8")
@coins
def test_the_next_throw_averages_over_the_posterior(heads, throws, a, b):
    """Eqs. 9.7 and 9.8: by quadrature; as a mixture of the prior's mean and the MLE; as a quotient of evidences."""
    posterior = scipy.stats.beta.pdf(THETA, a + heads, b + throws - heads)
    mean = (heads + a) / (throws + a + b)
    assert integral(THETA * posterior) == pytest.approx(mean, abs=1e-6)
    weight = (a + b) / (throws + a + b)
    assert weight * a / (a + b) + (1 - weight) * heads / throws == pytest.approx(mean, rel=1e-12)

    def log_evidence(k, n):
        return scipy.special.betaln(k + a, n - k + b)

    assert np.exp(log_evidence(heads + 1, throws + 1) - log_evidence(heads, throws)) == pytest.approx(mean, rel=1e-9)


@pytest.mark.equation("9.8")
def test_of_the_coins_that_fell_alike_the_next_throw_is_the_posterior_mean():
    """Eq. 9.8 by counting: two million coins from the prior, of which those are kept that showed 3 heads in 7."""
    rng = np.random.default_rng(8)
    theta = rng.beta(5, 5, 2_000_000)
    alike = theta[rng.binomial(7, theta) == 3]
    heads = rng.random(len(alike)) < alike
    expected = 8 / 17
    assert abs(heads.mean() - expected) < 4 * (expected * (1 - expected) / len(alike)) ** 0.5
    assert abs(3 / 7 - expected) > 20 * (expected * (1 - expected) / len(alike)) ** 0.5  # the MLE does not foretell it


@pytest.mark.equation("9.9")
@coins
def test_the_map_moves_with_the_units_and_the_mle_does_not(heads, throws, a, b):
    """Eq. 9.9: in log-odds the density gains the factor θ(1 − θ), and its maximum stands at the posterior *mean*."""
    logit = np.linspace(-6, 6, 240_001)
    theta = scipy.special.expit(logit)
    density = scipy.stats.beta.pdf(theta, a + heads, b + throws - heads) * theta * (1 - theta)
    assert scipy.integrate.trapezoid(density, logit) == pytest.approx(1, abs=1e-3)
    assert theta[np.argmax(density)] == pytest.approx((heads + a) / (throws + a + b), abs=2e-5)
    assert theta[np.argmax(log_likelihood(heads, throws, theta))] == pytest.approx(heads / throws, abs=2e-5)
