"""Known mistakes of other people's PixelCNNs, planted in ours: each is caught by a proof that ours passes."""

import copy
import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.models.autoregressive import GatedPixelCNN, PixelCNN
from scratchgen.models.autoregressive.cache import masked_layers, on_images
from scratchgen.models.autoregressive.pixelcnn import ResidualBlock

from ..models.autoregressive.proofs import dependencies, randomized, total_probability

both_models = pytest.mark.parametrize("kind", [PixelCNN, GatedPixelCNN])


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def sound(kind, rng):
    """A model that is right, in float64, and not too sure of anything."""
    return randomized(kind((1, 3, 3), 2, 24, 2, rng=rng), rng, 0.1)


def faults(model, rng):
    """How often a conditional depends on what it must not know, and how often it does not on what it may."""
    found, right = dependencies(model, rng), np.tri(len(model.order), k=-1, dtype=bool)
    return int((found & ~right).sum()), int((right & ~found).sum())


def with_taps(model, keep):
    """The model with other masks: those of the taps that `keep(layer, row, column)`, centre at (0, 0), lets through."""
    model = copy.deepcopy(model)
    for layer in masked_layers(model):
        down, right = layer.padding
        taps = np.ndindex(layer.weight.shape[2:])
        layer.taps = tuple((u, v) for u, v in taps if keep(layer, u - down, v - right))
    return model


def is_seen(layer, row, column):
    """The rule that ours follow: for pixels, or rows, before its own, and type B for its own."""
    here, centre = (row, 0) if layer.vertical else ((row, column), (0, 0))
    return here < centre or (here == centre and layer.mask_type == "B")


@both_models
def test_ours_have_no_faults(kind, rng):
    model = sound(kind, rng)
    assert faults(model, rng) == (0, 0)
    assert faults(with_taps(model, is_seen), rng) == (0, 0)  # the planting itself plants nothing
    assert total_probability(model) == pytest.approx(1, abs=1e-10)


@both_models
@pytest.mark.ledger("B19", "C-CAUSAL")
def test_b19_mask_a_in_every_layer_sees_too_little(kind, rng):
    """Already the 1×1 layers then see nothing; and with these spared, each layer still loses a pixel or a row."""

    def a_everywhere(layer, row, column):
        return (row < 0) if layer.vertical else (row, column) < (0, 0)

    leaks, losses = faults(with_taps(sound(kind, rng), a_everywhere), rng)
    assert leaks == 0
    assert losses > 0


@pytest.mark.ledger("B19", "C-CAUSAL")
def test_b19_is_hidden_by_the_skip_but_not_by_the_vertical_stack(rng):
    """Spare the 1×1 layers: a skip connection carries the pixel past the wrong mask, and only the vertical stack, which
    has none, forgets the row above. So the dependency matrix catches it in one model and not in the other."""

    def a_beyond_1x1(layer, row, column):
        if layer.weight.shape[2:] == (1, 1):
            return True
        return (row < 0) if layer.vertical else (row, column) < (0, 0)

    assert faults(with_taps(sound(PixelCNN, rng), a_beyond_1x1), rng) == (0, 0)
    assert faults(with_taps(sound(GatedPixelCNN, rng), a_beyond_1x1), rng)[1] > 0


@both_models
@pytest.mark.ledger("C-CAUSAL", "C-NORM")
def test_mask_b_in_the_first_layer_leaks_the_pixel_itself(kind, rng):
    """And then the numbers do not add up to one: no likelihood at all."""
    model = with_taps(
        sound(kind, rng), lambda layer, row, column: is_seen(layer, row, column) or (row, column) == (0, 0)
    )
    assert faults(model, rng)[0] >= 9
    assert abs(total_probability(model) - 1) > 1e-3


@both_models
@pytest.mark.ledger("B12")
def test_b12_a_whole_centre_row_masked_forgets_the_left(kind, rng):
    """Its masks have (k² − k)/2 taps, and not (k² ± 1)/2."""

    def above_only(layer, row, column):
        return is_seen(layer, row, column) and (row < 0 or layer.vertical or layer.weight.shape[2:] == (1, 1))

    model = sound(kind, rng)
    for layer in masked_layers(model):
        height, width = layer.weight.shape[2:]
        if not layer.vertical and height == width:
            assert 2 * len(layer.taps) == height**2 + (1 if layer.mask_type == "B" else -1)
    leaks, losses = faults(with_taps(model, above_only), rng)
    assert leaks == 0
    assert losses >= 6  # every left neighbour


@both_models
@pytest.mark.ledger("B13")
def test_b13_a_mask_on_1x1_layers_of_grey_images_stops_everything(kind, rng):
    """Type A has no tap left there."""

    def masked_1x1(layer, row, column):
        return is_seen(layer, row, column) and layer.weight.shape[2:] != (1, 1)

    model = sound(kind, rng)
    assert all(layer.mask is None for layer in masked_layers(model))
    assert faults(with_taps(model, masked_1x1), rng)[1] == 36


@pytest.mark.ledger("B15")
def test_b15_a_horizontal_stack_that_masks_the_left_sees_the_future(rng):
    """What a published comment says, done: in its own row a pixel then sees what is to the right."""

    def right(layer, row, column):
        return is_seen(layer, row, -column if layer.weight.shape[2] < layer.weight.shape[3] else column)

    leaks, losses = faults(with_taps(sound(GatedPixelCNN, rng), right), rng)
    assert leaks == losses == 9  # three rows, each with three pairs of pixels


@both_models
@pytest.mark.ledger("B20")
def test_b20_padding_at_the_top_and_left_is_no_mask(kind, rng):
    """A kernel whose last tap is the pixel never looks to the upper right."""

    def upper_left(layer, row, column):
        return is_seen(layer, row, column) and column <= 0

    leaks, losses = faults(with_taps(sound(kind, rng), upper_left), rng)
    assert leaks == 0
    assert losses == 9  # three pairs of rows, each with three pixels to the right of another in a row above


def growth(model, rng):
    """The mean square of the features behind the residual blocks, over that before them."""
    h = rng.standard_normal((4, 64, 20, 20))
    before = (h**2).mean()
    for block in model.blocks:
        h = block(h, on_images).data
    return (h**2).mean() / before


@pytest.mark.equation("6.1", "6.2")
@pytest.mark.ledger("B10")
def test_b10_a_residual_that_is_added_twice_grows_without_end(rng, monkeypatch):
    """Once: less than e-fold in all, with however many blocks. Twice: h doubles in each, its square 4¹⁵-fold."""
    with sg.no_grad():
        for blocks in (1, 4, 15):
            model = PixelCNN((1, 20, 20), channels=64, blocks=blocks, rng=rng, dtype=np.float64)
            bound = (1 + 1 / blocks) ** blocks
            assert 1 < growth(model, rng) < 1.1 * bound < 1.1 * math.e
        once = ResidualBlock.forward
        monkeypatch.setattr(ResidualBlock, "forward", lambda self, h, run: h + once(self, h, run))
        assert growth(model, rng) > 4**15
