"""Distributions: that they sum to one, that samplers, densities and divergences speak of the same distribution."""

import functools
import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import distributions as dist
from scratchgen import functional as F
from scratchgen.distributions import Bernoulli, Categorical, MultivariateNormal, Normal, kl_divergence

finite = {"elements": st.floats(-4, 4)}
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pair(family, rng, device="cpu", dtype=np.float64):
    """Two distributions of a family, q and p, with random parameters: 3 elements each."""

    def draw(*shape):
        return sg.tensor(rng.standard_normal(shape), dtype=dtype, device=device, requires_grad=True)

    if issubclass(family, Normal):
        return family(draw(3), draw(3)), family(draw(3), draw(3))
    shape = (3, 4) if issubclass(family, Categorical) else (3,)
    return family(draw(*shape)), family(draw(*shape))


FAMILIES = pytest.mark.parametrize("family", [Bernoulli, Categorical, Normal])


# ---------------------------------------------------------------------------------------------- densities
@pytest.mark.equation("15.1")
@pytest.mark.ledger("C-NORM")
@given(hnp.arrays(np.float64, (4,), **finite))
def test_bernoulli_sums_to_one(logits):
    p = Bernoulli(logits)
    total = sum(np.exp(p.log_prob(np.full(4, x)).numpy()) for x in (0.0, 1.0))
    np.testing.assert_allclose(total, 1, rtol=1e-14)


@pytest.mark.equation("0.46")
@pytest.mark.ledger("C-NORM")
@given(hnp.arrays(np.float64, (2, 5), **finite))
def test_categorical_sums_to_one(logits):
    p = Categorical(logits)
    total = sum(np.exp(p.log_prob(np.full(2, k)).numpy()) for k in range(5))
    np.testing.assert_allclose(total, 1, rtol=1e-14)


@pytest.mark.equation("13.1", "15.3")
@pytest.mark.ledger("C-NORM")
@given(st.floats(-4, 4), st.floats(-4, 4))
def test_normal_integrates_to_one(mean, log_var):
    p, std = Normal(mean, log_var), math.exp(log_var / 2)

    def density(x):
        return math.exp(p.log_prob(np.array(x)).item())

    total, _ = scipy.integrate.quad(density, mean - 12 * std, mean + 12 * std, points=[mean], epsabs=1e-12)
    assert total == pytest.approx(1, abs=1e-11)


@pytest.mark.equation("13.1", "15.1", "15.3")
def test_log_prob_agrees_with_scipy(device, rng):
    a, b, x = rng.standard_normal((3, 2, 5))

    def put(array):
        return sg.tensor(array, device=device)

    bits, labels = (x > 0).astype(np.float64), rng.integers(0, 5, 2)
    cases = [
        (Normal(put(a), put(b)).log_prob(put(x)), scipy.stats.norm.logpdf(x, a, np.exp(b / 2))),
        (Bernoulli(put(a)).log_prob(put(bits)), scipy.stats.bernoulli.logpmf(bits, 1 / (1 + np.exp(-a)))),
        (
            Categorical(put(a)).log_prob(put(labels)),
            [
                scipy.stats.multinomial.logpmf(np.eye(5)[k], 1, np.exp(row) / np.exp(row).sum())
                for row, k in zip(a, labels)
            ],
        ),
    ]
    for ours, theirs in cases:
        assert ours.device == device
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-12)


@DTYPES
def test_bernoulli_far_out(dtype):
    """At logits of ±1e4 the sure outcome costs nothing and the other one 1e4 nats."""
    logits = np.array([1e4, -1e4], dtype)
    p = Bernoulli(logits)
    np.testing.assert_array_equal(p.log_prob(np.array([1, 0], dtype)).numpy(), [0, 0])
    np.testing.assert_array_equal(p.log_prob(np.array([0, 1], dtype)).numpy(), [-1e4, -1e4])
    np.testing.assert_array_equal(p.entropy().numpy(), [0, 0])
    np.testing.assert_array_equal(kl_divergence(p, Bernoulli(-logits)).numpy(), [1e4, 1e4])
    # near the sure outcome, the small cost keeps its digits
    assert Bernoulli(np.array(20, dtype)).log_prob(1).item() == pytest.approx(-math.log1p(math.exp(-20)), rel=1e-6)


@DTYPES
def test_categorical_far_out(dtype):
    p = Categorical(np.array([1e4, 0, -1e4], dtype))
    assert p.log_prob(np.array(0)).item() == 0
    assert p.log_prob(np.array(2)).item() == -2e4
    assert p.entropy().item() == 0


