"""The terms of the ELBO against `scratchgen.distributions`, and their derivatives against differences."""

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import distributions, gradcheck, gradgradcheck
from scratchgen.distributions import Bernoulli, Normal
from scratchgen.models.latent import terms


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def bits(rng, *shape, dtype=np.float64):
    return (rng.random(shape) < 0.5).astype(dtype)


CASES = {  # the primitive, its differentiable arguments, its constants, and the same by `distributions`
    "reparameterize": (
        terms.reparameterize,
        lambda rng: [rng.standard_normal((4, 3)), rng.standard_normal((4, 3))],
        lambda rng: [rng.standard_normal((4, 3))],
        lambda mean, log_var, noise: Normal(mean, log_var).rsample(noise=noise),
    ),
    "kl": (
        terms.kl_to_standard_normal,
        lambda rng: [rng.standard_normal((4, 3)), rng.standard_normal((4, 3))],
        lambda rng: [],
        lambda mean, log_var: distributions.kl_divergence(Normal(mean, log_var), Normal(0.0, 0.0)).sum(1),
    ),
    "bernoulli": (
        terms.bernoulli_log_likelihood,
        lambda rng: [3 * rng.standard_normal((4, 5))],
        lambda rng: [bits(rng, 4, 5)],
        lambda a, x: Bernoulli(a).log_prob(x).sum(1),
    ),
    "normal, learned variance": (
        terms.normal_log_likelihood,
        lambda rng: [rng.standard_normal((4, 5)), rng.standard_normal((4, 5))],
        lambda rng: [rng.standard_normal((4, 5))],
        lambda mean, log_var, x: Normal(mean, log_var).log_prob(x).sum(1),
    ),
    "normal, fixed variance": (
        lambda mean, x: terms.normal_log_likelihood(mean, math.log(0.3), x),
        lambda rng: [rng.standard_normal((4, 5))],
        lambda rng: [rng.standard_normal((4, 5))],
        lambda mean, x: Normal(mean, math.log(0.3)).log_prob(x).sum(1),
    ),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@cases
@pytest.mark.equation("13.3", "14.1", "15.1", "15.3")
def test_the_value_is_that_of_the_distributions(case, rng, device):
    term, variables, constants, reference = case
    arguments = [sg.tensor(x, device=device).data for x in (*variables(rng), *constants(rng))]
    expected = reference(*arguments).numpy()
    result = sg.tensor(term(*arguments)).numpy()
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@cases
@pytest.mark.equation("13.4", "13.5", "14.2", "14.3", "15.2", "15.4", "15.5")
def test_first_and_second_derivatives(case, rng):
    term, variables, constants, _ = case
    inputs, fixed = variables(rng), constants(rng)
    gradcheck(lambda *xs: term(*xs, *fixed), *inputs)
    gradgradcheck(lambda *xs: term(*xs, *fixed), *inputs)


@cases
def test_float32_stays_float32_and_strides_do_not_matter(case, rng, device):
    term, variables, constants, reference = case

    def strided(x):  # every other column of a wider array
        wide = np.repeat(x.astype(np.float32), 2, axis=1)
        return sg.tensor(wide, device=device).data[:, ::2]

    inputs = [sg.Tensor(strided(x)) for x in variables(rng)]
    for t in inputs:
        t.requires_grad = True
    fixed = [strided(x) for x in constants(rng)]
    y = term(*inputs, *fixed)
    v = rng.standard_normal(y.shape).astype(np.float32)
    y.backward(sg.tensor(v, device=device))

    copies = [sg.tensor(t.numpy().astype(np.float64), requires_grad=True) for t in inputs]
    reference(*copies, *(sg.tensor(c).numpy().astype(np.float64) for c in fixed)).backward(v.astype(np.float64))
    assert y.dtype == np.float32
    for t, copy in zip(inputs, copies):
        assert t.grad.dtype == np.float32
        np.testing.assert_allclose(t.grad.numpy(), copy.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_terms_are_finite_far_out():
    far = np.array([[-1e4, 1e4]], np.float32)
    assert terms.bernoulli_log_likelihood(far, np.array([[0, 1]], np.float32)) == 0
    assert terms.bernoulli_log_likelihood(far, np.array([[1, 0]], np.float32)) == -2e4


def test_an_empty_batch_has_no_terms():
    empty = np.zeros((0, 3), np.float32)
    assert terms.kl_to_standard_normal(empty, empty).shape == (0,)
    assert terms.bernoulli_log_likelihood(empty, empty).shape == (0,)
