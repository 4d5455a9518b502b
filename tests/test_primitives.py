"""Every differentiable function: derivatives of first and second order, precision, memory layout, device."""

import importlib
import pkgutil
from itertools import chain
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import scratchgen as sg
import scratchgen.functional as F
from scratchgen import backend

from .primitives import CONSTANTS, TABLE, every_row


def is_float(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def placed(x, dtype=np.float64, device="cpu"):
    """An argument of a row as the function is to get it."""
    if is_float(x):
        return sg.tensor(x, requires_grad=True, dtype=dtype, device=device)
    return backend.to_device(x, device) if isinstance(x, np.ndarray) else x


def forward_and_gradients(row, args):
    """The outputs, and the gradients for random cotangents, as host arrays."""
    rng = np.random.default_rng(5)
    outputs = row.f(*args)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    total = 0.0
    for y in outputs:
        v = backend.to_device(np.asarray(rng.standard_normal(y.shape), y.dtype), y.device)
        total = total + F.sum(y * v)
    inputs = [x for x in args if isinstance(x, sg.Tensor)]
    return [y.numpy() for y in outputs], [g.numpy() for g in sg.grad(total, inputs)]


def strided(x):
    """The same numbers, lying backwards and with gaps."""
    room = np.full(tuple(2 * n for n in reversed(x.shape)), np.nan)
    view = room.T[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def test_every_public_function_is_in_the_table():
    public = set()
    for room in pkgutil.iter_modules(F.__path__):
        public |= set(importlib.import_module(f"{F.__name__}.{room.name}").__all__)
    assert public == {row.name for row in TABLE} | CONSTANTS


@every_row()
def test_first_derivative(row):
    assert sg.gradcheck(row.f, *row.args)


@every_row()
def test_second_derivative(row):
    assert sg.gradgradcheck(row.f, *row.args)


@every_row()
def test_float32_stays_float32(row):
    exact, exact_gradients = forward_and_gradients(row, [placed(x) for x in row.args])
    outputs, gradients = forward_and_gradients(row, [placed(x, np.float32) for x in row.args])
    for single, double in zip([*outputs, *gradients], [*exact, *exact_gradients], strict=True):
        assert single.dtype == np.float32
        assert double.dtype == np.float64
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-4)


@every_row()
def test_memory_layout_makes_no_difference(row):
    plain = forward_and_gradients(row, [placed(x) for x in row.args])
    args = [placed(x) for x in row.args]
    for x, given_as in zip(args, row.args):
        if is_float(given_as):
            x.data = strided(given_as)
    for one, other in zip(chain(*plain), chain(*forward_and_gradients(row, args)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@every_row()
def test_devices_agree(row, device):
    if row.name == "to" and device != "cpu":
        pytest.skip("its row stays on the host; see test_to_another_device")
    host = forward_and_gradients(row, [placed(x) for x in row.args])
    there = forward_and_gradients(row, [placed(x, device=device) for x in row.args])
    for one, other in zip(chain(*host), chain(*there), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@every_row()
def test_arrays_in_arrays_out(row):
    """With raw arrays alone a function is a plain array function."""
    outputs, plain = row.f(*map(placed, row.args)), row.f(*row.args)
    for tensor, array in zip(*((y if isinstance(y, list) else [y]) for y in (outputs, plain)), strict=True):
        assert isinstance(array, (np.ndarray, np.generic))
        np.testing.assert_array_equal(tensor.numpy(), array)


def test_to_another_device(device):
    x = sg.tensor([1.0, -2.0], requires_grad=True)
    far = x.to(device)
    assert far.device.startswith(device)
    F.sum(far * far).backward()
    assert x.grad.device == "cpu"
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.data)


def test_astype_brings_the_gradient_back_in_its_own_precision(device):
    x = sg.tensor([1.0, -2.0], requires_grad=True, dtype=np.float64, device=device)
    y = F.astype(x, np.float32)
    assert y.dtype == np.float32
    F.sum(y * y).backward()
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, -4.0])


@pytest.mark.equation("0.57")
def test_one_hot(device):
    ids = backend.to_device(np.array([[2, 0]]), device)
    np.testing.assert_array_equal(backend.to_host(F.one_hot(ids, 3)), [[[0, 0, 1], [1, 0, 0]]])
    assert F.one_hot(ids, 3).dtype == np.float32
    with pytest.raises(ValueError, match=r"one_hot: ids must lie in 0 … 1"):
        F.one_hot(ids, 2)
    with pytest.raises(TypeError, match="one_hot: ids must be integers, got float64"):
        F.one_hot(np.ones(2), 2)


# ---------------------------------------------------------------------------------------------- shapes at random
NAME = attrgetter("__name__")
ONE_NUMBER = [
    F.negative,
    F.positive,
    F.exp,
    F.expm1,
    F.sin,
    F.cos,
    F.erf,
    F.tanh,
    F.sigmoid,
    F.softplus,
    F.logsigmoid,
    F.square,
    F.elu,
    F.softmax,
    F.log_softmax,
    F.flip,
    F.cumsum,
    F.transpose,
]
NEEDS_AN_AXIS = {F.softmax, F.log_softmax, F.cumsum}


@pytest.mark.equation("0.8", "0.20", "0.21", "0.22", "0.36")
@pytest.mark.parametrize("f", [F.add, F.subtract, F.multiply, F.divide, F.maximum, F.minimum, F.power], ids=str)
@given(
    shapes=npst.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3),
    seed=st.integers(0, 99),
)
def test_two_arguments_of_any_shapes_that_broadcast(f, shapes, seed):
    x, y = (np.random.default_rng([seed, i]).uniform(0.5, 2.0, s) for i, s in enumerate(shapes.input_shapes))
    assert f(sg.tensor(x), sg.tensor(y)).shape == shapes.result_shape
    assert sg.gradcheck(f, x, y)


