"""False likelihoods, weighed: a program may claim any NLL, but its file is as long as it is."""

import math

import numpy as np
import pytest

from scratchgen import functional as F
from scratchgen import nn, no_grad
from scratchgen.models.autoregressive import Autoregressive
from scratchgen.models.autoregressive.coder import compress, decompress, header_size

from ..models.autoregressive.linear import Linear
from ..models.autoregressive.proofs import every_image

LN2 = math.log(2)
SHAPE = (1, 3, 3)


class AveragedLogits(Autoregressive):
    """Ledger B3: several orders, the logits averaged, and the result reported as an NLL."""

    def __init__(self, members):
        super().__init__(members[0].shape)
        self.members = nn.ModuleList(members)

    def logits(self, x, condition=None):
        return sum(member.logits(x) for member in self.members) * (1 / len(self.members))


class TwoSigmoids(Linear):
    """Ledger B2: the likelihood applies a second sigmoid; what is drawn, and coded, has one."""

    def log_prob(self, x, condition=None):
        logits = F.sigmoid(self.logits(self.scaled(x)))
        return -F.binary_cross_entropy_with_logits(logits, x.astype(logits.dtype), "none").reshape((len(x), -1)).sum(1)


def ferromagnet(order, strength=1.0):
    """Every pixel wants to be like the pixels before it: nearly all black, or nearly all white."""
    model = Linear(SHAPE, order=order, rng=np.random.default_rng(0), scale=0).astype(np.float64)
    model.weight.data[...] = strength
    model.bias.data[0, model.order] = -0.5 * strength * np.arange(9)
    return model


def claimed(model, x):
    """The ln p(x) that the program reports."""
    with no_grad():
        return model.log_prob(x).numpy()


def coded(model, x):
    """The ln q(x) of the conditionals that a decoder can have: those of the scan."""
    flat, total = x.reshape(len(x), -1), np.zeros(len(x))
    scan, values = model.scan(len(x)), None
    for position in model.order:
        a, values = scan.send(values), flat[:, position]
        total -= np.logaddexp(0, np.where(values == 1, -a, a))
    return total


def file_nats(model, x):
    """The payload in nats per image, after it has been read back."""
    data = compress(model, x)
    assert (decompress(model, data) == x).all()
    return 8 * LN2 * (len(data) - header_size(model)) / len(x)


def drawn(p, images, n=6000):
    return images[np.random.default_rng(16).choice(len(p), n, p=p)]


@pytest.mark.ledger("B3", "C-CODE")
@pytest.mark.equation("2.15", "2.16")
def test_b3_averaged_logits_claim_less_than_the_entropy_and_the_file_says_so():
    orders = [np.random.default_rng(k).permutation(9) for k in range(6)]
    model = AveragedLogits([ferromagnet(order) for order in orders])
    images = every_image(SHAPE)
    claim, honest = claimed(model, images), coded(model, images)
    z = math.fsum(np.exp(claim))
    assert math.fsum(np.exp(honest)) == pytest.approx(1, abs=1e-12)  # a file's conditionals are always proper
    assert z > 1.3

    p = np.exp(claim) / z  # the data that suit the claim best
    entropy = -np.sum(p * np.log(p))
    assert -np.sum(p * claim) == pytest.approx(entropy - math.log(z), abs=1e-12)  # below the entropy: no code can
    predicted = math.log(z) + np.sum(p * (np.log(p) - honest))
    assert np.sum(p * (claim - honest)) == pytest.approx(predicted, abs=1e-12)

    x = drawn(p, images)
    size = file_nats(model, x)
    error = np.std(claim - honest) / math.sqrt(len(x))
    assert abs((size + claimed(model, x).mean()) - predicted) < 5 * error
    assert predicted > 50 * error
    assert size > entropy - 5 * np.std(honest) / math.sqrt(len(x))


@pytest.mark.ledger("B3")
def test_b3_an_honest_member_has_the_file_that_it_claims():
    model = ferromagnet(range(9))
    images = every_image(SHAPE)
    claim = claimed(model, images)
    np.testing.assert_allclose(claim, coded(model, images), atol=1e-12)
    x = drawn(np.exp(claim) / np.exp(claim).sum(), images)
    assert file_nats(model, x) == pytest.approx(-claimed(model, x).mean(), rel=1e-3)


@pytest.mark.ledger("B2", "C-CODE")
@pytest.mark.equation("2.16")
def test_b2_a_second_sigmoid_claims_what_no_file_of_the_sampler_holds():
    """All weights zero: the sampler's pixels are fair coins, 1 bit each. The claim is σ(½) = 0.62 for white. So for
    images that are mostly white it claims too little, and for black ones too much, by the difference of two KLs."""
    model = TwoSigmoids(SHAPE, rng=np.random.default_rng(0), scale=0).astype(np.float64)
    white = 1 / (1 + math.exp(-0.5))
    images = every_image(SHAPE)
    assert math.fsum(np.exp(claimed(model, images))) == pytest.approx(1, abs=1e-12)  # it is normalised, and still false
    for rate, sign in ((0.9, 1), (0.1, -1)):
        x = (np.random.default_rng(2).random((2000, *SHAPE)) < rate).astype(float)
        size, claim = file_nats(model, x), -claimed(model, x).mean()
        assert size == pytest.approx(9 * LN2, rel=1e-3)
        mean = x.mean()
        predicted = 9 * (LN2 + mean * math.log(white) + (1 - mean) * math.log(1 - white))
        assert size - claim == pytest.approx(predicted, abs=0.01)
        assert sign * predicted > 1