def test_log_prob_broadcasts(rng):
    """One x under many parameters, and many x under one."""
    a, x = rng.standard_normal((4, 3)), (rng.random(3) > 0.5).astype(np.float64)
    rows = [Bernoulli(row).log_prob(x).numpy() for row in a]
    np.testing.assert_array_equal(Bernoulli(a).log_prob(x).numpy(), rows)
    np.testing.assert_array_equal(Bernoulli(a).log_prob(1).numpy(), Bernoulli(a).log_prob(np.ones((4, 3))).numpy())
    labels = rng.integers(0, 3, (6, 4))
    rows = [Categorical(a).log_prob(row).numpy() for row in labels]
    np.testing.assert_array_equal(Categorical(a).log_prob(labels).numpy(), rows)
    row = [Categorical(a[0]).log_prob(np.array(k)).item() for k in labels[:, 0]]
    np.testing.assert_array_equal(Categorical(a[0]).log_prob(labels[:, 0]).numpy(), row)


# ---------------------------------------------------------------------------------------------- samples
@pytest.mark.equation("1.6")
@pytest.mark.ledger("C-DIST")
@FAMILIES
def test_monte_carlo_kl_is_the_closed_form(family, rng):
    sampler_agrees_with_kl(family, rng)


class VarianceAsDeviation(Normal):
    """The classic bug: z = μ + e^(ln σ²) ε."""

    @property
    def std(self):
        return dist._exp(self.log_var)

    def log_prob(self, x):  # the density knows nothing of the sampler's mistake
        return Normal(self.mean, self.log_var).log_prob(x)


@pytest.mark.ledger("B1", "C-DIST")
def test_monte_carlo_kl_catches_a_variance_used_as_standard_deviation(rng):
    with pytest.raises(AssertionError, match="standard errors"):
        sampler_agrees_with_kl(VarianceAsDeviation, rng)


def sampler_agrees_with_kl(family, rng, draws=40_000):
    """KL(q‖p) = E_q[ln q − ln p], the expectation taken over q's own samples, within 4 standard errors."""
    q, p = pair(family, rng)
    z = q.sample(rng, draws)
    terms = q.log_prob(z).numpy() - p.log_prob(z).numpy()
    error = terms.std(axis=0, ddof=1) / math.sqrt(draws)
    off = (terms.mean(axis=0) - kl_divergence(q, p).numpy()) / error
    assert np.abs(off).max() < 4, f"the average is {off} standard errors away from the closed form"


@pytest.mark.equation("14.5")
@pytest.mark.ledger("B1")
def test_how_far_the_variance_bug_misses(rng):
    """Against the prior N(0, 1), the bug shifts the average by ½ (σ² − 1)², whichever way σ² errs."""
    log_var = np.array([-2.0, -0.5, 0.7])
    q, prior, draws = VarianceAsDeviation(np.zeros(3), log_var), Normal(0.0, 0.0), 40_000
    z = q.sample(rng, draws)
    terms = q.log_prob(z).numpy() - prior.log_prob(z).numpy()
    excess = terms.mean(axis=0) - kl_divergence(q, prior).numpy()
    error = terms.std(axis=0, ddof=1) / math.sqrt(draws)
    assert np.all(np.abs(excess - 0.5 * (np.exp(log_var) - 1) ** 2) < 4 * error)


@pytest.mark.parametrize("family", [Bernoulli, Categorical])
def test_sampled_frequencies_are_the_probabilities(family, device, rng):
    q, _ = pair(family, rng, device)
    draws = 20_000
    x = q.sample(rng, draws).numpy()
    for value in range(2 if family is Bernoulli else 4):
        chance = np.exp(q.log_prob(sg.tensor(np.full(3, value), device=device)).numpy())
        error = np.sqrt(chance * (1 - chance) / draws)
        assert np.all(np.abs((x == value).mean(axis=0) - chance) < 4 * error)


def test_normal_samples_have_the_mean_and_the_variance(device, rng):
    q, _ = pair(Normal, rng, device)
    draws = 20_000
    x = q.sample(rng, draws).numpy()
    variance = np.exp(q.log_var.numpy())
    assert np.all(np.abs(x.mean(axis=0) - q.mean.numpy()) < 4 * np.sqrt(variance / draws))
    assert np.all(np.abs(x.var(axis=0) / variance - 1) < 4 * math.sqrt(2 / draws))


