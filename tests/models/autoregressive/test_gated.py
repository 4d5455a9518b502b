"""Gated PixelCNN: a distribution for every class, causal and complete, and what it draws is what it claims."""

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import backend, optim
from scratchgen.models.autoregressive import GatedPixelCNN
from scratchgen.models.autoregressive.cache import masked_layers

from .proofs import chi_square, dependencies, flips, randomized, total_probability
from .test_pixelcnn import along_a_line, smallest_read

each_shape = pytest.mark.parametrize(
    ("shape", "levels", "classes"),
    [((1, 3, 3), 2, None), ((1, 4, 3), 2, 3), ((1, 2, 2), 4, 2), ((3, 1, 2), 2, None), ((3, 2, 1), 2, 2)],
    ids=["3×3", "4×3, classes", "4 levels, classes", "colours", "colours, classes"],
)


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def small(shape, levels, classes, rng):
    return randomized(GatedPixelCNN(shape, levels, 12, 2, classes, rng=rng), rng, 0.2)


@pytest.mark.ledger("C-NORM")
@each_shape
def test_probabilities_add_up_to_one_for_each_class(shape, levels, classes, rng):
    model = small(shape, levels, classes, rng)
    for label in [None] if classes is None else range(classes):
        assert total_probability(model, label) == pytest.approx(1, abs=1e-10)


@pytest.mark.equation("6.6", "6.7")
@pytest.mark.ledger("C-CAUSAL")
@each_shape
def test_every_element_depends_on_all_earlier_ones_and_no_later_one(shape, levels, classes, rng):
    model = small(shape, levels, classes, rng)
    found = dependencies(model, rng, None if classes is None else 1)
    np.testing.assert_array_equal(found, np.tri(len(model.order), k=-1, dtype=bool))


@pytest.mark.ledger("C-NORM", "C-CAUSAL")
@each_shape
def test_one_that_knows_where_it_is_is_a_distribution_too(shape, levels, classes, rng):
    """Eq. 6.17: and causal, with more parameters and the same slopes along a line."""
    model = randomized(GatedPixelCNN(shape, levels, 12, 2, classes, rng=rng, positions=True), rng, 0.2)
    label = None if classes is None else 1
    assert total_probability(model, label) == pytest.approx(1, abs=1e-10)
    found = dependencies(model, rng, label)
    np.testing.assert_array_equal(found, np.tri(len(model.order), k=-1, dtype=bool))
    without = GatedPixelCNN(shape, levels, 12, 2, classes, rng=rng)
    assert model.live_parameters - without.live_parameters == 12 * sum(shape[1:])
    x = rng.integers(levels, size=(3, *shape))
    y = None if classes is None else rng.integers(classes, size=3)
    by_walk, by_difference = along_a_line(model, lambda: -model.log_prob(x, y).mean(), rng)
    assert by_walk == pytest.approx(by_difference, rel=1e-6)
    assert np.abs(model.positions.row.grad.numpy()).max() > 0


@pytest.mark.equation("6.6")
@pytest.mark.ledger("C-CAUSAL", "C-BLIND")
def test_no_pixel_of_a_larger_image_is_blind(rng):
    """5 × 9 pixels are more than the first layer's 7 × 7 reach; a few layers later everything is seen."""
    model = randomized(GatedPixelCNN((1, 5, 9), channels=6, layers=6, rng=rng), rng, 0.2)
    np.testing.assert_array_equal(flips(model, rng), np.tri(45, k=-1, dtype=bool))


@pytest.mark.parametrize(("shape", "levels", "label"), [((1, 2, 3), 2, None), ((1, 2, 3), 2, 1), ((2, 1, 2), 2, None)])
def test_samples_have_the_claimed_frequencies(shape, levels, label, rng):
    classes = None if label is None else 2
    model = randomized(GatedPixelCNN(shape, levels, 6, 2, classes, rng=rng), rng, 0.3)
    assert chi_square(model, 20_000, rng, label) > 1e-3


@pytest.mark.ledger("B2")
def test_knowing_nothing_costs_784_bits(device, rng):
    model = GatedPixelCNN(channels=4, layers=1, classes=10, rng=rng).to(device)
    for parameter in model.parameters():
        parameter.data[...] = 0
    x, y = (backend.to_device(a, device) for a in (rng.integers(2, size=(3, 1, 28, 28)), np.array([0, 9, 4])))
    with sg.no_grad():
        found = model.log_prob(x, y)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.numpy(), -784 * math.log(2), rtol=1e-5)


