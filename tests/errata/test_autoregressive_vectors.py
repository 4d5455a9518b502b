"""Bugs of published NADEs and MADEs, planted, and the number that each of them gives."""

import math

import numpy as np
import pytest

from scratchgen import functional as F
from scratchgen.models.autoregressive.made import MADE, Mixture
from scratchgen.models.autoregressive.nade import NADE

from ..models.autoregressive.proofs import every_image, flips, randomized, total_probability


@pytest.fixture
def rng():
    return np.random.default_rng(33)


class TwoSigmoids(NADE):
    """B2: the output is a probability already, and goes into a loss that takes logits."""

    def logits(self, x, condition=None):
        return F.sigmoid(super().logits(x, condition))


@pytest.mark.ledger("B2")
def test_b2_a_second_sigmoid_is_seen_at_the_zero_model_and_at_the_floor(rng):
    """Still a distribution, so Σ p(x) = 1 does not see it. The zero model does: 543.43 nats are 784 ln 2. And no pixel
    can cost less than ln(1 + 1/e) = 0.313 nats, however sure the network is: nothing gets below 245.6 nats."""
    x = (rng.random((4, 784)) < 0.13).astype(np.float32)
    planted, right = TwoSigmoids((784,), 3, rng=rng), NADE((784,), 3, rng=rng)
    for model in (planted, right):
        for parameter in model.parameters():
            parameter.data[...] = 0
    np.testing.assert_allclose(-right.log_prob(x).numpy(), 784 * math.log(2), rtol=1e-6)
    assert (np.abs(-planted.log_prob(x).numpy() - 784 * math.log(2)) > 100).all()
    assert total_probability(randomized(TwoSigmoids((9,), 4, rng=rng), rng)) == pytest.approx(1, abs=1e-10)
    floor = math.log1p(math.exp(-1))
    planted.out_bias.data[...] = 1000
    ones = np.ones((1, 784), np.float32)
    np.testing.assert_allclose(-planted.log_prob(ones).numpy(), 784 * floor, rtol=1e-5)
    right.out_bias.data[...] = 1000
    assert right.log_prob(ones).numpy() == 0  # as sure as the other one, and right: that costs nothing
    assert round(784 * floor, 1) == 245.6


class MeanOfLogits(Mixture):
    """B3: the logits of the members are averaged, and what comes out is called a likelihood."""

    def logits(self, x, condition=None):
        return F.mean(F.stack([member.logits(x, condition) for member in self.members]), 0)

    def log_prob(self, x, condition=None):
        return F.sum(-F.binary_cross_entropy_with_logits(self.logits(x * 1.0), x * 1.0, "none"), 1)


def made_of_pairs(pairs, weight, order, rng):
    """For each pair of bits in `order`: the first is a fair coin, the second the same but for a chance σ(−weight)."""
    size = 2 * pairs
    model = MADE((size,), (), order, rng).astype(np.float64)
    (layer,) = model.layers
    layer.weight.data[...] = 0
    for first, second in zip(order[::2], order[1::2]):
        layer.weight.data[second, first] = 2 * weight
        layer.bias.data[second] = -weight
    return model


@pytest.mark.ledger("B3")
@pytest.mark.equation("3.17")
@pytest.mark.parametrize("pairs", [1, 2, 3])
def test_b3_the_mean_of_logits_over_two_orders_is_no_likelihood(pairs, rng):
    """Two equal coins, told in both orders: each coin is told by the other one. As their weight grows, the
    "probabilities" add up to 2 for each pair: 4 for two, 8 for three."""
    forwards = list(range(2 * pairs))
    for weight, total in ((0.0, 1.0), (4.0, 1.5800), (60.0, 2.0)):
        members = [made_of_pairs(pairs, weight, order, rng) for order in (forwards, forwards[::-1])]
        assert total_probability(Mixture(members)) == pytest.approx(1, abs=1e-10)
        planted = total_probability(MeanOfLogits(members))
        assert planted == pytest.approx(total**pairs, rel=1e-3)
        p = 1 / (1 + math.exp(-weight / 2))  # that a coin is as the other one, by the mean of 0 and ± weight
        assert planted == pytest.approx((2 * p**2 + 2 * (1 - p) ** 2) ** pairs)
    # What it reports for two equal coins is 0 nats; no distribution gets below ln 2 for a fair coin told twice.
    x = np.repeat(np.array([[0], [1]]), 2 * pairs, axis=1)
    assert -MeanOfLogits(members).log_prob(x).numpy().mean() == pytest.approx(0, abs=1e-9)
    assert -Mixture(members).log_prob(x).numpy().mean() == pytest.approx(pairs * math.log(2), abs=1e-9)


@pytest.mark.ledger("B3", "C-NORM", "C-CAUSAL")
def test_b3_in_a_random_ensemble_every_pixel_sees_every_other(rng):
    made = MADE((9,), (60,), rng=rng)
    members = [made, *(made.remasked(rng.permutation(9), rng) for _ in range(7))]
    randomized(Mixture(members), rng)
    planted = MeanOfLogits(members)
    assert abs(total_probability(planted) - 1) > 1e-3
    assert total_probability(Mixture(members)) == pytest.approx(1, abs=1e-10)
    found = flips(planted, rng)
    assert (found | np.eye(9, dtype=bool)).all()  # in no order is this triangular


@pytest.mark.ledger("B3")
def test_b3_over_masks_of_one_order_the_mean_of_logits_is_a_likelihood_of_another_model(rng):
    """With one order every mean logit still looks back only. So it is the orders, and not the average, that must not be
    mixed in this way; and it is another number than the mixture's."""
    made = MADE((9,), (60,), rng=rng)
    members = [made, *(made.remasked(made.order, rng) for _ in range(7))]
    randomized(Mixture(members), rng)
    planted, x = MeanOfLogits(members), every_image((9,))
    assert total_probability(planted) == pytest.approx(1, abs=1e-10)
    assert not np.triu(flips(planted, rng)).any()
    assert np.abs(planted.log_prob(x).numpy() - Mixture(members).log_prob(x).numpy()).max() > 1e-3


@pytest.mark.ledger("B3")
def test_the_mean_of_log_probabilities_is_no_likelihood_either(rng):
    """It lies below the ln of the mean (Eq. 3.18), so here the numbers are too bad and not too good."""
    made = MADE((9,), (60,), rng=rng)
    members = [made, *(made.remasked(rng.permutation(9), rng) for _ in range(3))]
    randomized(Mixture(members), rng)
    mean = np.mean([member.log_prob(every_image((9,))).numpy() for member in members], axis=0)
    assert np.exp(mean).sum() < 0.999
