"""derivations/02-codes.md, equation by equation."""

import heapq
import itertools
import math
import os
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats

from scratchgen import data, no_grad
from scratchgen.models.autoregressive.coder import (
    TOTAL,
    Decoder,
    Encoder,
    compress,
    decompress,
    header_size,
    thresholds,
)
from scratchgen.models.autoregressive.fvsbn import FVSBN

from ..models.autoregressive.linear import Linear
from ..models.autoregressive.proofs import every_image

rng = np.random.default_rng(2)
LN2 = math.log(2)


def entropy(p, q=None):
    """H₂(p, q) in bits, with q = p if none is given."""
    return float(-np.sum(p * np.log2(p if q is None else q)))


def huffman(p):
    """The lengths of Huffman's words: the two rarest messages become one, again and again."""
    heap = [(weight, [i]) for i, weight in enumerate(p)]
    lengths = np.zeros(len(p), int)
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, left), (b, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (a + b, left + right))
    return lengths


def payload_bits(model, x):
    return 8 * (len(compress(model, x)) - header_size(model))


@pytest.mark.equation("2.1")
def test_surprises_of_independent_parts_add():
    p, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(3))
    both = -np.log2(np.outer(p, q))
    np.testing.assert_allclose(both, -np.log2(p)[:, None] - np.log2(q), rtol=1e-12)
    np.testing.assert_allclose(both, -np.log(np.outer(p, q)) / LN2, rtol=1e-12)
    assert round(82 / LN2, 1) == 118.3


@pytest.mark.ledger("C-CODE")
@pytest.mark.equation("2.2")
@pytest.mark.parametrize(("shape", "levels", "bits"), [((784,), 2, 784), ((3, 3, 3), 256, 8 * 27), ((5, 5), 16, 100)])
def test_a_model_that_knows_nothing_writes_the_raw_file(shape, levels, bits):
    """Eq. 2.2: log₂ K bits an element, 784 for a black-and-white digit; in the file as well, and one byte."""
    model = FVSBN(shape) if levels == 2 else Linear(shape, levels, rng=rng, scale=0)  # an FVSBN begins with zeros
    x = rng.integers(levels, size=(3, *shape))
    _, shown = model.loss(x, rng)
    assert float(shown["NLL"]) / LN2 == pytest.approx(bits, rel=1e-6)
    assert float(shown["bits/dim"]) == pytest.approx(math.log2(levels), rel=1e-6)
    assert 3 * bits <= payload_bits(model, x) <= 3 * bits + 16
    assert (decompress(model, compress(model, x)) == x).all()


@pytest.mark.equation("2.3")
def test_bits_per_dimension_of_a_density():
    """Eq. 2.3, with a Beta density for one pixel of 256 levels; and Jensen's direction."""
    beta, levels = scipy.stats.beta(2.5, 4), 256
    edges = np.arange(levels + 1) / levels
    exact = -np.log2(np.diff(beta.cdf(edges)))
    middle = -beta.logpdf((edges[1:] + edges[:-1]) / 2) / LN2 + math.log2(levels)
    np.testing.assert_allclose(middle[5:-60], exact[5:-60], atol=2e-3)  # where it hardly changes in a cell
    u = (np.arange(levels)[:, None] + (np.arange(200) + 0.5) / 200) / levels
    noisy = (-beta.logpdf(u) / LN2).mean(1) + math.log2(levels)
    assert (noisy > exact - 1e-6).all()
    assert noisy[0] > exact[0] + 0.1  # at the edge it does change
    np.testing.assert_allclose(-np.log2(np.diff(scipy.stats.uniform.cdf(edges))), 8, rtol=1e-12)  # no knowledge: 8


@pytest.mark.equation("2.4", "2.5", "2.6")
def test_kraft_shannon_and_rounding_up():
    """Eqs. 2.4–2.6 for Huffman's words and for rounded surprises, over many distributions."""
    for _ in range(100):
        p = rng.dirichlet(np.full(rng.integers(2, 20), rng.choice([0.1, 1.0, 10.0])))
        p = (p + 1e-9) / (p + 1e-9).sum()
        rounded, best = np.ceil(-np.log2(p)), huffman(p)
        assert (2.0**-rounded).sum() <= 1
        assert (2.0**-best).sum() == 1  # nothing left over
        assert entropy(p) - 1e-12 <= (p * best).sum() <= (p * rounded).sum() < entropy(p) + 1
        for lengths in (rounded, best):
            z = (2.0**-lengths).sum()
            q = 2.0**-lengths / z
            kl = entropy(p, q) - entropy(p)
            assert (p * lengths).sum() == pytest.approx(entropy(p) + kl - math.log2(z), abs=1e-9)
    words = ["0", "10", "110", "111"]  # Kraft by its proof: the intervals of words lie side by side
    intervals = sorted((int(w, 2) / 2 ** len(w), (int(w, 2) + 1) / 2 ** len(w)) for w in words)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(intervals))


