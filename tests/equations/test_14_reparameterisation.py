"""derivations/14-reparameterisation.md, equation by equation."""

import re
from pathlib import Path

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen.distributions import Normal
from scratchgen.models.latent.terms import normal_log_likelihood, reparameterize

from ..linear_gaussian import ENCODER, PRIOR, X, Z, expect, log_likelihood, log_normal

PAGE = Path(__file__).parents[2] / "derivations" / "14-reparameterisation.md"

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


# ---------------------------------------------------------------------------------------------- the score function
MEAN, VARIANCE = ENCODER
R2 = (X - MEAN) ** 2
TERM = expect(log_likelihood(Z), *ENCODER)  # m: the mean of one term of f


def gradients_of(f, n, d, baseline=0.0):
    """Per sample, for d independent copies of the encoder: the path's and the score's gradients for μ₁ and ln σ₁²."""
    noise = rng.normal(size=(n, d))
    found = []
    for path in (True, False):
        mean, log_variance = (
            sg.tensor(np.full((n, d), value), requires_grad=True) for value in (MEAN, np.log(VARIANCE))
        )
        z = reparameterize(mean, log_variance, noise)
        if path:  # Eq. 14.4
            F.sum(f(z)).backward()
        else:  # Eq. 14.8: a loss whose gradient is (f − c) ∇ln q, at fixed z
            z = z.detach()
            F.sum((f(z) - baseline) * Normal(mean, log_variance).log_prob(z).sum(1)).backward()
        found.append((mean.grad.numpy()[:, 0], log_variance.grad.numpy()[:, 0]))
    return found


def likelihood(z):
    """f: ln p(x|z) of d pixels that are all X."""
    return normal_log_likelihood(z, 0.0, np.full(z.shape, X))


def agrees(values, expected, errors=4):
    return abs(values.mean() - expected) < errors * values.std() / len(values) ** 0.5


@pytest.mark.equation("14.4", "14.8")
@pytest.mark.parametrize("baseline", [0.0, 2 * TERM])
def test_path_and_score_agree_in_the_mean(baseline):
    """Eqs. 14.4 and 14.8, with and without a baseline, for f = ln p(x|z) in two dimensions: ∂/∂μ = x − μ and
    ∂/∂ln σ² = −½ σ²."""
    for for_mean, for_log_variance in gradients_of(likelihood, 100_000, 2, baseline):
        assert agrees(for_mean, X - MEAN)
        assert agrees(for_log_variance, -0.5 * VARIANCE)


@pytest.mark.equation("14.8")
def test_the_score_needs_no_derivative_of_f():
    """Eq. 14.8 for a step, f(z) = 1 if z > 0: the path's gradient is 0 everywhere and wrong, the score's is right."""
    expected = np.exp(log_normal(0.0, *ENCODER))  # ∂P(z > 0)/∂μ

    def step(z):
        return sg.tensor((z.data > 0).astype(float)).sum(1) + 0.0 * z.sum(1)

    (path, _), (score, _) = gradients_of(step, 100_000, 1)
    assert np.all(path == 0)
    assert agrees(score, expected)


@pytest.mark.equation("14.9", "14.10")
def test_the_score_of_a_gaussian_has_the_mean_zero():
    """Eq. 14.9 against autograd, and E[s] = 0 by quadrature."""
    noise = rng.normal(size=(50, 1))
    mean, log_variance = (sg.tensor(np.full((50, 1), v), requires_grad=True) for v in (MEAN, np.log(VARIANCE)))
    F.sum(Normal(mean, log_variance).log_prob(MEAN + VARIANCE**0.5 * noise)).backward()
    np.testing.assert_allclose(mean.grad.numpy(), noise / VARIANCE**0.5, rtol=1e-12)
    np.testing.assert_allclose(log_variance.grad.numpy(), 0.5 * (noise**2 - 1), rtol=1e-10, atol=1e-13)
    e = (Z - MEAN) / VARIANCE**0.5
    assert expect(e / VARIANCE**0.5, *ENCODER) == pytest.approx(0, abs=1e-12)
    assert expect(0.5 * (e**2 - 1), *ENCODER) == pytest.approx(0, abs=1e-12)


