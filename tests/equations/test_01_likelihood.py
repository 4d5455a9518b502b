"""derivations/01-likelihood.md, equation by equation."""

import math

import numpy as np
import pytest

from scratchgen import functional as F

rng = np.random.default_rng(1)


def random_distribution(*shape):
    return rng.dirichlet(np.ones(math.prod(shape))).reshape(shape)


@pytest.mark.equation("1.1")
def test_any_order_of_the_pixels_factorises_exactly():
    """Eq. 1.1: the product of the conditionals is the joint, for every order of five binary pixels."""
    joint = random_distribution(2, 2, 2, 2, 2)
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        product, known = np.ones_like(joint), []
        for pixel in order:
            rest = tuple(i for i in range(5) if i not in [*known, pixel])
            marginal = joint.sum(rest, keepdims=True)
            product = product * marginal / marginal.sum(pixel, keepdims=True)
            known.append(pixel)
        np.testing.assert_allclose(product, joint, rtol=1e-12)


@pytest.mark.equation("1.2", "1.8")
def test_maximum_likelihood_is_minimum_kl():
    """Eqs. 1.2 and 1.8: over many models the NLL of a data set is the entropy of the data plus the KL to the model."""
    data = rng.choice(6, size=400, p=random_distribution(6))
    empirical = np.bincount(data, minlength=6) / len(data)
    seen = empirical > 0
    h = -np.sum(empirical[seen] * np.log(empirical[seen]))
    losses = []
    for model in [random_distribution(6) for _ in range(20)] + [empirical]:
        with np.errstate(divide="ignore"):
            logits = np.log(model)
        nll = float(F.nll_loss(np.broadcast_to(logits, (len(data), 6)), data))
        kl = np.sum(empirical[seen] * np.log(empirical[seen] / model[seen]))
        assert nll == pytest.approx(h + kl, rel=1e-12)
        losses.append(nll)
    assert np.argmin(losses) == 20
    assert losses[20] == pytest.approx(h)
    assert np.prod(np.full(784, 0.2)) == 0  # why the logarithm: a product of 784 factors is no floating-point number


@pytest.mark.equation("1.6", "1.7")
def test_kl_is_cross_entropy_minus_entropy_never_negative_and_not_symmetric():
    """Eqs. 1.6 and 1.7."""
    asymmetry = []
    for _ in range(200):
        p, q = random_distribution(5), random_distribution(5)
        kl = np.sum(p * np.log(p / q))
        assert kl == pytest.approx(-np.sum(p * np.log(q)) + np.sum(p * np.log(p)), abs=1e-12)
        assert kl > 0
        assert np.sum(p * (np.log(q / p) - (q / p - 1))) <= 0  # the line above the logarithm
        asymmetry.append(abs(kl - np.sum(q * np.log(q / p))))
    assert np.sum(p * np.log(p / p)) == 0
    assert max(asymmetry) > 0.5


@pytest.mark.ledger("B2")
@pytest.mark.equation("1.9")
def test_knowing_nothing_costs_one_bit_a_pixel():
    """Eq. 1.9: the zero model needs 784 ln 2 = 543.43 nats = 1 bit/dim; a second sigmoid (bug B2) is caught by it."""
    x = (rng.uniform(size=(10, 784)) < 0.2).astype(float)
    logits = np.zeros_like(x)
    nats = F.binary_cross_entropy_with_logits(logits, x, "none").sum(1)
    np.testing.assert_allclose(nats, 784 * math.log(2), rtol=1e-12)
    assert round(784 * math.log(2), 2) == 543.43
    np.testing.assert_allclose(nats / (784 * math.log(2)), 1.0, rtol=1e-12)
    planted = F.binary_cross_entropy_with_logits(F.sigmoid(logits), x, "none").sum(1)
    assert np.all(np.abs(planted - 543.43) > 50)


@pytest.mark.equation("1.10")
def test_a_density_is_the_limit_of_probability_per_length():
    """Eq. 1.10, for the exponential distribution, whose P(x ≤ X < x + δ) is e^(−x) − e^(−x−δ)."""
    x = rng.uniform(0.1, 3, size=20)
    ratios = [-np.exp(-x) * np.expm1(-d) / d for d in (1e-2, 1e-4, 1e-6)]
    for ratio, d in zip(ratios, (1e-2, 1e-4, 1e-6)):
        np.testing.assert_allclose(ratio, np.exp(-x), rtol=d)
