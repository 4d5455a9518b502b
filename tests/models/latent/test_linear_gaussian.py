"""The solvable VAE against SciPy, against itself in pixel space, and as the judge of a VAE that was trained."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

import scratchgen as sg
from scratchgen import optim
from scratchgen.distributions import MultivariateNormal, Normal, kl_divergence
from scratchgen.models.latent import VAE, LinearGaussian, bounds
from scratchgen.models.latent.linear_gaussian import maximum_log_likelihood


def random_model(rng, pixels=7, latent=3):
    return LinearGaussian(rng.normal(size=(pixels, latent)), rng.normal(size=pixels), rng.gamma(2, 0.3))


def random_q(rng, n, latent, full):
    if full:
        factor = np.tril(rng.normal(size=(n, latent, latent)), -1)
        factor += np.exp(rng.normal(size=(n, latent)))[:, :, None] * np.eye(latent)
        return MultivariateNormal(sg.tensor(rng.normal(size=(n, latent))), sg.tensor(factor))
    return Normal(sg.tensor(rng.normal(size=(n, latent))), sg.tensor(rng.normal(size=(n, latent))))


@pytest.fixture
def rng():
    return np.random.default_rng(16)


# ------------------------------------------------------------------------------------------------------ closed forms
@given(st.integers(0, 3), st.integers(1, 6), st.integers(1, 8), st.integers(0, 2**31))
@pytest.mark.ledger("B11")
@pytest.mark.equation("16.6")
def test_log_prob_is_scipys(n, pixels, latent, seed):
    """Through matrices latent × latent, also where there are more latent variables than pixels, or no images."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, pixels, latent)
    x = 2 * rng.normal(size=(n, pixels))
    covariance = model.weight @ model.weight.T + model.variance * np.eye(pixels)
    expected = [multivariate_normal(model.mean, covariance).logpdf(row) for row in x]
    assert model.log_prob(x).shape == (n,)
    np.testing.assert_allclose(model.log_prob(x), np.array(expected).reshape(n), rtol=1e-10, atol=1e-10)


@pytest.mark.equation("16.5")
def test_the_posterior_is_the_conditional_of_the_joint_gaussian(rng):
    """(x, z) together are Gaussian; the textbook's conditional inverts a matrix pixels × pixels, ours does not."""
    model = random_model(rng)
    x = rng.normal(size=(5, 7))
    gain = np.linalg.solve(model.weight @ model.weight.T + model.variance * np.eye(7), model.weight).T
    means, covariance = model.posterior(x)
    np.testing.assert_allclose(means, (x - model.mean) @ gain.T, rtol=1e-11)
    np.testing.assert_allclose(covariance, np.eye(3) - gain @ model.weight, atol=1e-13)


