"""derivations/12-elbo.md, equation by equation, on models whose evidence is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.models.latent import HandVAE

from ..linear_gaussian import (
    ENCODER,
    LOG_EVIDENCE,
    POSTERIOR,
    PRIOR,
    X,
    Z,
    elbo,
    expect,
    kl,
    log_joint,
    log_likelihood,
    log_normal,
)

encoders = given(st.floats(-3, 4), st.floats(0.1, 4))


@pytest.mark.equation("12.1")
def test_integrating_z_out_gives_the_evidence():
    """Eq. 12.1: on the grid exactly, by Monte Carlo within four standard errors."""
    assert expect(np.exp(log_likelihood(Z)), *PRIOR) == pytest.approx(np.exp(LOG_EVIDENCE), rel=1e-12)
    sample = np.exp(log_likelihood(np.random.default_rng(1).normal(size=100_000)))
    assert abs(sample.mean() - np.exp(LOG_EVIDENCE)) < 4 * sample.std() / 100_000**0.5


@encoders
@pytest.mark.equation("12.2")
def test_the_elbo_is_a_lower_bound(mean, variance):
    """Eq. 12.2, for any Gaussian encoder; the bound is met at the posterior."""
    assert elbo(mean, variance) <= LOG_EVIDENCE + 1e-12
    assert elbo(*POSTERIOR) == pytest.approx(LOG_EVIDENCE, abs=1e-12)


@encoders
@pytest.mark.ledger("C-ELBO")
@pytest.mark.equation("12.3", "12.4", "12.7")
def test_three_forms_of_one_number(mean, variance):
    """Eqs. 12.3, 12.4 and 12.7: evidence − KL(q‖posterior) = reconstruction − KL(q‖prior) = −energy + entropy."""
    q = (mean, variance)
    gap = LOG_EVIDENCE - kl(q, POSTERIOR)
    loss_form = expect(log_likelihood(Z), *q) - 0.5 * (mean**2 + variance - 1 - np.log(variance))
    free_energy_form = expect(log_joint(Z), *q) + 0.5 * (np.log(2 * np.pi) + 1 + np.log(variance))
    assert elbo(*q) == pytest.approx(gap, abs=1e-10)
    assert elbo(*q) == pytest.approx(loss_form, abs=1e-10)
    assert elbo(*q) == pytest.approx(free_energy_form, abs=1e-10)


@pytest.mark.ledger("C-ELBO")
@pytest.mark.equation("12.3")
def test_the_identity_holds_for_a_nonlinear_decoder():
    """Eq. 12.3 needs nothing Gaussian: x|z ~ N(z + sin 3z, ¼), whose posterior has two modes."""
    joint = log_normal(Z, *PRIOR) + log_normal(1.2, Z + np.sin(3 * Z), 0.25)
    evidence = np.log(np.sum(np.exp(joint)) * (Z[1] - Z[0]))
    log_q = log_normal(Z, *ENCODER)
    bound, gap = expect(joint - log_q, *ENCODER), expect(log_q - (joint - evidence), *ENCODER)
    assert bound + gap == pytest.approx(evidence, abs=1e-10)
    assert gap > 0.1


@pytest.mark.equation("12.5")
def test_importance_weights_are_unbiased_and_constant_under_the_posterior():
    """Eq. 12.5."""
    log_w = log_joint(Z) - log_normal(Z, *ENCODER)
    assert expect(np.exp(log_w), *ENCODER) == pytest.approx(np.exp(LOG_EVIDENCE), rel=1e-8)
    z = np.random.default_rng(5).normal(ENCODER[0], ENCODER[1] ** 0.5, 100_000)
    w = np.exp(log_joint(z) - log_normal(z, *ENCODER))
    assert abs(w.mean() - np.exp(LOG_EVIDENCE)) < 4 * w.std() / 100_000**0.5
    near = np.abs(Z - X) < 5
    np.testing.assert_allclose((log_joint(Z) - log_normal(Z, *POSTERIOR))[near], LOG_EVIDENCE, atol=1e-12)


@pytest.mark.equation("12.6")
def test_the_loss_of_a_batch_is_the_mean_over_its_images_of_both_terms():
    """Eq. 12.6: images do not see each other, and each brings its own KL."""
    rng = np.random.default_rng(6)
    vae = HandVAE(pixels=9, hidden=5, latent=2, rng=rng)
    x, noise = (rng.uniform(size=(4, 9)) < 0.5).astype(np.float32), rng.normal(size=(4, 2)).astype(np.float32)
    batch = vae.forward(x, noise)
    alone = [vae.forward(x[i : i + 1], noise[i : i + 1]) for i in range(4)]
    assert min(float(one.kl[0]) for one in alone) > 0
    expected = np.mean([float(one.reconstruction[0]) + float(one.kl[0]) for one in alone])
    assert batch.loss == pytest.approx(expected, rel=1e-5)
