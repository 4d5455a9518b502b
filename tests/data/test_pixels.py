"""Scaling, down-sampling and the three binarizations."""

import hashlib

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen import backend
from scratchgen.data import Digits, binarize, dequantize, downsample, quantize


def grey(shape, seed=0, dtype=np.float32):
    x = np.random.default_rng(seed).random(shape, dtype=np.float64)
    return np.round(x * 1.4 - 0.2, 3).clip(0, 1).astype(dtype)  # with plain paper and full ink among the greys


# ---------------------------------------------------------------------------------------------------- shapes
def test_the_three_layouts_hold_the_same_numbers():
    images = np.random.default_rng(0).integers(256, size=(3, 28, 28)).astype(np.uint8)
    data = Digits(images, np.zeros(3, np.int64))
    assert data.scaled().shape == (3, 28, 28)
    assert data.flat().shape == (3, 784)
    assert data.nchw().shape == (3, 1, 28, 28)
    for layout in (data.scaled(), data.flat(), data.nchw()):
        assert layout.dtype == np.float32
        np.testing.assert_array_equal(np.rint(layout.ravel() * 255), images.ravel())
        assert 0 <= layout.min() <= layout.max() <= 1
    np.testing.assert_array_equal(data.flat()[1, 28 * 5 + 7], data.scaled()[1, 5, 7])


def test_full_ink_is_exactly_one():
    data = Digits(np.full((1, 28, 28), 255, np.uint8), np.zeros(1, np.int64))
    assert data.flat().min() == data.flat().max() == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@given(
    batch=hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3),
    side=st.integers(1, 4), height=st.integers(1, 4), width=st.integers(1, 4),
)  # fmt: skip
def test_downsampling_is_the_mean_of_each_block(dtype, batch, side, height, width):
    x = np.random.default_rng(0).integers(256, size=(*batch, side * height, side * width)).astype(dtype)
    out = downsample(x, side)
    assert out.shape == (*batch, side, side)
    assert out.dtype == (np.float32 if dtype == np.uint8 else dtype)
    for i in range(side):
        for j in range(side):
            block = x[..., i * height : (i + 1) * height, j * width : (j + 1) * width].astype(np.float64)
            np.testing.assert_allclose(out[..., i, j], block.mean((-1, -2)), rtol=1e-6)


def test_downsampling_twice_is_downsampling_at_once(device):
    x = grey((2, 3, 28, 28))[:, :, :, ::-1]  # not contiguous
    on_device = backend.to_device(x, device)
    twice, once = downsample(downsample(on_device, 14), 7), downsample(on_device, 7)
    assert backend.device_of(once).partition(":")[0] == device
    np.testing.assert_allclose(backend.to_host(twice), backend.to_host(once), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(backend.to_host(once)[1, 2, 0, 0], x[1, 2, :4, :4].mean(), rtol=1e-6)


@pytest.mark.parametrize(("shape", "side"), [((2, 28, 28), 10), ((2, 28, 28), 0), ((28,), 14), ((4, 28, 27), 14)])
def test_downsampling_refuses_what_does_not_divide(shape, side):
    with pytest.raises(ValueError, match=rf"downsample: .*side={side}, got \({shape[0]}"):
        downsample(np.zeros(shape, np.float32), side)


# --------------------------------------------------------------------------------------------------- grey levels
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    levels=st.integers(2, 256),
    x=hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, min_side=0), elements=st.floats(0, 1, width=16)),
)
def test_a_level_is_the_nearest_of_k(dtype, levels, x):
    x = np.asarray(x.astype(dtype))
    k = quantize(x, levels)
    assert (k.shape, k.dtype) == (x.shape, x.dtype)
    assert np.isin(k, np.arange(levels)).all()
    assert (np.abs(k / (levels - 1) - x) <= 0.5 / (levels - 1) + 1e-6).all()
    np.testing.assert_array_equal(quantize(k / k.dtype.type(levels - 1), levels), k)


def test_256_levels_are_those_of_the_file(device):
    file = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    x = backend.to_device(Digits(file, np.zeros(1)).nchw()[..., ::-1], device)  # not contiguous
    np.testing.assert_array_equal(backend.to_host(quantize(x, 256)), file[:, None, :, ::-1])
    assert quantize(np.array([0.5, 0.49]), 2).tolist() == [1, 0]  # two levels are a threshold, no chance


def test_what_is_no_grey_value_has_no_level():
    for x in (np.array([255, 3], np.uint8), np.array([1.01]), np.array([np.nan]), np.array([-0.1])):
        with pytest.raises(ValueError, match=r"quantize: expected floats in \[0, 1\], got .*scale first"):
            quantize(x, 16)
    with pytest.raises(ValueError, match="quantize: expected 2 or more levels, got 1"):
        quantize(np.zeros(2), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [2, 16, 256])