@pytest.mark.equation("14.10")
@pytest.mark.parametrize("f", [log_likelihood, np.sin, lambda z: np.abs(z) ** 3])
def test_the_best_baseline(f):
    """Eq. 14.10 by quadrature: a parabola in c, with its lowest point at E[f s²]/E[s²]."""
    s = (Z - MEAN) / VARIANCE

    def variance(c):
        values = (f(Z) - c) * s
        return expect(values**2, *ENCODER) - expect(values, *ENCODER) ** 2

    best = expect(f(Z) * s**2, *ENCODER) / expect(s**2, *ENCODER)
    for c in (-3.0, 0.0, 1.3):
        assert variance(c) == pytest.approx(variance(best) + (c - best) ** 2 / VARIANCE, rel=1e-10)
        assert expect((f(Z) - c) * s, *ENCODER) == pytest.approx(expect(f(Z) * s, *ENCODER), abs=1e-10)


def score_variance(d, c):
    """Eq. 14.11."""
    return 2 * R2 + 1.5 * VARIANCE + (d - 1) * (R2 + 0.5 * VARIANCE) + (c - d * TERM + VARIANCE) ** 2 / VARIANCE


@pytest.mark.equation("14.11")
@pytest.mark.parametrize("c", [0.0, -1.5, 4 * TERM])
def test_the_variance_of_the_score_by_quadrature(c):
    """Eq. 14.11: the other dimensions enter through the mean and the variance of their terms."""
    f, s = log_likelihood(Z), (Z - MEAN) / VARIANCE
    for d in (1, 4):
        rest = (d - 1) * TERM - c
        spread = (d - 1) * (expect(f**2, *ENCODER) - TERM**2)
        second = expect(((f + rest) ** 2 + spread) * s**2, *ENCODER)
        assert second - expect(f * s, *ENCODER) ** 2 == pytest.approx(score_variance(d, c), rel=1e-10)


@pytest.mark.equation("14.11")
def test_the_table_on_the_page():
    """Path, and score with three baselines, for d = 1, 10, 100: as the formulas say, to the last digit printed."""
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE.read_text("utf-8"), re.M)
    assert [int(d) for d, *_ in rows] == [1, 10, 100]
    for d, *printed in ((int(row[0]), *map(float, row[1:])) for row in rows):
        baselines = d * TERM - VARIANCE, d * TERM, 0.0
        expected = [VARIANCE, *(score_variance(d, c) for c in baselines)]
        np.testing.assert_allclose(printed, expected, atol=0.0051)


@pytest.mark.equation("14.11")
@pytest.mark.parametrize("d", [1, 10])
def test_the_table_by_samples(d):
    """The same variances, measured on gradients that autograd made, within 4 standard errors."""
    for c in (d * TERM - VARIANCE, d * TERM, 0.0):
        (path, _), (score, _) = gradients_of(likelihood, 40_000, d, c)
        for values, expected in ((path, VARIANCE), (score, score_variance(d, c))):
            assert agrees((values - (X - MEAN)) ** 2, expected)


@pytest.mark.equation("14.8", "14.10")
def test_the_numbers_of_the_exercise():
    """f = z² at μ = 3, σ = 1: 4 against 222; the best baseline is 12, and leaves 78."""
    e = Z
    f = (3 + e) ** 2

    def variance(values):
        return expect(values**2, 0.0, 1.0) - expect(values, 0.0, 1.0) ** 2

    assert variance(2 * (3 + e)) == pytest.approx(4)
    assert variance(f * e) == pytest.approx(222)
    assert expect(f * e**2, 0.0, 1.0) == pytest.approx(12)
    assert variance((f - 12) * e) == pytest.approx(78)
