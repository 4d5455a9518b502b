"""The cached scan gives the same conditionals, and so the same images, as one whole pass for each element."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import backend
from scratchgen.autograd.engine import mode
from scratchgen.models.autoregressive import Autoregressive, GatedPixelCNN, PixelCNN, cache, orders
from scratchgen.models.autoregressive.cache import multiplications

from ...strict_array import StrictArray
from .proofs import randomized

MODELS = {
    "PixelCNN": lambda rng: PixelCNN((1, 7, 6), channels=6, blocks=3, rng=rng),
    "PixelCNN, 7×7": lambda rng: PixelCNN((1, 9, 8), channels=6, blocks=2, rng=rng, kernel=7),
    "PixelCNN, 5 levels": lambda rng: PixelCNN((1, 5, 4), 5, channels=6, blocks=1, rng=rng),
    "PixelCNN, 3 colours": lambda rng: PixelCNN((3, 3, 4), 4, channels=12, blocks=2, rng=rng),
    "PixelCNN, positions": lambda rng: PixelCNN((1, 6, 7), channels=6, blocks=2, rng=rng, kernel=5, positions=True),
    "PixelCNN, 3 colours, positions": lambda rng: PixelCNN((3, 4, 3), channels=6, blocks=1, rng=rng, positions=True),
    "Gated": lambda rng: GatedPixelCNN((1, 7, 6), channels=4, layers=3, rng=rng),
    "Gated, positions": lambda rng: GatedPixelCNN((1, 5, 6), channels=4, layers=2, rng=rng, positions=True),
    "Gated, classes": lambda rng: GatedPixelCNN((1, 4, 5), 3, channels=4, layers=2, classes=4, rng=rng),
    "Gated, 3 colours, classes": lambda rng: GatedPixelCNN((3, 4, 3), channels=6, layers=2, classes=4, rng=rng),
}
each_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def labels(model, n, device="cpu"):
    return None if model.classes is None else backend.to_device(np.arange(n) % model.classes, device)


def conditionals(scan, values):
    """The logits that a scan gives while it is sent `values` (elements, n)."""
    logits, found = scan.send(None), []
    for sent in values[:-1]:
        found.append(backend.to_host(logits).copy())
        logits = scan.send(sent)
    return np.array([*found, backend.to_host(logits)])


def both(model, n, rng, device="cpu"):
    """The logits of the plain scan and those of the cached one, sent the same random levels; and these, as images."""
    values = rng.integers(model.levels, size=(len(model.order), n)).astype(model.like.dtype)
    x = np.empty((n, len(model.order)))
    x[:, model.order] = values.T
    sent = [backend.to_device(v, device) for v in values]
    condition = labels(model, n, device)
    plain = conditionals(Autoregressive.scan(model, n, condition), sent)
    return plain, conditionals(model.scan(n, condition), sent), x.reshape(n, *model.shape)


@pytest.mark.equation("6.10")
@pytest.mark.ledger("C-PAR")
@each_model
def test_its_logits_are_those_of_the_plain_scan(name, device, rng):
    model = randomized(MODELS[name](rng), rng).to(device)
    plain, cached, _ = both(model, 3, rng, device)
    assert cached.dtype == np.float64
    assert cached.shape == plain.shape
    np.testing.assert_allclose(cached, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.ledger("C-PAR")
@each_model
def test_its_log_probabilities_in_single_precision(name, rng):
    model = MODELS[name](rng)
    plain, cached, x = both(model, 3, rng)
    assert cached.dtype == np.float32
    np.testing.assert_allclose(cached, plain, rtol=1e-5, atol=1e-5)
    with sg.no_grad():
        expected = model.log_prob(x, labels(model, 3)).numpy()
    np.testing.assert_allclose(log_prob(model, cached, x), expected, rtol=1e-5)


@each_model
def test_the_conditionals_of_a_scan_make_up_log_prob(name, rng):
    model = randomized(MODELS[name](rng), rng)
    _, cached, x = both(model, 3, rng)
    with sg.no_grad():
        expected = model.log_prob(x, labels(model, 3)).numpy()
    np.testing.assert_allclose(log_prob(model, cached, x), expected, rtol=1e-12)


def log_prob(model, logits, x):
    """Σₖ ln p(xₖ), from the logits (elements, n) or (elements, n, levels) of a scan."""
    if model.levels == 2:
        logits = np.stack([np.zeros_like(logits), logits], -1)
    logs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    values = x.reshape(len(x), -1)[:, model.order].T.astype(int)
    return np.take_along_axis(logs, values[:, :, None], 2).sum(axis=(0, 2))


@pytest.mark.ledger("C-PAR")
@each_model
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_uniforms_give_the_same_images(name, dtype, device, rng, monkeypatch):
    model = randomized(MODELS[name](rng), rng, 0.2).astype(dtype).to(device)
    condition = labels(model, 5, device)
    x = backend.to_device(rng.integers(model.levels, size=(5, *model.shape)), device)
    known = backend.to_device(rng.random(x.shape) < 0.4, device)

    def images():
        drawn = model.sample(5, np.random.default_rng(1), condition)
        completed = model.complete(x, known, np.random.default_rng(2), condition)
        assert drawn.dtype == completed.dtype == dtype
        return [backend.to_host(a).copy() for a in (drawn, completed)]

    cached = images()
    for way in ("scan", "waves"):
        monkeypatch.setattr(type(model), way, getattr(Autoregressive, way))
    plain = images()
    np.testing.assert_array_equal(cached, plain)
    assert 0 < cached[0].mean() < model.levels - 1
    kept = backend.to_host(known)
    np.testing.assert_array_equal(cached[1][kept], backend.to_host(x)[kept])


@pytest.mark.ledger("C-PAR")
@pytest.mark.parametrize("make", [PixelCNN, functools.partial(GatedPixelCNN, layers=2)])
def test_whole_digits_are_drawn_the_same(make, rng, monkeypatch):
    model = randomized(make((1, 28, 28), channels=32, rng=rng), rng, 0.02).astype(np.float32)
    cached = model.sample(2, np.random.default_rng(1))
    assert 100 < cached.sum() < 2 * 784 - 100  # neither white nor black: there is something to be wrong about
    for way in ("scan", "waves"):
        monkeypatch.setattr(type(model), way, getattr(Autoregressive, way))
    np.testing.assert_array_equal(cached, model.sample(2, np.random.default_rng(1)))


# ---------------------------------------------------------------------------------------------- several rows at once
def logits_of_waves(model, x, condition):
    """What the waves say while they run over images that are there already, and how often each element had its turn."""
    flat = x.reshape(len(x), model.size)
    found, turns = {}, np.zeros(model.size, int)
    for these, logits in model.waves(flat, condition):
        logits = backend.to_host(logits)
        found |= dict(zip(range(model.size)[these], np.moveaxis(logits, 1, 0)))
        turns[these] += 1
        assert logits.shape[:2] == flat[:, these].shape
    return np.stack([found[k] for k in range(model.size)], 1), turns


@pytest.mark.equation("6.13")
@pytest.mark.ledger("C-PAR")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_model
def test_the_logits_of_waves_are_those_of_a_pass(name, dtype, device, rng):
    model = randomized(MODELS[name](rng), rng).astype(dtype).to(device)
    x, condition = rng.integers(model.levels, size=(3, *model.shape)).astype(dtype), labels(model, 3, device)
    x = backend.to_device(x, device)
    found, turns = logits_of_waves(model, x, condition)
    with sg.no_grad():
        expected = model.logits(model.scaled(x), condition).numpy()
    if model.levels > 2:
        expected = np.moveaxis(expected, 1, -1).reshape(3, model.size, model.levels)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=tolerance, atol=tolerance)
    assert (turns == 1).all()
    assert found.dtype == dtype


def test_classes_are_asked_for_whichever_way_is_taken(rng):
    """Without them the numbers would be of no p(x | y)."""
    ways = {
        "logits": lambda model, condition: model.logits(np.zeros((3, *model.shape)), condition),
        "scan": lambda model, condition: next(model.scan(3, condition)),
        "waves": lambda model, condition: next(model.waves(np.zeros((3, model.size)), condition)),
    }
    for way in ways.values():
        for wrong in (None, np.array([0, 1]), np.array([0, 1, -1]), np.array([0.0, 1.0, 1.0]), [0, 1, 1]):
            with pytest.raises(ValueError, match="expected a condition of 3 integers 0 … 3, the classes"):
                way(MODELS["Gated, classes"](rng), wrong)


class LeftNeighbour(cache.MaskedNetwork):
    """The smallest network there is: one layer with one tap."""

    def __init__(self, rng):
        super().__init__((1, 3, 7), 2)
        self.first = sg.nn.MaskedConv2d("A", 1, 1, (1, 3), rng=rng, dtype=np.float64)

    def along_row(self, x, above, run):
        return run(self.first, x)


@pytest.mark.equation("6.13")
def test_waves_of_a_network_with_a_single_tap(rng):
    model, x = LeftNeighbour(rng), rng.integers(2, size=(2, 1, 3, 7)).astype(float)
    found, _ = logits_of_waves(model, x, None)
    with sg.no_grad():
        np.testing.assert_allclose(found, model.logits(x).numpy().reshape(2, 21), rtol=1e-12, atol=1e-12)


@pytest.mark.equation("6.13")
@given(height=st.integers(1, 7), width=st.integers(1, 9), lag=st.integers(1, 11))
def test_a_wave_comes_to_every_pixel_once(height, width, lag):
    time = np.full(height * width, -1)
    for t, rows in orders.fronts(height, width, lag):
        these = orders.spaced(t, rows, width, lag)
        assert (time[these] == -1).all()
        assert [*range(height * width)[these]] == [r * width + t - lag * r for r in rows]
        time[these] = t
    i, j = np.divmod(np.arange(height * width), width)
    np.testing.assert_array_equal(time, j + lag * i)


@pytest.mark.equation("6.13")
@pytest.mark.parametrize(("shape", "steps"), [((1, 28, 28), 28 + 4 * 27), ((1, 3, 9), 9 + 4 * 2), ((3, 3, 9), 3 * 17)])
def test_how_many_steps_there_are(shape, steps, rng):
    model = PixelCNN(shape, channels=6, blocks=1, rng=rng)
    assert sum(1 for _ in model.waves(np.zeros((1, model.size), np.float32))) == steps
    gated = GatedPixelCNN(shape, channels=6, layers=1, rng=rng)
    assert sum(1 for _ in gated.waves(np.zeros((1, model.size), np.float32))) == model.size


def too_close(monkeypatch):
    genuine = cache.reach_to_the_right
    monkeypatch.setattr(cache, "reach_to_the_right", lambda layer: genuine(layer) - 1)


def drawn_pixels_forgotten(monkeypatch):
    genuine = cache.FrontMemory.remember

    def remember(self, x, t, rows):
        return genuine(self, 0 * x if len(x) == 1 else x, t, rows)  # one channel: the first layer's input

    monkeypatch.setattr(cache.FrontMemory, "remember", remember)


def no_frame(monkeypatch):
    def make(self, *args):
        genuine(self, *args)
        self.map += 1

    genuine = cache.FrontMemory.__init__
    monkeypatch.setattr(cache.FrontMemory, "__init__", make)


@pytest.mark.equation("6.13")
@pytest.mark.ledger("C-PAR")
@pytest.mark.parametrize("plant", [too_close, drawn_pixels_forgotten, no_frame])
def test_a_wrong_wave_is_noticed(plant, rng, monkeypatch):
    """Rows a column too close, pixels forgotten as soon as they are drawn, a frame that is not zero."""
    model = randomized(PixelCNN((1, 5, 9), channels=6, blocks=2, rng=rng), rng)
    x = rng.integers(2, size=(2, *model.shape)).astype(float)
    right, _ = logits_of_waves(model, x, None)
    plant(monkeypatch)
    wrong, _ = logits_of_waves(model, x, None)
    assert np.abs(wrong - right).max() > 1e-3


@given(
    side=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    levels=st.integers(2, 3),
    colours=st.integers(1, 3),
    gated=st.booleans(),
    n=st.integers(1, 3),
)
def test_images_of_any_size(side, levels, colours, gated, n):
    rng = np.random.default_rng(0)
    shape = (colours, *side)
    model = GatedPixelCNN(shape, levels, 6, 2, rng=rng) if gated else PixelCNN(shape, levels, 6, 2, rng=rng)
    plain, cached, x = both(randomized(model, rng), n, rng)
    np.testing.assert_allclose(cached, plain, rtol=1e-11, atol=1e-11)
    waves, _ = logits_of_waves(model, x, None)
    np.testing.assert_allclose(np.moveaxis(waves, 1, 0)[model.order], plain, rtol=1e-11, atol=1e-11)


def test_two_scans_at_once_and_one_abandoned(rng):
    """A scan keeps what it remembers to itself, and leaves recording on between its steps."""
    model = randomized(PixelCNN((1, 3, 3), channels=6, blocks=1, rng=rng), rng)
    values = rng.integers(2, size=(9, 2)).astype(float)
    alone = conditionals(model.scan(2), values)
    abandoned = model.scan(4)
    abandoned.send(None)
    abandoned.send(np.ones(4))
    first, second, together = model.scan(2), model.scan(2), []
    sent, other = None, None
    for k in range(9):
        together.append(first.send(sent).copy())
        second.send(other)
        sent, other = values[k], 1 - values[k]
        assert mode.tracing
    np.testing.assert_array_equal(together, alone)


@each_model
def test_no_images_at_all(name, rng):
    model = MODELS[name](rng)
    assert model.sample(0, rng, labels(model, 0)).shape == (0, *model.shape)


def test_levels_may_be_sent_as_integers(rng):
    """As the arithmetic coder does."""
    model = randomized(PixelCNN((1, 3, 3), 4, channels=6, blocks=1, rng=rng), rng)
    values = rng.integers(4, size=(9, 2))
    np.testing.assert_array_equal(
        conditionals(model.scan(2), values), conditionals(model.scan(2), values.astype(np.float64))
    )


# ------------------------------------------------------------------------------------------------------- its cost
@pytest.fixture
def counted(monkeypatch):
    """A list that gets the multiplications of every matrix product on the strict device, which all calls pass."""
    products, compute = [], StrictArray.__array_ufunc__

    def watched(self, ufunc, method, *inputs, **options):
        if ufunc is np.matmul:
            (*stack, rows, inner), (*others, _, columns) = (x.shape for x in inputs)
            products.append(math.prod(np.broadcast_shapes(stack, others)) * rows * inner * columns)
        return compute(self, ufunc, method, *inputs, **options)

    monkeypatch.setattr(StrictArray, "__array_ufunc__", watched)
    return products


@pytest.mark.equation("6.11")
@pytest.mark.ledger("C-PAR")
@each_model
def test_the_multiplications_are_as_many_as_foretold(name, counted, rng):
    model, n = MODELS[name](rng).to("strict"), 2
    values = [backend.to_device(v, "strict") for v in np.zeros((len(model.order), n), np.float32)]
    counts = []
    for scan in (Autoregressive.scan, type(model).scan):
        counted.clear()
        conditionals(scan(model, n, labels(model, n, "strict")), values)
        counts.append(sum(counted) / n)
    assert tuple(counts) == multiplications(model)


@pytest.mark.equation("6.12")
def test_the_saving_is_the_number_of_pixels():
    for model in (PixelCNN(channels=4, blocks=1), GatedPixelCNN(channels=4, layers=1)):
        plain, cached = multiplications(model)
        assert plain == 784 * cached
    plain, cached = multiplications(PixelCNN((3, 8, 8), channels=6, blocks=1))
    assert 8 * 8 < plain / cached < 3 * 8 * 8