@pytest.mark.parametrize("f", ONE_NUMBER, ids=NAME)
@given(shape=npst.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3))
def test_one_argument_of_any_shape(f, shape):
    if f in NEEDS_AN_AXIS and not shape:
        shape = (1,)
    assert sg.gradcheck(f, np.random.default_rng(len(shape)).standard_normal(shape))


@pytest.mark.parametrize(
    "f", [f for f in ONE_NUMBER if f not in (F.softmax, F.log_softmax)], ids=attrgetter("__name__")
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_in_nothing_out(f, dtype, device):
    x = sg.tensor(np.zeros((2, 0, 3), dtype), requires_grad=True, device=device)
    y = f(x)
    assert (y.size, y.dtype) == (0, dtype)
    F.sum(y).backward()
    assert (x.grad.shape, x.grad.dtype) == ((2, 0, 3), dtype)


@pytest.mark.parametrize("f", [f for f in ONE_NUMBER if f not in NEEDS_AN_AXIS], ids=NAME)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_number_without_axes(f, dtype, device):
    x = sg.tensor(np.array(0.3, dtype), requires_grad=True, device=device)
    y = f(x)
    y.backward()
    for z in (y, x.grad):
        assert (z.shape, z.dtype) == ((), dtype)
        assert z.device.startswith(device)


# ------------------------------------------------------------------------------------------- numbers at the edge
def slope(f, x, dtype=np.float64):
    """Value and derivative of an elementwise function at the numbers `x`, warnings being errors."""
    t = sg.tensor(np.array(x, dtype), requires_grad=True)
    y = f(t)
    return y.numpy(), sg.grad(F.sum(y), t).numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("f", "values", "slopes"),
    [
        pytest.param(F.sigmoid, (0, 1), (0, 0), id="sigmoid", marks=pytest.mark.equation("0.32")),
        pytest.param(F.softplus, (0, 1e4), (0, 1), id="softplus", marks=pytest.mark.equation("0.33")),
        pytest.param(F.logsigmoid, (-1e4, 0), (1, 0), id="logsigmoid", marks=pytest.mark.equation("0.33")),
        pytest.param(F.tanh, (-1, 1), (0, 0), id="tanh", marks=pytest.mark.equation("0.31")),
        pytest.param(F.erf, (-1, 1), (0, 0), id="erf", marks=pytest.mark.equation("0.30")),
        pytest.param(F.elu, (-1, 1e4), (0, 1), id="elu", marks=pytest.mark.equation("0.34")),
        pytest.param(F.relu, (0, 1e4), (0, 1), id="relu", marks=pytest.mark.equation("0.34")),
        pytest.param(F.softmax, (0, 1), (0, 0), id="softmax", marks=pytest.mark.equation("0.45")),
        pytest.param(F.log_softmax, (-2e4, 0), (1, -1), id="log_softmax", marks=pytest.mark.equation("0.46")),
        pytest.param(
            lambda x: F.binary_cross_entropy_with_logits(x, np.ones_like(x.data), "none"),
            (1e4, 0),
            (-1, 0),
            id="binary_cross_entropy_with_logits",
            marks=pytest.mark.equation("0.71"),
        ),
    ],
)
def test_far_out(f, values, slopes, dtype):
    """At −1e4 and 1e4 nothing overflows, and nothing is lost."""
    value, gradient = slope(f, [-1e4, 1e4], dtype)
    np.testing.assert_allclose(value, values, rtol=1e-6)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)


