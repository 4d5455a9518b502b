"""demos.dirac_gan: in turns, as our GANs are trained."""

import numpy as np
import pytest

from demos import dirac_gan
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


@pytest.mark.equation("20.18")
@pytest.mark.parametrize("lr", [0.05, 0.3])
def test_it_tells_how_the_game_in_turns_arrives(lr):
    found, foretold = dirac_gan.arriving(lr, 4000)
    assert found == pytest.approx(foretold, rel=0.01)
    assert foretold < 0.5 * 2 * lr  # far below the cycle of both at once
