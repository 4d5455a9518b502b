"""conv2d and conv_transpose2d: against loops that spell out the definition, against differences, against each other."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import scratchgen as sg
from scratchgen.functional import convolution
from scratchgen.functional.convolution import CPU, Limits, conv2d, conv_transpose2d

RNG = np.random.default_rng


# ---------------------------------------------------------------------------------------------------- the plain form
def conv2d_simple(x, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, taps=None):
    """Eq. 4.1 as it stands: one number at a time."""
    (n, _, *image), (filters, channels, *kernel) = x.shape, weight.shape
    sizes = zip(image, kernel, stride, padding, dilation)
    y = np.zeros((n, filters, *((h + 2 * p - d * (k - 1) - 1) // s + 1 for h, k, s, p, d in sizes)), x.dtype)
    for at in np.ndindex(y.shape):
        image_number, f, i, j = at
        first_channel = f // (filters // groups) * channels
        for c, u, v in np.ndindex(weight.shape[1:]):
            row = stride[0] * i + dilation[0] * u - padding[0]
            column = stride[1] * j + dilation[1] * v - padding[1]
            if 0 <= row < image[0] and 0 <= column < image[1] and (taps is None or (u, v) in taps):
                y[at] += weight[f, c, u, v] * x[image_number, first_channel + c, row, column]
        y[at] += 0 if bias is None else bias[f]
    return y


def conv_transpose2d_simple(
    x, weight, bias=None, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), groups=1, dilation=(1, 1)
):
    """Eq. 4.7 as it stands: every pixel is spread over the places that a convolution reads."""
    (n, channels, *image), (_, filters, *kernel) = x.shape, weight.shape
    sizes = zip(image, kernel, stride, padding, dilation, output_padding)
    size = [(h - 1) * s - 2 * p + d * (k - 1) + 1 + o for h, k, s, p, d, o in sizes]
    y = np.zeros((n, filters * groups, *size), x.dtype)
    for image_number, c, i, j in np.ndindex(x.shape):
        first_filter = c // (channels // groups) * filters
        for f, u, v in np.ndindex(weight.shape[1:]):
            row = stride[0] * i + dilation[0] * u - padding[0]
            column = stride[1] * j + dilation[1] * v - padding[1]
            if 0 <= row < size[0] and 0 <= column < size[1]:
                y[image_number, first_filter + f, row, column] += weight[c, f, u, v] * x[image_number, c, i, j]
    return y if bias is None else y + bias.reshape(-1, 1, 1)


@st.composite
def problems(draw):
    """x, weight, bias, (stride, padding, dilation, groups): small, with heights and widths drawn apart."""
    pairs = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))
    stride, padding, dilation = draw(pairs(1, 3)), draw(pairs(0, 3)), draw(pairs(1, 3))
    kernel, groups = draw(pairs(1, 3)), draw(st.integers(1, 3))
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, p, d in zip(kernel, padding, dilation)]
    image = [n + extra for n, extra in zip(least, draw(pairs(0, 4)))]
    n, channels, filters = draw(st.integers(0, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rng = RNG(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((n, channels * groups, *image))
    weight = rng.standard_normal((filters * groups, channels, *kernel))
    return x, weight, rng.standard_normal(filters * groups), (stride, padding, dilation, groups)


@pytest.fixture(scope="module", params=["rows", "gathered", "rows together", "gathered together"])
def route(request):
    """Small images would all go one way; so each is taken, with images and products cut small."""
    usual, taps, *together = convolution.CPU, *request.param.split()
    convolution.CPU = Limits(3000, 1 if taps == "rows" else 10**9, 10**9 if together else 0)
    yield request.param
    convolution.CPU = usual


def gradients(f, *arrays, device="cpu"):
    """f's value, a random cotangent of it, and the gradients of the arrays."""
    tensors = [sg.tensor(a, requires_grad=True, device=device) for a in arrays]
    y = f(*tensors)
    g = RNG(7).standard_normal(y.shape).astype(y.dtype)
    y.backward(sg.tensor(g, device=device))
    return y.numpy(), g, [t.grad.numpy() for t in tensors]