@pytest.mark.equation("6.8")
def test_classes_make_a_difference(rng):
    model = GatedPixelCNN((1, 3, 3), channels=6, layers=2, classes=3, rng=rng)
    x = np.repeat(rng.integers(2, size=(1, 1, 3, 3)), 3, axis=0)
    y = np.array([0, 1, 2])
    before = model.log_prob(x, y).numpy()
    np.testing.assert_allclose(before, before[0], rtol=1e-6)  # labels begin without influence
    model = randomized(model, rng)
    assert np.ptp(model.log_prob(x, y).numpy()) > 1e-2


@pytest.mark.parametrize("head", ["hidden", "last"])
def test_the_head_reads_what_relus_let_through(head, rng):
    model = small((1, 3, 3), 2, None, rng)
    assert smallest_read(model, head, rng) == 0


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8)])
def test_live_parameters_are_those_with_a_gradient(shape, rng):
    model = GatedPixelCNN(shape, channels=6, layers=2, classes=2, rng=rng, dtype=np.float64)
    model.hidden.bias.data += 9  # no ReLU of the head is off
    model.hidden.weight.data *= 0.1
    for name, p in model.named_parameters():
        if name == "first.bias":
            p.data += 9
    loss, _ = model.loss(rng.integers(2, size=(4, *shape)), np.array([0, 1, 0, 1]), None)
    loss.backward()
    with_gradient = sum(int((p.grad.numpy() != 0).sum()) for p in model.parameters())
    # The vertical half of the last layer ends in features that nobody reads: only its part before the link counts.
    unread = model.layers[-1].label.weight.size // 2
    assert model.live_parameters == with_gradient + unread
    assert model.live_parameters < sum(p.size for p in model.parameters())
    assert all(layer.live < layer.weight.size for layer in masked_layers(model) if layer.weight.shape[2] > 1)


def test_it_learns_the_classes(device, rng):
    """Images that are all 0 or all 1, as their label says: nothing is left to be uncertain of."""
    model = GatedPixelCNN((1, 3, 3), channels=6, layers=1, classes=2, rng=rng).to(device)
    labels = rng.integers(2, size=32)
    x = backend.to_device(np.broadcast_to(labels[:, None, None, None], (32, 1, 3, 3)).astype(np.float32), device)
    y = backend.to_device(labels, device)
    optimizer = optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(50):
        optimizer.zero_grad()
        loss, _ = model.loss(x, y, None)
        loss.backward()
        optimizer.step()
    assert loss.dtype == np.float32
    assert loss.item() < 0.3
    drawn = backend.to_host(model.sample(32, rng, y))
    assert np.mean(drawn == labels[:, None, None, None]) > 0.95


@pytest.mark.parametrize(("shape", "classes"), [((1, 3, 3), 2), ((3, 2, 2), None)])
def test_gradients(shape, classes, rng):
    """Those of the parameters, all at once: along a random direction."""
    model = randomized(GatedPixelCNN(shape, channels=3, layers=2, classes=classes, rng=rng), rng, 0.2)
    x, y = rng.random((2, *shape)), None if classes is None else np.array([1, 0])
    assert sg.gradcheck(lambda x: model.logits(x, y), x)
    g = rng.standard_normal((2, *shape))
    by_walk, by_difference = along_a_line(model, lambda: (model.logits(x, y) * g).sum(), rng)
    assert by_walk == pytest.approx(by_difference, rel=1e-6)


def test_bad_input(rng):
    with pytest.raises(ValueError, match=r"GatedPixelCNN: expected a shape \(colours, height, width\), got \(784,\)"):
        GatedPixelCNN((784,))
    with pytest.raises(ValueError, match="a multiple of 3 channels \\(the colours\\), got 32"):
        GatedPixelCNN((3, 8, 8))
    model = GatedPixelCNN((1, 4, 4), channels=4, layers=1, classes=10, rng=rng)
    x = np.zeros((2, 1, 4, 4))
    with pytest.raises(ValueError, match="a condition of 2 integers 0 … 9"):
        model.log_prob(x)
    with pytest.raises(ValueError, match="a condition of 2 integers 0 … 9"):
        model.sample(2, rng, np.array([0, 10]))