def test_impossible_classes_are_never_drawn(rng):
    x = Categorical(np.array([-1e4, 0.0, -1e4, 1.0, -1e4], np.float32)).sample(rng, 5000).numpy()
    assert set(x.tolist()) == {1, 3}


class Uniforms(np.random.Generator):
    """A generator that draws what it is told to."""

    def __init__(self, *values):
        super().__init__(np.random.PCG64(0))
        self.values = values

    def random(self, shape, dtype):
        return np.array(self.values, dtype).reshape(shape)


def test_uniform_numbers_at_their_ends():
    """u = 0 picks the first possible class, the largest u below 1 the last, also where rounding leaves Σp ≠ 1."""
    largest = np.nextafter(np.float32(1), np.float32(0))
    for seed in range(50):
        logits = np.random.default_rng(seed).standard_normal(37).astype(np.float32)
        assert Categorical(logits).sample(Uniforms(0.0, largest), 2).numpy().tolist() == [0, 36]
    middle = Categorical(np.array([-1e4, 0, -1e4], np.float32))
    assert middle.sample(Uniforms(0.0, largest), 2).numpy().tolist() == [1, 1]
    sure = Bernoulli(np.array([1e4, -1e4], np.float32))
    for u in (0.0, largest):
        assert sure.sample(Uniforms(u, u)).numpy().tolist() == [1, 0]


@DTYPES
@FAMILIES
def test_samples_have_the_shape_dtype_and_device_of_the_parameters(family, dtype, device, rng):
    q, p = pair(family, rng, device, dtype)
    for n, shape in [((), (3,)), (7, (7, 3)), ((2, 5), (2, 5, 3)), (0, (0, 3))]:
        x = q.sample(rng, n)
        assert x.shape == shape
        assert x.device == device
        assert not x.requires_grad
        assert x.dtype == (np.int64 if family is Categorical else dtype)
        assert q.log_prob(x).shape == shape
        assert q.log_prob(x).dtype == dtype
    assert q.entropy().dtype == kl_divergence(q, p).dtype == dtype
    assert q.entropy().shape == kl_divergence(q, p).shape == (3,)


@FAMILIES
def test_one_seed_gives_the_same_samples_on_every_device(family, device):
    here, there = (
        pair(family, np.random.default_rng(3), d)[0].sample(np.random.default_rng(4), 10).numpy()
        for d in ("cpu", device)
    )
    np.testing.assert_allclose(here, there, rtol=1e-12)


def test_parameters_that_broadcast_share_no_noise(rng):
    for q, shape in (
        (Normal(np.zeros(()), np.zeros(5)), (5,)),
        (Normal(np.zeros((4, 1)), np.zeros(3)), (4, 3)),
        (MultivariateNormal(np.zeros(3), factors(rng, 4)), (4, 3)),
    ):
        x = q.sample(rng).numpy()
        assert x.shape == shape
        assert len(np.unique(x)) == x.size


def test_the_standard_normal_needs_no_arrays(rng):
    prior = Normal(0.0, 0.0)
    z = prior.sample(rng, (4, 2))
    assert z.shape == (4, 2)
    assert z.dtype == np.float32
    assert prior.log_prob(z).dtype == np.float32
    assert prior.entropy() == pytest.approx(scipy.stats.norm.entropy())
    q = Normal(np.ones(3, np.float32), np.float32([0.1, 0.2, 0.3]))
    assert kl_divergence(q, prior).dtype == np.float32
    assert kl_divergence(prior, prior) == 0.0


@pytest.mark.equation("14.1")
def test_noise_can_be_handed_in(device, rng):
    mean, log_var, noise = rng.standard_normal((3, 2, 4))
    q = Normal(sg.tensor(mean, device=device), sg.tensor(log_var, device=device))
    z = q.rsample(noise=sg.tensor(noise, device=device))
    np.testing.assert_allclose(z.numpy(), mean + np.sqrt(np.exp(log_var)) * noise, rtol=1e-14)
    with pytest.raises(ValueError, match="either rng or noise"):
        q.rsample()
    with pytest.raises(ValueError, match="either rng or noise"):
        q.rsample(rng, noise=noise)


# ---------------------------------------------------------------------------------------------- entropy and KL
@pytest.mark.equation("1.5", "1.6", "1.7")
@pytest.mark.parametrize("family", [Bernoulli, Categorical])
def test_entropy_and_kl_by_enumeration(family, device, rng):
    q, p = pair(family, rng, device)
    entropy = kl = 0
    for value in range(2 if family is Bernoulli else 4):
        x = sg.tensor(np.full(3, value), device=device)
        ln_q, ln_p = q.log_prob(x).numpy(), p.log_prob(x).numpy()
        entropy -= np.exp(ln_q) * ln_q
        kl += np.exp(ln_q) * (ln_q - ln_p)
    np.testing.assert_allclose(q.entropy().numpy(), entropy, rtol=1e-12)
    np.testing.assert_allclose(kl_divergence(q, p).numpy(), kl, rtol=1e-10)
    assert np.all(kl > 0)