@pytest.mark.ledger("C-ELBO")
@pytest.mark.equation("12.3", "16.7", "16.8")
@pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])
@given(st.integers(0, 4), st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**31))
def test_log_p_is_elbo_plus_gap(full, n, pixels, latent, seed):
    """Three closed forms that share no line; and the gap is the divergence that `distributions` computes."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, pixels, latent)
    x, q = rng.normal(size=(n, pixels)), random_q(rng, n, latent, full)
    scale = 1 + np.abs(model.gap(x, q))
    np.testing.assert_array_less(np.abs(model.log_prob(x) - model.exact_elbo(x, q) - model.gap(x, q)), 1e-10 * scale)
    if full:
        np.testing.assert_allclose(model.gap(x, q), kl_divergence(q, model.encode(x)).numpy(), rtol=1e-9)


@pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])
@pytest.mark.equation("16.7")
def test_the_exact_elbo_is_the_mean_of_sampled_ones(full, rng):
    n = 40_000
    model, q = random_model(rng), random_q(rng, 1, 3, full)
    x = np.tile(model.sample(1, rng), (n, 1))
    model.encode = lambda x: type(q)(*(np.repeat(part.numpy(), len(x), 0) for part in vars(q).values()))
    sampled = -sum(term.numpy() for term in model.elbo(x, rng.standard_normal((n, 3))))
    error = sampled.std() / math.sqrt(n)
    assert abs(sampled.mean() - model.exact_elbo(x[:1], q)[0]) < 4 * error
    weights = model.log_weights(x[:1000], rng.standard_normal((40, 1000, 3))).numpy()
    assert abs(weights.mean() - model.exact_elbo(x[:1], q)[0]) < 4 * weights.std() / math.sqrt(weights.size)


def test_very_many_pixels(rng):
    """One latent variable and 20,000 pixels, with p(x) put together by hand: one direction has the variance
    |w|² + σ², all others σ². A matrix pixels × pixels would be 3.2 GB."""
    w, x = rng.normal(size=(20_000, 1)), rng.normal(size=(4, 20_000))
    model = LinearGaussian(w, np.zeros(20_000), 0.5)
    length = float((w * w).sum())
    along = (x @ w)[:, 0] ** 2 / length
    log_volume = math.log(length + 0.5) + 19_999 * math.log(0.5)
    squares = along / (length + 0.5) + ((x * x).sum(1) - along) / 0.5
    expected = -0.5 * (20_000 * math.log(2 * math.pi) + log_volume + squares)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-12)


def test_little_noise_cancels_nothing(rng):
    """σ² = 1e-12 and x on the plane: Eq. 16.6 adds squares; |x|² − |projection|² would lose 12 digits."""
    weight, z = rng.normal(size=(6, 2)), rng.normal(size=(3, 2))
    model = LinearGaussian(weight, np.zeros(6), 1e-12)
    volume = 0.5 * np.linalg.slogdet(weight.T @ weight)[1] + 2 * math.log(2 * math.pi * 1e-12)
    expected = multivariate_normal(np.zeros(2)).logpdf(z) - volume
    np.testing.assert_allclose(model.log_prob(z @ weight.T), expected, atol=1e-9)


@pytest.mark.equation("16.9", "16.10")
def test_turning_the_latent_space_makes_the_diagonal_posterior_exact(rng):
    model = random_model(rng)
    x = model.sample(9, rng)
    turned = model.rotated()
    assert model.gap(x, model.best_diagonal(x)).min() > 1e-3
    np.testing.assert_allclose(turned.gap(x, turned.best_diagonal(x)), 0, atol=1e-12)
    np.testing.assert_allclose(turned.log_prob(x), model.log_prob(x), rtol=1e-12)
    hadamard = 0.5 * (np.log(np.diag(model.moment)).sum() - np.linalg.slogdet(model.moment)[1])
    np.testing.assert_allclose(model.gap(x, model.best_diagonal(x)), hadamard, rtol=1e-10)


# ----------------------------------------------------------------------------------------------------------- fitting
@pytest.mark.equation("16.14", "16.15", "16.16")
@pytest.mark.parametrize(("n", "pixels", "latent"), [(200, 6, 1), (200, 6, 5), (50, 80, 4), (40, 3, 2)])
def test_the_fit_reaches_the_stated_maximum_and_nothing_beats_it(n, pixels, latent, rng):
    x = random_model(rng, pixels, latent).sample(n, rng)
    model, best = LinearGaussian.fit(x, latent), maximum_log_likelihood(x, latent)
    assert model.log_prob(x).mean() == pytest.approx(best, rel=1e-10)
    for size in (1e-3, 0.1):
        for _ in range(20):
            weight = model.weight + size * rng.normal(size=model.weight.shape)
            mean = model.mean + size * rng.normal(size=pixels)
            other = LinearGaussian(weight, mean, model.variance * math.exp(size * rng.normal()))
            assert other.log_prob(x).mean() < best


@pytest.mark.equation("16.14", "16.19")
def test_a_variance_above_an_eigenvalue_leaves_that_latent_unused(rng):
    scales = np.sqrt([5.0, 2.0, 0.5, 0.1, 0.1])
    x = rng.normal(size=(2000, 5)) * scales
    for variance, used in ((0.2, 3), (1.0, 2), (3.0, 1), (10.0, 0)):
        model = LinearGaussian.fit(x, 3, variance)
        assert (np.abs(model.weight).sum(0) > 0).tolist() == [True] * used + [False] * (3 - used)
        assert model.log_prob(x).mean() == pytest.approx(maximum_log_likelihood(x, 3, variance), rel=1e-12)
        assert model.log_prob(x).mean() < maximum_log_likelihood(x, 3)
        q = model.best_diagonal(x)
        np.testing.assert_allclose(model.gap(x, q), 0, atol=1e-12)
        np.testing.assert_array_equal(q.mean.numpy()[:, used:], 0)  # the prior, whatever x: collapsed
        np.testing.assert_allclose(q.log_var.numpy()[:, used:], 0, atol=1e-12)


def test_a_likelihood_without_a_maximum_is_refused(rng):
    flat = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 5))
    for n in (30, 3):  # the last: three points lie in a plane of two dimensions
        with pytest.raises(ValueError, match=r"fit: the data lie in a plane of 2 dimensions .* σ² → 0"):
            LinearGaussian.fit(flat[:n], 2)
    assert LinearGaussian.fit(flat, 2, 0.1).variance == 0.1
    assert LinearGaussian.fit(flat[:3], 4, 0.1).weight.shape == (5, 4)  # more latents than directions
    for latent in (0, 5):
        with pytest.raises(ValueError, match=f"latent must be between 1 and pixels − 1 = 4, got {latent}"):
            maximum_log_likelihood(flat, latent)
    with pytest.raises(ValueError, match=r"spectrum: expected data \(N, pixels\), got \(0, 5\)"):
        LinearGaussian.fit(flat[:0], 2)


# ------------------------------------------------------------------------------------ the face of all latent models
def test_bounds_work_on_the_oracle(rng):
    """From the exact posterior every weight is p(x); from a worse encoder the bounds close from below."""
    model = random_model(rng)
    x = model.sample(6, rng)
    exact = model.log_prob(x)
    np.testing.assert_allclose(model.log_weights(x, rng.standard_normal((4, 6, 3))).numpy(), np.tile(exact, (4, 1)))
    estimate = bounds.log_prob(model, x, 10, rng)
    np.testing.assert_allclose(estimate.log_prob, exact, rtol=1e-12)
    np.testing.assert_allclose(estimate.effective, 10, rtol=1e-9)
    model.encode = model.best_diagonal
    estimate = bounds.log_prob(model, x, 4000, rng)
    assert (np.abs(estimate.log_prob - exact) < 5 * estimate.error).all()
    assert estimate.error.max() < 0.1


@pytest.mark.equation("16.1", "16.2")
def test_samples_have_the_stated_moments(rng):
    model = random_model(rng, 4, 2)
    n = 40_000
    x = model.sample(n, rng) - model.mean
    products = np.einsum("ni,nj->nij", x, x)
    covariance = model.weight @ model.weight.T + model.variance * np.eye(4)
    assert (np.abs(products.mean(0) - covariance) < 4.5 * products.std(0) / math.sqrt(n)).all()
    assert (np.abs(x.mean(0)) < 4.5 * x.std(0) / math.sqrt(n)).all()
    plane = model.sample(50, rng, mean=True) - model.mean
    assert np.linalg.matrix_rank(plane, tol=1e-9) == 2  # the means lie in the plane, the samples do not


def test_images_may_be_float32_strided_tensors_or_on_a_device(rng, device):
    model = random_model(rng)
    x = rng.normal(size=(5, 14)).astype(np.float32)[:, ::2]
    expected = model.log_prob(x.astype(np.float64))
    np.testing.assert_array_equal(model.log_prob(x), expected)
    there = sg.tensor(x, device=device)
    for images in (there, there.data):
        np.testing.assert_array_equal(model.log_prob(images), expected)
        np.testing.assert_allclose(model.gap(images, model.encode(images)), 0, atol=1e-12)
    assert expected.dtype == np.float64


def test_what_does_not_fit_is_named(rng):
    model = random_model(rng)
    with pytest.raises(ValueError, match=r"weight \(pixels, latent\) and mean \(pixels,\), got \(7, 3\) and \(6,\)"):
        LinearGaussian(model.weight, np.zeros(6), 1.0)
    for variance in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="variance must be positive and finite"):
            LinearGaussian(model.weight, model.mean, variance)
    with pytest.raises(ValueError, match=r"LinearGaussian.log_prob: expected images \(N, 7\), got \(2, 8\)"):
        model.log_prob(np.zeros((2, 8)))
    with pytest.raises(ValueError, match=r"LinearGaussian.gap: expected q with means \(2, 3\), got \(2, 4\)"):
        model.gap(np.zeros((2, 7)), random_q(rng, 2, 4, False))
    with pytest.raises(ValueError, match=r"LinearGaussian.log_weights: expected noise \(k, 2, 3\), .* got \(2, 3\)"):
        model.log_weights(np.zeros((2, 7)), np.zeros((2, 3)))
    p = model.decode(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"LinearGaussian.log_likelihood: expected images \(N, 7\), got \(2, 1\)"):
        model.log_likelihood(p, np.zeros((2, 1)))
    with pytest.raises(TypeError, match=r"rng: expected a random generator, .* got None"):
        model.sample(2, None)


@pytest.mark.equation("16.5", "16.8")
def test_a_covariance_that_all_images_share_may_be_given_once(rng):
    """As the posterior's is: its gap is 0, and the exact ELBO ln p(x)."""
    model = random_model(rng)
    x = model.sample(5, rng)
    means, covariance = model.posterior(x)
    q = MultivariateNormal(means, np.linalg.cholesky(covariance))
    np.testing.assert_allclose(model.gap(x, q), np.zeros(5), atol=1e-12)
    np.testing.assert_allclose(model.exact_elbo(x, q), model.log_prob(x), rtol=1e-12)
    for shared, own in ((q.entropy(), model.encode(x).entropy()), (q.log_prob(means), model.encode(x).log_prob(means))):
        assert shared.shape == (5,)
        np.testing.assert_allclose(shared.numpy(), own.numpy(), rtol=1e-12)


