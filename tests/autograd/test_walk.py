"""The backward walk: what it adds up, what it frees, and that nothing shares memory or is written to."""

import gc
import threading
import weakref

import numpy as np
import pytest

import scratchgen as sg
import scratchgen.functional as F
from scratchgen import backend

RNG = np.random.default_rng


@pytest.fixture
def leaf(device):
    def make(*shape, seed=0, dtype=np.float64):
        return sg.tensor(RNG(seed).standard_normal(shape), requires_grad=True, dtype=dtype, device=device)

    return make


def cotangent(y, seed=9):
    return backend.to_device(RNG(seed).standard_normal(y.shape).astype(y.dtype), y.device)


# ------------------------------------------------------------------------------------------------- fan-out, paths
@pytest.mark.equation("0.5")
def test_a_diamond(leaf):
    x = leaf(3)
    y = x * x
    (F.sum(F.sin(y)) + F.sum(F.exp(y) * y)).backward()
    s = x.numpy() ** 2
    np.testing.assert_allclose(x.grad.numpy(), (np.cos(s) + np.exp(s) * (1 + s)) * 2 * x.numpy(), rtol=1e-12)


def test_the_same_argument_twice(leaf):
    x = leaf(3)
    y = x + x
    y.backward(cotangent(y))
    np.testing.assert_allclose(x.grad.numpy(), 2 * backend.to_host(cotangent(y)))
    assert sg.gradcheck(lambda t: F.concatenate([t, t, t * t]), x)
    assert sg.gradcheck(lambda t: t @ t, leaf(3, 3))


def test_a_tensor_with_many_readers_sums_them_all(leaf):
    x = leaf(4)
    y = x * 1.0
    total = y
    for k in range(2, 8):
        total = total + y * float(k)
    F.sum(total).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full(4, 28.0))


