"""Pooling and upsampling: against loops that spell out the definition, against differences, against each other."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import scratchgen as sg
from scratchgen.functional.pooling import avg_pool2d, max_pool2d, upsample


def pool_simple(x, kernel, stride, padding, reduce, outside):
    """`reduce` of every window, one window at a time; the padding holds `outside`."""
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)), constant_values=outside)
    size = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, stride)]
    y = np.empty((*x.shape[:2], *size), x.dtype)
    for i, j in np.ndindex(*size):
        top, left = i * stride[0], j * stride[1]
        y[:, :, i, j] = reduce(x[:, :, top : top + kernel[0], left : left + kernel[1]], axis=(2, 3))
    return y


@st.composite
def problems(draw):
    """x and (kernel, stride, padding), with heights and widths drawn apart and x full of ties."""
    pairs = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    image = [k + extra for k, extra in zip(kernel, draw(pairs(0, 5)))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-3, 4, (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *image)).astype(np.float64)
    return x, (kernel, stride, padding)


@pytest.mark.equation("0.78")
@given(problem=problems())
def test_max_pool2d_is_the_loops(problem, device):
    x, windows = problem
    y = max_pool2d(sg.tensor(x, device=device), *windows)
    np.testing.assert_array_equal(y.numpy(), pool_simple(x, *windows, np.max, -np.inf))


@pytest.mark.equation("0.78")
@given(problem=problems())
def test_the_first_maximum_takes_the_whole_gradient(problem, device):
    x, (kernel, stride, padding) = problem
    t = sg.tensor(x, requires_grad=True, device=device)
    y = max_pool2d(t, kernel, stride, padding)
    g = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(sg.tensor(g, device=device))
    expected = np.zeros_like(x)
    for n, c, i, j in np.ndindex(y.shape):
        top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
        window = [(top + u, left + v) for u, v in np.ndindex(*kernel)]
        window = [at for at in window if 0 <= at[0] < x.shape[2] and 0 <= at[1] < x.shape[3]]
        first_of_the_largest = max(window, key=x[n, c].__getitem__)
        expected[(n, c, *first_of_the_largest)] += g[n, c, i, j]
    np.testing.assert_allclose(t.grad.numpy(), expected, atol=1e-12)


@pytest.mark.equation("0.79")
@given(problem=problems())
def test_avg_pool2d_is_the_loops(problem, device):
    x, windows = problem
    y = avg_pool2d(sg.tensor(x, device=device), *windows)
    np.testing.assert_allclose(y.numpy(), pool_simple(x, *windows, np.mean, 0), atol=1e-12)


@pytest.mark.equation("0.80")
@pytest.mark.parametrize("scale", [1, 2, (3, 2)])
def test_upsample_repeats_pixels(scale, device, rng):
    x = rng.standard_normal((2, 3, 4, 5))
    down, right = scale if isinstance(scale, tuple) else (scale, scale)
    y = upsample(sg.tensor(x, device=device), scale)
    np.testing.assert_array_equal(y.numpy(), x.repeat(down, axis=2).repeat(right, axis=3))


@pytest.mark.equation("0.79", "0.80")
def test_averaging_undoes_upsampling(rng):
    x = rng.standard_normal((2, 3, 4, 5))
    np.testing.assert_allclose(avg_pool2d(upsample(x, (3, 2)), (3, 2)), x)


FUNCTIONS = {
    "max": lambda x: max_pool2d(x, 2),
    "max, overlapping": lambda x: max_pool2d(x, (3, 2), (2, 1), (1, 1)),
    "max, gaps": lambda x: max_pool2d(x, 1, (2, 3)),
    "avg": lambda x: avg_pool2d(x, 2),
    "avg, overlapping": lambda x: avg_pool2d(x, (3, 2), (2, 1), (1, 1)),
    "upsample": lambda x: upsample(x, (2, 3)),
}


@pytest.mark.equation("0.78", "0.79", "0.80")
@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_derivatives(f, rng):
    x = rng.permutation(2 * 2 * 4 * 5).reshape(2, 2, 4, 5) / 10.0  # far enough apart that no step changes the winner
    assert sg.gradcheck(f, x)
    assert sg.gradgradcheck(lambda x: f(x * x), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_precision_is_kept(f, dtype, device, rng):
    x = sg.tensor(rng.standard_normal((2, 2, 4, 5)).astype(dtype), requires_grad=True, device=device)
    y = f(x)
    y.backward(sg.tensor(rng.standard_normal(y.shape).astype(dtype), device=device))
    assert y.dtype == x.grad.dtype == dtype


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_arrays_need_not_be_contiguous(f, rng):
    x = rng.standard_normal((5, 4, 2, 3)).transpose(3, 2, 1, 0)[:, :, ::-1]
    np.testing.assert_array_equal(f(x), f(x.copy()))
    assert f(np.asfortranarray(x)).flags.c_contiguous


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_an_empty_batch(f, device):
    x = sg.tensor(np.zeros((0, 2, 4, 5)), requires_grad=True, device=device)
    y = f(x)
    y.backward(sg.tensor(np.zeros(y.shape), device=device))
    assert y.shape[:2] == (0, 2)
    assert x.grad.shape == x.shape


def test_infinities_and_nan_in_a_maximum():
    x = np.array([[[[-np.inf, -np.inf, np.nan, 1.0], [-np.inf, -np.inf, np.inf, 0.0]]]])
    t = sg.tensor(x, requires_grad=True)
    y = max_pool2d(t, 2)
    np.testing.assert_array_equal(y.numpy(), [[[[-np.inf, np.nan]]]])
    y.backward(np.array([[[[2.0, 3.0]]]]))
    np.testing.assert_array_equal(t.grad.numpy(), [[[[2.0, 0, 3.0, 0], [0, 0, 0, 0]]]])


@pytest.mark.parametrize("f", [max_pool2d, avg_pool2d])
@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((2, 4, 5), {"kernel_size": 2}, r"expected x \(N, C, H, W\), got \(2, 4, 5\)"),
        ((1, 2, 4, 5), {"kernel_size": 0}, "expected kernel_size to be an integer ≥ 1"),
        ((1, 2, 4, 5), {"kernel_size": 2, "stride": (1, 0)}, "expected stride to be an integer ≥ 1"),
        ((1, 2, 4, 5), {"kernel_size": 2, "padding": -1}, "expected padding to be an integer ≥ 0"),
        ((1, 2, 4, 5), {"kernel_size": (2, 3), "padding": (1, 2)}, r"padding \(1, 2\) is more than half of the window"),
        ((1, 2, 4, 5), {"kernel_size": (5, 2)}, r"the window \(5, 2\) is larger than the image \(4, 5\)"),
    ],
)
def test_pooling_says_what_does_not_fit(f, shape, options, message):
    with pytest.raises(ValueError, match=f"{f.__name__}: {message}"):
        f(sg.tensor(np.zeros(shape)), **options)


@pytest.mark.parametrize(("shape", "scale"), [((4, 5), 2), ((1, 2, 4, 5), 0), ((1, 2, 4, 5), 1.5)])
def test_upsample_says_what_does_not_fit(shape, scale):
    with pytest.raises(ValueError, match="upsample: expected"):
        upsample(np.zeros(shape), scale)