@pytest.mark.parametrize("log_var", [0.0, np.array([0.3, -1.0, 0.5])], ids=["a number", "a row"])
def test_a_variance_may_be_shared(log_var, rng):
    model = random_model(rng)
    x, means = rng.normal(size=(4, 7)), sg.tensor(rng.normal(size=(4, 3)))
    shared, written_out = Normal(means, log_var), Normal(means, sg.tensor(np.zeros((4, 3)) + log_var))
    np.testing.assert_array_equal(model.gap(x, shared), model.gap(x, written_out))
    np.testing.assert_array_equal(model.exact_elbo(x, shared), model.exact_elbo(x, written_out))


@pytest.mark.parametrize("variance", [-1, 0.0, math.nan, math.inf])
def test_a_variance_that_is_none_is_named(variance, rng):
    x = rng.normal(size=(30, 5))
    for f, who in ((LinearGaussian.fit, "LinearGaussian.fit"), (maximum_log_likelihood, "maximum_log_likelihood")):
        with pytest.raises(ValueError, match=f"{who}: variance must be positive and finite, or None .* got {variance}"):
            f(x, 2, variance)


def test_the_encoder_of_a_float32_vae_in_float64(rng):
    """As the docstring of the class has it."""
    model, vae = random_model(rng), VAE(7, 4, 3, "normal", rng=rng)
    model.encode = vae.astype(np.float64).encode
    x = model.sample(5, rng)
    estimate = bounds.log_prob(model, x, 4000, rng)
    assert (model.exact_elbo(x, model.encode(x)) < model.log_prob(x)).all()
    assert (estimate.log_prob < model.log_prob(x) + 5 * estimate.error).all()