@pytest.mark.equation("0.8")
@pytest.mark.parametrize(
    "shapes", [((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((1, 1, 1), (2, 3)), ((0, 1), (1, 5)), ((1,), (0,))]
)
def test_un_broadcasting(shapes, leaf):
    x, y = leaf(*shapes[0]), leaf(*shapes[1], seed=1)
    z = x * y
    v = cotangent(z)
    z.backward(v)
    expected = np.broadcast_arrays(backend.to_host(v) * y.numpy(), np.zeros(z.shape))[0]
    axes = tuple(i for i, n in enumerate(z.shape) if i < z.ndim - x.ndim or x.shape[i - z.ndim + x.ndim] != n)
    np.testing.assert_allclose(x.grad.numpy(), expected.sum(axes, keepdims=True).reshape(x.shape), rtol=1e-12)
    assert (x.grad.shape, y.grad.shape) == shapes


# ------------------------------------------------------------------------------------------ accumulating in leaves
def test_gradients_accumulate_until_cleared(leaf):
    x = leaf(3)
    for times in (1, 2, 3):
        F.sum(x * 2.0).backward()
        np.testing.assert_allclose(x.grad.numpy(), np.full(3, 2.0 * times))


def test_backward_of_a_leaf_itself(leaf):
    x = leaf(3)
    v = cotangent(x)
    x.backward(v)
    np.testing.assert_array_equal(x.grad.numpy(), backend.to_host(v))
    x.backward(v)
    np.testing.assert_array_equal(x.grad.numpy(), 2 * backend.to_host(v))


def test_only_leaves_keep_gradients(leaf):
    x = leaf(2)
    y = x * 2.0
    F.sum(y).backward()
    assert y.grad is None
    assert x.grad is not None


def test_home_is_where_a_gradient_lives(device):
    """An optimizer sets `home` to a slice of its flat buffer; the first gradient is copied in, the others added."""
    flat = backend.to_device(np.full(5, np.nan), device)
    x, y = (sg.tensor(np.ones(n), requires_grad=True, device=device) for n in (2, 3))
    x.node.home, y.node.home = flat[:2], flat[2:]
    (F.sum(x * 3.0) + F.sum(y * x[0])).backward()
    np.testing.assert_array_equal(backend.to_host(flat), [6, 3, 1, 1, 1])
    assert x.grad.data is x.node.home
    F.sum(x).backward()
    np.testing.assert_array_equal(backend.to_host(flat), [7, 4, 1, 1, 1])
    x.grad = None
    F.sum(x).backward()
    np.testing.assert_array_equal(backend.to_host(flat), [1, 1, 1, 1, 1])


# -------------------------------------------------------------------------------------------------------- aliasing
def shares(x, y):
    return bool(np.shares_memory(x.data if isinstance(x, sg.Tensor) else x, y.data if isinstance(y, sg.Tensor) else y))


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_share_memory_with_nothing(leaf, create_graph):
    x, y, z = leaf(2, 3), leaf(2, 3, seed=1), leaf(2, 3, seed=2)
    out = (x + y) + F.reshape(F.transpose(F.transpose(z)), (2, 3))  # every rule here hands g on as it is
    v = cotangent(out)
    out.backward(v, create_graph)
    arrays = [x, y, z, x.grad, y.grad, z.grad, out, v]
    for i, one in enumerate(arrays):
        for other in arrays[:i]:
            assert not shares(one, other)
    gradients = sg.grad((x + y) * 1.0, [x, y], v, create_graph)
    assert not shares(*gradients)
    x.grad.data[...] = 0.0
    np.testing.assert_array_equal(y.grad.numpy(), backend.to_host(v))


def test_interior_gradients_share_memory_with_nothing(leaf):
    x = leaf(3)
    a = x + 0.0
    b = a + 0.0
    total = b + b
    v = cotangent(total)
    gradients = sg.grad(total, [b, a, x], v)
    for i, one in enumerate(gradients):
        np.testing.assert_allclose(one.numpy(), 2 * backend.to_host(v))
        assert not shares(one, v)
        assert not any(shares(one, other) for other in gradients[:i])


@pytest.mark.parametrize("create_graph", [False, True])
def test_nothing_is_written_to(leaf, create_graph):
    x, y = leaf(3, 2), leaf(2, seed=1)
    inner = F.tanh(x * y)
    out = F.softmax(inner + inner * x + y)
    v = cotangent(out)
    values = [x.data, y.data, inner.data, out.data, v]
    before = [backend.to_host(a).copy() for a in values]
    out.backward(v, create_graph=create_graph)
    for value, copy in zip(values, before, strict=True):
        np.testing.assert_array_equal(backend.to_host(value), copy)
    assert sg.gradcheck(lambda x, y: F.softmax(F.tanh(x * y) * (1 + x) + y), x, y)


def test_gradients_of_single_numbers_are_arrays(device):
    x = sg.tensor(np.array(0.5), requires_grad=True, device=device)
    (F.relu(x) * x).backward()
    assert type(x.grad.data) is type(x.data)
    np.testing.assert_allclose(x.grad.item(), 1.0)
    gradient = sg.grad(F.abs(x), x)
    assert type(gradient.data) is type(x.data)
    gradient.data[...] = 2.0


# ------------------------------------------------------------------------------------------------- starting a walk
def test_a_gradient_starts_from_one_number(leaf):
    x = leaf(2, 3)
    with pytest.raises(ValueError, match=r"shape \(2, 3\).*sum it"):
        (x * 2.0).backward()
    (F.sum(x) * np.ones_like(x.data, shape=(1, 1))).backward()  # one number, whatever its axes
    np.testing.assert_array_equal(x.grad.numpy(), np.ones((2, 3)))


def test_the_seed_is_an_array_or_a_tensor_that_fits(leaf):
    x = leaf(2)
    v = cotangent(x)
    (x * 2.0).backward(v)
    (x * 2.0).backward(sg.tensor(v))
    np.testing.assert_allclose(x.grad.numpy(), 4 * backend.to_host(v))
    with pytest.raises(ValueError, match=r"gradient: expected float64\(2,\), got float64\(3,\)"):
        (x * 2.0).backward(np.zeros_like(v, shape=(3,)))
    with pytest.raises(ValueError, match=r"gradient: expected float64\(2,\), got float32\(2,\)"):
        (x * 2.0).backward(v.astype(np.float32))


def test_the_seed_lies_where_the_output_is():
    y = sg.tensor([1.0, 2.0], requires_grad=True, device="strict") * 2.0
    with pytest.raises(ValueError, match=r"gradient: it is on cpu, the output on strict; move it with \.to"):
        y.backward(np.ones(2, np.float32))


def test_constants_have_nothing_to_differentiate(leaf):
    x = leaf(2)
    with sg.no_grad():
        made_without = F.sum(x)
    for y in (sg.tensor(1.0), F.sum(x.detach()), made_without):
        with pytest.raises(ValueError, match="does not require a gradient"):
            y.backward()


# ----------------------------------------------------------------------------------------------- graphs are freed
def test_a_second_backward_says_why_it_cannot(leaf):
    x = leaf(3)
    y = F.sum(F.exp(x))
    y.backward()
    with pytest.raises(RuntimeError, match=r"freed by an earlier backward \(at (sum|exp)\).*create_graph=True"):
        y.backward()
    inner = F.exp(x)
    F.sum(inner).backward()
    with pytest.raises(RuntimeError, match="freed"):
        F.sum(inner * 2.0).backward()  # part of the graph is gone, too


def test_create_graph_keeps_it(leaf):
    x = leaf(3)
    y = F.sum(F.exp(x))
    y.backward(create_graph=True)
    y.backward(create_graph=True)
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(x.numpy()))
    x.grad = None


def test_saved_arrays_are_released_as_the_walk_passes():
    """While the first rule of a chain runs, what the later ones had kept is gone."""
    alive = []

    @sg.primitive
    def probe(x):
        return +x

    probe.vjp(x=lambda g: (alive.append([value() is not None for value in values]), g)[1])
    x = sg.tensor(np.ones(3), requires_grad=True)
    values = []
    y = probe(x)
    for _ in range(5):
        y = F.tanh(y)
        values.append(weakref.ref(y.data))
    y = F.sum(y)
    y.backward()
    assert alive == [[False] * 5]


def test_no_cycles_are_left_for_the_collector():
    x, w = sg.tensor(np.ones((4, 3)), requires_grad=True), sg.tensor(np.ones((2, 3)), requires_grad=True)

    def step():
        x.grad = w.grad = None
        h = F.tanh(F.linear(x, w))
        F.mean(F.concatenate([h, h * h, F.softmax(h)[:, :1] + h])).backward()
        sg.grad(F.sum(F.norm(h.detach() + F.sum(x * x))), x)
        return sg.grad(F.sum(sg.grad(F.sum(w**3), w, create_graph=True)), w)

    step()
    gc.collect()
    gc.disable()
    try:
        step()
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("end", ["backward", "create_graph", "dropped"])
def test_depth_has_no_limit(end):
    x = sg.tensor(np.ones(1), requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + x if end == "backward" else -y
    if end == "backward":
        y.backward()
        assert x.grad.item() == 100_001
    elif end == "create_graph":
        assert sg.grad(y, x, create_graph=True).item() == 1
    del y


# ----------------------------------------------------------------------------------------------------- sg.grad
def test_grad_returns_instead_of_accumulating(leaf):
    x, y = leaf(3), leaf(3, seed=1)
    one = sg.grad(F.sum(x * y), x)
    assert isinstance(one, sg.Tensor)
    both = sg.grad(F.sum(x * y), [x, y])
    assert isinstance(both, tuple)
    np.testing.assert_array_equal(one.numpy(), y.numpy())
    np.testing.assert_array_equal(both[1].numpy(), x.numpy())
    assert x.grad is None
    assert y.grad is None


def test_grad_at_interior_tensors(leaf):
    x = leaf(3)
    h = F.exp(x)
    y = h * h
    total = F.sum(y * x)
    at_h, at_y, at_total, at_x = sg.grad(total, (h, y, total, x))
    e = np.exp(x.numpy())
    np.testing.assert_allclose(at_h.numpy(), 2 * e * x.numpy())
    np.testing.assert_allclose(at_y.numpy(), x.numpy())
    np.testing.assert_allclose(at_total.numpy(), 1.0)
    np.testing.assert_allclose(at_x.numpy(), 2 * e * e * x.numpy() + e * e, rtol=1e-12)


def test_grad_names_an_input_that_is_out_of_reach(leaf):
    x, y = leaf(3), leaf(2)
    with pytest.raises(ValueError, match=r"does not depend on inputs\[1\] \(shape \(2,\)\)"):
        sg.grad(F.sum(x), [x, y])
    with pytest.raises(ValueError, match=r"an input of grad does not require a gradient"):
        sg.grad(F.sum(x), x.detach())


def test_grad_walks_only_towards_its_targets(leaf):
    visited = []

    @sg.primitive
    def watched(x):
        return +x

    watched.vjp(x=lambda g: (visited.append(1), g)[1])
    x, y = leaf(3), leaf(3)
    sg.grad(F.sum(watched(x) * y), y)
    assert visited == []


def test_the_same_input_twice(leaf):
    x = leaf(2)
    first, second = sg.grad(F.sum(x * x), [x, x])
    np.testing.assert_array_equal(first.numpy(), second.numpy())


# ------------------------------------------------------------------------------------------------ higher orders
def test_derivatives_of_every_order(device):
    x = sg.tensor(np.array([0.7, -0.3]), requires_grad=True, device=device)
    y = F.sum(F.sin(x))
    for expected in (np.cos, lambda t: -np.sin(t), lambda t: -np.cos(t), np.sin):
        derivative = sg.grad(y, x, create_graph=True)
        np.testing.assert_allclose(derivative.numpy(), expected(x.numpy()), rtol=1e-12)
        y = F.sum(derivative)


def test_a_gradient_penalty_reaches_the_weights(leaf):
    """R1: ½‖∇ₓ D(x)‖², differentiated in D's weights."""
    x, w = leaf(4, 3), leaf(2, 3, seed=1)

    def penalty(x, w):
        slope = sg.grad(F.sum(F.softplus(F.linear(x, w))), x, create_graph=True)
        return F.sum(slope * slope) * 0.5

    assert sg.gradcheck(penalty, x, w)


def test_backward_with_create_graph_makes_differentiable_gradients(leaf):
    x = leaf(3)
    F.sum(x**3).backward(create_graph=True)
    second = sg.grad(F.sum(x.grad), x)
    np.testing.assert_allclose(second.numpy(), 6 * x.numpy())
    x.grad = None


def test_the_cotangent_is_differentiable_too(leaf):
    x, v = leaf(3), leaf(3, seed=1)
    gradient = sg.grad(F.exp(x), x, v, create_graph=True)
    np.testing.assert_allclose(sg.grad(F.sum(gradient), v).numpy(), np.exp(x.numpy()))


# ------------------------------------------------------------------------------------------------------- threads
def test_threads_differentiate_side_by_side():
    answers = {}

    def work(seed):
        x = sg.tensor(RNG(seed).standard_normal(50), requires_grad=True)
        for _ in range(30):
            x.grad = None
            F.sum(F.tanh(x) * x).backward()
        t = np.tanh(x.data)
        answers[seed] = np.abs(x.grad.data - (t + x.data * (1 - t * t))).max()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert max(answers.values()) < 1e-12


def test_grad_leaves_what_lies_behind_its_inputs():
    """It walks only where the inputs are, and frees nothing else."""
    x = sg.tensor(np.array([1.0, 2.0]), requires_grad=True)
    h = x * x
    g = sg.grad(F.sum(h * h), h)
    h.backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), [4, 32])
    with pytest.raises(RuntimeError, match="freed"):
        h.backward(g)
