"""derivations/12-elbo.md, equation by equation, on models whose evidence is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import functional as F
from scratchgen.distributions import Normal
from scratchgen.models.latent import VAE, HandVAE
from scratchgen.models.latent.terms import active_units, kl_to_standard_normal, normal_log_likelihood

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


def elbo_beta(mean, variance, beta, noise_variance=1.0):
    """Eq. 12.9 for the solvable model, with another variance for the pixel if wanted."""
    reconstruction = -0.5 * (np.log(2 * np.pi * noise_variance) + ((X - mean) ** 2 + variance) / noise_variance)
    return reconstruction - beta * 0.5 * (mean**2 + variance - 1 - np.log(variance))


@pytest.mark.equation("12.9")
@pytest.mark.parametrize("beta", [0.1, 1.0, 4.0, 1e6])
def test_the_weight_moves_the_best_encoder_from_the_data_to_the_prior(beta):
    """Eq. 12.9: greatest at N(x/(1 + β), β/(1 + β)), the posterior for β = 1."""
    best = X / (1 + beta), beta / (1 + beta)
    for shift, factor in np.random.default_rng(9).normal(0, 0.1, (50, 2)):
        assert elbo_beta(*best, beta) > elbo_beta(best[0] + shift, best[1] * np.exp(factor), beta)
    assert elbo_beta(*ENCODER, 1.0) == pytest.approx(elbo(*ENCODER), abs=1e-12)
    if beta == 1:
        assert best == POSTERIOR
    if beta > 1e5:
        np.testing.assert_allclose(best, PRIOR, atol=1e-5)


@pytest.mark.equation("12.9")
def test_above_one_the_weight_leaves_a_bound_and_below_one_none():
    """Eq. 12.9: β = 4 stays below ln p(x), β = 0.1 can rise above it."""
    assert elbo_beta(*ENCODER, 4.0) < elbo(*ENCODER) < LOG_EVIDENCE
    assert elbo_beta(X / 1.1, 0.1 / 1.1, 0.1) > LOG_EVIDENCE


@encoders
@pytest.mark.equation("12.9")
def test_with_a_normal_decoder_the_weight_is_a_variance(mean, variance):
    """Divided by β, and up to a constant, the β-ELBO is the ELBO whose pixels have the variance βσ²."""
    one, other = (elbo_beta(m, v, 4.0, 0.5) / 4 - elbo_beta(m, v, 1.0, 2.0) for m, v in ((mean, variance), ENCODER))
    assert one == pytest.approx(other, abs=1e-10)


@pytest.mark.equation("12.9", "12.10")
def test_the_loss_in_training_is_weighted_and_in_evaluation_the_bound():
    """Eqs. 12.9 and 12.10 in `VAE.loss`: with free bits the KL of a dimension counts from λ upwards."""
    rng = np.random.default_rng(10)
    vae = VAE(pixels=9, hidden=5, latent=2, rng=rng)
    x = (rng.uniform(size=(6, 9)) < 0.5).astype(np.float32)
    q = vae.encode(x)
    per_dimension = 0.5 * (q.mean.numpy() ** 2 + np.exp(q.log_var.numpy()) - 1 - q.log_var.numpy())

    def loss():
        return vae.loss(x, np.random.default_rng(0))[0].item()

    plain, kl_mean = loss(), per_dimension.sum(1).mean()
    vae.beta = 3.0
    assert loss() == pytest.approx(plain + 2 * kl_mean, rel=1e-5)
    vae.beta, vae.free_bits = 1.0, float(per_dimension.mean(0).mean())  # one dimension above, one below
    free = np.maximum(per_dimension.mean(0), vae.free_bits).sum()
    assert free > kl_mean
    assert loss() == pytest.approx(plain + free - kl_mean, rel=1e-5)
    vae.eval()
    assert loss() == pytest.approx(plain, rel=1e-6)


@pytest.mark.equation("12.11")
def test_the_bound_given_a_class():
    """Eq. 12.11: x | z, y ~ N(z + y, 1), so x | y ~ N(y, 2), and the posterior N((x − y)/2, ½) meets the bound. One
    encoder for both classes cannot."""

    def bound(mean, variance, y):
        likelihood = log_normal(X, Z + y, 1.0)
        return expect(likelihood, mean, variance) - kl((mean, variance), PRIOR)

    for y in (-1.0, 1.0):
        evidence = float(log_normal(X, y, 2.0))
        assert bound((X - y) / 2, 0.5, y) == pytest.approx(evidence, abs=1e-12)
        for mean, variance in (POSTERIOR, ENCODER):  # blind to y
            assert bound(mean, variance, y) < evidence - 0.1


@pytest.mark.equation("12.11")
def test_a_class_conditional_vae_bounds_the_likelihood_given_the_class():
    """Eq. 12.11 through `VAE(classes=…)`: −(reconstruction + KL) of each label lies below ln p(x|y), which 20,000 prior
    samples of a two-dimensional z give."""
    rng = np.random.default_rng(11)
    vae = VAE(pixels=4, hidden=6, latent=2, classes=3, rng=rng).astype(np.float64)
    x, labels = (rng.uniform(size=(3, 4)) < 0.5).astype(float), np.array([0, 1, 2])
    bounds = [vae.elbo(x, rng.normal(size=(3, 2)), labels) for _ in range(400)]
    bound = -np.mean([one.reconstruction.numpy() + one.kl.numpy() for one in bounds], axis=0)
    for i, y in enumerate(labels):
        z = rng.normal(size=(20_000, 2))
        p = vae.decode(z, np.full(20_000, y))
        ln_p = np.log(np.exp(p.log_prob(x[i]).numpy().sum(1)).mean())
        assert bound[i] < ln_p + 0.02
    assert len({round(float(b), 6) for b in bound}) == 3


@pytest.mark.equation("12.12")
def test_active_units_of_the_exact_posterior():
    """Eq. 12.12: the posterior mean x/2 has the variance ½ over x ~ N(0, 2); a collapsed dimension has none."""
    x = np.random.default_rng(12).normal(0, 2**0.5, 100_000)
    means = np.stack([x / 2, np.zeros_like(x)], axis=1)
    variance = means.var(0)
    assert abs(variance[0] - 0.5) < 4 * 0.5 * (2 / len(x)) ** 0.5
    assert active_units(means).tolist() == [True, False]


@pytest.mark.equation("12.4", "12.6")
def test_gradient_ascent_on_the_bound_finds_the_posterior():
    """Eqs. 12.4 and 12.6, with the package's own terms: the encoder that the bound prefers is N(1, ½)."""
    mean, log_variance = (sg.tensor(np.full((1, 1), value), requires_grad=True) for value in (0.3, np.log(0.8)))
    z = np.linspace(-6, 6, 401).reshape(-1, 1)  # noise on a grid, so that there is none
    weights = np.exp(log_normal(z[:, 0], 0.0, 1.0)) * (z[1, 0] - z[0, 0])
    for _ in range(100):
        samples = mean + F.exp(0.5 * log_variance) * z
        likelihood = normal_log_likelihood(samples, 0.0, np.full_like(z, X))
        bound = F.sum(likelihood * weights) - F.sum(kl_to_standard_normal(mean, log_variance))
        slopes = sg.grad(bound, (mean, log_variance))
        mean, log_variance = (
            sg.tensor(t.numpy() + 0.5 * g.numpy(), requires_grad=True) for t, g in zip((mean, log_variance), slopes)
        )
    q = Normal(mean, log_variance)
    assert q.mean.item() == pytest.approx(POSTERIOR[0], abs=1e-6)
    assert q.std.item() ** 2 == pytest.approx(POSTERIOR[1], abs=1e-6)
    assert bound.item() == pytest.approx(LOG_EVIDENCE, abs=1e-6)