# ------------------------------------------------------------------------------------------------- the VAE, judged
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_linear_vae_is_read_off_its_decoder(dtype, rng):
    vae = VAE(5, (), 2, "normal", "scalar", rng=rng).astype(dtype)
    for parameter in vae.parameters():
        parameter.data[...] += 0.3 * rng.normal(size=parameter.shape)
    oracle = LinearGaussian.of(vae)
    z, x = rng.normal(size=(4, 2)).astype(dtype), rng.normal(size=(4, 5)).astype(dtype)
    expected = vae.decode(z).log_prob(x).sum(1).numpy()
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(oracle.log_likelihood(oracle.decode(z), x).numpy(), expected, rtol=tolerance)
    with pytest.raises(ValueError, match="the decoder is not linear"):
        LinearGaussian.of(VAE(5, 4, 2, "normal", 0.1, rng=rng))
    for options in ({"decoder": "bernoulli"}, {"decoder": "normal"}):
        with pytest.raises(ValueError, match="one variance for all pixels"):
            LinearGaussian.of(VAE(5, (), 2, **options, rng=rng))


@pytest.mark.ledger("C-ELBO", "E1", "E14")
@pytest.mark.equation("12.3", "16.10", "16.17")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_vae_reaches_the_maximum_likelihood_of_the_oracle(seed):
    """Trained on its sampled ELBO alone, within 0.01 nats of the best that any W, μ and σ² can do; and at every step
    ln p(x) = ELBO + KL(q‖posterior) to 1e-10. At the end the columns of W are orthogonal: the encoder's diagonal
    covariance has chosen the one rotation (up to signs and order) with which it is exact."""
    rng = np.random.default_rng(seed)
    x = LinearGaussian(rng.normal(size=(8, 2)), rng.normal(size=8), 0.5).sample(1000, rng)
    vae = VAE(8, (), 2, "normal", "scalar", rng=rng).astype(np.float64)
    steps, gaps = 600, []
    optimizer, cool = optim.Adam(vae.parameters()), optim.cosine_decay(steps)
    for step in range(steps):
        optimizer.lr = 0.1 * cool(step)
        optimizer.zero_grad()
        vae.loss(x, rng)[0].backward()
        optimizer.step()
        oracle, q = LinearGaussian.of(vae), vae.encode(x)
        exact, elbo, gap = oracle.log_prob(x), oracle.exact_elbo(x, q), oracle.gap(x, q)
        np.testing.assert_allclose(exact - elbo - gap, 0, atol=1e-10)
        assert gap.min() >= 0
        gaps.append(gap.mean())

    best = maximum_log_likelihood(x, 2)
    assert best - 0.01 < exact.mean() <= best + 1e-12
    assert gaps[-1] < 0.01 < gaps[0]
    first, second = oracle.weight.T
    assert abs(first @ second) < 0.05 * np.linalg.norm(first) * np.linalg.norm(second)
