"""Sharpness: its formula, what leaves it alone, and what it falls for."""

import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import backend, data
from scratchgen.evaluation import sharpness

KERNEL = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pictures():
    shapes = st.tuples(st.integers(0, 3), st.integers(3, 9), st.integers(3, 9))
    return hnp.arrays(np.float64, shapes, elements=st.floats(-10, 10))


@pytest.mark.equation("33.5")
@given(pictures())
def test_it_is_the_variance_of_the_laplacian(x):
    expected = [scipy.signal.convolve2d(image, KERNEL, "valid").var() for image in x]
    np.testing.assert_allclose(sharpness(x), expected, rtol=1e-9, atol=1e-12)
    assert sharpness(x).shape == (len(x),)


def test_by_hand():
    """One dot of ink in the middle of 5 × 5: Laplacian −4 once, 1 four times, 0 four times, over 3 × 3 places."""
    x = np.zeros((1, 5, 5))
    x[0, 2, 2] = 1
    assert sharpness(x) == pytest.approx([(16 + 4) / 9 - 0])
    assert sharpness(np.zeros((1, 5, 5))) == [0]


@given(pictures(), st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_what_changes_nothing_and_what_scales(x, constant, down, across, contrast):
    s = sharpness(x)
    rows, columns = np.mgrid[: x.shape[1], : x.shape[2]]
    for same in (x + constant + down * rows + across * columns, -x, x[:, ::-1], x[:, :, ::-1], x.swapaxes(1, 2)):
        np.testing.assert_allclose(sharpness(same), s, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(sharpness(contrast * x), contrast**2 * s, rtol=1e-7, atol=1e-9)


def test_moving_the_ink_changes_nothing_as_long_as_it_stays_clear_of_the_border(rng):
    x = np.zeros((1, 20, 20))
    x[0, 5:12, 6:11] = rng.random((7, 5))
    assert sharpness(np.roll(x, (4, -3), (1, 2))) == pytest.approx(sharpness(x))


def test_a_blur_takes_it_away_and_more_blur_more():
    digits = data.digits("test").flat()[:100].reshape(-1, 28, 28)
    found = [sharpness(scipy.ndimage.gaussian_filter(digits, (0, width, width))) for width in (0, 0.5, 1, 2)]
    for sharper, softer in itertools.pairwise(found):
        assert (softer < 0.8 * sharper).all()


@pytest.mark.equation("33.8")
def test_noise_is_sharp(rng):
    """20 σ² for independent noise, whatever it lies on: measured, and by the matrix A."""
    digits = data.digits("test").flat()[:500]
    noisy = sharpness(digits + 0.3 * rng.standard_normal(digits.shape))
    more = noisy - sharpness(digits)
    assert abs(more.mean() - 20 * 0.3**2) < 4 * more.std() / len(more) ** 0.5
    assert sharpness(np.eye(784)).sum() == pytest.approx(20, rel=1e-3)  # tr A: the sum over single dots of ink
    assert sharpness(np.eye(784)).sum() < 20


def test_every_kind_of_array(rng, device):
    x = rng.random((4, 6, 6)).astype(np.float32)
    expected = sharpness(x.astype(float))
    there = backend.to_device(x, device)
    for given_ in (there, sg.tensor(there), backend.to_device(x.reshape(4, 36), device)):
        found = sharpness(given_)
        assert type(found) is np.ndarray
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(sharpness(np.repeat(x, 2, 1)[:, ::2]), expected)
    assert sharpness(x[:0]).shape == (0,)


@pytest.mark.parametrize("shape", [(5,), (4, 37), (4, 4), (2, 2, 5), (1, 1, 5, 5), ()])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"sharpness: expected images \(N, H, W\) of at least 3 × 3 pixels"):
        sharpness(np.zeros(shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_no_numbers(bad):
    x = np.zeros((3, 4, 4))
    x[1, 0, 0] = bad  # in a corner, where no ∇² asks for it
    with pytest.raises(ValueError, match="sharpness: image 1 has pixels that are not finite"):
        sharpness(x)