# ------------------------------------------------------------------------------------------------------------ values
@pytest.mark.equation("4.1", "4.2")
@given(problem=problems())
def test_conv2d_is_the_loops(problem, device, route):
    x, weight, bias, geometry = problem
    y = conv2d(*(sg.tensor(a, device=device) for a in (x, weight, bias)), *geometry)
    np.testing.assert_allclose(y.numpy(), conv2d_simple(x, weight, bias, *geometry), atol=1e-12)


@pytest.mark.equation("4.7")
@given(problem=problems(), data=st.data())
def test_conv_transpose2d_is_the_loops(problem, data, device, route):
    read, weight, _, (stride, padding, dilation, groups) = problem
    x = conv2d(read, weight, None, stride, padding, dilation, groups)
    extra = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation))
    bias = RNG(1).standard_normal(read.shape[1])
    tensors = [sg.tensor(a, device=device) for a in (x, weight, bias)]
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, extra)
    if min((h - 1) * s - 2 * p + d * (k - 1) + 1 + o for h, k, s, p, d, o in sizes) < 1:
        with pytest.raises(ValueError, match="nothing is left of the image"):
            conv_transpose2d(*tensors, stride, padding, extra, groups, dilation)
        return
    y = conv_transpose2d(*tensors, stride, padding, extra, groups, dilation)
    expected = conv_transpose2d_simple(x, weight, bias, stride, padding, extra, groups, dilation)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-12)


@pytest.mark.equation("4.4", "4.5", "4.6", "4.9")
@given(problem=problems())
def test_conv2d_and_its_gradients_are_adjoint(problem, device, route):
    """y = w ⋆ x + b, and each part is linear: ⟨w ⋆ x, g⟩ = ⟨x, x̄⟩ = ⟨w, w̄⟩, and ⟨b, g⟩ = ⟨b, b̄⟩."""
    x, weight, bias, geometry = problem
    y, g, (dx, dw, db) = gradients(lambda x, w, b: conv2d(x, w, b, *geometry), x, weight, bias, device=device)
    through_bias = np.sum(np.broadcast_to(bias.reshape(-1, 1, 1), y.shape) * g)
    linear = np.sum(y * g) - through_bias
    np.testing.assert_allclose([np.sum(x * dx), np.sum(weight * dw), np.sum(bias * db)], [linear, linear, through_bias],
                               rtol=1e-9, atol=1e-9)  # fmt: skip


@pytest.mark.equation("4.4", "4.7")
@given(problem=problems())
def test_the_gradient_of_x_is_the_loops_transpose(problem, route):
    x, weight, _, (stride, padding, dilation, groups) = problem
    _, g, (dx,) = gradients(lambda x: conv2d(x, weight, None, stride, padding, dilation, groups), x)
    sizes = zip(g.shape[2:], weight.shape[2:], stride, padding, dilation, x.shape[2:])
    rest = tuple(n - ((h - 1) * s - 2 * p + d * (k - 1) + 1) for h, k, s, p, d, n in sizes)  # what the stride left over
    expected = conv_transpose2d_simple(g, weight, None, stride, padding, rest, groups, dilation)
    np.testing.assert_allclose(dx, expected, atol=1e-12)


@pytest.mark.parametrize("pixels", [1, 2, 3, 4])
def test_a_stride_that_leaves_less_to_some_phases(pixels, route, rng):
    """Every second pixel of three: two of the one kind, one of the other, which lies in one piece all the same."""
    x, weight = rng.standard_normal((1, 1, 1, pixels)), rng.standard_normal((1, 1, 1, 3))
    _, g, (dx,) = gradients(lambda x: conv2d(x, weight, None, (1, 2), (0, 1)), x)
    rest = (pixels - 1) % 2
    np.testing.assert_allclose(dx, conv_transpose2d_simple(g, weight, None, (1, 2), (0, 1), (0, rest)), atol=1e-12)


