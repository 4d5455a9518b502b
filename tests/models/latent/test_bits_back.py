"""Bits-back coding: exact round trips, lengths against the bound, and what must not come out."""

import math
import zlib

import numpy as np
import pytest
import scipy.stats
import threadpoolctl
from hypothesis import given
from hypothesis import strategies as st

from scratchgen import backend, data, no_grad, optim
from scratchgen.models.autoregressive import MADE, coder
from scratchgen.models.autoregressive.coder import TOTAL, CompressionError, thresholds
from scratchgen.models.latent import VAE, bits_back
from scratchgen.models.latent.bits_back import BUCKETS, HEADER, Posterior, Stack, compress, decompress, put, take

LN2 = math.log(2)
FORMS = {
    "bernoulli": {},
    "deep": {"hidden": (9, 7), "latent": 1},
    "conv": {"pixels": 16, "hidden": (2, 3), "shape": (1, 4, 4)},
    "categorical": {"pixels": 9, "decoder": "categorical"},
}


def lively(rng, pixels=30, hidden=10, latent=4, decoder="bernoulli", **form):
    """A model whose posteriors and decoders differ from image to image and from z to z."""
    model = VAE(pixels, hidden, latent, decoder, rng=rng, **form)
    for parameter in model.parameters():
        parameter.data += (0.3 * rng.standard_normal(parameter.shape)).astype(np.float32)
    return model


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits():
    """A VAE trained for a few seconds on real digits, and digits that it has not seen."""
    train, test = (data.binarize(data.digits(split).flat(), "static") for split in ("train", "test"))
    model = VAE(784, 64, 8, rng=np.random.default_rng(1))
    optimizer, rng = optim.Adam(model.parameters(), lr=3e-3), np.random.default_rng(2)
    for _ in range(4):
        for rows in np.array_split(rng.permutation(len(train)), 100):
            optimizer.zero_grad()
            model.loss(train[rows], rng)[0].backward()
            optimizer.step()
    return model, test[:120]


def stacked(model, x):
    """The stack with all images on it, and the codes z that they got, as numbers of buckets."""
    stack, codes = Stack(), []
    for image in x.astype(int):
        put(stack, model, image)
        top = Stack.unpack(stack.pack())
        codes.append([top.pop(bits_back.PRIOR) for _ in range(model.latent)])
    return stack, np.array(codes)


def in_bits(model, x, codes):
    """−log₂ w of each image at the middle of its buckets, by the model's own densities."""
    z = scipy.stats.norm.ppf((codes + 0.5) / BUCKETS)
    with no_grad():
        q = model.encode(x)
        noise = (z - q.mean.numpy()) / q.std.numpy()
        return -model.log_weights(x, noise[None]).numpy()[0] / LN2


# ------------------------------------------------------------------------------------------------------- round trips
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("n", [0, 1, 2, 40])
def test_the_same_images_come_out(form, n, rng, device):
    model = lively(rng, **form)
    x = model.sample(n, rng).astype(np.float32)
    model.to(device)
    file = compress(model, backend.to_device(x, device))
    back = decompress(model, file)
    assert backend.device_of(back) == backend.device_of(model.like)
    assert back.dtype == np.float32
    assert back.shape == (n, model.pixels)
    assert (backend.to_host(back) == x).all()


@pytest.mark.parametrize("seed", range(5))
def test_images_that_the_model_finds_impossible_come_out_as_well(seed):
    """Whatever the weights: posteriors far outside the prior, or as narrow as a bucket; pixels that are all but
    certain, and wrong."""
    rng = np.random.default_rng(seed)
    model = lively(rng)
    for head in (model.encoder.mean, model.encoder.log_variance, model.decoder.output):
        head.weight.data *= 10
    x = rng.integers(2, size=(20, 30)).astype(np.float32)
    spread = model.encode(x)
    assert spread.std.numpy().min() < 1e-3
    assert spread.mean.numpy().max() > 6
    assert (decompress(model, compress(model, x)) == x).all()


def test_real_digits_come_out(digits):
    model, x = digits
    assert (decompress(model, compress(model, x)) == x).all()


