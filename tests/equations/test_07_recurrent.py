"""derivations/07-recurrent.md, equation by equation. What is proved on whole models is in
tests/models/autoregressive/test_pixelrnn.py: Eqs. 7.10–7.18."""

import itertools

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn
from scratchgen.models.autoregressive import pixelrnn

rng = np.random.default_rng(7)
T, INPUTS, HIDDEN = 6, 4, 3


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


ACTIVATIONS = (sigmoid, sigmoid, np.tanh, sigmoid)  # of i, f, g, o


@pytest.fixture
def lstm():
    """Eqs. 7.2 and 7.3 on one sequence, in scratchgen's functions, every intermediate value kept."""
    W, U, b = (sg.tensor(rng.normal(size=shape), requires_grad=True) for shape in ((12, INPUTS), (12, HIDDEN), (12,)))
    x = rng.normal(size=(T, INPUTS))
    h, c = ([sg.tensor(rng.normal(size=HIDDEN), requires_grad=True)] for _ in range(2))
    a = []
    for t in range(T):
        a.append(W @ x[t] + U @ h[t] + b)
        i, f, g, o = F.split(a[t], 4)
        c.append(F.sigmoid(f) * c[t] + F.sigmoid(i) * F.tanh(g))
        h.append(F.sigmoid(o) * F.tanh(c[t + 1]))
    return W, U, b, x, h, c, a


@pytest.mark.equation("7.2", "7.3", "7.5", "7.6", "7.7", "7.8")
def test_backwards_through_time(lstm):
    """Eqs. 7.5–7.8 as the page has them, from the last step to the first, against the walk; a random cotangent at every
    h and at the last c."""
    W, U, b, x, h, c, a = lstm
    from_above, at_the_end = rng.normal(size=(T + 1, HIDDEN)), rng.normal(size=HIDDEN)
    from_above[0] = 0
    loss = sum((h[t] * from_above[t]).sum() for t in range(1, T + 1)) + (c[T] * at_the_end).sum()
    wanted = [W, U, b, *h, *c, *a]
    found = iter(g.numpy() for g in sg.grad(loss, wanted, create_graph=True))
    W_auto, U_auto, b_auto = (next(found) for _ in range(3))
    h_auto, c_auto, a_auto = ([next(found) for _ in part] for part in (h, c, a))

    def agree(value, expected, name):
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-13, err_msg=name)

    h_bar, c_bar = from_above[T], at_the_end
    W_bar, U_bar, b_bar = 0.0, 0.0, 0.0
    for t in range(T, 0, -1):
        i, f, g, o = (act(part) for act, part in zip(ACTIVATIONS, np.split(a[t - 1].data, 4)))
        agree(h_bar, h_auto[t], f"h {t}")
        seen = np.tanh(c[t].data)
        c_bar = c_bar + h_bar * o * (1 - seen**2)  # 7.5
        agree(c_bar, c_auto[t], f"c {t}")
        a_bar = np.concatenate(  # 7.6
            [
                c_bar * g * i * (1 - i),
                c_bar * c[t - 1].data * f * (1 - f),
                c_bar * i * (1 - g**2),
                h_bar * seen * o * (1 - o),
            ]
        )
        agree(a_bar, a_auto[t - 1], f"a {t}")
        c_bar, h_bar = f * c_bar, U.data.T @ a_bar + from_above[t - 1]  # 7.7
        W_bar, U_bar, b_bar = W_bar + np.outer(a_bar, x[t - 1]), U_bar + np.outer(a_bar, h[t - 1].data), b_bar + a_bar
    agree(h_bar, h_auto[0], "h 0")
    agree(c_bar, c_auto[0], "c 0")
    for value, expected, name in ((W_bar, W_auto, "W"), (U_bar, U_auto, "U"), (b_bar, b_auto, "b")):  # 7.8
        agree(value, expected, name)


@pytest.mark.equation("7.4")
def test_the_direct_path_is_the_product_of_the_forget_gates(lstm):
    """Hold the gates: ∂c_T/∂c₀ is diagonal with Π f. The remaining terms go through h, and U = 0 removes them."""
    *_, a = lstm
    forget = [sigmoid(np.split(step.data, 4)[1]) for step in a]
    c = start = sg.tensor(rng.normal(size=HIDDEN), requires_grad=True)
    for step, f in zip(a, forget):
        i, _, g, _ = np.split(step.data, 4)
        c = f * c + sigmoid(i) * np.tanh(g)
    v = rng.normal(size=HIDDEN)
    c.backward(v)
    np.testing.assert_allclose(start.grad.numpy(), v * np.prod(forget, axis=0), rtol=1e-12)
    assert 0.5**50 < 1e-15 * 1.1
    assert abs(0.99**50 - 0.6) < 0.01
    assert sigmoid(1) == pytest.approx(0.73, abs=0.002)


@pytest.mark.equation("7.1")
def test_a_plain_network_forgets():
    """Eq. 7.1: its gradient after T steps, and that it is no larger than |U|ᵀ allows."""
    U = 0.9
    h = first = sg.tensor(rng.normal(size=1), requires_grad=True)
    slopes = []
    for x in rng.normal(size=50):
        h = F.tanh(x + U * h)
        slopes.append(1 - h.numpy() ** 2)
    h.backward(np.array([1.7]))
    np.testing.assert_allclose(first.grad.numpy(), 1.7 * np.prod(U * np.array(slopes)), rtol=1e-10)
    assert abs(first.grad.item()) < 1.7 * U**50 < 1.7 * 0.0052


@pytest.mark.equation("7.9")
def test_the_gru_moves_between_its_candidate_and_its_past():
    """Eq. 7.9: h_t lies between n and h_{t−1}, where z says; with r = 0 the candidate is deaf to the past."""
    cell = nn.GRUCell(2, 3, rng=rng, dtype=np.float64)
    x, h = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    parts = {"r": slice(0, 3), "z": slice(3, 6)}
    for far, expected in ((50.0, h), (-50.0, None)):
        cell.bias_ih.data[parts["z"]] = far
        cell.bias_ih.data[parts["r"]] = -50.0
        y = cell(x, h).numpy()
        if expected is None:
            expected = np.tanh(x @ cell.weight_ih.data[6:].T + cell.bias_ih.data[6:])
        np.testing.assert_allclose(y, expected, atol=1e-12)


@pytest.mark.equation("7.12", "7.17")
@pytest.mark.parametrize("kind", ["row", "diagonal"])
def test_where_in_the_image_the_line_before_lies(kind):
    """Eq. 7.17: the cell l + δ of the line before the pixel's own, among the lines and in the image; in raster order it
    comes before the pixel."""
    rows, columns = 5, 6
    number = np.arange(rows * columns).reshape(rows, columns)
    if kind == "row":
        place, offsets, lines = pixelrnn.on_rows, (-1, 0, 1), [range(columns)] * rows
        in_order = number
    else:
        place, offsets, lines = pixelrnn.on_diagonals, (-1, 0), pixelrnn.diagonals(rows, columns)
        in_order = pixelrnn.skew(number[None, :, :, None])
    ends = np.cumsum([len(line) for line in lines])
    parts = np.split(in_order.ravel(), ends[:-1])
    cells = [dict(zip(line, part)) for line, part in zip(lines, parts)]  # of each line: which pixel is at work where
    for r, c, offset in itertools.product(range(1, rows), range(1, columns - 1), offsets):
        ((t, cell),) = ((t, cell) for t, line in enumerate(cells) for cell in line if line[cell] == number[r, c])
        up, aside = place(offset)
        assert cells[t - 1][cell + offset] == number[r + up, c + aside] < number[r, c]
