"""Recurrent layers: each against its formula written as a loop over single numbers, and many steps against one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn
from scratchgen.autograd.engine import reachable
from scratchgen.nn import recurrent

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LAYERS = pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU])


def sigmoid(a):
    return 1 / (1 + math.exp(-a))


def lstm_in_numbers(gates, c):
    """Eqs. 7.2 and 7.3, one number at a time."""
    hidden = len(c)
    h_new, c_new = np.zeros(hidden), np.zeros(hidden)
    for k in range(hidden):
        i, f, g, o = (gates[k + part * hidden] for part in range(4))
        c_new[k] = sigmoid(f) * c[k] + sigmoid(i) * math.tanh(g)
        h_new[k] = sigmoid(o) * math.tanh(c_new[k])
    return h_new, c_new


def line_in_numbers(x, weight, bias, state, cells, offsets):
    """Eq. 7.10, cell by cell of each image: the new states of all cells at work."""
    line, states = state.astype(float), np.zeros((2, state.shape[1], *x.shape[1:]))
    nothing = np.zeros(state.shape[1])
    place = 0
    for work in cells:
        before = line.copy()
        for cell in work:
            for image in range(x.shape[2]):
                near = [before[0, :, cell + k, image] if 0 <= cell + k < state.shape[2] else nothing for k in offsets]
                gates = bias + weight @ np.concatenate([x[:, place, image], *near])
                new = lstm_in_numbers(gates, before[1, :, cell, image])
                states[:, :, place, image] = line[:, :, cell, image] = new
            place += 1
    return states


# ---------------------------------------------------------------------------------------------------------- one step
@pytest.mark.equation("7.2", "7.3")
@DTYPES
def test_the_step_is_its_formula(dtype, device, rng):
    gates, c = rng.standard_normal((5, 2, 12)).astype(dtype), rng.standard_normal((5, 2, 3)).astype(dtype)
    state = recurrent.lstm_step(sg.tensor(gates, device=device), sg.tensor(c, device=device))
    assert state.dtype == dtype
    for index in np.ndindex(5, 2):
        expected = lstm_in_numbers(gates[index].astype(float), c[index].astype(float))
        np.testing.assert_allclose(state.numpy()[:, *index], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.equation("7.5", "7.6", "7.7")
def test_the_step_backwards_and_again(rng):
    gates, c = rng.standard_normal((12, 5)).T, rng.standard_normal((3, 5)).T  # not contiguous
    assert sg.gradcheck(recurrent.lstm_step, gates, c)
    assert sg.gradgradcheck(recurrent.lstm_step, gates, c)


def test_open_and_closed_gates(rng):
    """Far out, the gates are switches: keep, write, forget, hide. No overflow, no warning."""
    c, far = np.full((1, 2), 0.5, np.float32), 1e4
    for i, f, o in np.ndindex(2, 2, 2):
        signs = np.repeat([2 * i - 1, 2 * f - 1, 1, 2 * o - 1], 2)[None]
        state = recurrent.lstm_step(sg.tensor(far * signs, dtype=np.float32, requires_grad=True), c)
        np.testing.assert_array_equal(state.numpy()[1], f * 0.5 + i * 1.0)
        np.testing.assert_array_equal(state.numpy()[0], o * np.tanh(state.numpy()[1]))
        state.backward(rng.standard_normal((2, 1, 2)).astype(np.float32))


# ---------------------------------------------------------------------------------------------------------- neighbours
@pytest.mark.equation("7.10")
@given(st.integers(0, 4), st.integers(0, 3), st.lists(st.integers(-5, 5), min_size=1, max_size=3))
def test_neighbours(length, channels, offsets):
    x = np.random.default_rng(length).standard_normal((channels, 3, length, 2))
    z = recurrent.neighbours(x, offsets).reshape(len(offsets), channels, 3, length, 2)
    for k, place in np.ndindex(len(offsets), length):
        there = place + offsets[k]
        expected = x[:, :, there] if 0 <= there < length else np.zeros((channels, 3, 2))
        np.testing.assert_array_equal(z[k, :, :, place], expected)
    if x.size:
        assert sg.gradcheck(lambda x: recurrent.neighbours(x, offsets), x)
        assert sg.gradgradcheck(lambda x: recurrent.neighbours(x, offsets), x)


@pytest.mark.equation("0.61")
def test_pointwise(rng, device):
    x, weight, bias = rng.standard_normal((3, 2, 5, 4)), rng.standard_normal((6, 3)), rng.standard_normal(6)
    y = recurrent.pointwise(*(sg.tensor(a, device=device) for a in (x, weight, bias)))
    expected = np.einsum("oc,crln->orln", weight, x) + bias[:, None, None, None]
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-12)
    assert sg.gradcheck(recurrent.pointwise, x, weight, bias)


# ----------------------------------------------------------------------------------------------------------- all steps
OFFSETS = pytest.mark.parametrize("offsets", [(0,), (-1, 0), (-1, 0, 1), (2, -1)], ids=str)
CELLS = {
    "all": [range(3)] * 4,
    "a diagonal": [range(1), range(2), range(3), range(1, 3), range(2, 3)],
    "here and there, and none": [range(1, 2), range(1, 1), range(3), range(2)],
}
EVERY_CELLS = pytest.mark.parametrize("cells", CELLS.values(), ids=CELLS)


def sequence(rng, offsets, dtype=np.float64, cells=CELLS["all"], n=2, length=3, hidden=2):
    work, inputs = sum(map(len, cells)), 3
    weight = (4 * hidden, inputs + len(offsets) * hidden)
    shapes = (inputs, work, n), weight, (4 * hidden,), (2, hidden, length, n)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.equation("7.10")
@EVERY_CELLS
@OFFSETS
@DTYPES
def test_all_steps_are_their_formula(offsets, cells, dtype, device, rng):
    arrays = sequence(rng, offsets, dtype, cells)
    expected = line_in_numbers(*(a.astype(float) for a in arrays), cells, offsets)
    for f in (recurrent.lstm, recurrent.lstm_step_by_step):
        states = f(*(sg.tensor(a, device=device) for a in arrays), cells, offsets)
        assert states.dtype == dtype
        np.testing.assert_allclose(states.numpy(), expected, rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-6)


@pytest.mark.equation("7.8", "7.10")
@EVERY_CELLS
@OFFSETS
@DTYPES
def test_the_way_back_is_that_of_one_step_again_and_again(offsets, cells, dtype, device, rng):
    """All gradients of the way through time, derived by hand, against the steps left to autograd."""
    arrays = sequence(rng, offsets, dtype, cells)
    g = rng.standard_normal((2, 2, sum(map(len, cells)), 2)).astype(dtype)
    results = []
    for f, where in ((recurrent.lstm, device), (recurrent.lstm_step_by_step, "cpu")):
        leaves = [sg.tensor(x, requires_grad=True, device=where) for x in arrays]
        f(*leaves, cells, offsets).backward(sg.tensor(g, device=where))
        results.append([leaf.grad.numpy() for leaf in leaves])
    for mine, simple in zip(*results):
        assert mine.dtype == dtype
        np.testing.assert_allclose(mine, simple, rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-5)


@EVERY_CELLS
@OFFSETS
def test_all_steps_backwards_and_again(offsets, cells, rng):
    def f(*arrays):
        return recurrent.lstm(*arrays, cells, offsets)

    assert sg.gradcheck(f, *sequence(rng, offsets, cells=cells))
    assert sg.gradgradcheck(f, *sequence(rng, offsets, cells=cells, n=1))


def test_a_third_derivative(rng):
    """Of a state by an input, thrice, against differences of the second."""
    arrays = sequence(rng, (0,), cells=[range(1)] * 2, n=1, length=1, hidden=1)

    def second(x):
        (first,) = sg.grad(recurrent.lstm(x, *arrays[1:])[0, 0, -1, 0], [x], create_graph=True)
        (again,) = sg.grad(first[1, 0, 0], [x], create_graph=True)
        return again[1, 0, 0]

    assert sg.gradcheck(second, arrays[0])


def test_the_gradient_of_one_state_alone(rng):
    """A loss that reads only the last c, and one that reads only the first h."""
    for place, part in ((-1, 1), (0, 0)):
        assert sg.gradcheck(lambda *a, place=place, part=part: recurrent.lstm(*a)[part, :, place], *sequence(rng, (0,)))


def test_no_images_are_no_trouble(rng):
    arrays = [sg.tensor(x, requires_grad=True) for x in sequence(rng, (-1, 0), n=0)]
    states = recurrent.lstm(*arrays, CELLS["all"], (-1, 0))
    assert states.shape == (2, 2, 12, 0)
    states.backward(states.data)
    assert not arrays[1].grad.numpy().any()


def test_what_does_not_fit_is_named(rng):
    x, weight, bias, state = sequence(rng, (0,))
    for wrong in (
        (x[:, :0], weight, bias, state),
        (x[:-1], weight, bias, state),
        (x, weight[:, :1], bias, state),
        (x, weight, bias[:1], state),
        (x, weight, bias, state, [range(3)]),
    ):
        with pytest.raises(ValueError, match=r"lstm: expected x \(C, M ≥ 1, N\), weight \(4H, C \+ 1·H\)"):
            recurrent.lstm(*wrong)
    with pytest.raises(ValueError, match="cells at work: expected ranges within a line of 3, got range\\(1, 4\\)"):
        recurrent.lstm(x, weight, bias, state, [range(1, 4)] * 4)


@pytest.mark.equation("7.4")
def test_the_cell_state_keeps_what_the_forget_gates_let_through(rng):
    """∂c_T/∂c₀ with the gates held: the product of the forget gates, 0.5^50 for closed ones, 0.99^50 for open ones."""
    for bias, kept in ((0.0, 0.5**50), (math.log(99), 0.99**50)):
        x = rng.standard_normal((12, 50, 1))
        x[3:6] = bias
        start = sg.tensor(rng.standard_normal((2, 3, 1, 1)), requires_grad=True)
        g = np.zeros((2, 3, 50, 1))
        g[1, :, -1] = rng.standard_normal((3, 1))
        weight = np.concatenate([np.eye(12), np.zeros((12, 3))], 1)  # the gates hear the input alone
        recurrent.lstm(x, weight, np.zeros(12), start).backward(g)
        np.testing.assert_allclose(start.grad.numpy()[1, :, 0, 0], kept * g[1, :, -1, 0], rtol=1e-9)


# -------------------------------------------------------------------------------------------------------------- layers
@DTYPES
def test_lstm_cell(dtype, device, rng):
    cell = nn.LSTMCell(4, 3, rng=rng, dtype=dtype)
    cell.bias_hh.data[...] = rng.standard_normal(12)
    x, h, c = (rng.standard_normal((5, k)).astype(dtype) for k in (4, 3, 3))
    gates = x @ cell.weight_ih.data.T + cell.bias_ih.data + h @ cell.weight_hh.data.T + cell.bias_hh.data
    expected = [lstm_in_numbers(a.astype(float), b.astype(float)) for a, b in zip(gates, c)]
    h_new, c_new = cell.to(device)(*(sg.tensor(x, device=device),), tuple(sg.tensor(a, device=device) for a in (h, c)))
    assert h_new.dtype == c_new.dtype == dtype
    np.testing.assert_allclose(np.stack([h_new.numpy(), c_new.numpy()], 1), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.equation("7.9")
@DTYPES
def test_gru_cell(dtype, device, rng):
    cell = nn.GRUCell(4, 3, rng=rng, dtype=dtype)
    cell.bias_hh.data[...] = rng.standard_normal(9)
    x, h = rng.standard_normal((5, 4)).astype(dtype), rng.standard_normal((5, 3)).astype(dtype)
    a = x @ cell.weight_ih.data.T + cell.bias_ih.data
    b = h @ cell.weight_hh.data.T + cell.bias_hh.data
    expected = np.zeros((5, 3))
    for n, k in np.ndindex(5, 3):
        r, z = sigmoid(a[n, k] + b[n, k]), sigmoid(a[n, 3 + k] + b[n, 3 + k])
        new = math.tanh(a[n, 6 + k] + r * b[n, 6 + k])
        expected[n, k] = (1 - z) * new + z * h[n, k]
    y = cell.to(device)(sg.tensor(x, device=device), sg.tensor(h, device=device))
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-4, atol=1e-6)


@LAYERS
def test_a_layer_is_its_cell_at_every_step(layer, device, rng):
    whole = layer(4, 3, rng=rng, dtype=np.float64).to(device)
    cell = {nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}[layer](4, 3, dtype=np.float64).to(device)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in whole.state_dict().items()})
    x = sg.tensor(rng.standard_normal((6, 2, 4)), device=device)
    every, last = whole(x)
    state = None
    for t in range(6):
        state = cell(x[t], state)
        h = state[0] if layer is nn.LSTM else state
        np.testing.assert_allclose(every.numpy()[t], h.numpy(), rtol=1e-12)
    if layer is nn.LSTM:
        np.testing.assert_allclose(last[1].numpy()[0], state[1].numpy(), rtol=1e-12)
        last = last[0]
    np.testing.assert_array_equal(last.numpy()[0], every.numpy()[-1])


@LAYERS
def test_a_sequence_may_be_cut_where_one_likes(layer, rng):
    """The state that comes out goes in again: two halves are the whole. The gradient passes the cut."""
    whole = layer(4, 3, rng=rng, dtype=np.float64)
    x = rng.standard_normal((7, 2, 4))
    every, _ = whole(x)
    head, state = whole(x[:3])
    tail, _ = whole(x[3:], state)
    np.testing.assert_allclose(np.concatenate([head.numpy(), tail.numpy()]), every.numpy(), rtol=1e-12)
    g = rng.standard_normal(every.shape)
    g[:3] = 0
    (at_once,) = sg.grad(every, [whole.weight_ih_l0], g)
    (over_the_cut,) = sg.grad(tail, [whole.weight_ih_l0], g[3:])
    np.testing.assert_allclose(over_the_cut.numpy(), at_once.numpy(), rtol=1e-10)


@LAYERS
def test_gradients_of_layers(layer, rng):
    whole = layer(3, 2, batch_first=True, rng=rng, dtype=np.float64)
    assert sg.gradcheck(lambda x, *p: whole(x)[0], rng.standard_normal((2, 5, 3)), *whole.parameters())
    assert sg.gradgradcheck(lambda x: whole(x)[0], rng.standard_normal((2, 3, 3)))


def numbers_on_the_way_back(y):
    """The sizes of all gradients together: each rule makes one as large as its argument."""
    return sum(math.prod(parent.shape) for node in reachable(y.node) for parent, _, _ in node.edges)


@LAYERS
def test_a_long_sequence_costs_in_proportion(layer, rng):
    """1000 steps there and back: no recursion, and no T² (a gradient of full size for each step would be 0.8 GB)."""
    whole = layer(50, 2, rng=rng)
    x = sg.tensor(rng.standard_normal((1000, 4, 50)).astype(np.float32), requires_grad=True)
    y, _ = whole(x)
    assert numbers_on_the_way_back(y) < 20 * x.size  # with T slices 124
    y.backward(rng.standard_normal(y.shape).astype(np.float32))
    assert x.grad.shape == x.shape
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell])
def test_inputs_that_do_not_fit_are_named(layer, rng):
    wrong = [np.zeros((2, 3, 5), np.float32), np.zeros((5,), np.float32)]
    if "Cell" not in layer.__name__:
        wrong.append(np.zeros((0, 3, 4), np.float32))
    for x in wrong:
        with pytest.raises(ValueError, match=rf"{layer.__name__}: x: expected .* with in = 4, got"):
            layer(4, 3, rng=rng)(x)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.LSTMCell, nn.GRU, nn.GRUCell])
def test_states_that_do_not_fit_are_named(layer, rng):
    """None is read in another way: of several layers, of one image for all, of cells that are not there."""
    cell, parts = "Cell" in layer.__name__, 2 if "LSTM" in layer.__name__ else 1
    x = np.zeros((2, 4) if cell else (6, 2, 4), np.float32)
    fits = (2, 3) if cell else (1, 2, 3)
    net = layer(4, 3, rng=rng)
    for shape in [(2, 2, 3), (3, 2, 3), (1, 1, 3), (1, 3), (3,), (1, 2, 3), (2, 3), (2, 1)]:
        state = tuple(np.zeros(shape, np.float32) for _ in range(parts))
        given = state if parts == 2 else state[0]
        if shape == fits:
            net(x, given)
            continue
        wanted = ", ".join(map(str, fits))
        with pytest.raises(
            ValueError, match=rf"{layer.__name__}: expected h .*of shape \({wanted}\) as the first state"
        ):
            net(x, given)
    part = np.zeros(fits, np.float32)
    for strange in [(), (part,), (part,) * 3, part] if parts == 2 else [(part, part)]:
        with pytest.raises(ValueError, match="as the first state, got"):
            net(x, strange)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.LSTMCell])
def test_forget_gates_begin_open(layer, rng):
    biases = [value for name, value in layer(4, 3, rng=rng).state_dict().items() if "bias" in name]
    assert sum(biases).tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]


def test_a_flag_is_remembered_over_many_steps(rng):
    """A bit at the first step, noise afterwards, the answer at the twentieth: an LSTM learns to carry it."""
    layer, read = nn.LSTM(2, 8, rng=rng), nn.Linear(8, 1, rng=rng)
    optimizer = sg.optim.Adam([*layer.parameters(), *read.parameters()], lr=0.02)
    for _ in range(150):
        bits = (rng.random(64) < 0.5).astype(np.float32)
        x = rng.standard_normal((20, 64, 2)).astype(np.float32)
        x[0, :, 1], x[1:, :, 1] = 2 * bits - 1, 0
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(read(layer(x)[0][-1]), bits[:, None], "mean")
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1  # chance is ln 2 = 0.69


# ------------------------------------------------------------------------------------------- wrong steps are noticed
right = recurrent._step_back
WRONG = {
    "c′ is read once": lambda h, c, gates, old, new, axis: right(0 * h, c, gates, old, new, axis),
    "the output gate is left out of Eq. 7.5": lambda h, c, gates, old, new, axis: (
        right(h, c, gates, old, new, axis)[0],
        right(h, c, [*gates[:3], 0 * h + 1], old, new, axis)[1],
    ),
    "i and f exchanged": lambda h, c, gates, old, new, axis: (
        F.concatenate([F.split(right(h, c, gates, old, new, axis)[0], 4, axis)[k] for k in (1, 0, 2, 3)], axis),
        right(h, c, gates, old, new, axis)[1],
    ),
    "nothing is carried to the step before": lambda h, c, gates, old, new, axis: (
        right(h, c, gates, old, new, axis)[0],
        0 * c,
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_step_back_is_noticed(wrong, rng, monkeypatch):
    monkeypatch.setattr(recurrent, "_step_back", wrong)
    with pytest.raises(sg.autograd.GradcheckError):
        sg.gradcheck(recurrent.lstm_step, rng.standard_normal((3, 8)), rng.standard_normal((3, 2)))
    with pytest.raises(sg.autograd.GradcheckError):
        sg.gradcheck(recurrent.lstm, *sequence(rng, (0,)))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_no_sequences_and_no_steps(kind, rng):
    """None at all is fine in either layout; sequences without a step are not."""
    for batch_first in (False, True):
        layer = kind(3, 4, batch_first, rng=rng)
        none, empty = ((0, 5, 3), (5, 0, 3)) if batch_first else ((5, 0, 3), (0, 5, 3))
        assert layer(np.zeros(none, np.float32))[0].shape == (*none[:2], 4)
        with pytest.raises(ValueError, match="T ≥ 1"):
            layer(np.zeros(empty, np.float32))
