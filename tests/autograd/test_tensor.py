"""Tensors: how they are made, what their operators mean, what they refuse."""

import copy

import numpy as np
import pytest

import scratchgen as sg
import scratchgen.functional as F
from scratchgen import backend

RNG = np.random.default_rng


@pytest.fixture
def x(device):
    return sg.tensor(RNG(1).standard_normal((3, 4)), requires_grad=True, device=device)


# ------------------------------------------------------------------------------------------------------- making
@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, np.float32),
        (2.5, np.float32),
        ([1, 2.5], np.float32),
        ([[1], [2]], np.float32),
        (np.ones(2), np.float64),
        (np.ones(2, np.float32), np.float32),
        (np.arange(3), np.int64),
        (np.array([True]), np.bool_),
        (np.float64(1), np.float64),
    ],
)
def test_arrays_keep_their_dtype_and_numbers_become_float32(data, dtype):
    t = sg.tensor(data)
    assert t.dtype == dtype
    assert not t.requires_grad
    np.testing.assert_array_equal(t.numpy(), np.asarray(data, dtype))
    assert isinstance(t.data, np.ndarray)


def test_tensor_copies(device):
    array = np.zeros(2)
    t = sg.tensor(array, device=device)
    array += 1
    assert t.numpy().tolist() == [0, 0]
    again = sg.tensor(t, requires_grad=True)
    again.data[...] = 5
    assert t.numpy().tolist() == [0, 0]
    assert again.device == t.device


def test_attributes(x, device):
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((3, 4), 2, 12, np.float64, 3)
    assert x.device.startswith(device)
    assert x.requires_grad
    assert x.grad is None
    assert x.T.shape == (4, 3)
    assert [row.shape for row in x] == [(4,)] * 3
    assert x.detach().data is x.data
    assert not x.detach().requires_grad
    assert x.astype(np.float32).dtype == np.float32
    assert isinstance(x.numpy(), np.ndarray)
    assert isinstance(x[0, 0].item(), float)
    assert float(x[0, 0]) == x.numpy()[0, 0]
    assert hash(x) != hash(sg.tensor(x))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sg.tensor("one"), TypeError, "cannot make a tensor of str"),
        (lambda: sg.tensor([sg.tensor([1.0, 2.0], requires_grad=True)]), TypeError, "F.stack joins tensors"),
        (lambda: sg.tensor(np.ones(1, complex)), TypeError, "real numbers, got dtype complex128"),
        (lambda: sg.tensor(np.array([None])), TypeError, "real numbers, got dtype object"),
        (lambda: sg.tensor(np.arange(3), requires_grad=True), TypeError, "only floating-point.*int64"),
        (lambda: sg.tensor([1.0], device="gpu"), ValueError, "unknown device 'gpu'"),
        (lambda: iter(sg.tensor(1.0)), TypeError, "without axes"),
        (lambda: sg.tensor([1.0, 2.0]).item(), ValueError, r"one element.*\(2,\)"),
        (lambda: bool(sg.tensor([1.0, 2.0])), ValueError, "one element"),
    ],
)
def test_what_cannot_be_made(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_repr_tells_where_it_comes_from(x):
    assert "requires_grad=True" in repr(x)
    assert "made by exp" in repr(F.exp(x))
    assert "float64" in repr(x)
    assert repr(sg.tensor([1, 2])) == "tensor([1., 2.], dtype=float32)"


# ---------------------------------------------------------------------------------------------------- operators
a, b = RNG(2).uniform(0.5, 2, (2, 3, 3))
OPERATORS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
    "@": lambda x, y: x @ y,
    "-x": lambda x, y: -x,
    "+x": lambda x, y: +x,
    "abs": lambda x, y: abs(x),
    "[]": lambda x, y: x[1:, 0],
    "reshape": lambda x, y: x.reshape(9),
    "reshape*": lambda x, y: x.reshape(1, -1),
    "transpose": lambda x, y: x.transpose(1, 0),
    "T": lambda x, y: x.T,
    "sum": lambda x, y: x.sum(0, keepdims=True),
    "mean": lambda x, y: x.mean(axis=1),
    "var": lambda x, y: x.var(axis=0, ddof=1),
    "max": lambda x, y: x.max(1),
    "min": lambda x, y: x.min(axis=(0, 1)),
    "mean of rows": lambda x, y: x.mean(axis=1, keepdims=True),
    "var of rows": lambda x, y: x.var(axis=1, keepdims=True),
    "max of rows": lambda x, y: x.max(axis=1, keepdims=True),
    "min of rows": lambda x, y: x.min(axis=1, keepdims=True),
    "astype": lambda x, y: x.astype(np.float32),
}


