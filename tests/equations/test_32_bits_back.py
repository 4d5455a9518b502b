"""derivations/32-bits-back.md, on a model with three images and four codes, where every sum can be written out."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from scratchgen.models.autoregressive.coder import TOTAL
from scratchgen.models.latent.bits_back import Stack


@pytest.fixture
def rng():
    return np.random.default_rng(32)


@pytest.fixture
def model(rng):
    """p(z) (4,), p(x|z) (4, 3), q(z|x) (3, 4), each in whole parts of T, so that no rounding is in the way."""

    def parts(*shape):
        counts = 1 + rng.integers(1 << 28, size=shape)
        counts[..., -1] += TOTAL - counts.sum(-1)
        return counts

    return parts(4), parts(4, 3), parts(3, 4)


def limits(counts):
    return [0, *np.cumsum(counts).tolist()]


def tables(model):
    prior, decoder, encoder = (counts / TOTAL for counts in model)
    evidence = prior @ decoder  # p(x)
    posterior = (prior[:, None] * decoder / evidence).T  # p(z|x)
    return prior, decoder, encoder, evidence, posterior


@pytest.mark.equation("32.1")
def test_two_parts_waste_the_posterior(model):
    """−log₂ p(x|z) − log₂ p(z) = −log₂ p(x) − log₂ p(z|x), for every pair; so too long by what z could have been."""
    prior, decoder, _, evidence, posterior = tables(model)
    two_parts = -np.log2(decoder.T) - np.log2(prior)
    np.testing.assert_allclose(two_parts, -np.log2(evidence)[:, None] - np.log2(posterior), rtol=1e-12)
    assert (two_parts > -np.log2(evidence)[:, None]).all()


@pytest.mark.equation("32.2", "32.5", "32.6")
def test_the_net_length_of_a_stack_is_the_weight(model, rng):
    """Pop z by q, push x by p(x|z), push z by p(z), a thousand times; and everything is undone."""
    prior, decoder, encoder, *_ = tables(model)
    stack, log_w, put = Stack(), 0.0, rng.integers(3, size=1000).tolist()
    for x in put:
        z = stack.pop(limits(model[2][x]))
        stack.push(limits(model[1][z]), x)
        stack.push(limits(model[0]), z)
        log_w += math.log2(decoder[z, x] * prior[z] / encoder[x, z])
    assert stack.net == pytest.approx(-log_w, abs=1.001)  # of its first digit, between 1 and 2, only the 1 is known
    for x in put[::-1]:
        z = stack.pop(limits(model[0]))
        assert stack.pop(limits(model[1][z])) == x
        stack.push(limits(model[2][x]), z)
    assert stack.empty


@pytest.mark.equation("32.3")
def test_on_average_it_is_the_bound(model):
    """E_q[−log₂ w] = −log₂ p(x) + KL₂(q ‖ posterior), and with the posterior itself it is −log₂ p(x) for every z."""
    prior, decoder, encoder, evidence, posterior = tables(model)
    joint = decoder.T * prior
    elbo = (encoder * (np.log2(joint) - np.log2(encoder))).sum(1)
    gap = (encoder * np.log2(encoder / posterior)).sum(1)
    np.testing.assert_allclose(-elbo, -np.log2(evidence) + gap, rtol=1e-12)
    assert (gap > 1e-3).all()
    np.testing.assert_allclose(-np.log2(joint / posterior), np.repeat(-np.log2(evidence)[:, None], 4, 1), rtol=1e-12)


@pytest.mark.equation("32.4")
def test_what_is_decoded_from_coins_is_a_draw(model):
    """Outcome k as often as its share says, and for log₂ T/f of the coins."""
    stack, counts, c = Stack(), np.zeros(4), limits([TOTAL // 2, TOTAL // 4, TOTAL // 8, TOTAL // 8])
    n = 20_000
    for _ in range(n):
        counts[stack.pop(c)] += 1
    p = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8])
    assert ((counts - n * p) ** 2 / (n * p)).sum() < 3 + 5 * math.sqrt(6)
    assert -stack.net == pytest.approx(-(counts * np.log2(p)).sum(), abs=1.001)


@pytest.mark.equation("32.7")
def test_a_step_is_within_its_bound():
    """Eq. 32.5 without a window, in whole numbers of any length: ⌊s/f⌋T ≤ s' < (⌊s/f⌋ + 1)T."""
    rng = np.random.default_rng(7)
    for _ in range(500):
        s = int(rng.integers(1 << 62)) << int(rng.integers(2, 200)) | 1
        f = int(rng.integers(1, TOTAL))
        start = int(rng.integers(0, TOTAL - f + 1))
        after = s // f * TOTAL + start + s % f
        assert s // f * TOTAL <= after < (s // f + 1) * TOTAL
        place = after % TOTAL
        assert start <= place < start + f
        assert f * (after // TOTAL) + place - start == s  # Eq. 32.6
        assert abs(math.log2(after) - math.log2(s) - math.log2(TOTAL / f)) < 2 * f / s + 1e-12


@pytest.mark.equation("32.11")
@pytest.mark.parametrize(("mean", "std"), [(0.3, 0.2), (-1.5, 0.7), (2.0, 0.05), (0.0, 2.0)])
def test_buckets_never_cost_more_than_densities(mean, std):
    """KL of the buckets' shares rises to that of the densities, the finer they are."""
    exact = 0.5 * (mean**2 + std**2 - 1) - math.log(std)
    found = []
    for k in (4, 32, 256, 4096):
        q = np.diff(norm.cdf(norm.ppf(np.arange(k + 1) / k), mean, std))
        q = q[q > 0]
        found.append((q * np.log(q * k)).sum())
    assert found == sorted(found)
    assert found[-1] <= exact
    assert found[-1] > (0.98 if std < 1 else 0.8) * exact  # a wide q has much in the outermost buckets