def test_each_step_of_one_image_is_undone(rng):
    """`take` leaves the stack as it was before `put`, to the last bit, and not only the image."""
    model, stack = lively(rng), Stack()
    x = model.sample(6, rng).astype(int)
    before = []
    for image in x:
        before.append(stack.pack())
        put(stack, model, image)
    for image, was in zip(x[::-1], before[::-1]):
        assert (take(stack, model) == image).all()
        assert stack.pack().startswith(was)  # behind it only the coins that were borrowed later
    assert stack.empty


def test_images_that_do_not_lie_in_one_piece_and_are_left_alone(rng):
    model = lively(rng)
    x = np.asfortranarray(rng.integers(2, size=(8, 60)).astype(np.float32))[::2, ::2]
    before = x.copy()
    assert (decompress(model, compress(model, x)) == before).all()
    assert (x == before).all()


def test_the_same_images_give_the_same_bytes_with_any_number_of_threads(digits):
    model, x = digits
    files = set()
    for threads in (1, 2, 4):
        with threadpoolctl.threadpool_limits(threads):
            files.add(compress(model, x[:20]))
    assert len(files) == 1


# ------------------------------------------------------------------------------------------------------------- lengths
@pytest.mark.equation("32.2", "32.11")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_net_length_is_the_log_weight(form, rng):
    """Image by image, at the z that the stack gave: buckets for densities and integers for probabilities cost nothing
    worth mentioning. (Posteriors wider than the prior would feel the outermost buckets, which have no end.)"""
    model = lively(rng, **form).astype(np.float64)
    model.encoder.log_variance.bias.data -= 3
    x = model.sample(60, rng).astype(np.float64)
    stack, codes = stacked(model, x)
    expected = in_bits(model, x, codes)
    assert stack.net == pytest.approx(expected.sum(), abs=1 + 1e-3 * expected.sum())  # the top's first bit is not a bit
    assert expected.sum() > 500


@pytest.mark.equation("32.3")
def test_real_digits_in_the_bits_of_the_bound(digits):
    """Net bits per image within 1 % of −ELBO."""
    model, x = digits
    rng, draws = np.random.default_rng(5), []
    with no_grad():
        for _ in range(100):
            noise = rng.standard_normal((len(x), model.latent), dtype=np.float32)
            draws.append(sum(term.numpy().mean() for term in model.elbo(x, noise)) / LN2)
    net = stacked(model, x)[0].net / len(x)
    assert net == pytest.approx(np.mean(draws), rel=0.01)
    assert np.std(draws) < 0.01 * net


@pytest.mark.equation("32.1", "32.2")
def test_bits_that_are_not_taken_back_are_paid(digits):
    """The same file with z drawn from q by other coins: longer by −log₂ q(z|x), which is more than the KL."""
    model, x = digits
    rng, stack, choice = np.random.default_rng(6), Stack(), 0.0
    for image in x.astype(int):
        with no_grad():
            q = bits_back.posterior(model, image)
            code = [elsewhere(rng).pop(c) for c in q]
            choice -= sum(math.log2((c[k + 1] - c[k]) / TOTAL) for c, k in zip(q, code))
            for c, level in zip(bits_back.likelihood(model, code), image.tolist()):
                stack.push(c, level)
            for k in code:
                stack.push(bits_back.PRIOR, k)
    back = stacked(model, x)[0].net
    assert stack.net - choice == pytest.approx(back, rel=0.01)
    assert choice > 0.2 * back


def elsewhere(rng):
    """A stack with other coins."""
    stack = Stack()
    stack.top = (1 << 64) + int(rng.integers(1 << 63))
    return stack


@pytest.mark.equation("32.12")
def test_the_file_is_header_net_and_what_was_borrowed(digits):
    model, x = digits
    for n in (1, 10, 120):
        file = compress(model, x[:n])
        stack, _ = stacked(model, x[:n][::-1])
        assert stack.pack() == file[HEADER:]
        assert 0 <= 8 * len(stack.pack()) - (stack.net + 32 * stack.borrowed) < 8
    one = compress(model, x[:1])
    assert 8 * (len(one) - HEADER) > 1.1 * stacked(model, x[:1])[0].net  # one image has nobody to borrow from
    assert HEADER == 46


