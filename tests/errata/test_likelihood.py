"""The errata of page 1, executed."""

import numpy as np
import pytest

p = np.linspace(0, 1, 100_001)[1:-1]


@pytest.mark.ledger("E3")
@pytest.mark.equation("1.3", "1.4")
def test_e3_the_most_probable_parameter_is_not_the_maximum_of_the_likelihood():
    """S0, line 472, calls arg max p(θ|x)/p(x) the MLE. It is the MAP: 0.4008 against 0.4. Eqs. 1.3 and 1.4."""
    log_likelihood = 400 * np.log(p) + 600 * np.log(1 - p)
    log_prior = 4 * np.log(p) + 4 * np.log(1 - p)  # Beta(5, 5) without its constant
    assert p[np.argmax(log_likelihood)] == pytest.approx(0.4, abs=1e-5)
    assert p[np.argmax(log_likelihood + log_prior)] == pytest.approx(404 / 1008, abs=1e-5)
    assert round(404 / 1008, 4) == 0.4008
    assert np.argmax(log_likelihood + 0 * log_prior) == np.argmax(log_likelihood)  # a flat prior: the same


@pytest.mark.parametrize(("heads", "throws", "a", "b"), [(400, 1000, 5, 5), (3, 7, 2, 1), (1, 9, 1, 1), (50, 60, 9, 3)])
@pytest.mark.equation("1.3", "1.4")
def test_the_coins_closed_forms_are_the_maxima(heads, throws, a, b):
    """Eqs. 1.3 and 1.4: the slopes vanish there, and the values on either side are lower."""

    def log_posterior(q, a, b):
        return (heads + a - 1) * np.log(q) + (throws - heads + b - 1) * np.log(1 - q)

    for estimate, prior in ((heads / throws, (1, 1)), ((heads + a - 1) / (throws + a + b - 2), (a, b))):
        top = log_posterior(estimate, *prior)
        assert log_posterior(estimate + 1e-4, *prior) < top > log_posterior(estimate - 1e-4, *prior)


def entropy(p, q):
    """H(p, q) in bits, Eq. 1.5."""
    return float(-np.sum(p * np.log2(q)))


CODES = {"P": ["0", "10", "110", "111"], "Q": ["110", "0", "111", "10"]}  # Huffman's, each best for its distribution
P, Q = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8]), np.array([1 / 8, 1 / 2, 1 / 8, 1 / 4])


@pytest.mark.ledger("E25")
@pytest.mark.equation("1.5", "1.6")
def test_e25_kl_is_the_extra_length_of_messages_from_p_in_the_code_of_q():
    """S0, line 825, samples with Q. The messages come from P; the code is Q's. Eqs. 1.5 and 1.6, by compressing."""
    rng = np.random.default_rng(25)

    def bits(distribution, code):
        return "".join(CODES[code][s] for s in rng.choice(4, 100_000, p=distribution))

    lengths = {(d, c): len(bits({"P": P, "Q": Q}[d], c)) / 100_000 for d in "PQ" for c in "PQ"}
    expected = {("P", "P"): 1.75, ("P", "Q"): 2.375, ("Q", "Q"): 1.75, ("Q", "P"): 2.25}
    assert lengths == pytest.approx(expected, abs=0.015)
    assert entropy(P, Q) - entropy(P, P) == pytest.approx(0.625, abs=1e-12)  # KL(P‖Q)
    assert entropy(Q, P) - entropy(Q, Q) == pytest.approx(0.5, abs=1e-12)  # what the slide describes: KL(Q‖P)


@pytest.mark.ledger("E28")
def test_e28_a_density_is_a_probability_per_length_and_a_likelihood_need_not_integrate_to_one():
    """S4, lines 143–154. Eq. 1.10: P(interval)/length tends to the density; and ∫ L(θ) dθ is not 1."""
    from scipy.stats import norm

    ratios = [(norm.cdf(5 + d, 4, 2) - norm.cdf(5, 4, 2)) / d for d in (1e-1, 1e-2, 1e-3, 1e-4)]
    errors = np.abs(np.array(ratios) - norm.pdf(5, 4, 2))
    assert np.all(errors[1:] < 0.11 * errors[:-1])
    assert norm.pdf(0, 0, 0.1) > 1  # a density may exceed one
    assert np.sum(p**4 * (1 - p) ** 6) * (p[1] - p[0]) == pytest.approx(1 / 2310, rel=1e-6)  # B(5, 7), far from 1