@pytest.mark.equation("4.5")
@given(problem=problems())
def test_the_gradient_of_the_weight_is_the_value_at_unit_weights(problem, route):
    """y is linear in w, so w̄[k] = ⟨y(eₖ), g⟩ for each unit vector eₖ."""
    x, weight, _, geometry = problem
    _, g, (dw,) = gradients(lambda w: conv2d(x, w, None, *geometry), weight)
    units = np.eye(weight.size).reshape(-1, *weight.shape)
    for unit, number in itertools.islice(zip(units, dw.ravel()), 12):
        np.testing.assert_allclose(number, np.sum(conv2d(x, unit, None, *geometry) * g), atol=1e-11)


@pytest.mark.equation("4.3")
@pytest.mark.parametrize("offset", [(0, 0), (1, 0), (2, 0), (1, 2)])
def test_rows_of_the_kernel_are_shifts_of_one_buffer(offset, rng):
    """What tap (u, v) reads is what tap (0, v) reads, u rows later: the flat columns, displaced by u · width."""
    x, (u, v), rows, width = rng.standard_normal((5, 7)), offset, 3, 4
    columns = x[:, v : v + width].ravel()
    np.testing.assert_array_equal(columns[u * width : (u + rows) * width], x[u : u + rows, v : v + width].ravel())


# ------------------------------------------------------------------------------------------------------- differences
CASES = {
    "plain": ((2, 2, 5, 4), (3, 2, 3, 2), {}),
    "padded": ((1, 2, 3, 4), (2, 2, 3, 3), {"padding": (1, 2)}),
    "strided": ((2, 1, 6, 5), (2, 1, 3, 2), {"stride": (2, 3), "padding": 1}),
    "dilated": ((1, 2, 6, 7), (1, 2, 2, 3), {"dilation": (3, 2), "stride": (1, 2)}),
    "grouped": ((2, 4, 4, 3), (6, 2, 2, 2), {"groups": 2, "padding": 1}),
    "1x1, stride 2": ((1, 2, 4, 5), (2, 2, 1, 1), {"stride": 2}),
    "masked": ((1, 2, 4, 5), (2, 2, 3, 3), {"padding": 1, "taps": ((0, 0), (0, 1), (0, 2), (1, 0))}),
}


@pytest.mark.equation("4.4", "4.5", "4.6")
@pytest.mark.parametrize(("x", "weight", "options"), CASES.values(), ids=CASES)
def test_conv2d_derivatives(x, weight, options, rng):
    f = lambda x, w, b: conv2d(x, w, b, **options)
    arrays = [rng.standard_normal(shape) for shape in (x, weight, weight[:1])]
    assert sg.gradcheck(f, *arrays)
    assert sg.gradgradcheck(f, *arrays)


@pytest.mark.equation("4.7")
@pytest.mark.parametrize(
    ("x", "weight", "options"),
    [
        ((2, 3, 3, 2), (3, 2, 2, 3), {}),
        ((1, 2, 3, 2), (2, 3, 3, 3), {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2)}),
        ((1, 4, 3, 4), (4, 1, 2, 3), {"groups": 2, "dilation": (2, 1), "output_padding": (1, 0)}),
    ],
)
def test_conv_transpose2d_derivatives(x, weight, options, rng):
    f = lambda x, w, b: conv_transpose2d(x, w, b, **options)
    arrays = [rng.standard_normal(shape) for shape in (x, weight, (weight[1] * options.get("groups", 1),))]
    assert sg.gradcheck(f, *arrays)
    assert sg.gradgradcheck(f, *arrays)


