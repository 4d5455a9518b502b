"""Slant and thickness: their formulas, what leaves them alone, and what they refuse. Of bars they are known: Eqs. 23.20
and 23.21 in tests/equations/test_23_conditional.py."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import backend, data
from scratchgen.evaluation import slant, thickness

both = pytest.mark.parametrize("measure", [slant, thickness])


def pictures():
    """Of some ink in every pixel, so that each has its numbers."""
    shapes = st.tuples(st.integers(0, 3), st.integers(2, 9), st.integers(2, 9))
    return hnp.arrays(np.float64, shapes, elements=st.floats(0.01, 10))


@pytest.mark.equation("23.20")
@given(pictures())
def test_slant_is_the_slope_of_a_regression_of_columns_on_rows_upwards(x):
    up, across = -np.mgrid[: x.shape[1], : x.shape[2]][0].ravel(), np.mgrid[: x.shape[1], : x.shape[2]][1].ravel()
    expected = [np.polyfit(up, across, 1, w=np.sqrt(image.ravel()))[0] for image in x]
    np.testing.assert_allclose(slant(x), expected, rtol=1e-7, atol=1e-9)
    assert slant(x).shape == (len(x),)


@pytest.mark.equation("23.21")
@given(pictures())
def test_thickness_is_twice_the_ink_over_its_total_variation(x):
    around = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    slopes = np.diff(around, axis=1)[:, :, :-1], np.diff(around, axis=2)[:, :-1]
    np.testing.assert_allclose(thickness(x), 2 * x.sum((1, 2)) / np.hypot(*slopes).sum((1, 2)), rtol=1e-12)


@both
@given(x=pictures(), contrast=st.floats(0.1, 10))
def test_paler_ink_is_the_same_stroke(measure, x, contrast):
    np.testing.assert_allclose(measure(contrast * x), measure(x), rtol=1e-9, atol=1e-12)


@given(pictures())
def test_a_mirror_leans_the_other_way(x):
    np.testing.assert_allclose(slant(x[:, :, ::-1]), -slant(x), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(slant(x[:, ::-1]), -slant(x), rtol=1e-9, atol=1e-12)


@both
def test_a_stroke_may_stand_anywhere(measure):
    x = np.zeros((1, 20, 20))
    x[0, 5:12, 6:11] = np.random.default_rng(0).random((7, 5))
    assert measure(np.roll(x, (4, -3), (1, 2))) == pytest.approx(measure(x))


@both
def test_rows_of_square_images_tensors_and_devices(measure, device):
    x = data.digits("test").flat()[:9]
    expected = measure(x.astype(np.float64))
    moved = backend.to_device(x, device)
    for same in (x, x.reshape(9, 28, 28), moved, sg.tensor(moved), np.repeat(x, 2, 1)[:, ::2]):
        found = measure(same)
        assert isinstance(found, np.ndarray)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@both
def test_what_is_no_image_and_what_has_no_ink(measure):
    name = measure.__name__
    shapes = [np.zeros(shape) for shape in ((), (9,), (2, 10), (2, 1, 3, 3))]
    for wrong in (*shapes, -np.ones((1, 3, 3)), np.full((1, 3, 3), np.nan), np.full((1, 3, 3), np.inf)):
        with pytest.raises(ValueError, match=rf"^{name}: expected images \(N, H, W\) or \(N, H·H\) of ink, finite"):
            measure(wrong)
    x = np.ones((3, 4, 4))
    x[1] = 0
    with pytest.raises(ValueError, match=f"^{name}: image 1 has no ink"):
        measure(x)
    assert measure(np.zeros((0, 4, 4))).shape == (0,)


def test_ink_in_one_row_leans_nowhere():
    x = np.zeros((2, 4, 4))
    x[0, 2, 1:] = x[1] = 1
    with pytest.raises(ValueError, match=r"^slant: image 0 has no ink, or all of it in one row"):
        slant(x)
    assert np.isfinite(thickness(x)).all()
