"""Bounds and estimates of ln p(x), on log-weights alone and on a model that can be solved."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import gradcheck, gradgradcheck
from scratchgen.distributions import MultivariateNormal, Normal, kl_divergence
from scratchgen.models.latent.bounds import (
    effective_sample_size,
    iwae_bound,
    kl_sample,
    log_prob,
    normalized_weights,
    prior_log_prob,
)

INF = math.inf


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def log_weight_arrays(low=-30.0, high=30.0):
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7)
    return hnp.arrays(np.float64, shapes, elements=st.floats(low, high))


# ---------------------------------------------------------------------------------------------------- the IWAE bound
@pytest.mark.equation("11.5")
@given(log_weight_arrays())
def test_the_bound_is_the_logarithm_of_the_mean_weight(log_w):
    np.testing.assert_allclose(iwae_bound(log_w), np.log(np.exp(log_w).mean(0)), rtol=1e-12, atol=1e-12)


@pytest.mark.equation("11.5")
@given(log_weight_arrays(), st.floats(-1e4, 1e4))
def test_a_factor_on_all_weights_is_a_summand_of_the_bound(log_w, factor):
    np.testing.assert_allclose(iwae_bound(log_w + factor), iwae_bound(log_w) + factor, rtol=1e-12, atol=1e-10)
    assert (iwae_bound(log_w) <= log_w.max(0) + 1e-12).all()
    assert (iwae_bound(log_w) >= log_w.mean(0) - 1e-12).all()  # Jensen, sample by sample


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bound_far_out_and_of_weights_that_are_zero(dtype, device):
    log_w = np.array([[1e4, -1e4, -INF, -INF, 0], [1e4, -1e4, -1e4, -INF, -1e4]], dtype)
    t = sg.tensor(log_w, requires_grad=True, device=device)
    bound = iwae_bound(t)
    half = math.log(2)
    np.testing.assert_allclose(bound.numpy(), [1e4, -1e4, -1e4 - half, -INF, -half], rtol=1e-7)
    bound.backward(sg.tensor(np.array([1, 2, 3, 4, 5], dtype), device=device).data)
    assert bound.dtype == t.grad.dtype == dtype
    np.testing.assert_allclose(t.grad.numpy(), [[0.5, 1, 0, 0, 5], [0.5, 1, 3, 0, 0]], rtol=1e-6)


@pytest.mark.equation("11.8", "11.10")
@given(log_weight_arrays(-4, 4))
def test_first_and_second_derivatives_of_the_bound(log_w):
    gradcheck(iwae_bound, log_w)
    gradgradcheck(iwae_bound, log_w)


@pytest.mark.equation("11.4", "11.8")
def test_the_rule_by_hand_is_what_small_steps_give(rng, device):
    """Eq. 11.8 against autograd through exp, mean and log, with float32 beside it."""
    log_w, g = 3 * rng.standard_normal((6, 4)), rng.standard_normal(4)
    t, u = (sg.tensor(log_w, requires_grad=True, device=device) for _ in range(2))
    there = sg.tensor(g, device=device).data
    iwae_bound(t).backward(there)
    F.log(F.exp(u).mean(0)).backward(there)
    np.testing.assert_allclose(t.grad.numpy(), u.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(t.grad.numpy(), g * scipy.special.softmax(log_w, 0), rtol=1e-12)
    wide = np.repeat(log_w.astype(np.float32), 2, axis=1)
    strided = sg.Tensor(sg.tensor(wide, device=device).data[:, ::2])
    strided.requires_grad = True
    y = iwae_bound(strided)
    y.backward(sg.tensor(g.astype(np.float32), device=device).data)
    assert y.dtype == strided.grad.dtype == np.float32
    np.testing.assert_allclose(strided.grad.numpy(), t.grad.numpy(), rtol=1e-4, atol=1e-6)


def test_one_sample_is_the_elbo_and_no_images_have_no_bound(rng):
    log_w = rng.standard_normal((1, 5))
    np.testing.assert_array_equal(iwae_bound(log_w), log_w[0])
    assert iwae_bound(np.zeros((3, 0), np.float32)).shape == (0,)
    with pytest.raises(ValueError, match=r"iwae_bound: expected at least one log-weight .* got \(0, 3\)"):
        iwae_bound(np.zeros((0, 3)))


# ------------------------------------------------------------------------------------- shares, effective sample size
@pytest.mark.equation("11.3", "11.4")
@given(log_weight_arrays())
def test_shares_sum_to_one_and_the_effective_size_lies_between_one_and_k(log_w):
    shares, size = normalized_weights(log_w), effective_sample_size(log_w)
    w = np.exp(log_w)
    np.testing.assert_allclose(shares, w / w.sum(0), rtol=1e-10)
    np.testing.assert_allclose(size, w.sum(0) ** 2 / (w**2).sum(0), rtol=1e-10)
    assert ((size > 1 - 1e-9) & (size < len(log_w) + 1e-9)).all()
    np.testing.assert_allclose(effective_sample_size(log_w - 1e4), size, rtol=1e-7)


@pytest.mark.equation("11.3")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_effective_sizes_at_the_ends(dtype, device):
    log_w = np.full((8, 4), 1e4, dtype)
    log_w[1:, 1] = -1e4  # one weight is all
    log_w[4:, 2] = -INF  # half are zero
    log_w[:, 3] = -INF
    sizes = effective_sample_size(sg.tensor(log_w, device=device))
    assert sizes.dtype == dtype
    np.testing.assert_allclose(sizes.numpy(), [8, 1, 4, 0], rtol=1e-6)
    assert (normalized_weights(sg.tensor(log_w, device=device)).numpy()[:, 3] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_weight_that_is_no_number_makes_no_number(dtype, device):
    log_w = np.array([[math.nan, 0], [0, 0]], dtype)
    t = sg.tensor(log_w, requires_grad=True, device=device)
    iwae_bound(t).sum().backward()
    for found in (t.grad.numpy(), normalized_weights(t).numpy()):
        assert np.isnan(found[:, 0]).all()
        np.testing.assert_allclose(found[:, 1], 0.5)
    np.testing.assert_allclose(effective_sample_size(t).numpy(), [math.nan, 2])


# ------------------------------------------------------------------------------------------------- a whole model
class Scaled:
    """x = sz + e + σε, element by element: p(x) and the posterior are products of one-dimensional Gaussians. Its
    encoder is the posterior, moved by `shift` standard deviations and `stretch` times as wide."""

    def __init__(self, latent=2, scale=1.5, sigma=0.7, shift=0.0, stretch=1.0, dtype=np.float64, device="cpu"):
        self.latent = self.pixels = latent
        self.sigma, self.shift, self.stretch = sigma, shift, stretch
        self.scale = sg.tensor(np.linspace(0.5, scale, latent), dtype=dtype, device=device)
        self.like = self.scale.data
        self.rows = []  # how many images each decode was given

    def decode(self, z, labels=None):
        self.rows.append(len(z))
        mean = self.scale * z if labels is None else self.scale * z + labels[:, None]
        return Normal(mean, 2 * math.log(self.sigma))

    def encode(self, x, labels=None):
        x = sg.Tensor(x) if labels is None else sg.Tensor(x) - labels[:, None]
        precision = 1 + F.square(self.scale) / self.sigma**2
        mean = x * self.scale / (self.sigma**2 * precision) + self.shift / F.sqrt(precision)
        return Normal(mean, 2 * math.log(self.stretch) - F.log(precision) + 0.0 * mean)

    def log_likelihood(self, p, x):
        return p.log_prob(x).sum(1)

    def log_weights(self, x, noise, labels=None):
        q = self.encode(x, labels)
        z = q.rsample(noise=noise)
        many = [None if a is None else np.broadcast_to(a, (len(z), *a.shape)) for a in (x, labels)]
        x, labels = (None if a is None else a.reshape(-1, *a.shape[2:]) for a in many)
        log_p = self.log_likelihood(self.decode(F.reshape(z, (-1, self.latent)), labels), x)
        return F.reshape(log_p, z.shape[:2]) - kl_sample(q, z)

    def exact(self, x):
        variance = self.scale.numpy().astype(np.float64) ** 2 + self.sigma**2
        return -0.5 * (np.log(2 * np.pi * variance) + x**2 / variance).sum(1)


@pytest.mark.equation("11.2", "11.5")
@pytest.mark.parametrize("k", [1, 7, 30])
def test_under_the_posterior_every_weight_is_p_of_x(k, rng, device):
    model = Scaled(device=device)
    x = rng.standard_normal((5, 2))
    estimate = log_prob(model, sg.tensor(x, device=device).data, k, rng, chunk=10)
    assert all(type(a) is np.ndarray and a.dtype == np.float64 and a.shape == (5,) for a in estimate)
    np.testing.assert_allclose(estimate.log_prob, model.exact(x), rtol=1e-12)
    np.testing.assert_allclose(estimate.effective, k, rtol=1e-9)
    np.testing.assert_allclose(estimate.error, math.nan if k == 1 else 0, atol=1e-5)  # one draw has no spread


@pytest.mark.equation("10.1", "11.5", "11.12")
@pytest.mark.parametrize("method", [log_prob, prior_log_prob])
def test_estimates_agree_with_the_oracle_within_their_errors(method, rng):
    model = Scaled(shift=0.4, stretch=1.3)
    x = np.tile(rng.standard_normal((1, 2)), (300, 1))
    estimate = method(model, x, 2000, rng)
    off = (estimate.log_prob - model.exact(x)) / estimate.error
    assert abs(off.mean()) < 4 / 300**0.5 + 0.1  # a little below 0: Eq. 10.4
    assert 0.85 < off.std() < 1.15  # 300 estimates scatter as they say


@pytest.mark.equation("11.11")
@pytest.mark.parametrize("method", [log_prob, prior_log_prob])
def test_chunks_change_neither_the_noise_nor_the_sum(method, rng, device):
    """Eq. 11.11: however the samples are grouped."""
    x = sg.tensor(rng.standard_normal((4, 2)), device=device).data
    results = []
    for chunk in (1, 7, 25, 26, 60, 1000):
        model = Scaled(shift=0.4, stretch=1.3, device=device)
        results.append(method(model, x, 25, np.random.default_rng(1), chunk=chunk))
        assert max(model.rows) <= chunk
        assert sum(model.rows) == 4 * 25
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=1e-10)


@pytest.mark.parametrize("method", [log_prob, prior_log_prob])
def test_float32_models_are_added_up_in_float64(method, device):
    """Weights around e^−700: as numbers, all of them would be 0."""
    x, settings = np.full((3, 40), 5.0), {"shift": 0.2, "stretch": 1.1}
    fine, coarse = Scaled(40, **settings), Scaled(40, **settings, dtype=np.float32, device=device)
    assert (fine.exact(x) < -400).all()
    there = sg.tensor(x.astype(np.float32), device=device).data
    single = method(coarse, there, 200, np.random.default_rng(2), chunk=170)
    assert (single.effective > 0.999).all()
    assert (single.log_prob < -400).all()
    if method is log_prob:
        off = np.abs(single.log_prob - fine.exact(x))
        np.testing.assert_array_less(off, 4 * single.error)


@pytest.mark.parametrize("method", [log_prob, prior_log_prob])
def test_labels_travel_with_their_images(method, rng):
    """p(x|y) moved by y is p(x − y)."""
    model, labels = Scaled(shift=0.4, stretch=1.3), np.array([0.0, 2.0, -1.0])
    x = rng.standard_normal((3, 2))
    plain = method(model, x, 40, np.random.default_rng(3), chunk=9)
    moved = method(model, x + labels[:, None], 40, np.random.default_rng(3), labels=labels, chunk=9)
    np.testing.assert_allclose(moved, plain, rtol=1e-9)


@pytest.mark.parametrize("method", [log_prob, prior_log_prob])
def test_misuse_is_explained(method, rng):
    model, name = Scaled(), method.__name__
    for shape in ((3, 1, 2), (3, 1), (2,)):  # one pixel would stand for all of them
        with pytest.raises(ValueError, match=rf"^{name}: expected images as rows, \(N, 2\), got .*; x.reshape"):
            method(model, np.zeros(shape), 5, rng)
    for seed in (None, 3):
        with pytest.raises(TypeError, match=f"rng: expected a random generator, .* got {seed}"):
            method(model, np.zeros((3, 2)), 5, seed)
    with pytest.raises(ValueError, match=f"^{name}: expected k ≥ 1 samples and a chunk ≥ 1, got k=0 and chunk=1000"):
        method(model, np.zeros((3, 2)), 0, rng)
    assert method(model, np.zeros((0, 2)), 5, rng).log_prob.shape == (0,)


def test_no_graph_is_kept_and_zero_weights_are_minus_infinity(rng):
    class Blind(Scaled):
        def log_weights(self, x, noise):
            assert not (self.scale * 1.0).requires_grad
            return sg.Tensor(np.full(noise.shape[:2], -INF))

    model = Blind()
    model.scale.requires_grad = True
    estimate = log_prob(model, np.zeros((2, 2)), 12, rng, chunk=5)
    assert (estimate.log_prob == -INF).all()
    assert (estimate.effective == 0).all()
    assert (estimate.error == INF).all()


@pytest.mark.parametrize("k", [1, 12])
def test_estimates_let_nan_through(k, rng):
    class Broken(Scaled):
        def log_weights(self, x, noise):
            log_w = np.zeros(noise.shape[:2])
            log_w[-1, 0] = math.nan
            return sg.Tensor(log_w)

    estimate = log_prob(Broken(), np.zeros((2, 2)), k, rng)
    for found, expected in zip(estimate, (0, k, math.nan if k == 1 else 0)):
        assert np.isnan(found[0])
        np.testing.assert_allclose(found[1], expected, atol=1e-7)


# ------------------------------------------------------------------------------------------------- Monte-Carlo KL
@pytest.mark.equation("11.13")
@pytest.mark.parametrize("family", ["diagonal", "full"])
def test_the_mean_of_monte_carlo_kls_is_the_closed_form(family, rng, device):
    """Through the sampler of q: a variance in the place of a standard deviation would show."""
    mean, log_var = rng.standard_normal((3, 2)), 0.5 * rng.standard_normal((3, 2))
    if family == "diagonal":
        q = Normal(sg.tensor(mean, device=device), sg.tensor(log_var, device=device))
        exact = kl_divergence(q, Normal(0.0, 0.0)).sum(1).numpy()
    else:
        factor = np.tril(rng.standard_normal((3, 2, 2)), -1) + np.exp(log_var)[:, None] * np.eye(2)
        q = MultivariateNormal(sg.tensor(mean, device=device), sg.tensor(factor, device=device))
        exact = kl_divergence(q, Normal(0.0, 0.0)).numpy()
    samples = kl_sample(q, q.rsample(rng, 40_000)).numpy()
    assert samples.shape == (40_000, 3)
    np.testing.assert_array_less(np.abs(samples.mean(0) - exact), 4 * samples.std(0) / 200)
    assert (samples < 0).any()  # a single one is no divergence


@pytest.mark.equation("11.13", "11.2")
def test_which_kl_is_noisier_depends_on_the_encoder(rng):
    """At the posterior the one-sample ELBO with the Monte-Carlo KL is ln p(x) without any noise; with the KL in closed
    form it is not. At an encoder that is the prior it is the other way round."""
    model, noise = Scaled(1), rng.standard_normal((5000, 1, 1))
    x = np.array([[1.3]])

    def spread(q):
        z = q.rsample(noise=noise)
        log_p = model.log_likelihood(model.decode(F.reshape(z, (-1, 1))), np.tile(x, (5000, 1))).numpy()
        return (log_p - kl_sample(q, z).numpy()[:, 0]).std(), log_p.std()  # the closed form adds no noise

    sampled, closed = spread(model.encode(x))
    assert sampled < 1e-12
    assert closed > 0.1
    sampled, closed = spread(Normal(np.zeros((1, 1)), np.zeros((1, 1))))
    assert sampled == pytest.approx(closed, rel=1e-9)
    blurred = Normal(np.full((1, 1), 3.0), np.zeros((1, 1)))  # far away, the KL's own noise comes on top or cancels
    assert spread(blurred)[0] != pytest.approx(spread(blurred)[1], rel=1e-2)