@pytest.mark.equation("13.2", "13.6")
def test_normal_entropy_and_kl_by_quadrature(rng):
    for _ in range(4):
        q, p = Normal(*rng.standard_normal(2)), Normal(*rng.standard_normal(2))

        def ln(d, x):
            return d.log_prob(np.array(x)).item()

        def average(f, q=q):
            ends = q.mean - 14 * q.std, q.mean + 14 * q.std
            return scipy.integrate.quad(lambda x: math.exp(ln(q, x)) * f(x), *ends, points=[q.mean], epsabs=1e-11)[0]

        assert q.entropy() == pytest.approx(average(lambda x, q=q: -ln(q, x)), abs=1e-9)
        assert kl_divergence(q, p) == pytest.approx(average(lambda x, q=q, p=p: ln(q, x) - ln(p, x)), abs=1e-9)


@pytest.mark.equation("13.3")
@given(hnp.arrays(np.float64, (2, 3), elements=st.floats(-8, 8)))
def test_kl_to_the_standard_normal(parameters):
    mean, log_var = parameters
    kl = kl_divergence(Normal(mean, log_var), Normal(0.0, 0.0)).numpy()
    np.testing.assert_allclose(kl, 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(kl, kl_divergence(Normal(mean, log_var), Normal(np.zeros(3), np.zeros(3))).numpy())
    assert np.all(kl >= 0)


@pytest.mark.ledger("B17")
def test_kl_of_a_latent_vector_is_a_sum(rng):
    """N(1, I) is d/2 nats from the prior in d dimensions: summed, where many VAEs take the mean."""
    q = Normal(np.ones((5, 8), np.float32), np.zeros((5, 8), np.float32))
    np.testing.assert_allclose(kl_divergence(q, Normal(0.0, 0.0)).sum(-1).numpy(), 8 / 2)


@FAMILIES
def test_kl_to_itself_is_zero(family, device, rng):
    q, _ = pair(family, rng, device)
    np.testing.assert_array_equal(kl_divergence(q, q).numpy(), 0)


def test_kl_keeps_its_digits_near_zero():
    """½ (σ² − 1 − ln σ²) ≈ ¼ (ln σ²)²: in float32 the plain formula gives 0 here."""
    log_var = np.float32([1e-3])
    kl = kl_divergence(Normal(np.zeros(1, np.float32), log_var), Normal(0.0, 0.0)).item()
    assert kl == pytest.approx(0.25e-6, rel=0.05)


def test_kl_of_different_families_is_refused():
    with pytest.raises(TypeError, match="no closed form for Normal and Bernoulli"):
        kl_divergence(Normal(0.0, 0.0), Bernoulli(0.0))


def test_refusals():
    with pytest.raises(ValueError, match="axis of classes"):
        Categorical(1.0)
    with pytest.raises(TypeError, match="integers"):
        Categorical(np.zeros(3)).log_prob(np.zeros(()))
    with pytest.raises(ValueError, match="0 … 2"):
        Categorical(np.zeros(3)).log_prob(np.array(3))


# ---------------------------------------------------------------------------------------------- gradients
@pytest.mark.equation("15.1", "15.3")
def test_gradients(rng):
    a, b, c, d = rng.standard_normal((4, 2, 3))
    bits, labels = (c > 0).astype(np.float64), np.array([2, 0])
    assert sg.gradcheck(lambda a: Bernoulli(a).log_prob(sg.tensor(bits)), a)
    assert sg.gradcheck(lambda a: Bernoulli(a).entropy(), a)
    assert sg.gradcheck(lambda a, b: kl_divergence(Bernoulli(a), Bernoulli(b)), a, b)
    assert sg.gradcheck(lambda a: Categorical(a).log_prob(labels), a)
    assert sg.gradcheck(lambda a: Categorical(a).entropy(), a)
    assert sg.gradcheck(lambda a, b: kl_divergence(Categorical(a), Categorical(b)), a, b)
    assert sg.gradcheck(lambda a, b, c: Normal(a, b).log_prob(c), a, b, c)
    assert sg.gradcheck(lambda a, b: Normal(a, b).entropy() + a, a, b)
    assert sg.gradcheck(lambda a, b, e: Normal(a, b).rsample(noise=e), a, b, c)
    assert sg.gradcheck(lambda a, b, c, d: kl_divergence(Normal(a, b), Normal(c, d)), a, b, c, d)


def gradients(value, *inputs, rng):
    """v and vᵀ∂value/∂input for a random v."""
    v = rng.standard_normal(value.shape)
    return v, [g.numpy() for g in sg.grad(value, inputs, sg.tensor(v))]


@pytest.mark.equation("13.4", "13.5")
def test_gradient_of_the_kl(rng):
    mean, log_var = (sg.tensor(x, requires_grad=True) for x in rng.standard_normal((2, 4)))
    v, (d_mean, d_log_var) = gradients(kl_divergence(Normal(mean, log_var), Normal(0.0, 0.0)), mean, log_var, rng=rng)
    np.testing.assert_allclose(d_mean, v * mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(d_log_var, v * 0.5 * (np.exp(log_var.numpy()) - 1), rtol=1e-12)


@pytest.mark.equation("14.2", "14.3")
def test_gradient_of_a_sample(rng):
    mean, log_var = (sg.tensor(x, requires_grad=True) for x in rng.standard_normal((2, 4)))
    noise = rng.standard_normal(4)
    v, (d_mean, d_log_var) = gradients(Normal(mean, log_var).rsample(noise=noise), mean, log_var, rng=rng)
    np.testing.assert_array_equal(d_mean, v)
    np.testing.assert_allclose(d_log_var, v * 0.5 * np.exp(log_var.numpy() / 2) * noise, rtol=1e-12)


@pytest.mark.equation("14.4")
def test_gradient_of_an_expectation_through_samples(device, rng):
    """E[z²] = μ² + σ², so the gradients are 2μ and σ²: the averages over samples must come within 4 standard errors."""
    draws = 40_000
    mean = sg.tensor(np.full(draws, 0.7), requires_grad=True, device=device)
    log_var = sg.tensor(np.full(draws, -0.4), requires_grad=True, device=device)
    F.sum(F.square(Normal(mean, log_var).rsample(rng))).backward()
    for leaf, expected in [(mean, 2 * 0.7), (log_var, math.exp(-0.4))]:
        g = leaf.grad.numpy()
        assert abs(g.mean() - expected) < 4 * g.std() / math.sqrt(draws)


# ---------------------------------------------------------------------------------------------- full covariance
def factors(rng, *batch, d=3):
    """Cholesky factors (*batch, d, d)."""
    factor = np.tril(0.6 * rng.standard_normal((*batch, d, d)), -1)
    return factor + np.exp(0.4 * rng.standard_normal((*batch, d)))[..., None] * np.eye(d)


def full(rng, *batch, d=3, dtype=np.float64, device="cpu"):
    mean, factor = rng.standard_normal((*batch, d)), factors(rng, *batch, d=d)
    return MultivariateNormal(*(sg.tensor(x, dtype=dtype, device=device, requires_grad=True) for x in (mean, factor)))


def covariance(p):
    factor = p.factor.numpy()
    return factor @ np.swapaxes(factor, -1, -2)


@pytest.mark.equation("13.7", "13.12")
@pytest.mark.ledger("B11")
@pytest.mark.parametrize("d", [1, 2, 5])
def test_full_density_and_entropy_agree_with_scipy(d, device, rng):
    """Bug B11, a published density, takes the determinant of x: here that of the covariance, by its factor."""
    p = full(rng, 4, d=d, device=device)
    x = rng.standard_normal((6, 4, d))
    log_p, entropy = p.log_prob(sg.tensor(x, device=device)), p.entropy()
    assert log_p.device == entropy.device == device
    for i, (mean, cov) in enumerate(zip(p.mean.numpy(), covariance(p))):
        scipys = scipy.stats.multivariate_normal(mean, cov)
        np.testing.assert_allclose(log_p.numpy()[:, i], scipys.logpdf(x[:, i]), rtol=1e-9)
        assert entropy.numpy()[i] == pytest.approx(scipys.entropy(), rel=1e-10)


@pytest.mark.equation("13.7", "13.9", "13.10", "13.12")
def test_full_with_a_diagonal_factor_is_a_vector_of_normals(rng):
    mean, log_var, other_mean, other, x = rng.standard_normal((5, 4, 3))
    q = MultivariateNormal(mean, np.exp(0.5 * log_var)[..., None] * np.eye(3))
    same, p = Normal(mean, log_var), Normal(other_mean, other)
    np.testing.assert_allclose(q.log_prob(x).numpy(), same.log_prob(x).sum(-1).numpy(), rtol=1e-12)
    np.testing.assert_allclose(q.entropy().numpy(), same.entropy().sum(-1).numpy(), rtol=1e-12)
    for prior in (p, Normal(0.0, 0.0)):
        expected = kl_divergence(same, prior).sum(-1).numpy()
        np.testing.assert_allclose(kl_divergence(q, prior).numpy(), expected, rtol=1e-11)
    full_p = MultivariateNormal(other_mean, np.exp(0.5 * other)[..., None] * np.eye(3))
    np.testing.assert_allclose(kl_divergence(q, full_p).numpy(), kl_divergence(same, p).sum(-1).numpy(), rtol=1e-11)


@pytest.mark.equation("13.9", "14.6")
@pytest.mark.ledger("C-DIST")
def test_monte_carlo_kl_of_full_gaussians(rng):
    """Per vector, through the sampler: with another full Gaussian, with a diagonal one, and with the prior."""
    q, p, draws = full(rng, 2), full(rng, 2), 40_000
    z = q.sample(rng, draws)
    for other in (p, Normal(*rng.standard_normal((2, 2, 3))), Normal(0.0, 0.0)):
        log_p = other.log_prob(z) if other is p else other.log_prob(z).sum(-1)
        terms = (q.log_prob(z) - log_p).numpy()
        error = terms.std(axis=0, ddof=1) / math.sqrt(draws)
        assert np.all(np.abs(terms.mean(axis=0) - kl_divergence(q, other).numpy()) < 4 * error)


@pytest.mark.equation("14.6")
def test_full_samples_have_the_mean_and_the_covariance(device, rng):
    q, draws = full(rng, device=device), 40_000
    x = q.sample(rng, draws).numpy() - q.mean.numpy()
    assert np.all(np.abs(x.mean(0)) < 4 * np.sqrt(np.diag(covariance(q)) / draws))
    products = x[:, :, None] * x[:, None, :]
    assert np.all(np.abs(products.mean(0) - covariance(q)) < 4 * products.std(0) / math.sqrt(draws))


@DTYPES
def test_full_shapes_dtypes_and_devices(dtype, device, rng):
    q, p = full(rng, 4, dtype=dtype, device=device), full(rng, 4, dtype=dtype, device=device)
    for n, shape in [((), (4, 3)), (7, (7, 4, 3)), ((2, 5), (2, 5, 4, 3)), (0, (0, 4, 3))]:
        x = q.rsample(rng, n)
        assert (x.shape, x.device, x.dtype, x.requires_grad) == (shape, device, dtype, True)
        assert not q.sample(rng, n).requires_grad
        assert (q.log_prob(x).shape, q.log_prob(x).dtype) == (shape[:-1], dtype)
    for value in (q.entropy(), kl_divergence(q, p), kl_divergence(q, Normal(0.0, 0.0))):
        assert (value.shape, value.dtype, value.device) == ((4,), dtype, device)
    np.testing.assert_allclose(kl_divergence(q, q).numpy(), 0, atol=2e-6 if dtype is np.float32 else 1e-13)
    one = MultivariateNormal(q.mean, p.factor[0])  # one covariance for all
    np.testing.assert_allclose(one.entropy().numpy(), p.entropy().numpy()[0], rtol=1e-5)
    assert one.rsample(rng).shape == (4, 3)
    for shared in (one, MultivariateNormal(q.mean[0], p.factor)):  # or one mean
        assert shared.entropy().shape == shared.log_prob(x).shape[-1:] == (4,)


@pytest.mark.equation("13.13", "13.14")
@given(st.integers(1, 6), st.sampled_from([(), (3,), (2, 3)]), st.sampled_from([(), (3,), (2, 3)]))
def test_forward_substitution_solves(d, batch, more):
    rng = np.random.default_rng(d)
    factor, b = factors(rng, *batch, d=d), rng.standard_normal((*more, d))
    y = F.solve_lower(factor, b)
    np.testing.assert_allclose((factor @ y[..., None])[..., 0], np.broadcast_to(b, y.shape), atol=1e-12)
    np.testing.assert_array_equal(y, F.solve_lower(factor + np.triu(np.ones((d, d)), 1), b))  # reads only below


@pytest.mark.equation("13.7", "13.9", "13.10", "13.11", "13.12", "13.14", "14.6", "14.7")
def test_full_gradients(rng):
    mean, other, x = rng.standard_normal((3, 2, 3))
    factor, another, one = factors(rng, 2), factors(rng, 2), factors(rng)
    N, M = Normal, functools.partial(MultivariateNormal, validate_args=False)  # differences step above the diagonal
    cases = [
        (F.solve_lower, factor, x),
        (F.solve_lower, one, x),
        (lambda *a: M(a[0], a[1]).log_prob(a[2]), mean, factor, x),
        (lambda *a: M(*a).entropy() + a[0].sum(-1), mean, factor),
        (lambda *a: M(*a).rsample(noise=x), mean, factor),
        (
            lambda *a: kl_divergence(M(*a[:2]), M(*a[2:])),
            mean,
            factor,
            other,
            another,
        ),
        (lambda *a: kl_divergence(M(*a[:2]), N(*a[2:])), mean, factor, other, x),
    ]
    for f, *inputs in cases:
        assert sg.gradcheck(f, *inputs)
        assert sg.gradgradcheck(f, *inputs)


@pytest.mark.equation("13.7", "13.9", "14.6")
def test_full_gaussians_agree_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    arrays = [rng.standard_normal((4, 3)), factors(rng, 4), rng.standard_normal((4, 3)), factors(rng, 4)]
    x, v = rng.standard_normal((4, 3)), rng.standard_normal(4)
    ours = [sg.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    q, p = MultivariateNormal(*ours[:2]), MultivariateNormal(*ours[2:])
    total = kl_divergence(q, p) + q.log_prob(x) * p.entropy()
    total.backward(v)
    q, p = (torch.distributions.MultivariateNormal(m, scale_tril=c) for m, c in (theirs[:2], theirs[2:]))
    expected = torch.distributions.kl_divergence(q, p) + q.log_prob(torch.tensor(x)) * p.entropy()
    expected.backward(torch.tensor(v))
    np.testing.assert_allclose(total.numpy(), expected.detach().numpy(), rtol=1e-10)
    for mine, other in zip(ours, theirs):
        # PyTorch's formulas read (and differentiate) above the diagonal in places, where there is nothing to learn
        below = np.tril if mine.ndim == 3 else np.asarray
        np.testing.assert_allclose(below(mine.grad.numpy()), below(other.grad.numpy()), rtol=1e-8, atol=1e-10)


def test_full_refusals(rng):
    q = full(rng, 2)
    with pytest.raises(ValueError, match=r"MultivariateNormal: mean .* got \(2, 3\) and \(2, 4, 4\)"):
        MultivariateNormal(q.mean, factors(rng, 2, d=4))
    with pytest.raises(ValueError, match="either rng or noise"):
        q.rsample()
    with pytest.raises(TypeError, match="no closed form for Normal and MultivariateNormal"):
        kl_divergence(Normal(0.0, 0.0), q)


@pytest.mark.ledger("B1")
@pytest.mark.equation("14.6")
def test_a_covariance_in_the_place_of_its_factor_is_refused(rng, device):
    factor = factors(rng, 4)
    covariances = factor @ np.swapaxes(factor, -1, -2)
    downwards = factor.copy()
    downwards[2, 1, 1] *= -1
    unknown = np.full((4, 3, 3), np.nan)
    for wrong in (covariances, covariances[0], np.swapaxes(factor, -1, -2), downwards, 0 * factor, unknown):
        there = sg.tensor(wrong, device=device)
        with pytest.raises(ValueError, match=r"MultivariateNormal: expected factor L .* np.linalg.cholesky\(cov"):
            MultivariateNormal(sg.tensor(np.zeros((4, 3)), device=device), there)
    q = MultivariateNormal(np.zeros((4, 3)), np.linalg.cholesky(covariances))
    np.testing.assert_allclose(covariance(q), covariances, rtol=1e-10)
    MultivariateNormal(np.zeros((0, 3)), factor[:0])  # none is wrong


@pytest.mark.parametrize(
    "p",
    [
        Bernoulli(np.array([0.3, math.nan])),
        Categorical(np.array([[0.0, 1.0], [math.nan, 0.0]])),
        Categorical(np.array([0.0, math.inf])),
    ],
    ids=["bernoulli", "categorical", "infinite"],
)
def test_logits_that_are_no_numbers_draw_nothing(p, rng, device):
    there = type(p)(sg.tensor(p.logits.numpy(), device=device))
    with pytest.raises(FloatingPointError, match=f"{type(p).__name__}.sample: to draw, logits have to be numbers"):
        there.sample(rng, 5)


def test_logits_that_are_sure_draw(rng):
    assert Bernoulli(np.array([-math.inf, math.inf])).sample(rng).numpy().tolist() == [0, 1]
    assert Categorical(np.array([-math.inf, 0.0])).sample(rng, 3).numpy().tolist() == [1, 1, 1]


@pytest.mark.equation("15.2")
def test_gradient_of_the_bernoulli_likelihood(rng):
    logits = sg.tensor(rng.standard_normal(5) * 3, requires_grad=True)
    x = (rng.random(5) > 0.5).astype(np.float64)
    v, (g,) = gradients(-Bernoulli(logits).log_prob(x), logits, rng=rng)
    np.testing.assert_allclose(g, v * (1 / (1 + np.exp(-logits.numpy())) - x), rtol=1e-12)


def test_sample_stops_the_gradient(rng):
    q, _ = pair(Normal, rng)
    assert q.rsample(rng).requires_grad
    assert not q.sample(rng).requires_grad


NO_BITS = pytest.mark.parametrize(
    "x", [[0.0, 2.0], [-0.1, 1.0], [255.0, 0.0], [0.5, 1.0], [math.nan, 1.0], [math.inf, 1.0]]
)


@pytest.mark.ledger("B7")
@NO_BITS
def test_a_bernoulli_knows_nothing_but_0_and_1(x, device):
    """Of a grey x minus the cross-entropy is a number, and beyond 0 and 1 a positive one; neither is a ln p."""
    wanted = r"Bernoulli.log_prob: expected x that are 0 or 1, .*binarize"
    p, there = Bernoulli(sg.tensor([1.0, -3.0], device=device)), sg.tensor(x, device=device)
    for either in (there, there.data):
        with pytest.raises(ValueError, match=wanted):
            p.log_prob(either)
    with pytest.raises(ValueError, match=wanted):
        p.log_prob(0.3)


@NO_BITS
def test_the_bernoulli_of_pytorch_refuses_the_same(x):
    torch = pytest.importorskip("torch")
    logits = np.array([1.0, -3.0])
    p = torch.distributions.Bernoulli(logits=torch.tensor(logits), validate_args=True)
    with pytest.raises(ValueError, match="Expected value argument"):
        p.log_prob(torch.tensor(x, dtype=torch.float64))
    for bits in ([0.0, 1.0], [1.0, 1.0]):
        expected = p.log_prob(torch.tensor(bits, dtype=torch.float64)).numpy()
        np.testing.assert_allclose(Bernoulli(logits).log_prob(np.array(bits)).numpy(), expected, rtol=1e-12)


def test_categoricals_of_other_classes_are_not_compared():
    with pytest.raises(ValueError, match=r"kl_divergence: expected the same classes, got \(2, 3\) and \(2, 1\)"):
        kl_divergence(Categorical(np.zeros((2, 3))), Categorical(np.zeros((2, 1))))


def test_plain_numbers_and_lists_for_data():
    normal = Normal(np.zeros(3), 0.0)
    assert normal.log_prob(0.5).dtype == np.float64
    np.testing.assert_allclose(normal.log_prob(0.5).numpy(), scipy.stats.norm.logpdf(0.5))
    classes = Categorical(np.log([0.2, 0.3, 0.5]))
    assert classes.log_prob(2).item() == pytest.approx(math.log(0.5))
    np.testing.assert_allclose(classes.log_prob([2, 0]).numpy(), np.log([0.5, 0.2]))
    with pytest.raises(TypeError, match="integers"):
        classes.log_prob(1.5)


def test_the_entropy_of_a_normal_is_per_element():
    each = 0.5 * math.log(2 * math.pi * math.e)
    for normal in (Normal(np.zeros(3), np.zeros(())), Normal(np.zeros(3), 0.0), Normal(0.0, np.zeros(3))):
        np.testing.assert_allclose(normal.entropy().numpy(), [each] * 3)
    assert Normal(0.0, 0.0).entropy().item() == pytest.approx(each)
    log_var = sg.tensor(np.zeros(()), requires_grad=True)
    F.sum(Normal(np.zeros(3), log_var).entropy()).backward()
    assert log_var.grad.item() == 1.5


def test_integer_data_of_a_multivariate_normal():
    p = MultivariateNormal(np.array([0, 0]), 2 * np.eye(2))
    expected = scipy.stats.multivariate_normal.logpdf([1, 3], [0, 0], 4 * np.eye(2))
    assert p.log_prob(np.array([1, 3])).item() == pytest.approx(expected)
