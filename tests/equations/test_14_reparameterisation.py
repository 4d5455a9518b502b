"""derivations/14-reparameterisation.md, equation by equation."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F

from ..linear_gaussian import PRIOR, Z, expect, log_normal

rng = np.random.default_rng(14)


def sample(mean, log_variance, noise):
    """Eq. 14.1, on arrays or Tensors."""
    return mean + F.exp(0.5 * log_variance) * noise


@pytest.mark.equation("14.1")
def test_a_moved_and_stretched_standard_normal_has_the_right_moments():
    """Eq. 14.1: mean, variance and kurtosis within four standard errors, for a variance far from one."""
    z = sample(0.7, np.log(2.3), rng.normal(size=200_000))
    for power, moment in ((1, 0.0), (2, 2.3), (3, 0.0), (4, 3 * 2.3**2)):
        values = (z - 0.7) ** power
        assert abs(values.mean() - moment) < 4 * values.std() / len(z) ** 0.5


@pytest.mark.equation("14.2", "14.3")
def test_a_sample_is_a_differentiable_function_of_mean_and_log_variance():
    """Eqs. 14.2 and 14.3: autograd = the formulas = differences."""
    noise, v = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    mean, log_variance = (sg.tensor(rng.normal(size=(5, 3)), requires_grad=True) for _ in range(2))
    sample(mean, log_variance, noise).backward(v)
    sigma = np.exp(0.5 * log_variance.data)
    np.testing.assert_allclose(mean.grad.numpy(), v, rtol=1e-13)
    np.testing.assert_allclose(log_variance.grad.numpy(), v * 0.5 * sigma * noise, rtol=1e-13)
    h = 1e-5
    ahead, behind = (sample(mean.data, log_variance.data + s, noise) for s in (h, -h))
    np.testing.assert_allclose(log_variance.grad.numpy(), v * (ahead - behind) / (2 * h), rtol=1e-8, atol=1e-10)


@pytest.mark.equation("14.4")
def test_the_gradient_of_an_expectation_is_the_mean_gradient_of_the_samples():
    """Eq. 14.4, for f(z) = z² (closed form) and for f(z) = sin z (by quadrature)."""
    m, lam, n = 0.8, np.log(0.4), 200_000
    noise = rng.normal(size=n)

    def gradients(f):
        mean, log_variance = (sg.tensor(np.full(n, value), requires_grad=True) for value in (m, lam))
        F.sum(f(sample(mean, log_variance, noise))).backward()
        return mean.grad.numpy(), log_variance.grad.numpy()

    def slope(f, i, h=1e-4):
        """∂E[f]/∂(mean, log-variance) by differences of the exact expectation."""
        step = np.eye(2)[i] * h
        values = [expect(f(Z), m + s[0], np.exp(lam + s[1])) for s in (step, -step)]
        return (values[0] - values[1]) / (2 * h)

    for f, exact in ((F.square, (2 * m, np.exp(lam))), (F.sin, (slope(np.sin, 0), slope(np.sin, 1)))):
        for values, expected in zip(gradients(f), exact):
            assert abs(values.mean() - expected) < 4 * values.std() / n**0.5


@pytest.mark.ledger("B1")
@pytest.mark.equation("14.5")
@pytest.mark.parametrize(("mean", "variance"), [(0.3, 0.4), (-1.0, 2.0), (0.0, 1.0)])
def test_the_variance_as_standard_deviation_shows_in_the_kl_of_the_samples(mean, variance):
    """Eq. 14.5: bug B1 is off by ½(σ² − 1)², exactly, and by nothing at σ = 1. Its gradients are self-consistent."""
    log_ratio = log_normal(Z, mean, variance) - log_normal(Z, *PRIOR)
    closed = 0.5 * (mean**2 + variance - 1 - np.log(variance))
    right, bug = expect(log_ratio, mean, variance), expect(log_ratio, mean, variance**2)
    assert right == pytest.approx(closed, abs=1e-10)
    assert bug - closed == pytest.approx(0.5 * (variance - 1) ** 2, abs=1e-10)

    noise = rng.normal(size=100_000)
    for std, off in ((variance**0.5, 0.0), (variance, 0.5 * (variance - 1) ** 2)):
        z = mean + std * noise
        values = log_normal(z, mean, variance) - log_normal(z, *PRIOR)
        error, standard_error = values.mean() - closed, values.std() / len(z) ** 0.5
        assert abs(error - off) <= 4 * standard_error  # both are 0 where q is the prior
        assert (abs(error) > 4 * standard_error) == (off > 0)  # the test that kills the bug, where it can be seen

    v = rng.normal(size=4)
    log_variance = sg.tensor(rng.normal(size=4), requires_grad=True)
    planted = F.exp(log_variance) * noise[:4]  # the bug, through autograd: the gradient check is content
    planted.backward(v)
    h = 1e-6
    differences = (np.exp(log_variance.data + h) - np.exp(log_variance.data - h)) / (2 * h) * noise[:4] * v
    np.testing.assert_allclose(log_variance.grad.numpy(), differences, rtol=1e-8)
