"""PixelRNN: exact likelihoods, the whole past (Diagonal BiLSTM) or a triangle of it (Row LSTM), and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import backend, optim
from scratchgen.autograd.engine import mode
from scratchgen.models.autoregressive import Autoregressive, PixelRNN, compress, decompress, pixelrnn
from scratchgen.models.autoregressive.pixelrnn import (
    DiagonalBiLSTM,
    DiagonalMemory,
    LineLSTM,
    LineMemory,
    RowLSTM,
    diagonals,
    multiplications,
    skew,
    unskew,
)
from scratchgen.nn import recurrent

from . import proofs, test_cache
from .test_cache import both, conditionals

KINDS = pytest.mark.parametrize("kind", ["row", "diagonal"])
SIZES = st.integers(1, 4), st.integers(0, 2), st.integers(1, 4), st.integers(1, 2)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def small(rng, shape, kind, hidden=3, layers=1, levels=2):
    return proofs.randomized(PixelRNN(shape, levels, kind, hidden, layers, rng), rng)


# ---------------------------------------------------------------------------------------------------- the skewed map
@pytest.mark.equation("7.12")
@given(*SIZES)
def test_skew_reads_one_diagonal_after_the_other(rows, n, columns, channels):
    x = np.random.default_rng(rows).standard_normal((channels, rows, columns, n))
    pixels = sorted(np.ndindex(rows, columns), key=lambda pixel: (sum(pixel), pixel))
    expected = np.zeros((channels, rows * columns, n))
    for place, (r, c) in enumerate(pixels):
        expected[:, place] = x[:, r, c]
    np.testing.assert_array_equal(skew(x), expected)
    assert [(r, t - r) for t, line in enumerate(diagonals(rows, columns)) for r in line] == pixels


@pytest.mark.equation("7.12")
@given(*SIZES)
def test_unskew_is_inverse_and_transpose(rows, n, columns, channels):
    rng = np.random.default_rng(columns)
    x = rng.standard_normal((channels, rows, columns, n))
    np.testing.assert_array_equal(unskew(skew(x), columns), x)
    y = rng.standard_normal(skew(x).shape)
    assert np.vdot(skew(x), y) == pytest.approx(np.vdot(x, unskew(y, columns)), abs=1e-12)


def test_both_have_derivatives_of_all_orders(rng):
    x, y = rng.standard_normal((2, 4, 2, 3)).T, rng.standard_normal((3, 6, 2)).T  # not contiguous
    for f, z in ((skew, x), (lambda y: unskew(y, 2), y)):
        assert sg.gradcheck(f, z)
        assert sg.gradgradcheck(f, z)


def test_skewing_on_every_device_and_in_float32(rng, device):
    x = rng.standard_normal((2, 3, 4, 2)).astype(np.float32)
    there = sg.tensor(x, requires_grad=True, device=device)
    back = unskew(skew(there), 4)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back.numpy(), x)
    g = rng.standard_normal(x.shape).astype(np.float32)
    back.backward(sg.tensor(g, device=device))
    np.testing.assert_array_equal(there.grad.numpy(), g)


# ------------------------------------------------------------------------------------------------- probabilities
@pytest.mark.ledger("C-NORM")
@pytest.mark.equation("1.1", "7.16")
@pytest.mark.parametrize(("shape", "levels"), [((1, 3, 3), 2), ((1, 4, 3), 2), ((1, 2, 3), 3)])
@KINDS
def test_probabilities_add_up_to_one(kind, shape, levels, rng):
    model = small(rng, shape, kind, layers=2, levels=levels)
    assert proofs.total_probability(model) == pytest.approx(1, abs=1e-10)


@KINDS
def test_samples_have_the_frequencies_of_p(kind, rng):
    assert proofs.chi_square(small(rng, (1, 2, 3), kind), 4000, rng) > 1e-3


def test_with_all_weights_zero_a_pixel_costs_ln_2(rng):
    model = PixelRNN((1, 5, 4), hidden=2, layers=1, rng=rng)
    for parameter in model.parameters():
        parameter.data[...] = 0
    x = (rng.random((3, 1, 5, 4)) < 0.5).astype(np.float32)
    np.testing.assert_allclose(model.log_prob(x).numpy(), -20 * np.log(2), rtol=1e-6)


# ------------------------------------------------------------------------------------------------ who sees whom
def past(model):
    return np.tri(len(model.order), k=-1, dtype=bool)


def triangle(height, width, layers):
    """What pixel (r, c) of a Row LSTM sees: Eq. 7.11, of row r − m the columns c + from … c + to."""
    seen = np.zeros((height, width, height, width), bool)
    for r, c, m in np.ndindex(height, width, height):
        first, last = -3 - layers - m, (m + 2 if m else -1)
        if m <= r:
            seen[r, c, r - m, max(0, c + first) : max(0, c + last + 1)] = True
    return seen.reshape(height * width, -1)


@pytest.mark.ledger("C-CAUSAL")
@pytest.mark.parametrize("shape", [(1, 3, 3), (1, 4, 3)])
@KINDS
def test_a_small_image_is_seen_whole(kind, shape, rng):
    model = small(rng, shape, kind, hidden=6)
    np.testing.assert_array_equal(proofs.dependencies(model, rng), past(model))


@pytest.mark.ledger("C-CAUSAL")
@pytest.mark.equation("7.13", "7.15")
@pytest.mark.parametrize(("shape", "layers"), [((1, 3, 10), 1), ((1, 7, 5), 1), ((1, 2, 8), 2)])
def test_a_diagonal_bilstm_sees_the_whole_past(shape, layers, rng):
    """Images wider and higher than what the first convolution reaches: what is far has come through the states."""
    model = small(rng, shape, "diagonal", hidden=8, layers=layers)
    np.testing.assert_array_equal(proofs.jacobian(model, rng, tries=1), past(model))


@pytest.mark.equation("7.15")
@pytest.mark.parametrize("layers", [1, 2])
def test_without_the_spare_column_the_last_pixel_of_a_row_is_missing(layers, rng):
    """The hole of Eq. 7.15, exactly: pixels four columns or more from the edge do not see the end of the row above."""
    model = small(rng, (1, 3, 7), "diagonal", hidden=8, layers=layers)
    model.spare_columns = 0
    expected = past(model).reshape(3, 7, 3, 7)
    for r, c in np.ndindex(3, 7):
        if r > 0 and c < 7 - 4:
            expected[r, c, r - 1, 6] = False
    np.testing.assert_array_equal(proofs.jacobian(model, rng, tries=1), expected.reshape(21, 21))


@pytest.mark.equation("7.11")
@pytest.mark.parametrize("layers", [0, 1, 2])
def test_a_row_lstm_sees_a_triangle(layers, rng):
    model = small(rng, (1, 3, 15), "row", hidden=8, layers=layers)
    expected = triangle(3, 15, layers)
    if layers == 0:  # the 7×7 convolution alone, three rows up and to either side
        expected = np.zeros((3, 15, 3, 15), bool)
        for r, c, m in np.ndindex(3, 15, 3):
            if m <= r:
                expected[r, c, r - m, max(0, c - 3) : c + 4 if m else c] = True
        expected = expected.reshape(45, 45)
    else:
        assert not (expected == past(model)).all()  # the image is wide enough to show the triangle's sides
    np.testing.assert_array_equal(proofs.jacobian(model, rng, tries=1), expected)


# --------------------------------------------------------------------------------------------------------- mutants
class PlainBiLSTM(DiagonalBiLSTM):
    """A BiLSTM as it is used for text: each row is read from left to right and from right to left (E26)."""

    def __init__(self, features, hidden, rng):
        self.right = LineLSTM(features, hidden, (0,), (0,), rng)
        self.left = LineLSTM(features, hidden, (0,), (0,), rng)

    def forward(self, x):
        _, rows, columns, n = x.shape
        along, cells = sg.functional.transpose(x, (0, 2, 1, 3)), [range(rows)] * columns
        read = lambda line, x: line(x.reshape((-1, columns * rows, n)), cells).reshape((-1, columns, rows, n))
        both = read(self.right, along) + sg.functional.flip(read(self.left, sg.functional.flip(along, 1)), 1)
        return sg.functional.transpose(both, (0, 2, 1, 3))


@pytest.mark.ledger("C-CAUSAL", "E26")
@pytest.mark.equation("7.14")
def test_a_plain_bilstm_sees_the_future(rng):
    model = small(rng, (1, 3, 3), "diagonal", hidden=6)
    model.lstms = sg.nn.ModuleList([PlainBiLSTM(12, 6, rng)])
    found = proofs.dependencies(proofs.randomized(model, rng), rng)
    assert found[0, 1]  # the first pixel sees the second, which has not been drawn yet
    assert (found & ~past(model)).sum() == 3 * (3 + 2 + 1)  # in each of three rows, itself and all to the right


@pytest.mark.ledger("C-CAUSAL", "E26")
@pytest.mark.equation("7.14")
def test_without_the_shift_a_pixel_sees_its_right_neighbours(rng, monkeypatch):
    monkeypatch.setattr(pixelrnn, "shift_down", lambda x: x)
    model = small(rng, (1, 3, 3), "diagonal", hidden=6)
    found = proofs.dependencies(model, rng)
    assert found[0, 0]
    assert found[0, 1]
    assert proofs.total_probability(model) != pytest.approx(1, abs=1e-3)


@pytest.mark.ledger("C-CAUSAL")
@pytest.mark.equation("7.12")
def test_a_map_skewed_to_the_wrong_side_sees_the_future(rng, monkeypatch):
    """Rows moved to the left: diagonals run from the bottom to the top, and a pixel hears the one below it."""
    up = lambda x: sg.functional.flip(x, 1)
    monkeypatch.setattr(pixelrnn, "skew", lambda x: skew(up(x)))
    monkeypatch.setattr(pixelrnn, "unskew", lambda y, columns: up(unskew(y, columns)))
    model = small(rng, (1, 7, 3), "diagonal", hidden=8)
    found = proofs.flips(model, rng)  # the rules of both functions call each other by these names
    assert (found & ~past(model)).any()


# --------------------------------------------------------------------------------------------------- layers, costs
@pytest.mark.equation("7.10", "7.13")
def test_the_diagonal_recurrence_pixel_by_pixel(rng):
    """One direction, written as it is meant: the state of (r, c) from those of (r, c − 1) and (r − 1, c)."""
    layer = LineLSTM(3, 2, (0,), (-1, 0), rng, length=3).astype(np.float64)
    layer.bias.data[...], layer.start.data[...] = rng.standard_normal(8), rng.standard_normal((2, 2, 3, 1))
    x = rng.standard_normal((3, 3, 4, 1))
    h = unskew(layer(skew(x), diagonals(3, 4)), 4).numpy()
    states = {(r, -1): layer.start.data[:, :, r, 0] for r in range(3)}
    for r, c in np.ndindex(3, 4):
        above, left = states.get((r - 1, c), np.zeros((2, 2))), states[r, c - 1]
        near = np.concatenate([above[0], left[0]])
        gates = layer.weight_ih.data @ x[:, r, c, 0] + layer.bias.data + layer.weight_hh.data @ near
        states[r, c] = recurrent.lstm_step(gates, left[1])
        np.testing.assert_allclose(h[:, r, c, 0], states[r, c][0], rtol=1e-11, atol=1e-14)


@pytest.mark.equation("7.10")
def test_the_row_recurrence_pixel_by_pixel(rng):
    layer = RowLSTM(3, 2, rng).astype(np.float64)
    down = layer.down
    down.bias.data[...] = rng.standard_normal(8)
    x = rng.standard_normal((3, 3, 4, 1))
    h = layer(x).numpy()
    states = np.zeros((4, 6, 2, 2))  # a row above, a column on either side
    padded = np.concatenate([np.zeros((3, 3, 1)), x[..., 0]], 2)
    for r, c in np.ndindex(3, 4):
        near = np.concatenate([states[r, c + k, 0] for k in (0, 1, 2)])
        read = np.concatenate([padded[:, r, c], padded[:, r, c + 1]])
        gates = down.weight_ih.data @ read + down.bias.data + down.weight_hh.data @ near
        states[r + 1, c + 1] = recurrent.lstm_step(gates, states[r, c + 1, 1])
        np.testing.assert_allclose(h[:, r, c, 0], states[r + 1, c + 1, 0], rtol=1e-11, atol=1e-14)


@pytest.mark.equation("7.4")
@KINDS
def test_forget_gates_begin_open(kind, rng):
    model = PixelRNN((1, 3, 3), 2, kind, hidden=2, layers=1, rng=rng)
    biases = [layer.bias.data.tolist() for layer in model.modules() if isinstance(layer, LineLSTM)]
    assert biases == [[0, 0, 1, 1, 0, 0, 0, 0]] * (1 if kind == "row" else 2)


@pytest.mark.equation("7.16")
@pytest.mark.parametrize(("kind", "steps"), [("row", 5), ("diagonal", 2 * (5 + 4))])
def test_steps_one_after_the_other(kind, steps, rng, monkeypatch):
    """A pass over an H×W image: H steps per Row LSTM; H + W steps in each direction per Diagonal BiLSTM."""
    taken = []
    step = recurrent._step
    monkeypatch.setattr(recurrent, "_step", lambda *args: taken.append(1) or step(*args))
    model = PixelRNN((1, 5, 4), kind=kind, hidden=2, layers=3, rng=rng)
    model.log_prob(np.zeros((1, 1, 5, 4), np.float32))
    assert len(taken) == 3 * steps


@KINDS
def test_gradients_of_the_parameters(kind, rng):
    model = small(rng, (1, 3, 2), kind, hidden=1)
    x = rng.integers(2, size=(2, 1, 3, 2))
    inner = [value for name, value in model.named_parameters() if not name.startswith("first")]  # test_convolution.py
    assert sg.gradcheck(lambda *parameters: model.log_prob(x), *inner)


# ------------------------------------------------------------------------------------------- one pixel at a time
@pytest.mark.ledger("C-PAR")
@pytest.mark.equation("7.17")
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("shape", "levels"), [((1, 3, 5), 2), ((1, 4, 3), 4)])
@KINDS
def test_the_remembering_scan_gives_the_logits_of_the_plain_one(kind, shape, levels, layers, device, rng):
    model = small(rng, shape, kind, layers=layers, levels=levels).to(device)
    plain, cached, _ = both(model, 3, rng, device)
    assert cached.dtype == np.float64
    assert cached.shape == plain.shape
    np.testing.assert_allclose(cached, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.ledger("C-PAR")
@KINDS
def test_the_remembering_scan_in_single_precision(kind, rng):
    model = PixelRNN((1, 7, 9), 3, kind, 8, 2, rng)
    plain, cached, _ = both(model, 3, rng)
    assert cached.dtype == np.float32
    np.testing.assert_allclose(cached, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.equation("7.17")
@given(
    side=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kind=st.sampled_from(["row", "diagonal"]),
    levels=st.integers(2, 3),
    layers=st.integers(0, 2),
    n=st.integers(1, 3),
)
def test_remembered_images_of_any_size(side, kind, levels, layers, n):
    rng = np.random.default_rng(0)
    plain, cached, _ = both(small(rng, (1, *side), kind, layers=layers, levels=levels), n, rng)
    np.testing.assert_allclose(cached, plain, rtol=1e-11, atol=1e-11)


@pytest.mark.ledger("C-PAR")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [2, 5])
@KINDS
def test_the_same_uniforms_give_the_same_images(kind, levels, dtype, device, rng, monkeypatch):
    model = small(rng, (1, 3, 5), kind, layers=2, levels=levels).astype(dtype).to(device)
    x = backend.to_device(rng.integers(levels, size=(6, 1, 3, 5)), device)
    known = backend.to_device(rng.random(x.shape) < 0.4, device)

    def images():
        drawn = model.sample(6, np.random.default_rng(1))
        completed = model.complete(x, known, np.random.default_rng(2))
        assert drawn.dtype == completed.dtype == dtype
        return [backend.to_host(a).copy() for a in (drawn, completed)]

    remembered = images()
    monkeypatch.setattr(PixelRNN, "scan", Autoregressive.scan)
    np.testing.assert_array_equal(remembered, images())
    assert 0 < remembered[0].mean() < levels - 1


@KINDS
def test_scans_keep_what_they_remember_to_themselves(kind, rng):
    """Two at once, one abandoned, none left in the model; and recording is on between their steps."""
    model = small(rng, (1, 3, 4), kind, layers=2)
    values = rng.integers(2, size=(12, 2))
    alone = conditionals(model.scan(2), values.astype(np.float64))
    model.scan(4).send(None)
    first, second, together, sent, other = model.scan(2), model.scan(2), [], None, None
    for k in range(12):
        together.append(first.send(sent).copy())
        second.send(other)
        sent, other = values[k], 1 - values[k]  # integers, as the arithmetic coder sends them
        assert mode.tracing
    np.testing.assert_array_equal(together, alone)


@KINDS
def test_no_images_and_a_coded_one(kind, rng):
    model = small(rng, (1, 3, 4), kind)
    assert model.sample(0, rng).shape == (0, 1, 3, 4)
    x = model.sample(2, rng)
    np.testing.assert_array_equal(decompress(model, compress(model, x)), x)


def other_states(monkeypatch):
    monkeypatch.setattr(pixelrnn, "on_rows", lambda offset: (-1, -offset))
    monkeypatch.setattr(pixelrnn, "on_diagonals", lambda offset: (offset, -1))  # above and left of it, for above


def another_cell(monkeypatch):
    def make(self, *args):
        genuine(self, *args)
        self.cell = self.heard[0]

    genuine = LineMemory.__init__
    monkeypatch.setattr(LineMemory, "__init__", make)


def rows_not_told_apart(monkeypatch):
    monkeypatch.setattr(LineMemory, "begin_row", lambda self: None)


def kept_from_scan_to_scan(monkeypatch):
    def make(self, line, *args):
        genuine(self, line, *args)
        self.states = kept.setdefault(line, self.states)

    genuine, kept = LineMemory.__init__, {}
    monkeypatch.setattr(LineMemory, "__init__", make)


def no_left_neighbour(monkeypatch):
    def pixel(self, x, column):
        self.row[:, column] = 0
        return genuine(self, x, column)

    genuine = LineMemory.pixel
    monkeypatch.setattr(LineMemory, "pixel", pixel)


def left_two_rows_down(monkeypatch):
    def pixel(self, x, column):
        above, self.left.states = self.left.states, self.left.states[::-1]
        if column == self.columns - 1:
            self.left.states = above
        y = genuine(self, x, column)
        self.left.states = above
        return y

    genuine = DiagonalMemory.pixel
    monkeypatch.setattr(DiagonalMemory, "pixel", pixel)


def left_not_mirrored(monkeypatch):
    def pixel(self, x, column):
        mirror_image = self.left.states[-1, 0, :, column + 1] - self.left.states[-1, 0, :, self.columns - column]
        return genuine(self, x, column) + mirror_image

    genuine = DiagonalMemory.pixel
    monkeypatch.setattr(DiagonalMemory, "pixel", pixel)


def nothing_beyond_the_edge(monkeypatch):
    def make(self, line, place, n, rows, columns):
        genuine(self, line, place, n, rows, columns)
        self.beyond = iter([0.0] * rows)

    genuine = LineMemory.__init__
    monkeypatch.setattr(LineMemory, "__init__", make)


def no_spare_column(monkeypatch):
    def scan(self, *args):
        self.spare_columns = 0
        return genuine(self, *args)

    genuine = PixelRNN.scan
    monkeypatch.setattr(PixelRNN, "scan", scan)


@pytest.mark.ledger("C-PAR")
@pytest.mark.equation("7.17")
@pytest.mark.parametrize(
    ("kind", "plant"),
    [
        *((kind, plant) for kind in ("row", "diagonal") for plant in (other_states, another_cell, rows_not_told_apart)),
        *((kind, kept_from_scan_to_scan) for kind in ("row", "diagonal")),
        ("row", no_left_neighbour),
        *(("diagonal", plant) for plant in (left_two_rows_down, left_not_mirrored)),
        *(("diagonal", plant) for plant in (nothing_beyond_the_edge, no_spare_column)),
    ],
)
def test_what_is_remembered_wrongly_shows(kind, plant, rng, monkeypatch):
    model = small(rng, (1, 4, 5), kind)
    plain, cached, x = both(model, 2, rng)
    np.testing.assert_allclose(cached, plain, atol=1e-12)
    plant(monkeypatch)
    values = x.reshape(2, -1).T
    conditionals(model.scan(2), values)
    assert np.abs(conditionals(model.scan(2), values) - plain).max() > 1e-3


counted = test_cache.counted  # the fixture


@pytest.mark.ledger("C-PAR")
@pytest.mark.equation("7.18")
@pytest.mark.parametrize(("shape", "levels", "layers"), [((1, 3, 5), 2, 1), ((1, 5, 4), 3, 2)])
@KINDS
def test_the_multiplications_are_as_many_as_foretold(kind, shape, levels, layers, counted, rng):
    model, n = PixelRNN(shape, levels, kind, 3, layers, rng).to("strict"), 2
    values = [backend.to_device(v, "strict") for v in np.zeros((model.size, n), np.float32)]
    counts = []
    for scan in (Autoregressive.scan, PixelRNN.scan):
        counted.clear()
        steps = scan(model, n)
        for sent in (None, *values[:-1]):
            steps.send(sent)
        with pytest.raises(StopIteration):
            steps.send(values[-1])
        counts.append(sum(counted))
    assert tuple(counts) == multiplications(model, n)


@pytest.mark.equation("7.18")
@KINDS
def test_the_saving_is_the_number_of_pixels(kind):
    plain, cached = multiplications(PixelRNN(kind=kind, hidden=4, layers=2))
    assert plain == 784 * cached


# ----------------------------------------------------------------------------------------------------------- in use
@KINDS
@pytest.mark.parametrize("layers", [0, 1])
def test_new_layers_change_nothing_until_they_learn(kind, layers, rng):
    """Twin: the second model has all its layers from the beginning, with the same weights."""
    shape, x = (1, 5, 4), (rng.random((6, 1, 5, 4)) < 0.5).astype(np.float32)
    model, twin = (PixelRNN(shape, 2, kind, 3, n, np.random.default_rng(1)) for n in (layers, layers + 2))
    before = model.log_prob(x).numpy()
    model.grow(2, rng)
    assert [value.shape for value in model.parameters()] == [value.shape for value in twin.parameters()]
    np.testing.assert_array_equal(model.log_prob(x).numpy(), before)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(2):  # at first only the zeros feel a slope; then what is behind them as well
        model.zero_grad()
        model.loss(x, rng)[0].backward()
        optimizer.step()
    assert all(np.abs(value.grad.numpy()).max() > 0 for value in model.parameters())
    assert model.log_prob(x).numpy().mean() > before.mean()
    twin.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(twin.log_prob(x).numpy(), model.log_prob(x).numpy())


@KINDS
def test_new_layers_are_where_the_others_are(kind, rng, device):
    model = small(rng, (1, 5, 4), kind, layers=1).to(device)
    x = backend.to_device((rng.random((3, 1, 5, 4)) < 0.5).astype(float), device)
    before = model.log_prob(x).numpy()
    model.grow(1, rng)
    np.testing.assert_array_equal(model.log_prob(x).numpy(), before)
    assert {str(p.dtype) for p in model.parameters()} == {"float64"}
    assert {backend.device_of(p.data) for p in model.parameters()} == {device}


@KINDS
def test_one_loss_on_every_device_and_in_float32(kind, rng, device):
    x = (rng.random((3, 1, 5, 4)) < 0.5).astype(np.float32)
    here, there = (PixelRNN((1, 5, 4), 2, kind, 3, 2, np.random.default_rng(1)) for _ in range(2))
    expected, _ = here.loss(x, rng)
    expected.backward()
    loss, _ = there.to(device).loss(backend.to_device(x, device), rng)
    loss.backward()
    assert loss.dtype == np.float32
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-6)
    for (name, mine), theirs in zip(here.named_parameters(), there.parameters()):
        assert theirs.grad.dtype == np.float32, name
        np.testing.assert_allclose(theirs.grad.numpy(), mine.grad.numpy(), rtol=1e-4, atol=1e-6, err_msg=name)


@KINDS
def test_sampling_and_completing(kind, rng, device):
    model = PixelRNN((1, 3, 2), 4, kind, 2, 1, rng).to(device)
    drawn = backend.to_host(model.sample(5, np.random.default_rng(3)))
    assert drawn.shape == (5, 1, 3, 2)
    assert set(np.unique(drawn)) <= {0.0, 1.0, 2.0, 3.0}
    known = np.zeros((1, 3, 2), bool)
    known[:, :2] = True
    x = backend.to_device(drawn, device)
    completed = backend.to_host(model.complete(x, backend.to_device(known, device), np.random.default_rng(4)))
    np.testing.assert_array_equal(completed[:, :, :2], drawn[:, :, :2])


@KINDS
def test_a_few_steps_learn_two_images(kind, rng):
    x = np.repeat((rng.random((2, 1, 6, 5)) < 0.5).astype(np.float32), 8, axis=0)
    model = PixelRNN((1, 6, 5), 2, kind, 8, 1, rng)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        loss, _ = model.loss(x, rng)
        loss.backward()
        optimizer.step()
    assert np.log(2) <= loss.item() < 1.5  # which of the two it is costs ln 2, the rest nothing


def test_what_it_cannot_be_is_named(rng):
    with pytest.raises(ValueError, match="PixelRNN: kind is 'columns', expected 'row' or 'diagonal'"):
        PixelRNN((1, 4, 4), kind="columns")
    with pytest.raises(ValueError, match=r"PixelRNN: expected a shape \(1, height, width\), got \(3, 4, 4\); make"):
        PixelRNN((3, 4, 4))
    with pytest.raises(ValueError, match=r"PixelRNN: expected images \(N, 1, 4, 4\), got \(2, 1, 4, 5\)"):
        PixelRNN((1, 4, 4), hidden=2, layers=1, rng=rng).log_prob(np.zeros((2, 1, 4, 5)))