@pytest.mark.equation("0.25", "0.26", "0.32", "0.33", "0.34", "0.71")
@pytest.mark.parametrize(
    ("f", "at", "value"),
    [
        (F.expm1, 1e-12, 1e-12),
        (F.log1p, 1e-12, 1e-12),
        (F.elu, -1e-12, -1e-12),
        (F.sigmoid, -30.0, np.exp(-30)),
        (F.softplus, -30.0, np.exp(-30)),
        (F.logsigmoid, 30.0, -np.exp(-30)),
        (lambda x: F.binary_cross_entropy_with_logits(x, 1.0), 30.0, np.exp(-30)),
    ],
)
def test_small_values_keep_their_digits(f, at, value):
    np.testing.assert_allclose(f(np.array([at])), value, rtol=1e-12)


@pytest.mark.equation("0.44")
def test_logsumexp_far_out():
    for top in (1e4, -1e4):
        value, gradient = slope(F.logsumexp, [top, top])
        np.testing.assert_allclose(value, top + np.log(2))
        np.testing.assert_allclose(gradient, [0.5, 0.5])
    x = sg.tensor(np.full(3, -np.inf), requires_grad=True)
    assert F.logsumexp(x).item() == -np.inf  # the sum of nothing likely


@pytest.mark.parametrize(
    "f",
    [
        F.exp,
        F.expm1,
        F.log1p,
        F.sqrt,
        F.square,
        F.abs,
        F.sin,
        F.erf,
        F.tanh,
        F.sigmoid,
        F.softplus,
        F.relu,
        F.leaky_relu,
        F.elu,
        F.softmax,
        F.logsumexp,
        F.max,
        F.min,
        F.sum,
        F.norm,
        lambda x: F.clip(x, 0.0, 1.0),
        lambda x: F.maximum(x, 0.0),
    ],
    ids=lambda f: getattr(f, "__name__", "f"),
)
def test_nan_is_not_swallowed(f):
    assert np.isnan(f(sg.tensor([np.nan, 1.0])).numpy()).any()


@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [
        pytest.param(F.abs, [0.0], [0.0], id="abs", marks=pytest.mark.equation("0.28")),
        pytest.param(F.relu, [0.0], [0.0], id="relu", marks=pytest.mark.equation("0.34")),
        pytest.param(lambda x: F.leaky_relu(x, 0.2), [0.0], [0.2], id="leaky_relu", marks=pytest.mark.equation("0.34")),
        pytest.param(lambda x: F.elu(x, 1.5), [0.0], [1.5], id="elu", marks=pytest.mark.equation("0.34")),
        pytest.param(
            lambda x: F.clip(x, -1.0, 1.0),
            [-1.0, 1.0, 2.0],
            [1.0, 1.0, 0.0],
            id="clip",
            marks=pytest.mark.equation("0.35"),
        ),
        pytest.param(
            lambda x: F.maximum(x, 1.0), [1.0, 2.0], [0.5, 1.0], id="maximum", marks=pytest.mark.equation("0.36")
        ),
        pytest.param(
            lambda x: F.minimum(x, 1.0), [1.0, 2.0], [0.5, 0.0], id="minimum", marks=pytest.mark.equation("0.36")
        ),
        pytest.param(F.max, [3.0, 1.0, 3.0], [0.5, 0.0, 0.5], id="max", marks=pytest.mark.equation("0.43")),
        pytest.param(F.min, [3.0, 1.0, 1.0], [0.0, 0.5, 0.5], id="min", marks=pytest.mark.equation("0.43")),
        pytest.param(F.norm, [0.0, 0.0], [0.0, 0.0], id="norm", marks=pytest.mark.equation("0.49")),
        pytest.param(lambda x: x**0, [0.0, 2.0], [0.0, 0.0], id="0 to the 0", marks=pytest.mark.equation("0.23")),
        pytest.param(lambda x: x**1, [0.0, 2.0], [1.0, 1.0], id="x to the 1", marks=pytest.mark.equation("0.23")),
        pytest.param(lambda x: 0.0**x, [1.0, 2.0], [0.0, 0.0], id="0 to the y", marks=pytest.mark.equation("0.23")),
    ],
)
def test_conventions_at_kinks_and_ties(f, at, expected):
    np.testing.assert_array_equal(slope(f, at)[1], expected)