def test_a_dequantized_level_is_anywhere_within_it(levels, dtype, device):
    x = grey((300, 784), dtype=dtype)[:, ::-1]  # not contiguous
    before = x.copy()
    y = backend.to_host(dequantize(backend.to_device(x, device), np.random.default_rng(0), levels))
    assert (y.shape, y.dtype) == (x.shape, dtype)
    np.testing.assert_array_equal(x, before)
    u = y.astype(np.float64) * levels - quantize(x, levels)
    assert -1e-4 < u.min() < 1e-3  # and nothing of a level in float32
    assert 0.999 < u.max() < 1 + 1e-4
    np.testing.assert_allclose(np.histogram(u, 10, (0, 1))[0] / u.size, 0.1, atol=0.005)
    again = backend.to_host(dequantize(backend.to_device(x, device), np.random.default_rng(0), levels))
    np.testing.assert_array_equal(again, y)


def test_what_is_no_grey_value_is_not_dequantized():
    with pytest.raises(ValueError, match=r"expected floats in \[0, 1\], got uint8 .*scale first"):
        dequantize(np.array([255, 3], np.uint8), np.random.default_rng(0))


# ------------------------------------------------------------------------------------------------ binarization
def bits(x, how, **options):
    return binarize(x, how, **({"rng": np.random.default_rng(7)} if how == "dynamic" else {}), **options)


@pytest.mark.parametrize("how", ["static", "dynamic", "threshold"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 784), (2, 1, 14, 14), (0, 784), ()])
def test_bits_are_zeros_and_ones_of_x_s_own_kind(how, dtype, shape):
    x = np.asarray(grey(shape, dtype=dtype))
    before = x.copy()
    b = bits(x, how)
    assert (b.shape, b.dtype) == (x.shape, x.dtype)
    assert np.isin(b, (0, 1)).all()
    assert not np.shares_memory(b, x)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(b[x == 0], 0)  # paper stays paper
    np.testing.assert_array_equal(b[x == 1], 1)  # and ink ink


@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_a_bit_is_one_with_probability_x(how):
    n = 100_000
    for p in (0.05, 0.5, 0.8):
        share = bits(np.full(n, p, np.float64), how).mean()
        assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / n)


def test_static_bits_are_drawn_once(device):
    x = grey((6, 784))
    first = binarize(x, "static")
    np.testing.assert_array_equal(binarize(x.copy(), "static"), first)
    np.testing.assert_array_equal(binarize(x[:2], "static"), first[:2])
    np.testing.assert_array_equal(backend.to_host(binarize(backend.to_device(x, device), "static")), first)
    half = np.full((2, 400), 0.5)
    assert (binarize(half, "static")[0] != binarize(half, "static")[1]).any()  # each image has chances of its own


def test_static_bits_are_those_behind_the_numbers_that_we_publish():
    drawn = binarize(np.full((3, 784), 0.5, np.float32), "static")
    assert hashlib.sha256(drawn.tobytes()).hexdigest().startswith("0292584883c4b86f")


def test_dynamic_bits_are_drawn_anew_at_every_call(device):
    x = backend.to_device(np.full((4, 100), 0.5, np.float32), device)
    rng = np.random.default_rng(8)
    first, second = (backend.to_host(binarize(x, "dynamic", rng)) for _ in range(2))
    again = backend.to_host(binarize(x, "dynamic", np.random.default_rng(8)))
    assert 0.3 < (first != second).mean() < 0.7
    np.testing.assert_array_equal(first, again)


@given(x=hnp.arrays(np.float64, (3, 4), elements=st.floats(0, 1)), threshold=st.floats(0, 1))
def test_threshold_is_a_strict_comparison(x, threshold):
    expected = [[1.0 if value > threshold else 0.0 for value in row] for row in x.tolist()]
    np.testing.assert_array_equal(binarize(x, "threshold", threshold=threshold), expected)


def test_the_threshold_is_one_half_by_default():
    np.testing.assert_array_equal(binarize(np.array([0.49, 0.5, 0.51]), "threshold"), [0, 0, 1])


@pytest.mark.parametrize(
    ("x", "how", "rng", "message"),
    [
        (np.full(3, 128, np.uint8), "static", None, r"expected floats in \[0, 1\], got uint8 \(3,\); scale first"),
        (np.full(3, 128.0), "threshold", None, r"expected floats in \[0, 1\]"),
        (np.array([0.5, np.nan]), "threshold", None, r"expected floats in \[0, 1\]"),
        (np.array([0.5, -0.1]), "static", None, r"expected floats in \[0, 1\]"),
        (np.zeros(3), "bernoulli", None, "how is 'bernoulli', expected 'static', 'dynamic' or 'threshold'"),
        (np.zeros(3), "dynamic", None, "'dynamic' needs an rng"),
        (np.zeros(3), "static", np.random.default_rng(0), "'static' takes no rng"),
        (np.zeros(3), "threshold", np.random.default_rng(0), "'threshold' takes no rng"),
    ],
)
def test_an_unclear_choice_is_refused(x, how, rng, message):
    with pytest.raises(ValueError, match=f"binarize: .*{message}"):
        binarize(x, how, rng)
