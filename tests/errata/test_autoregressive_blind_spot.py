"""C-BLIND: S0, lines 303–304. The blind spot costs all that a blind pixel alone knows, and two stacks lose nothing."""

import math

import numpy as np
import pytest

from demos.blind_spot import COIN, COPY, SIDE, blinded, learn_planted, pixel_by_pixel, planted, with_small_kernels
from scratchgen.evaluation import cone, receptive_field, window
from scratchgen.models.autoregressive import GatedPixelCNN, PixelCNN

from ..models.autoregressive.proofs import randomized


def test_the_coin_is_the_pixel_before_its_copy_and_blind_for_it():
    """In raster order nothing lies between the two. Blind even with the published first layer of 7×7."""
    assert np.ravel_multi_index(COPY, (SIDE, SIDE)) == np.ravel_multi_index(COIN, (SIDE, SIDE)) + 1
    assert not cone((SIDE, SIDE), COPY, 7, 3)[COIN]
    assert window((SIDE, SIDE), COPY, 7, 3, layers=3)[COIN]
    empty, full = planted()[:, 0]
    assert empty.sum() == 0
    assert [tuple(p) for p in np.argwhere(full)] == [COIN, COPY]


def pairs(n, rng):
    """Any pictures, each of them twice: with 0 and with 1 at the coin and at its copy."""
    x = np.repeat(rng.integers(2, size=(n, 1, SIDE, SIDE)), 2, axis=0)
    x[:, 0, *COIN] = x[:, 0, *COPY] = np.arange(2 * n) % 2
    return x.astype(float)


@pytest.mark.equation("5.8")
@pytest.mark.ledger("C-BLIND")
def test_no_weights_bring_a_blind_model_below_ln_2():
    """Not on the average of pairs, whatever the other pixels are; equal where p̂ = ½. And some weights of a model that
    sees are below."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        model = PixelCNN((1, SIDE, SIDE), 2, 4, 3, rng=rng)
        scale = rng.uniform(0, 0.7)
        assert pixel_by_pixel(randomized(model, rng, scale), pairs(10, rng))[COPY] >= math.log(2) * (1 - 1e-12)
    for parameter in model.parameters():
        parameter.data[...] = 0
    assert pixel_by_pixel(model, pairs(10, rng))[COPY] == pytest.approx(math.log(2), rel=1e-12)
    one_stack = blinded(GatedPixelCNN((1, SIDE, SIDE), 2, 4, 3, rng=rng))
    for _ in range(20):
        assert pixel_by_pixel(randomized(one_stack, rng), pairs(10, rng))[COPY] >= math.log(2) * (1 - 1e-12)


@pytest.mark.equation("5.8")
@pytest.mark.ledger("C-BLIND")
def test_pixel_cnn_loses_ln_2_at_the_planted_pixel_and_gated_pixel_cnn_nothing():
    one, two = (learn_planted(model_class, 150, seed=0) for model_class in (PixelCNN, GatedPixelCNN))
    assert math.log(2) - 1e-6 <= one[COPY] < math.log(2) + 0.01
    assert two[COPY] < 0.01
    # The coin itself costs both of them one bit, everything else nothing.
    rest = np.ones((SIDE, SIDE), bool)
    rest[COIN] = rest[COPY] = False
    for left in (one, two):
        assert left[COIN] == pytest.approx(math.log(2), abs=0.01)
        assert left[rest].sum() < 0.03


@pytest.mark.ledger("C-BLIND")
def test_taking_the_right_taps_of_the_vertical_stack_away_gives_the_blind_spot_back():
    """The demo's control: it sees exactly what the theorem grants to masked convolutions."""
    rng = np.random.default_rng(7)
    for small, first in ((False, 7), (True, 3)):
        model = GatedPixelCNN((1, 9, 9), 2, 8, 6, rng=rng, dtype=np.float64)
        control = blinded(with_small_kernels(model, rng) if small else model)
        for position in ((4, 4), (8, 0), (2, 7)):
            seen = receptive_field(randomized(control, rng, 0.1), (0, *position), rng)[0] > 0
            np.testing.assert_array_equal(seen, cone((9, 9), position, first, 3, 6))


def test_when_its_eyes_are_opened_a_blinded_network_begins_as_the_network_it_was():
    """So the two halves of the demo's comparison start equal; and the opened one can then learn to look right."""
    rng = np.random.default_rng(3)
    closed = blinded(randomized(GatedPixelCNN((1, 6, 6), 2, 4, 2, rng=rng), rng))
    opened = GatedPixelCNN((1, 6, 6), 2, 4, 2, rng=rng, dtype=np.float64)
    opened.load_state_dict(closed.state_dict())
    x = pairs(3, rng)
    np.testing.assert_allclose(opened.logits(x).numpy(), closed.logits(x).numpy(), rtol=1e-12)
    for model, grows in ((closed, False), (opened, True)):
        model.loss(x, rng)[0].backward()
        assert all((layer.vertical.weight.grad.numpy()[:, :, 1, 2] != 0).any() == grows for layer in model.layers)
    assert opened.live_parameters - closed.live_parameters == 2 * 4 * 8
