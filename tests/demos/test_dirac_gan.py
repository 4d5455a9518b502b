"""demos.dirac_gan: in turns, as our GANs are trained."""

import numpy as np
import pytest

from demos import dirac_gan
from scratchgen.models.adversarial import GAN, GradientPenalty
from scratchgen.models.adversarial.dynamics import DIRAC, play, simultaneous, unrolled


@pytest.mark.equation("20.17")
def test_a_gan_that_looks_ahead_goes_where_the_map_in_turns_says():
    """D's step, and K more that G foresees from there."""
    config = dirac_gan.Config()

    def in_turns(state):
        psi = simultaneous(DIRAC, state, config.lr)[1]
        return unrolled(DIRAC, (state[0], psi), config.lr, config.k)[0], psi

    make = dirac_gan.cures(config)["minimax, unrolled with K = 5"]
    found = dirac_gan.cured(make, config, 100, dirac_gan.MOVES["in turns, D first"])
    np.testing.assert_allclose(found, play(in_turns, (1.0, 0.0), 100), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("move", dirac_gan.MOVES.values(), ids=["in turns", "at once"])
@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_with_a_gradient_penalty_g_gets_stuck_at_twice_its_weight(move, weight):
    """∂L_D/∂ψ = θ + 2λ − 2λ|ψ| for ψ < 0 is 0 at θ = −2λ, ψ = 0: a D that says nothing, and a G far from the data.
    Only rounding leads from there to the other side."""

    def make(g, d, sgd):
        return GAN(g, d, "wasserstein", penalty=GradientPenalty(weight))

    theta, psi = dirac_gan.cured(make, dirac_gan.Config(), 400, move)[60:].T
    stuck = (abs(abs(theta) / (2 * weight) - 1) < 0.02) & (abs(psi) < 0.02)
    assert stuck.mean() > 0.5
    assert abs(theta[abs(psi) < 0.02]).min() > 1.9 * weight  # and nowhere else has D so little to say


@pytest.mark.equation("20.18")
@pytest.mark.parametrize("lr", [0.05, 0.3])
def test_it_tells_how_the_game_in_turns_arrives(lr):
    found, foretold = dirac_gan.arriving(lr, 4000)
    assert found == pytest.approx(foretold, rel=0.01)
    assert foretold < 0.5 * 2 * lr  # far below the cycle of both at once