@pytest.mark.parametrize("op", OPERATORS.values(), ids=OPERATORS)
def test_operators_mean_what_numpy_means(op, device):
    out = op(sg.tensor(a, requires_grad=True, device=device), sg.tensor(b, device=device))
    assert out.requires_grad
    np.testing.assert_allclose(out.numpy(), op(a, b), rtol=1e-12)


@pytest.mark.parametrize("op", list(OPERATORS.values())[:6], ids=list(OPERATORS)[:6])
def test_arrays_and_numbers_on_either_side(op, device):
    x = sg.tensor(a, requires_grad=True, device=device)
    array = backend.to_device(b, device)
    np.testing.assert_allclose(op(array, x).numpy(), op(b, a), rtol=1e-12)
    np.testing.assert_allclose(op(x, array).numpy(), op(a, b), rtol=1e-12)
    if op is not OPERATORS["@"]:
        np.testing.assert_allclose(op(2, x).numpy(), op(2, a), rtol=1e-12)
        np.testing.assert_allclose(op(x, 0.5).numpy(), op(a, 0.5), rtol=1e-12)


def test_comparisons_are_constants(device):
    a, b = RNG(2).integers(0, 3, (2, 3, 3)).astype(float)  # with ties
    x, y = sg.tensor(a, requires_grad=True, device=device), sg.tensor(b, device=device)
    for answer, expected in [
        (x < y, a < b),
        (x <= y, a <= b),
        (x > y, a > b),
        (x >= 1, a >= 1),
        (x == x, a == a),
        (x != y, a != b),
    ]:
        assert not isinstance(answer, sg.Tensor)
        np.testing.assert_array_equal(backend.to_host(answer), expected)
    np.testing.assert_array_equal(backend.to_host(x.argmax(axis=1)), a.argmax(1))


def test_tensors_of_integers_are_indices(device):
    x = sg.tensor(a, requires_grad=True, device=device)
    rows = sg.tensor(np.array([2, 0, 2]), device=device)
    F.sum(x[rows] * 2.0 + x[rows, rows][:, None]).backward()
    expected = np.zeros((3, 3))
    np.add.at(expected, [2, 0, 2], 2.0)
    np.add.at(expected, ([2, 0, 2], [2, 0, 2]), 3.0)
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_a_deep_copy_is_independent(device):
    x = sg.tensor(a, requires_grad=True, device=device)
    twin = copy.deepcopy(x)
    F.sum(twin * twin).backward()
    assert x.grad is None
    twin.data[...] = 0.0
    np.testing.assert_array_equal(x.numpy(), a)


# ----------------------------------------------------------------------------------------- what a Tensor refuses
def test_writing_raises_with_the_alternative(x):
    with pytest.raises(TypeError, match=r"cannot be written.*F\.where"):
        x[0] = 1.0


@pytest.mark.parametrize("call", [np.exp, np.asarray, lambda t: np.add(t, 1), lambda t: np.concatenate([t, t])])
def test_numpy_functions_do_not_drop_the_gradient_silently(call):
    with pytest.raises(TypeError):
        call(sg.tensor([1.0, 2.0], requires_grad=True))


def test_numpy_may_read_a_constant():
    x = sg.tensor([1, 2])
    np.testing.assert_array_equal(np.asarray(x), [1, 2])
    assert x.__array__(np.float64).dtype == np.float64
    assert np.shares_memory(np.asarray(x), x.data)
    assert not np.shares_memory(np.array(x, copy=True), x.data)
    with pytest.raises(TypeError, match=r"say so with \.numpy\(\)"):
        np.asarray(sg.tensor([1, 2], requires_grad=True))


