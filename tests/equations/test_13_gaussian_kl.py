"""derivations/13-gaussian-kl.md, equation by equation, through `scratchgen.distributions`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import functional as F
from scratchgen.distributions import MultivariateNormal, Normal, kl_divergence
from scratchgen.models.latent.terms import kl_full, lower_triangle

from ..linear_gaussian import Z, expect, kl

means, variances = st.floats(-2, 2), st.floats(0.2, 3)


def gaussian(mean, variance):
    return Normal(np.array([mean]), np.log([variance]))


@given(means, variances)
@pytest.mark.equation("13.1")
def test_the_density_integrates_to_one_and_has_its_mean_and_variance(mean, variance):
    """Eq. 13.1, on a grid."""
    p = np.exp(gaussian(mean, variance).log_prob(Z).numpy()) * (Z[1] - Z[0])
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (p * Z).sum() == pytest.approx(mean, abs=1e-10)
    assert (p * (Z - mean) ** 2).sum() == pytest.approx(variance, abs=1e-10)


@given(means, variances, means, variances)
@pytest.mark.equation("13.2", "13.3")
def test_the_closed_form_is_the_integral(mean_q, variance_q, mean_p, variance_p):
    """Eqs. 13.2 and 13.3: E_q[ln q − ln p] by quadrature."""
    q, p = (mean_q, variance_q), (mean_p, variance_p)
    assert kl_divergence(gaussian(*q), gaussian(*p)).item() == pytest.approx(kl(q, p), abs=1e-9)
    to_prior = kl_divergence(gaussian(*q), Normal(0.0, 0.0)).item()
    assert to_prior == pytest.approx(0.5 * (mean_q**2 + variance_q - 1 - np.log(variance_q)), abs=1e-12)
    assert kl_divergence(gaussian(*p), gaussian(*p)).item() == 0


@pytest.mark.ledger("B17")
@pytest.mark.equation("13.3")
@pytest.mark.parametrize("d", [1, 2, 20])
def test_latent_variables_are_summed_not_averaged(d):
    """Eq. 13.3: KL(N(1, I_d) ‖ N(0, I_d)) = d/2; bug B17, the mean over the latent variables, gives ½ for every d."""
    per_variable = kl_divergence(Normal(np.ones(d), np.zeros(d)), Normal(0.0, 0.0))
    assert F.sum(per_variable).item() == pytest.approx(d / 2)
    assert F.mean(per_variable).item() == pytest.approx(0.5)


@pytest.mark.equation("13.4", "13.5")
def test_the_gradients():
    """Eqs. 13.4 and 13.5: the formulas = autograd = differences of the quadrature."""
    rng = np.random.default_rng(13)
    m, lam, v = rng.uniform(-1, 1, size=(3, 5))
    mean, log_var = sg.tensor(m, requires_grad=True), sg.tensor(lam, requires_grad=True)
    kl_divergence(Normal(mean, log_var), Normal(0.0, 0.0)).backward(v)
    np.testing.assert_allclose(mean.grad.numpy(), v * m, rtol=1e-13)
    np.testing.assert_allclose(log_var.grad.numpy(), v * 0.5 * (np.exp(lam) - 1), rtol=1e-12)
    h = 1e-4
    for i in range(5):
        by_mean = (kl((m[i] + h, np.exp(lam[i])), (0, 1)) - kl((m[i] - h, np.exp(lam[i])), (0, 1))) / (2 * h)
        by_log_var = (kl((m[i], np.exp(lam[i] + h)), (0, 1)) - kl((m[i], np.exp(lam[i] - h)), (0, 1))) / (2 * h)
        assert by_mean == pytest.approx(m[i], abs=1e-8)
        assert by_log_var == pytest.approx(0.5 * (np.exp(lam[i]) - 1), abs=1e-7)


@given(means, variances)
@pytest.mark.equation("13.6")
def test_the_entropy_is_minus_the_mean_log_density(mean, variance):
    """Eq. 13.6."""
    q = gaussian(mean, variance)
    assert q.entropy().item() == pytest.approx(-expect(q.log_prob(Z).numpy(), mean, variance), abs=1e-10)


@pytest.mark.ledger("C-DIST")
@pytest.mark.equation("13.3", "14.1")
@pytest.mark.parametrize(("mean", "variance"), [(0.3, 0.4), (-1.0, 2.0)])
def test_the_sampler_has_the_distribution_that_the_closed_form_speaks_of(mean, variance):
    """Eqs. 13.3 and 14.1: a Monte-Carlo KL through `sample` lies within four standard errors of the closed form.

    With the variance as the standard deviation (bug B1) it would be off by ½(σ² − 1)², a hundred standard errors.
    """
    q, prior = gaussian(mean, variance), Normal(0.0, 0.0)
    z = q.sample(np.random.default_rng(0), 200_000)
    values = (q.log_prob(z) - prior.log_prob(z)).numpy()
    error, standard_error = values.mean() - kl_divergence(q, prior).item(), values.std() / len(values) ** 0.5
    assert abs(error) < 4 * standard_error < 0.5 * (variance - 1) ** 2 / 20


@pytest.mark.equation("13.7", "13.9")
def test_what_a_diagonal_covariance_cannot_have():
    """Two latent variables explain one pixel: the best diagonal encoder stays ½ ln(4/3) = 0.1438 nats away."""
    covariance = np.linalg.inv(np.eye(2) + 1)
    np.testing.assert_allclose(covariance, [[2 / 3, -1 / 3], [-1 / 3, 2 / 3]], rtol=1e-14)
    posterior = MultivariateNormal(np.zeros(2), np.linalg.cholesky(covariance))

    def gap(variances):
        return kl_divergence(MultivariateNormal(np.zeros(2), np.diag(np.sqrt(variances))), posterior).item()

    assert gap([0.5, 0.5]) == pytest.approx(0.5 * np.log(4 / 3), abs=1e-14)
    assert round(gap([0.5, 0.5]), 4) == 0.1438
    for variances in np.random.default_rng(0).uniform(0.2, 1.5, (50, 2)):
        assert gap(variances) > 0.5 * np.log(4 / 3)


@pytest.mark.equation("13.7")
def test_the_full_density_integrates_to_one_with_its_covariance():
    """Eq. 13.7, on a grid in the plane."""
    factor = np.array([[0.9, 0.0], [-0.7, 0.5]])
    axis = np.linspace(-9, 9, 361)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    p = np.exp(MultivariateNormal(np.array([0.3, -0.2]), factor).log_prob(z).numpy()) * 0.05**2
    centred = z - (p @ z)
    assert p.sum() == pytest.approx(1, abs=1e-10)
    np.testing.assert_allclose(p @ z, [0.3, -0.2], atol=1e-10)
    np.testing.assert_allclose((centred * p[:, None]).T @ centred, factor @ factor.T, atol=1e-10)


@pytest.mark.equation("13.8", "13.10", "13.11")
def test_the_full_gradients_in_terms_of_the_encoders_numbers():
    """Eqs. 13.8 and 13.11: what the page writes, for the diagonal L² − 1, below it L, and μ for the mean."""
    rng = np.random.default_rng(8)
    v, mean = sg.tensor(rng.normal(size=(4, 6)), requires_grad=True), sg.tensor(rng.normal(size=(4, 3)))
    mean.requires_grad = True
    c = rng.normal(size=4)
    kl_full(mean, lower_triangle(v)).backward(c)
    np.testing.assert_allclose(mean.grad.numpy(), c[:, None] * mean.numpy(), rtol=1e-13)
    diagonal, below = np.exp(2 * v.numpy()[:, :3]) - 1, v.numpy()[:, 3:]
    np.testing.assert_allclose(v.grad.numpy(), c[:, None] * np.concatenate([diagonal, below], 1), rtol=1e-11)
