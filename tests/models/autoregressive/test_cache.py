"""The cached scan gives the same conditionals, and so the same images, as one whole pass for each element."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import backend
from scratchgen.autograd.engine import mode
from scratchgen.models.autoregressive import Autoregressive, GatedPixelCNN, PixelCNN
from scratchgen.models.autoregressive.cache import multiplications

from ...strict_array import StrictArray
from .proofs import randomized

MODELS = {
    "PixelCNN": lambda rng: PixelCNN((1, 7, 6), channels=6, blocks=3, rng=rng),
    "PixelCNN, 5 levels": lambda rng: PixelCNN((1, 5, 4), 5, channels=6, blocks=1, rng=rng),
    "PixelCNN, 3 colours": lambda rng: PixelCNN((3, 3, 4), 4, channels=12, blocks=2, rng=rng),
    "Gated": lambda rng: GatedPixelCNN((1, 7, 6), channels=4, layers=3, rng=rng),
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
    monkeypatch.setattr(type(model), "scan", Autoregressive.scan)
    plain = images()
    np.testing.assert_array_equal(cached, plain)
    assert 0 < cached[0].mean() < model.levels - 1
    kept = backend.to_host(known)
    np.testing.assert_array_equal(cached[1][kept], backend.to_host(x)[kept])


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
    plain, cached, _ = both(randomized(model, rng), n, rng)
    np.testing.assert_allclose(cached, plain, rtol=1e-11, atol=1e-11)


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