@pytest.mark.equation("2.6", "2.9")
def test_huffman_spends_a_whole_digit_where_the_coder_spends_the_entropy():
    """A pixel that is white once in a hundred: 0.081 bits of entropy; Huffman's word has 1, the coder 0.081."""
    epsilon, n = 0.01, 40_000
    h = entropy(np.array([epsilon, 1 - epsilon]))
    assert huffman([epsilon, 1 - epsilon]).tolist() == [1, 1]
    assert round(h, 3) == 0.081
    assert round(1 / h) == 12
    model = Linear((1,), rng=rng, scale=0).astype(np.float64)
    model.bias.data[...] = math.log(epsilon / (1 - epsilon))
    x = np.zeros((n, 1))
    x[: int(epsilon * n)] = 1
    assert payload_bits(model, rng.permutation(x)) == pytest.approx(h * n, abs=9)


def nested(probabilities, levels):
    """The interval [l, l + w) of Eq. 2.7 in exact fractions."""
    low, width = Fraction(0), Fraction(1)
    for p, k in zip(probabilities, levels):
        low, width = low + width * sum(p[:k], Fraction(0)), width * p[k]
    return low, width


@pytest.mark.equation("2.7", "2.8", "2.9")
def test_the_intervals_of_all_images_tile_the_unit_interval():
    """Eqs. 2.7–2.9 in exact fractions, for conditionals that depend on what came before."""
    quarters = [(Fraction(3, 4), Fraction(1, 4))] * 3
    assert nested(quarters, [0, 1, 0]) == (Fraction(9, 16), Fraction(9, 64))  # the page's example
    assert Fraction(9, 16) <= Fraction(0b101, 8) < Fraction(45, 64)
    assert round(-math.log2(9 / 64), 2) == 2.83

    def conditional(before):
        weights = [Fraction(1 + (7 * sum(before) + 3 * len(before) + 5 * k) % 11) for k in range(3)]
        return [w / sum(weights) for w in weights]

    end = Fraction(0)
    for x in itertools.product(range(3), repeat=4):
        probabilities = [conditional(x[:i]) for i in range(4)]
        low, width = nested(probabilities, x)
        assert low == end  # the next begins where the last one ended
        end = low + width
        assert width == math.prod(p[k] for p, k in zip(probabilities, x))
        m = math.ceil(-math.log2(width))
        number = Fraction(math.ceil(low * 2**m), 2**m)  # the first multiple of 2⁻ᵐ
        assert low <= number < end
        assert m < -math.log2(width) + 1
    assert end == 1


@pytest.mark.equation("2.7", "2.10", "2.12")
def test_the_window_follows_the_exact_interval():
    """Against Eq. 2.7 in exact fractions: rounding moves the interval by less than 2⁻⁵⁰, and takes next to nothing of
    its length."""
    for _ in range(50):
        c = thresholds(2 * rng.standard_normal((40, 5)))
        levels = rng.integers(5, size=40)
        parts = [[Fraction(int(f), TOTAL) for f in np.diff(row)] for row in c]
        low, width = nested(parts, levels)
        encoder = Encoder()
        for row, k in zip(c.tolist(), levels):
            encoder.add([row[k]], [row[k + 1]])
        data = encoder.finish()
        number = Fraction(int.from_bytes(data, "big"), 256 ** len(data))
        assert low - Fraction(1, 2**50) < number < low + width + Fraction(1, 2**50)
        assert 8 * len(data) < -math.log2(width) + 1e-5 + 8