def test_requires_grad_belongs_to_leaves(x):
    y = F.exp(x)
    with pytest.raises(ValueError, match=r"output of exp cannot be set; use \.detach"):
        y.requires_grad = False
    with pytest.raises(ValueError, match=r"only a leaf .* has \.grad"):
        y.grad = y
    assert y.grad is None
    x.requires_grad = False
    assert not F.exp(x).requires_grad


def test_grad_can_be_set_and_cleared(x):
    x.grad = given = np.zeros_like(x.data)
    F.sum(x).backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.ones((3, 4)))
    assert not backend.to_host(given).any()
    x.grad = None
    assert x.grad is None
    with pytest.raises(ValueError, match=r"grad: expected float64\(3, 4\), got float64\(4,\)"):
        x.grad = np.zeros_like(x.data, shape=(4,))
    with pytest.raises(ValueError, match=r"expected float64\(3, 4\), got float32"):
        x.grad = np.zeros_like(x.data, dtype=np.float32)


# ----------------------------------------------------------------------------------------------------- precision
def test_python_numbers_do_not_change_the_precision(device):
    x = sg.tensor([1.0, 2.0], requires_grad=True, device=device)
    y = 3 * (x + 0.5) ** 2 / 7 - 1
    assert y.dtype == np.float32
    F.sum(y).backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize(
    ("mix", "name"),
    [
        (lambda x, y: x * y, "multiply"),
        (lambda x, y: x @ y.T, "_?matmul"),
        (lambda x, y: F.where(x > 0, x, y), "where"),
        (lambda x, y: F.concatenate([x, y]), "_?concatenate"),
        (lambda x, y: F.linear(x, y), "linear"),
        (lambda x, y: x * y.numpy(), "multiply"),
        (lambda x, y: x * np.float64(2), "multiply"),
    ],
)
def test_float32_does_not_mix_with_float64(mix, name):
    x, y = sg.tensor(np.ones((2, 2), np.float32), requires_grad=True), sg.tensor(np.ones((2, 2)))
    with pytest.raises(
        TypeError, match=rf"{name}: the arguments mix float32 and float64, which makes float64 .*astype"
    ):
        mix(x, y)


def test_integers_are_constants(device):
    """Integer and boolean arrays join in as long as they do not change the precision."""
    x = sg.tensor(np.array([1.5, -2.0]), requires_grad=True, device=device)
    whole = sg.tensor(np.array([3, 2]), device=device)
    F.sum(x * whole).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3, 2])
    single = sg.tensor([1.5, -2.0], requires_grad=True, device=device)
    F.sum(single * (single > 0)).backward()
    np.testing.assert_array_equal(single.grad.numpy(), [1, 0])
    assert single.grad.dtype == np.float32


def test_integers_that_would_turn_float32_into_float64_raise():
    """NumPy makes float32 × int64 a float64: half the speed, unasked."""
    x = sg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"multiply: .*mix float32 and int64, which makes float64 .*astype"):
        x * np.array([1, 2])


def test_devices_do_not_mix():
    x, y = sg.tensor([1.0, 2.0], requires_grad=True), sg.tensor([1.0, 2.0], device="strict")
    with pytest.raises(TypeError, match=r"multiply: .*device"):
        x * y


def test_one_process_holds_both_devices():
    near, far = (sg.tensor([0.5, -1.0], requires_grad=True, device=d) for d in ("cpu", "strict"))
    F.sum(F.tanh(near) * near).backward()
    F.sum(F.tanh(far) * far).backward()
    np.testing.assert_array_equal(near.grad.numpy(), far.grad.numpy())
    assert (near.grad.device, far.grad.device) == ("cpu", "strict")


@pytest.mark.parametrize("data", [None, "3.5", ["1", None], [1.0, None], b"3", {}])
def test_what_is_no_number_is_no_tensor(data):
    with pytest.raises(TypeError):
        sg.tensor(data)