@pytest.mark.parametrize("rows", [1, 1000])
def test_what_is_cut_off_does_not_depend_on_how_much_there_is(rows):
    """For few numbers the zeros are a number, for many an array."""
    x = np.random.default_rng(0).standard_normal((rows, 50))
    np.testing.assert_array_equal(F.relu(x), np.where(x > 0, x, 0))


# ------------------------------------------------------------------------------------------------------ what is there
@pytest.mark.parametrize(
    "index", [((0, 0), (1, 1)), ((0, 0, 1),), range(-2, 2), [0, 0, 1], np.array([0, 0, 1], np.uint8)]
)
def test_what_is_read_twice_gets_its_gradient_twice(index):
    """Nested tuples and ranges are integer arrays to NumPy."""
    sg.gradcheck(lambda x: x[index], np.arange(6.0).reshape(2, 3))
    x = sg.tensor(np.zeros((2, 3)), requires_grad=True)
    sg.functional.sum(x[index]).backward()
    expected = np.zeros((2, 3))
    np.add.at(expected, index, 1)
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_take_with_a_tuple():
    x = sg.tensor(np.zeros((2, 3)), requires_grad=True)
    F.sum(F.take(x, (1, 1), 0)).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[0, 0, 0], [2, 2, 2]])


@pytest.mark.parametrize("axis", [2, -3, 7])
def test_an_axis_that_is_not_there(axis):
    x = np.ones((2, 3))
    calls = {
        "prod": lambda: F.prod(x, axis),
        "take": lambda: F.take(x, np.array([0]), axis),
        "gather": lambda: F.gather(x, axis, np.zeros((1, 1), int)),
        "stack": lambda: F.stack([x, x], axis + 1 if axis > 0 else axis - 1),
        "mean": lambda: F.mean(x, axis),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=r"axis -?\d+ is out of bounds"):
            pytest.fail(f"{name} gave {call()}")


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("f", [F.sum, F.mean, F.max, F.prod, F.softmax, F.logsumexp, F.norm])
def test_a_single_number_has_an_axis(f, axis):
    """As in NumPy."""
    x = sg.tensor(np.array(3.0), requires_grad=True)
    z = f(x, axis)
    z.backward()
    assert z.shape == x.grad.shape == ()
    assert x.grad.item() == (0 if f is F.softmax else 1)
    with pytest.raises(ValueError, match="axis 1 is out of bounds"):
        f(x, 1)


def test_too_few_axes_of_an_index_and_too_few_pairs_of_a_border():
    x = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"gather: expected an index with 2 axes, as x \(4, 3\) has, got \(3,\)"):
        F.gather(x, 1, np.array([2, 2, 2]))
    for wrong in (((1, 1),), ((1, 1),) * 3):
        with pytest.raises(ValueError, match=r"^pad: expected a pair \(before, after\) for each axis of \(4, 3\)"):
            F.pad(x, wrong)


def test_integers_on_the_right_of_a_triangular_system():
    factor = np.array([[2.0, 0], [0, 2]])
    np.testing.assert_array_equal(F.solve_lower(factor, np.array([1, 2])), [0.5, 1])


def test_half_precision_and_a_slope_of_nothing():
    x = sg.tensor(np.array([0.5, -1], np.float16), requires_grad=True)
    z = F.erf(x)
    z.backward(np.ones(2, np.float16))
    assert z.dtype == x.grad.dtype == np.float16
    np.testing.assert_array_equal(F.leaky_relu(np.array([np.inf, 2, -3, -np.inf]), 0.0), [np.inf, 2, 0, 0])


def test_a_leaky_slope_may_be_steep():
    np.testing.assert_array_equal(F.leaky_relu(np.array([-2.0, 3.0]), 1.7), [-3.4, 3.0])


def test_without_bounds_clip_copies():
    x = np.ones(3)
    assert not np.shares_memory(F.clip(x), x)


def test_at_the_bounds_the_gradient_of_a_target_is_a_hundred():
    target = sg.tensor(np.array([0.5, 0.5]), requires_grad=True)
    F.binary_cross_entropy(np.array([0.0, 1.0]), target, "sum").backward()
    np.testing.assert_array_equal(target.grad.numpy(), [100, -100])


def test_nan_is_no_probability_outside_of_0_and_1():
    """What it was made by is said elsewhere; a sigmoid would not mend it."""
    assert np.isnan(F.binary_cross_entropy(np.array([0.5, np.nan]), np.array([0.0, 1.0])))
    for wrong in (1.5, -0.5):
        with pytest.raises(ValueError, match="must lie in"):
            F.binary_cross_entropy(np.array([0.5, wrong]), np.array([0.0, 1.0]))