@pytest.mark.equation("2.10", "2.11")
def test_the_price_of_integers():
    """Eq. 2.11: f_k > (T − K) p_k, for all levels at once; on average far less is lost than the bound allows."""
    for levels in (2, 16, 256):
        a = 4 * rng.standard_normal((200, levels))
        p = np.exp(a - a.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        f = np.diff(thresholds(a))
        assert (f > (TOTAL - levels) * p - 1e-3).all()
        excess = np.log2(p) - np.log2(f / TOTAL)
        assert (p * excess).sum(1).max() < -math.log2(1 - levels / TOTAL) + 1e-12
    assert -math.log2(1 - 2 / TOTAL) < 1e-9
    assert -math.log2(1 - 256 / TOTAL) < 1e-7


@pytest.mark.equation("2.13")
def test_one_division_finds_the_level():
    """Eq. 2.13 against its definition, for widths and distances of every size."""
    for _ in range(300):
        width = int(rng.integers(1 << 56, (1 << 64) - 1, dtype=np.uint64))
        c = thresholds(rng.choice([0.1, 3.0, 30.0]) * rng.standard_normal((1, 16)))[0].tolist()
        limits = [width * k // TOTAL for k in c]
        edge = int(rng.choice(limits[:-1]))
        for distance in {edge, max(edge - 1, 0), min(edge + 1, width - 1), int(rng.random() * (width - 1))}:
            by_definition = max(k for k in range(16) if limits[k] <= distance)
            decoder = Decoder(b"")
            decoder.width, decoder.distance = width, distance
            assert decoder.levels(np.array([c])) == [by_definition]


@pytest.mark.equation("2.14")
def test_the_bound_on_the_whole():
    delta = -2 * math.log2(1 - 2**-24)
    assert 1.7e-7 < delta < 2e-7
    assert round(784 * delta, 5) == 0.00013
    # Many steps at which rounding hurts most: a certain level, again and again, in the narrowest of windows.
    encoder = Encoder()
    encoder.add([0], [2**24 + 1])  # R is now just above 2⁵⁶
    encoder.add([0] * 100_000, [TOTAL - 1] * 100_000)
    spent = 32 - math.log2(2**24 + 1) + 100_000 * -math.log2(1 - 1 / TOTAL)
    assert 8 * len(encoder.finish()) <= spent + 100_001 * delta / 2 + 8


def distribution(model):
    """p(x) of all images of a small model, and the images."""
    x = every_image(model.shape, model.levels)
    with no_grad():
        return np.exp(model.log_prob(x).numpy()), x


@pytest.mark.ledger("E25", "C-CODE")
@pytest.mark.equation("2.15")
def test_messages_from_p_in_the_code_of_q():
    """Eq. 2.15: files of images from P cost the cross-entropy, in P's own code the entropy; E25 with real files."""
    models = [Linear((1, 3, 3), rng=rng, scale=1.0).astype(np.float64) for _ in range(2)]
    (p, images), (q, _) = map(distribution, models)
    x = images[rng.choice(len(p), 4000, p=p / p.sum())]
    for model, its in zip(models, (p, q)):
        expected = entropy(p, its)
        spread = math.sqrt(np.sum(p * np.log2(its) ** 2) - expected**2)
        assert abs(payload_bits(model, x) / len(x) - expected) < 4 * spread / math.sqrt(len(x))
    assert entropy(p, q) - entropy(p) > 1  # so that the two are told apart


@pytest.mark.ledger("C-CODE")
@pytest.mark.equation("1.9", "2.2", "2.9")
@pytest.mark.skipif("SCRATCHGEN_DATA" not in os.environ, reason="needs static binarized MNIST in $SCRATCHGEN_DATA")
def test_independent_pixels_on_static_mnist_are_205_80_nats():
    """The number of results.md, as an NLL and as a file."""
    train, test = (data.binarized_mnist(None, split) for split in ("train", "test"))
    p = np.clip(train.mean(0, dtype=np.float64), 1e-12, 1 - 1e-12)
    nats = -(test * np.log(p) + (1 - test) * np.log1p(-p)).sum(1).mean()
    assert round(float(nats), 2) == 205.80
    assert round(float(nats) / LN2, 2) == 296.91
    laplace = (train.sum(0, dtype=np.float64) + 1) / (len(train) + 2)
    logits = np.log(laplace) - np.log1p(-laplace)
    encoder = Encoder()
    c = thresholds(logits)
    for row in test[::50].astype(int):
        columns = np.arange(784)
        encoder.add(c[columns, row].tolist(), c[columns, row + 1].tolist())
    exact = -(test[::50] * np.log(laplace) + (1 - test[::50]) * np.log1p(-laplace)).sum() / LN2
    assert 8 * len(encoder.finish()) == pytest.approx(exact, abs=9)
