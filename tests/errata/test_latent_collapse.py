"""Posterior collapse, shown and cured: small VAEs on bundled digits, judged as `demos.collapse` judges them."""

import numpy as np
import pytest

from demos import collapse, options
from scratchgen.data import binarize

SEED, LATENT = 0, 10


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """What becomes of three trainings that differ in β and free bits alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SCRATCHGEN_DATA", raising=False)
        images = options.load_images(options.Options())
    folder = tmp_path_factory.mktemp("collapse")
    config = collapse.Config(out=folder, epochs=6, hidden=40, latent=LATENT, workers=1)
    x = binarize(images.test[0], "static")
    kinds = ("VAE", "β = 10", "β = 10, free bits")
    return {kind: collapse.judge(collapse.learn(config, images, kind, SEED), x, SEED) for kind in kinds}


@pytest.mark.equation("12.9", "12.10")
def test_a_kl_weighed_too_much_collapses_and_free_bits_bring_it_back(judged):
    healthy, ill, cured = judged.values()
    assert healthy["informative"] == LATENT
    assert ill["informative"] <= LATENT // 3
    assert ill["KL"] < 0.2 * healthy["KL"]
    assert cured["informative"] == LATENT
    assert ill["ELBO"] < cured["ELBO"] - 10  # of β = 1 for all
    assert cured["ELBO"] < healthy["ELBO"]


@pytest.mark.equation("12.12")
def test_active_units_do_not_see_all_of_it(judged):
    """A posterior mean may still vary by more than 0.01 where next to nothing is told."""
    assert judged["β = 10"]["active units"] > judged["β = 10"]["informative"]
    assert np.isclose(judged["β = 10, free bits"]["KL"], 0.2 * LATENT, rtol=0.5)
