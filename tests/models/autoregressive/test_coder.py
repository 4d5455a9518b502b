"""The arithmetic coder: exact round trips, the size that the NLL says, and no garbage from a damaged file."""

import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from hypothesis import given
from hypothesis import strategies as st

from scratchgen import backend, no_grad
from scratchgen.models.autoregressive.coder import (
    BITS,
    TOTAL,
    CompressionError,
    Decoder,
    Encoder,
    compress,
    decompress,
    header_size,
    thresholds,
)

from .linear import Linear

LN2 = math.log(2)


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def bits(model, x, condition=None):
    """−log₂ p(x) of all images together, by the model's own likelihood."""
    with no_grad():
        return -math.fsum(model.log_prob(x, condition).numpy().astype(float)) / LN2


# ---------------------------------------------------------------------------------------------------- round trips
MODELS = {
    "two levels, a vector": ((11,), 2, None),
    "two levels, an image": ((1, 4, 3), 2, None),
    "two levels, two classes": ((1, 3, 3), 2, 2),
    "16 levels, colours": ((3, 2, 3), 16, None),
    "256 levels": ((1, 3, 3), 256, None),
    "256 levels, three classes": ((2, 2, 2), 256, 3),
}


@pytest.mark.parametrize(("shape", "levels", "classes"), MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_images_come_out(shape, levels, classes, dtype, rng, device):
    """Images of the model and images at random, in any order of the elements, of any integer or float dtype."""
    order = rng.permutation(math.prod(shape))
    model = Linear(shape, levels, classes, rng=rng, order=order, dtype=dtype).to(device)
    labels = None if classes is None else rng.integers(classes, size=9)
    condition = None if classes is None else backend.to_device(labels, device)
    drawn = backend.to_host(model.sample(9, rng, condition))
    whatever = rng.integers(levels, size=(9, *shape))
    for x in (drawn, whatever, whatever.astype(np.uint8), whatever[::-1].transpose(0, *range(len(shape), 0, -1)).T.T):
        x = np.ascontiguousarray(x).reshape(9, *shape)
        there = backend.to_device(x, device)
        data = compress(model, there, condition)
        back = decompress(model, data, condition)
        assert backend.device_of(back) == backend.device_of(there)
        assert back.dtype == dtype
        assert back.shape == (9, *shape)
        assert (backend.to_host(back) == x).all()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_images_or_none(n, rng):
    model = Linear((1, 3, 3), rng=rng)
    x = model.sample(n, rng)
    data = compress(model, x)
    assert (decompress(model, data) == x).all()
    assert len(data) <= header_size(model) + 1 + math.ceil(bits(model, x) / 8)


def test_images_that_do_not_lie_in_one_piece(rng):
    model = Linear((1, 4, 4), 16, rng=rng)
    x = np.asfortranarray(rng.integers(16, size=(5, 1, 8, 8)))[:, :, ::2, 1::2]
    before = x.copy()
    assert (decompress(model, compress(model, x)) == x).all()
    assert (x == before).all()


def test_the_same_images_give_the_same_bytes_with_any_number_of_threads(rng):
    """Products of this size are computed in another order by two BLAS threads; the coder does not let them."""
    model = Linear((1, 12, 12), rng=rng, scale=0.1)
    x = model.sample(400, rng)
    files = set()
    for threads in (1, 2, 4):
        with threadpoolctl.threadpool_limits(threads):
            files.add(compress(model, x))
    assert len(files) == 1


# ------------------------------------------------------------------------------------------------------------ size
@pytest.mark.ledger("C-CODE")
@pytest.mark.equation("2.9", "2.14")
@pytest.mark.parametrize(
    ("shape", "levels", "scale", "n"),
    [((1, 6, 6), 2, 0.3, 600), ((1, 6, 6), 2, 3.0, 5000), ((3, 3, 3), 16, 0.2, 600), ((1, 3, 3), 256, 0.2, 300)],
    ids=["two levels", "two levels, nearly certain", "16", "256"],
)
def test_the_payload_is_the_nll_in_bits(shape, levels, scale, n, rng):
    """Within 0.1 %, and within the 8 bits of Eq. 2.14. Images at random may have levels for which the model leaves less
    than 2⁻³²: these cost 32 bits only, so there the file may be smaller."""
    model = Linear(shape, levels, rng=rng, scale=scale).astype(np.float64)
    own, strange = model.sample(n, rng), rng.integers(levels, size=(n, *shape))
    for x in (own, strange):
        payload = 8 * (len(compress(model, x)) - header_size(model))
        exact = bits(model, x)
        assert payload - exact < 8 + x.size * 2e-7
        if x is own:
            assert abs(payload - exact) < 1e-3 * exact
            assert payload - exact > -1e-6 * exact


@pytest.mark.equation("2.14")
def test_a_certain_pixel_costs_next_to_nothing(rng):
    """Most of MNIST's paper is all but certain: a hundred thousand such pixels are 8 bits, not 1 bit each."""
    model = Linear((1, 4, 4), rng=rng, scale=0).astype(np.float64)
    model.bias.data[...] = -30
    data = compress(model, np.zeros((6250, 1, 4, 4)))
    assert len(data) == header_size(model) + 1
    assert (decompress(model, data) == 0).all()


# ------------------------------------------------------------------------------------------------- the coder alone
def exact(steps):
    """What `Encoder` is to write, in whole numbers of any length: nothing is cut off, so there is no carry."""
    low, width, written = 0, 1 << 64, 0
    for start, end in steps:
        begin = width * start // TOTAL
        low, width = low + begin, width * end // TOTAL - begin
        while width < 1 << 56:
            low, width, written = low << 8, width << 8, written + 1
    return -(-low // (1 << 56)) % (1 << 8 * (written + 1)), written + 1


def encoded(steps):
    encoder = Encoder()
    encoder.add(*zip(*steps)) if steps else None
    return encoder.finish()


@st.composite
def coded(draw):
    """Rows of thresholds, from even to extreme, and a level of each."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    levels = draw(st.sampled_from([2, 3, 16, 256]))
    scale = draw(st.sampled_from([0.0, 1.0, 10.0, 1000.0]))
    n = draw(st.integers(1, 60))
    c = thresholds(scale * rng.standard_normal((n, levels)))
    likely = (rng.random((n, 1)) * TOTAL >= c[:, 1:]).sum(1)
    return c, np.where(rng.random(n) < draw(st.sampled_from([0.0, 0.5, 1.0])), likely, rng.integers(levels, size=n))


@pytest.mark.equation("2.7", "2.12", "2.13")
@given(coded())
def test_the_decoder_finds_the_steps_of_the_encoder(case):
    c, levels = case
    steps = [(int(row[k]), int(row[k + 1])) for row, k in zip(c, levels)]
    data = encoded(steps)
    number, length = exact(steps)
    assert data == number.to_bytes(length, "big")
    decoder, cut = Decoder(data), len(c) // 2
    assert decoder.levels(c[:cut]) + decoder.levels(c[cut:]) == levels.tolist()
    information = sum(BITS - math.log2(end - start) for start, end in steps)
    assert 8 * len(data) <= information + len(steps) * 1e-7 + 8


@pytest.mark.equation("2.12")
def test_a_carry_runs_through_many_255s():
    """The interval straddles ½ for a long while, 0.0111…1 to 0.1000…0, and then goes to the right: all must change."""
    half = TOTAL // 2
    for last, begins in (((half, TOTAL), b"\x80" + bytes(20)), ((0, half), b"\x7f" + b"\xff" * 20)):
        steps = [(half - 1, half + 1)] * 6 + [last]
        number, length = exact(steps)
        data = encoded(steps)
        assert data == number.to_bytes(length, "big")
        assert data.startswith(begins)


def test_carries_are_not_rare_in_the_tests_above():
    rng, carried = np.random.default_rng(0), []

    class Counting(Encoder):
        def _carry(self):
            carried.append(len(self.written) - len(self.written.rstrip(b"\xff")))
            super()._carry()

    for _ in range(200):
        k = rng.integers(2, size=300)
        c = thresholds(rng.standard_normal(300))
        encoder = Counting()
        encoder.add(c[np.arange(300), k].tolist(), c[np.arange(300), k + 1].tolist())
        assert Decoder(encoder.finish()).levels(c) == k.tolist()
    assert len(carried) > 1000
    assert max(carried) >= 1  # through at least one 255


def test_any_bytes_decode_to_some_levels():
    """The decoder never leaves its interval, whatever it reads: so that damage is a matter for the checksums alone."""
    rng = np.random.default_rng(1)
    c = thresholds(5 * rng.standard_normal((500, 16)))
    for length in (0, 1, 7, 8, 300):
        for data in (rng.bytes(length), b"\xff" * length, bytes(length)):
            found = Decoder(data).levels(c)
            assert len(found) == 500
            assert set(found) <= set(range(16))


# ------------------------------------------------------------------------------------- probabilities and thresholds
@pytest.mark.equation("2.10", "2.11")
@given(st.integers(0, 10_000), st.sampled_from([2, 16, 256]), st.sampled_from([0.0, 1.0, 30.0, 1e4]))
def test_every_level_has_its_share(seed, levels, scale):
    """Eqs. 2.10 and 2.11: from 0 to T, always rising, and no level below (1 − K/T) of its probability."""
    a = scale * np.random.default_rng(seed).standard_normal((20, levels)).astype(np.float32)
    c = thresholds(a)
    assert c.shape == (20, levels + 1)
    assert (c[:, 0] == 0).all()
    assert (c[:, -1] == TOTAL).all()
    assert np.diff(c).min() >= 1
    p = np.exp(a.astype(float) - a.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    assert (np.diff(c) > (TOTAL - levels) * p - 1e-3).all()  # 1e-3 of 2³²: rounding in float64
    assert (np.diff(c) < (TOTAL - levels) * p + 2 + 1e-3).all()


def test_a_bernoulli_is_a_softmax_over_zero_and_its_logit(device):
    a = np.array([-1e4, -3.0, 0.0, 0.5, 1e4], np.float32)
    c = thresholds(backend.to_device(a, device))
    assert (c == thresholds(np.stack([0 * a, a], 1))).all()
    np.testing.assert_allclose(np.diff(c)[1:4, 1] / TOTAL, 1 / (1 + np.exp(-a[1:4].astype(float))), rtol=1e-8)
    assert np.diff(c).min() == 1


def test_an_impossible_level_can_still_be_told():
    """A logit −∞ is a probability of nothing. It keeps the one part in 2³²: 32 bits, rather than no file at all."""
    assert thresholds(np.array([[-np.inf, 0.0]])).tolist() == [[0, 1, TOTAL]]


@pytest.mark.parametrize("logit", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(logit, rng):
    model = Linear((1, 2, 2), rng=rng)
    model.bias.data[0, 2] = logit
    with pytest.raises(FloatingPointError, match="NaN or infinite"):
        compress(model, np.zeros((1, 1, 2, 2)))


# ------------------------------------------------------------------------------------------- what must not come out
@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(3)
    model = Linear((1, 3, 4), 16, 3, rng=rng)
    labels = rng.integers(3, size=4)
    x = model.sample(4, rng, labels)
    return model, x, labels, compress(model, x, labels)


def test_every_damaged_byte_is_found(small):
    """Each byte of a small file, changed in one bit, in all, and to zero."""
    model, _, labels, data = small
    for i in range(len(data)):
        for value in {data[i] ^ 1, data[i] ^ 128, 255 - data[i], 0} - {data[i]}:
            with pytest.raises(CompressionError, match=r"decompress: (damaged|not a file|written in format)"):
                decompress(model, data[:i] + bytes([value]) + data[i + 1 :], labels)


def test_every_truncated_file_is_found(small):
    model, _, labels, data = small
    for length in range(len(data)):
        with pytest.raises(CompressionError, match=r"decompress: (damaged|not a file|cut short)"):
            decompress(model, data[:length], labels)
    for more in (b"\0", b"sgAC", data):
        with pytest.raises(CompressionError, match="damaged"):
            decompress(model, data + more, labels)


@pytest.mark.parametrize("foreign", [b"", b"PK\x03\x04", b"\x89PNG\r\n", bytes(300), b"\x1f\x8b\x08" * 50])
def test_foreign_files_are_refused(foreign, small):
    with pytest.raises(CompressionError, match="not a file written by `compress`"):
        decompress(small[0], foreign, small[2])


def test_a_later_format_is_refused(small):
    model, _, labels, data = small
    with pytest.raises(CompressionError, match="format 2, this program reads format 1"):
        decompress(model, data[:4] + b"\2" + data[5:], labels)


def test_another_model_is_refused(small):
    _, x, labels, data = small

    def fresh(*arguments, **options):
        return Linear(*arguments, **{"rng": np.random.default_rng(3), **options})

    assert (decompress(fresh((1, 3, 4), 16, 3), data, labels) == x).all()  # the same again, made anew
    for other in (fresh((1, 4, 3), 16, 3), fresh((12,), 16, 3), fresh((1, 3, 4), 8, 3)):
        with pytest.raises(CompressionError, match=r"images \(1, 3, 4\) of 16 levels, but Linear is a model of"):
            decompress(other, data, labels)
    one_bit = fresh((1, 3, 4), 16, 3)
    one_bit.weight.data[0, 0] = np.nextafter(one_bit.weight.data[0, 0], np.float32(9))  # a weight behind the mask, even
    others = [
        fresh((1, 3, 4), 16, 3, rng=np.random.default_rng(4)),
        fresh((1, 3, 4), 16, 3, order=range(11, -1, -1)),
        fresh((1, 3, 4), 16, 3).astype(np.float64),
        fresh((1, 3, 4), 16, 4),
        one_bit,
    ]
    for other in others:
        with pytest.raises(CompressionError, match="compressed with another model"):
            decompress(other, data, labels)


def test_what_are_no_bytes(small):
    model, _, labels, data = small
    for same in (bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(decompress(model, same, labels), decompress(model, data, labels))
    for wrong in ("a.bin", Path("a.bin"), np.frombuffer(data, np.uint8), None):
        with pytest.raises(
            TypeError, match=r"decompress: expected the bytes that compress gave, got .*; read the file"
        ):
            decompress(model, wrong, labels)


def test_another_condition_is_refused(small, rng):
    model, _, labels, data = small
    same = (labels[:, None], labels + 0.3, labels.tolist())  # of the same numbers, but no such array
    for wrong in (None, labels[::-1], labels[:3], (labels + 1) % 3, *same):
        with pytest.raises(CompressionError, match=r"compressed with .*condition"):
            decompress(model, data, wrong)
    plain = Linear((1, 2, 2), rng=rng)
    with pytest.raises(CompressionError, match="compressed without a condition"):
        decompress(plain, compress(plain, np.zeros((2, 1, 2, 2))), np.zeros(2, int))


@pytest.mark.parametrize("side", ["compress", "decompress"])
def test_another_arithmetic_is_found_out_by_the_checksum_of_the_images(side, rng):
    """The same weights, but logits that differ in the seventh digit, as on another processor."""

    class Elsewhere(Linear):
        def logits(self, x, condition=None):
            return super().logits(x, condition) * (1 + 3e-7)

    Elsewhere.__name__ = "Linear"
    here, there = Linear((1, 6, 6), rng=np.random.default_rng(8)), Elsewhere((1, 6, 6), rng=np.random.default_rng(8))
    x = here.sample(300, rng)
    data = compress(here if side == "compress" else there, x)
    with pytest.raises(CompressionError, match="the file is whole, but other images come out"):
        decompress(there if side == "compress" else here, data)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 9)), r"expected images \(N, 1, 3, 3\), got \(2, 9\)"),
        (np.full((2, 1, 3, 3), 2), "expected whole numbers 0 … 1; 18 elements are not"),
        (np.full((2, 1, 3, 3), 0.5), "expected whole numbers"),
        (np.full((2, 1, 3, 3), np.nan), "expected whole numbers"),
    ],
)
def test_images_that_the_model_does_not_know_are_refused(x, message, rng):
    with pytest.raises(ValueError, match=message):
        compress(Linear((1, 3, 3), rng=rng), x)


def test_the_header_is_what_the_page_says(small):
    """42 bytes and 4 for each axis; CRC-32 of all that follows, little-endian."""
    model, x, _, data = small
    assert header_size(model) == 42 + 4 * 3
    magic, version, checksum, length = struct.unpack_from("<4sBIQ", data)
    assert (magic, version, checksum, length) == (b"sgAC", 1, zlib.crc32(data[17:]), len(data) - 17)
    n, levels, axes, _, _, images, *shape = struct.unpack_from("<IIB8sII3I", data, 17)
    assert (n, levels, axes, *shape) == (4, 16, 3, 1, 3, 4)
    assert images == zlib.crc32(x.astype("<i8").tobytes())