@pytest.mark.equation("4.7")
@given(problem=problems())
def test_conv2d_and_conv_transpose2d_are_adjoint(problem, device, route):
    """⟨w ⋆ x, y⟩ = ⟨x, wᵀ y⟩, at the size that the transpose gives."""
    x, weight, _, (stride, padding, dilation, groups) = problem
    y = RNG(3).standard_normal(conv2d(x, weight, None, stride, padding, dilation, groups).shape)
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    rest = tuple((h + 2 * p - d * (k - 1) - 1) % s for h, k, s, p, d in sizes)  # what the stride leaves over
    y, weight = sg.tensor(y, device=device), sg.tensor(weight, device=device)
    back = conv_transpose2d(y, weight, None, stride, padding, rest, groups, dilation)
    assert back.shape == x.shape
    y, weight = y.numpy(), weight.numpy()
    left = np.sum(conv2d(x, weight, None, stride, padding, dilation, groups) * y)
    np.testing.assert_allclose(np.sum(x * back.numpy()), left, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------------------------------------------------------- masks
def causal(kernel, itself):
    """The taps before the centre in raster order, and the centre itself where `itself` says so."""
    centre = (kernel[0] // 2, kernel[1] // 2)
    return tuple(t for t in itertools.product(*map(range, kernel)) if t < centre or (itself and t == centre))


SCATTERED = ((0, 0), (0, 2), (1, 1), (2, 0), (2, 2))


@pytest.mark.equation("4.8")
@pytest.mark.parametrize("channels", [1, 9])  # 1: all taps gathered; 9: rows of the kernel are shifts
@pytest.mark.parametrize("taps", [causal((3, 3), True), causal((3, 3), False), SCATTERED, ((1, 2),) * 2], ids=str)
def test_skipped_taps_are_weights_of_zero(taps, channels, device, rng):
    x, weight = rng.standard_normal((2, channels, 5, 6)), rng.standard_normal((2, channels, 3, 3))
    mask = np.zeros((3, 3))
    mask[tuple(zip(*taps))] = 1
    y, _, (dx, dw) = gradients(lambda x, w: conv2d(x, w, padding=1, taps=taps), x, weight, device=device)
    y0, _, (dx0, dw0) = gradients(lambda x, w: conv2d(x, w, padding=1), x, weight * mask)
    np.testing.assert_allclose(y, y0, atol=1e-12)
    np.testing.assert_allclose(dx, dx0, atol=1e-12)
    np.testing.assert_allclose(dw, dw0 * mask, atol=1e-12)
    assert np.all(dw[..., mask == 0] == 0)


@pytest.mark.equation("4.8")
def test_skipped_weights_are_never_read(rng):
    x, weight = rng.standard_normal((2, 3, 5, 6)), rng.standard_normal((4, 3, 3, 3))
    taps = causal((3, 3), False)
    weight[:, :, 1:, 1:] = weight[:, :, 2] = np.nan
    y, _, (dx, dw) = gradients(lambda x, w: conv2d(x, w, padding=1, taps=taps), x, weight)
    assert all(np.isfinite(a).all() for a in (y, dx, dw))


@pytest.mark.equation("4.8")
@pytest.mark.parametrize(("kernel", "itself", "count"), [((3, 3), True, 5), ((7, 7), False, 24), ((5, 3), True, 8)])
@pytest.mark.parametrize("gather_all", [False, True])
def test_a_mask_costs_what_its_taps_cost(kernel, itself, count, gather_all):
    """A causal mask is one matrix product for each kernel row it keeps (or one in all), of its taps alone."""
    reads = tuple(convolution.Read(tap, *tap) for tap in causal(kernel, itself))
    plan = convolution._plan((reads,), 1, gather_all)
    (products,) = plan.products
    assert sum(len(p.taps) for p in products) == sum(p.last - p.first for p in products) == count
    assert len(products) == (1 if gather_all else kernel[0] // 2 + 1)
    assert len(plan.slots) == (count if gather_all else kernel[1])


def test_no_taps_leave_the_bias(rng):
    x, weight, bias = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, 3, 1, 1)), rng.standard_normal(2)
    y, g, (dx, dw, db) = gradients(lambda *a: conv2d(*a, taps=()), x, weight, bias)
    np.testing.assert_array_equal(y, np.broadcast_to(bias.reshape(-1, 1, 1), (2, 2, 4, 5)))
    np.testing.assert_allclose(db, g.sum((0, 2, 3)))
    assert not dx.any()
    assert not dw.any()


# -------------------------------------------------------------------------------------------------------- every route
@pytest.mark.parametrize(
    "limits", [Limits(1, 1, 0), Limits(2000, 10, 0), Limits(7000, 1, 2**62), Limits(2**30, 2**62, 0), CPU], ids=str
)
@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("stride", [1, 2])
def test_limits_change_the_route_and_not_the_result(limits, channels, stride, rng, monkeypatch):
    """Few or many images at a time, each a matrix or all one, a product for each kernel row or one for all taps."""
    arrays = rng.standard_normal((7, channels, 9, 6)), rng.standard_normal((2, channels, 3, 3)), rng.standard_normal(2)
    f = lambda *a: conv2d(*a, stride=stride, padding=1)
    monkeypatch.setattr(convolution, "CPU", limits)
    y, _, grads = gradients(f, *arrays)
    np.testing.assert_allclose(y, conv2d_simple(*arrays, (stride, stride), (1, 1)), atol=1e-12)
    monkeypatch.undo()
    for a, b in zip(grads, gradients(f, *arrays)[2]):
        np.testing.assert_allclose(a, b, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [conv2d, conv_transpose2d])
def test_precision_is_kept(f, dtype, device, rng):
    shapes = (2, 2, 5, 4), (2, 2, 3, 3), (2,)
    y, _, grads = gradients(
        lambda *a: f(*a, stride=2, padding=1), *(rng.standard_normal(s).astype(dtype) for s in shapes), device=device
    )
    assert {a.dtype for a in (y, *grads)} == {np.dtype(dtype)}


def test_arrays_need_not_be_contiguous(rng):
    x = rng.standard_normal((5, 4, 2, 3)).transpose(2, 3, 0, 1)[:, :, ::-1]
    weight = rng.standard_normal((2, 3, 3, 4)).transpose(3, 1, 2, 0)[..., ::-1]
    g = rng.standard_normal((3, 3, 4, 2)).transpose(3, 2, 1, 0)
    X, W = sg.Tensor(x), sg.Tensor(weight)
    X.requires_grad = W.requires_grad = True
    y = conv2d(X, W)
    np.testing.assert_allclose(y.numpy(), conv2d_simple(x, weight), atol=1e-12)
    y.backward(g)
    assert y.data.flags.c_contiguous  # whatever x is: six times as quick for the layers that follow
    X2, W2 = sg.tensor(x.copy(), requires_grad=True), sg.tensor(weight.copy(), requires_grad=True)
    conv2d(X2, W2).backward(g.copy())
    np.testing.assert_allclose(X.grad.numpy(), X2.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(W.grad.numpy(), W2.grad.numpy(), atol=1e-12)


def test_an_empty_batch(device):
    y, _, (dx, dw, db) = gradients(
        lambda *a: conv2d(*a, stride=2, padding=1), *map(np.zeros, ((0, 2, 4, 5), (3, 2, 3, 3), (3,))), device=device
    )
    assert (y.shape, dx.shape) == ((0, 3, 2, 3), (0, 2, 4, 5))
    assert not dw.any()
    assert not db.any()


def test_raw_arrays_stay_raw(rng):
    y = conv2d(rng.standard_normal((1, 1, 3, 3)), rng.standard_normal((1, 1, 2, 2)))
    assert type(y) is np.ndarray


# ------------------------------------------------------------------------------------------------------------ errors
IMAGE = (2, 4, 6, 5)


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        ((IMAGE[1:], (3, 4, 3, 3)), {}, r"conv2d: expected x \(N, C, H, W\)"),
        ((IMAGE, (3, 4, 3)), {}, "weight with 4 axes"),
        ((IMAGE, (3, 1, 3, 3)), {}, r"conv2d: x has 4 channels, weight expects 1 \(x \(2, 4, 6, 5\), weight \(3, 1"),
        ((IMAGE, (4, 4, 3, 3)), {"groups": 2}, "weight expects 4 × 2 groups"),
        ((IMAGE, (3, 2, 3, 3)), {"groups": 2}, "3 filters do not divide into 2 groups"),
        ((IMAGE, (3, 4, 3, 3)), {"groups": 0}, "do not divide into 0 groups"),
        ((IMAGE, (3, 4, 3, 3), (4,)), {}, r"expected a bias of shape \(3,\)"),
        ((IMAGE, (3, 4, 7, 3)), {}, "kernel .* is larger than the image"),
        ((IMAGE, (3, 4, 3, 3)), {"dilation": (1, 3)}, "kernel .* is larger than the image"),
        ((IMAGE, (3, 4, 3, 3)), {"stride": 0}, "expected stride to be an integer ≥ 1"),
        ((IMAGE, (3, 4, 3, 3)), {"padding": (1, 1, 1)}, "expected padding to be"),
        ((IMAGE, (3, 4, 3, 3)), {"padding": -1}, "expected padding to be"),
        ((IMAGE, (3, 4, 3, 3)), {"dilation": 1.5}, "expected dilation to be"),
        ((IMAGE, (3, 4, 3, 2)), {"taps": ((0, 0), (1, 2))}, r"taps \[\(1, 2\)\] lie outside of the kernel \(3, 2\)"),
        ((IMAGE, (3, 4, 3, 2)), {"taps": ((0, -1),)}, "lie outside"),
    ],
)
def test_conv2d_says_what_does_not_fit(shapes, options, message):
    with pytest.raises(ValueError, match=message):
        conv2d(*(sg.tensor(np.zeros(shape)) for shape in shapes), **options)


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        ((IMAGE[1:], (4, 3, 3, 3)), {}, r"conv_transpose2d: expected x \(N, C, H, W\)"),
        ((IMAGE, (3, 4, 3, 3)), {}, "x has 4 channels, weight expects 3"),
        ((IMAGE, (4, 3, 3, 3)), {"groups": 3}, "4 channels do not divide into 3 groups"),
        ((IMAGE, (4, 3, 3, 3), (3,)), {"groups": 2}, r"expected a bias of shape \(6,\)"),
        ((IMAGE, (4, 3, 3, 3)), {"output_padding": 1}, r"output_padding \(1, 1\) must be smaller than the stride"),
        ((IMAGE, (4, 3, 3, 3)), {"stride": 2, "output_padding": (0, 2)}, "must be smaller than the stride"),
        ((IMAGE, (4, 3, 1, 1)), {"padding": 3}, "nothing is left of the image"),
    ],
)
def test_conv_transpose2d_says_what_does_not_fit(shapes, options, message):
    with pytest.raises(ValueError, match=message):
        conv_transpose2d(*(sg.tensor(np.zeros(shape)) for shape in shapes), **options)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
@pytest.mark.parametrize("side", [5, 28])
@pytest.mark.parametrize("convolution", [conv2d, conv_transpose2d])
def test_integers_are_refused(convolution, side, kind):
    """A sum of taps is kept in the kind of the images: among integers it would wrap around."""
    x, weight = np.ones((2, 1, side, side), kind), np.full((1, 1, 3, 3), 0.4, np.float32)
    with pytest.raises(TypeError, match=rf"{convolution.__name__}: expected floating-point .* x {np.dtype(kind)} and"):
        convolution(x, weight)
    with pytest.raises(TypeError, match=rf"and weight {np.dtype(kind)}; use x.astype\(np.float32\)"):
        convolution(weight, x)