@pytest.mark.equation("32.12")
def test_coins_are_borrowed_once(digits):
    """The first image needs about J log₂ K − KL bits that are not there; the others are served by it."""
    model, x = digits
    borrowed = [stacked(model, x[:n])[0].borrowed for n in (1, 10, 120)]
    assert borrowed[1] == borrowed[2] == borrowed[0]
    entropy = sum(_entropy(c) for c in bits_back.posterior(model, x[0].astype(int)))
    assert abs(32 * borrowed[0] - 64 - entropy) < 64


def _entropy(c):
    p = np.diff(np.array(list(c), float)) / TOTAL
    return -(p * np.log2(p)).sum()


@pytest.mark.equation("32.4")
def test_the_codes_are_draws_from_the_encoder(digits):
    """Bits that mean something else are as good as coins: Φ((z − μ)/σ) is uniform over images and dimensions."""
    model, x = digits
    _, codes = stacked(model, x)
    q = model.encode(x)
    z = scipy.stats.norm.ppf((codes + 0.5) / BUCKETS)
    white = ((z - q.mean.numpy()) / q.std.numpy()).ravel()
    assert scipy.stats.kstest(white, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(white[:-1], white[1:])[0, 1]) < 4 / math.sqrt(len(white))


# ------------------------------------------------------------------------------------------------- the stack alone
@st.composite
def outcomes(draw):
    """Distributions, from even to extreme, and an outcome of each."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    c = thresholds(draw(st.sampled_from([0.0, 1.0, 10.0, 1000.0])) * rng.standard_normal((draw(st.integers(1, 60)), 5)))
    likely = (rng.random((len(c), 1)) * TOTAL >= c[:, 1:]).sum(1)
    k = np.where(rng.random(len(c)) < draw(st.sampled_from([0.0, 0.5, 1.0])), likely, rng.integers(5, size=len(c)))
    return c.tolist(), k.tolist()


@pytest.mark.equation("32.5", "32.6", "32.7", "32.8")
@given(outcomes())
def test_what_is_pushed_is_popped_and_costs_its_information(case):
    stack, before = Stack(), Stack().pack()
    for c, k in zip(*case):
        was, exact = stack.net, -math.log2((c[k + 1] - c[k]) / TOTAL)
        stack.push(c, k)
        assert stack.net - was == pytest.approx(exact, abs=1e-9 + 1e-13 * stack.net)
        assert 1 << 64 <= stack.top < 1 << 96
    stack = Stack.unpack(stack.pack())
    assert [stack.pop(c) for c in case[0][::-1]] == case[1][::-1]
    assert stack.pack() == before
    assert stack.empty


@pytest.mark.equation("32.5", "32.6", "32.7", "32.8")
@given(outcomes())
def test_what_is_popped_is_pushed(case):
    """The other way round, which is what bits back needs: outcomes from coins, and the coins from the outcomes."""
    stack, before = Stack(), Stack().pack()
    found = []
    for c in case[0]:
        was = stack.net
        found.append(k := stack.pop(c))
        exact = -math.log2((c[k + 1] - c[k]) / TOTAL)
        assert stack.net - was == pytest.approx(-exact, abs=1e-9 + 1e-12 * abs(was))
        assert 1 << 64 <= stack.top < 1 << 96
    borrowed = stack.borrowed
    for c, k in zip(case[0][::-1], found[::-1]):
        stack.push(c, k)
    assert stack.empty
    assert len(stack.pack()) == len(before) + 4 * (borrowed - 2)


@pytest.mark.equation("32.5", "32.8")
def test_small_numbers_by_hand():
    """Eq. 32.5 in whole numbers: s = 2⁶⁴ + 7, and an outcome that has 3 of 2³² parts, from 5 on."""
    stack = Stack()
    stack.top, stack.words = (1 << 64) + 7, []
    stack.push([0, 5, 8, TOTAL], 1)
    quotient, rest = divmod((1 << 64) + 7, 3)
    assert (stack.top, stack.words) == ((quotient << 32) + 5 + rest, [])
    stack.top = (1 << 66) + 7
    stack.push([0, 5, 8, TOTAL], 1)  # 3 · 2⁶⁴ is less than that: a word goes down first
    assert stack.words == [7]
    assert stack.top == ((1 << 34) // 3 << 32) + 5 + (1 << 34) % 3
    stack.top, stack.words = 3 << 64, []  # and exactly 3 · 2⁶⁴ is not less: the top would be 2⁹⁶ and 5
    stack.push([0, 5, 8, TOTAL], 1)
    assert (stack.top, stack.words) == ((1 << 64) + 5, [0])
    assert stack.pop([0, 5, 8, TOTAL]) == 1
    assert (stack.top, stack.words) == (3 << 64, [])


def test_coins_are_the_same_everywhere():
    """PCG64(0), the upper halves of its numbers; and ones as often as zeros."""
    found = bits_back.coins()
    first = [next(found) for _ in range(1000)]
    assert all(0 <= word < 1 << 32 for word in first)
    drawn = np.random.Generator(np.random.PCG64(0)).integers(1 << 64, size=1000, dtype=np.uint64)
    assert first == (drawn >> np.uint64(32)).tolist()
    ones = sum(word.bit_count() for word in first)
    assert abs(ones - 16_000) < 4 * math.sqrt(8000)


# ------------------------------------------------------------------------------------------------------------ buckets
@pytest.mark.equation("32.9")
def test_buckets_share_the_prior_equally():
    e = np.array(bits_back.edges())
    assert len(e) == BUCKETS + 1
    assert (e[0], e[-1]) == (-math.inf, math.inf)
    np.testing.assert_allclose(np.diff(scipy.stats.norm.cdf(e)), 1 / BUCKETS, rtol=1e-9)
    assert set(np.diff(list(bits_back.PRIOR))) == {TOTAL // BUCKETS}
    assert len(bits_back.PRIOR) == BUCKETS + 1


@pytest.mark.equation("32.10")
@given(st.floats(-50, 50), st.floats(-12, 8))
def test_every_bucket_has_its_share_of_the_posterior(mean, log_std):
    std = math.exp(log_std)
    c = np.array(list(Posterior(mean, std)))
    assert (c[0], c[-1], len(c)) == (0, TOTAL, BUCKETS + 1)
    parts = np.diff(c)
    assert parts.min() >= 1
    exact = np.diff(scipy.stats.norm.cdf(bits_back.edges(), mean, std))
    np.testing.assert_allclose(parts, 1 + (TOTAL - BUCKETS) * exact, atol=1.001)


@pytest.mark.parametrize(
    ("mean", "std"), [(math.nan, 1.0), (math.inf, 1.0), (0.0, 0.0), (0.0, math.inf), (0.0, math.nan)]
)
def test_a_posterior_that_is_none_is_refused(mean, std):
    with pytest.raises(FloatingPointError, match=r"bits_back: q\(z\|x\) has mean"):
        Posterior(mean, std)


# ------------------------------------------------------------------------------------------- what must not come out
@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(3)
    model = lively(rng, 12, 5, 2)
    x = model.sample(4, rng).astype(np.float32)
    return model, x, compress(model, x)


def test_every_damaged_byte_and_every_truncation_is_found(small):
    model, _, file = small
    for i in range(len(file)):
        for value in {file[i] ^ 1, file[i] ^ 128, 255 - file[i], 0} - {file[i]}:
            with pytest.raises(CompressionError, match=r"decompress: (damaged|not a file|written in format)"):
                decompress(model, file[:i] + bytes([value]) + file[i + 1 :])
        with pytest.raises(CompressionError, match=r"decompress: (damaged|not a file|cut short)"):
            decompress(model, file[:i])
    with pytest.raises(CompressionError, match="damaged"):
        decompress(model, file + b"\0")


def test_another_model_is_refused(small):
    model, x, file = small
    again = VAE(12, 5, 2)
    again.load_state_dict(model.state_dict())
    assert (decompress(again, file) == x).all()
    again.encoder.mean.bias.data[0] = np.nextafter(again.encoder.mean.bias.data[0], np.float32(9))
    made = MADE((12,), (5,))
    for other in (again, VAE(12, 5, 3), VAE(11, 5, 2)):
        with pytest.raises(CompressionError, match="compressed with another model"):
            decompress(other, file)
    with pytest.raises(CompressionError, match="compressed with another model"):
        coder.decompress(made, file)  # a file of one coder, given to the other
    with pytest.raises(CompressionError, match="compressed with another model"):
        decompress(model, coder.compress(made, x))


@pytest.mark.parametrize("part", ["posterior", "likelihood"])
def test_another_arithmetic_is_found_out(part, small, monkeypatch):
    """The same weights, but probabilities that differ a little, as on another processor. In the likelihood that is seen
    by the images; in the posterior of the image that comes out last only by the coins."""
    model, _, file = small
    real = getattr(bits_back, part)

    def elsewhere(model, given):
        if part == "likelihood":
            return [[0, c[1] + (TOTAL // 50 if c[1] < TOTAL // 2 else -TOTAL // 50), TOTAL] for c in real(model, given)]
        return [Posterior(c.mean + 1e-3, c.scale / math.sqrt(2)) for c in real(model, given)]

    monkeypatch.setattr(bits_back, part, elsewhere)
    with pytest.raises(CompressionError, match="the file is whole, but other images come out"):
        decompress(model, file)


def test_other_coins_below_one_image_are_found_out(rng, monkeypatch):
    """One image, whose posterior is only needed to put the coins back: its error would be in no image at all."""
    model = lively(rng, 12, 5, 2)
    x = model.sample(1, rng).astype(np.float32)
    file = compress(model, x)
    real = bits_back.posterior
    monkeypatch.setattr(
        bits_back, "posterior", lambda *given: [Posterior(c.mean + 1e-3, c.scale / math.sqrt(2)) for c in real(*given)]
    )
    with pytest.raises(CompressionError, match="the file is whole"):
        decompress(model, file)


def test_models_and_images_without_bits_are_refused(rng):
    for wrong, message in (
        (VAE(6, 4, 2, "normal"), "a Normal decoder gives densities"),
        (VAE(6, 4, 2, posterior="full"), "expected a VAE with posterior='diagonal'"),
        (VAE(6, 4, 2, classes=3), "without classes, got posterior='diagonal', classes=3"),
    ):
        with pytest.raises(ValueError, match=message):
            compress(wrong, np.zeros((1, 6)))
        with pytest.raises(ValueError, match=message):
            decompress(wrong, b"")
    model = VAE(6, 4, 2)
    with pytest.raises(ValueError, match=r"bits_back: expected images \(N, 6\), got \(2, 5\)"):
        compress(model, np.zeros((2, 5)))
    with pytest.raises(ValueError, match="bits_back: a Bernoulli decoder wants pixels that are 0 or 1"):
        compress(model, np.full((2, 6), 0.5))
    with pytest.raises(ValueError, match=r"whole numbers 0 … 255"):
        compress(VAE(6, 4, 2, "categorical"), np.full((2, 6), 256))


@pytest.mark.parametrize("part", ["encoder.mean", "decoder.output"])
def test_weights_that_are_no_numbers_are_refused(part, rng):
    model = lively(rng)
    dict(model.named_parameters())[f"{part}.bias"].data[0] = math.nan
    with pytest.raises(FloatingPointError):
        compress(model, np.zeros((1, 30), np.float32))


def test_the_header_is_that_of_the_arithmetic_coder(small):
    _, x, file = small
    header, payload = coder.Header.unpack(file)
    assert (header.n, header.levels, header.shape) == (4, 2, (12,))
    assert header.images == zlib.crc32(x.astype("<i8").tobytes())
    assert len(file) == HEADER + len(payload)


def test_what_are_no_bytes(digits):
    model, x = digits
    file = compress(model, x[:2])
    for same in (bytearray(file), memoryview(file)):
        np.testing.assert_array_equal(decompress(model, same), x[:2])
    for wrong in ("a.bin", np.frombuffer(file, np.uint8), None):
        with pytest.raises(
            TypeError, match=r"decompress: expected the bytes that compress gave, got .*; read the file"
        ):
            decompress(model, wrong)
