"""The latent integral over a line, against SciPy's adaptive quadrature, the solvable model, and a whole training."""

import math

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import norm

import scratchgen as sg
from scratchgen import backend, optim
from scratchgen.distributions import Normal
from scratchgen.models.latent import VAE, LinearGaussian, bounds
from scratchgen.models.latent.quadrature import GRID, solve

KINDS = {
    "bernoulli": {"decoder": "bernoulli"},
    "per pixel": {"decoder": "normal"},
    "scalar": {"decoder": "normal", "variance": "scalar"},
    "full": {"posterior": "full"},
}


@pytest.fixture
def rng():
    return np.random.default_rng(21)


def bits(rng, *shape, dtype=np.float64):
    return (rng.random(shape) < 0.5).astype(dtype)


def crooked(rng, pixels=6, size=0.8, **options):
    """A VAE with one latent variable and large random weights."""
    model = VAE(pixels, 5, 1, rng=rng, **options).astype(np.float64)
    for parameter in model.parameters():
        parameter.data[...] = size * rng.standard_normal(parameter.shape)
    return model


def from_the_weights(model, image):
    """q's mean and deviation, and ln p(x, z) as a function of a number z, of an MLP in plain NumPy."""
    w = {name: p.data for name, p in model.named_parameters()}

    def linear(name, h):
        return w[f"{name}.weight"] @ h + w[f"{name}.bias"]

    h = np.tanh(linear("encoder.network.layers.0", image))
    mean, std = linear("encoder.mean", h).item(), math.exp(0.5 * linear("encoder.log_variance", h).item())

    def log_joint(z):
        a = linear("decoder.output", np.tanh(linear("decoder.network.layers.0", np.array([z]))))
        if "decoder.log_variance" in w:
            return norm(a, math.exp(0.5 * w["decoder.log_variance"])).logpdf(image).sum() + norm.logpdf(z)
        return -np.log1p(np.exp(np.where(image == 1, -a, a))).sum() + norm.logpdf(z)

    return mean, std, log_joint


def by_scipy(model, image):
    """ln p(x), E_q[ln p(x|z)] − KL(q‖p) and KL(q‖posterior) of one image, by adaptive quadrature in plain formulas."""
    x = image[None]
    q = model.encode(x)
    mean = q.mean.numpy().item()
    std = (q.factor if hasattr(q, "factor") else q.std).numpy().item()

    def log_likelihood(z):
        return model.log_likelihood(model.decode(np.array([[z]])), x).item()

    def integral(f):
        return integrate.quad(f, -20, 20, epsabs=1e-13, epsrel=1e-12, limit=400, points=(mean,))[0]

    evidence = math.log(integral(lambda z: math.exp(log_likelihood(z)) * norm.pdf(z)))
    log_q, q = norm(mean, std).logpdf, norm(mean, std).pdf
    elbo = integral(lambda z: q(z) * (log_likelihood(z) + norm.logpdf(z) - log_q(z)))
    gap = integral(lambda z: q(z) * (log_q(z) - (log_likelihood(z) + norm.logpdf(z) - evidence)))
    return evidence, elbo, gap


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.equation("12.1", "16.20", "16.22")
def test_every_number_is_scipys(options, rng):
    model, x = crooked(rng, **options), bits(rng, 1, 6)
    solution = solve(model, x)
    np.testing.assert_allclose(np.stack(solution[:3], 1), [by_scipy(model, x[0])], atol=1e-9)
    assert solution.kl.min() > 1e-3  # so that a gap of 0 everywhere would be noticed
    assert solution.error < 1e-12


@pytest.mark.equation("16.6", "16.8", "16.20")
def test_on_the_solvable_model_it_gives_the_closed_forms(rng):
    model = LinearGaussian(0.7 * rng.normal(size=(4, 1)), rng.normal(size=4), 0.3)
    x = model.sample(5, rng)
    exact = solve(model, x)
    np.testing.assert_allclose(exact.log_prob, model.log_prob(x), atol=1e-11)
    np.testing.assert_allclose(exact.kl, 0, atol=1e-11)  # its encoder is the posterior
    np.testing.assert_allclose(exact.posterior, exact.encoder, atol=1e-10)
    mean, covariance = model.posterior(x)
    np.testing.assert_allclose(exact.posterior, norm.pdf(GRID, mean, covariance[0, 0] ** 0.5), atol=1e-10)
    encoder = VAE(4, 3, 1, "normal", rng=rng).astype(np.float64)
    model.encode = encoder.encode
    q = encoder.encode(x)
    worse = solve(model, x)
    np.testing.assert_allclose(worse.elbo, model.exact_elbo(x, q), atol=1e-11)
    np.testing.assert_allclose(worse.kl, model.gap(x, q), atol=1e-11)


@pytest.mark.ledger("C-ELBO", "E14")
@pytest.mark.equation("12.3", "16.22")
@pytest.mark.parametrize("decoder", ["bernoulli", "normal"])
def test_log_p_is_elbo_plus_kl_along_a_whole_training(decoder, rng):
    """A nonlinear decoder, every step from the first to the last: to 1e-10 nats. The bound is never above ln p(x), and
    never quite reaches it: no Gaussian is the posterior here. `solve` forms the KL with its own ln p(x), so that a
    wrong one would cancel: at some steps SciPy integrates a joint written out anew, and normalises the posterior."""
    curve = np.tanh(rng.normal(size=(200, 1)) @ rng.normal(size=(1, 8)) * 2)
    x = (curve > rng.uniform(-1, 1, curve.shape)).astype(float) if decoder == "bernoulli" else curve
    x = x + (0 if decoder == "bernoulli" else 0.3 * rng.normal(size=x.shape))
    model = VAE(8, 6, 1, decoder, variance=None if decoder == "bernoulli" else "scalar", rng=rng).astype(np.float64)
    optimizer, history, grid = optim.Adam(model.parameters(), lr=0.03), [], np.linspace(-20, 20, 1001)
    for step in range(100):
        optimizer.zero_grad()
        model.loss(x, rng)[0].backward()
        optimizer.step()
        solution = solve(model, x[:10], grid)
        for i in range(2 if step in (0, 30, 99) else 0):
            mean, std, log_joint = from_the_weights(model, x[i])
            q = norm(mean, std)

            def over_the_line(f, centre=mean):
                return integrate.quad(f, -20, 20, epsabs=1e-13, epsrel=1e-12, limit=400, points=(centre,))[0]

            evidence = over_the_line(lambda z, log_joint=log_joint: math.exp(log_joint(z)))
            gap = over_the_line(
                lambda z, q=q, p=log_joint, total=evidence: q.pdf(z) * (q.logpdf(z) - (p(z) - math.log(total)))
            )
            np.testing.assert_allclose(solution.log_prob[i], math.log(evidence), atol=1e-9)
            np.testing.assert_allclose(solution.kl[i], gap, atol=1e-9)
        assert solution.error < 1e-10
        np.testing.assert_allclose(solution.log_prob - solution.elbo - solution.kl, 0, atol=1e-10)
        assert solution.kl.min() > 1e-6
        history.append(solution.log_prob.mean())
    assert history[-1] > history[0] + 0.5  # it did learn


@pytest.mark.equation("16.20", "16.22")
def test_densities_are_densities_and_samples_agree(rng):
    model, x = crooked(rng, size=0.4), bits(rng, 3, 6)
    solution = solve(model, x)
    step = GRID[1] - GRID[0]
    np.testing.assert_allclose(step * solution.posterior.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(step * solution.encoder.sum(1), 1, atol=1e-12)
    estimate = bounds.log_prob(model, x, 20_000, rng)
    assert (np.abs(estimate.log_prob - solution.log_prob) < 5 * estimate.error).all()
    sampled = model.log_weights(x, rng.standard_normal((20_000, 3, 1))).numpy()
    assert (np.abs(sampled.mean(0) - solution.elbo) < 5 * sampled.std(0) / math.sqrt(20_000)).all()


def test_all_probabilities_add_up_to_one(rng):
    """Σ p(x) over the 64 possible images of six bits."""
    x = ((np.arange(64)[:, None] >> np.arange(6)) & 1).astype(float)
    assert np.exp(solve(crooked(rng), x).log_prob).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.equation("16.21")
def test_the_error_is_estimated_and_a_poor_grid_is_refused(rng):
    model, x = crooked(rng), bits(rng, 3, 6)
    model.encoder.log_variance.bias.data += 3
    exact = solve(model, x).log_prob
    for points, at_least in ((41, 1e-9), (161, 0)):
        coarse = solve(model, x, np.linspace(-20, 20, points))
        assert at_least <= np.abs(coarse.log_prob - exact).max() <= coarse.error
    with pytest.raises(ValueError, match=r"the encoder is too narrow for the grid \(σ = .*, step 2"):
        solve(model, x, np.linspace(-20, 20, 21))
    with pytest.raises(ValueError, match="the posterior reaches beyond the grid -1 … 1"):
        solve(model, x, np.linspace(-1, 1, 1001))
    model.encoder.mean.bias.data += 19
    with pytest.raises(ValueError, match="the encoder reaches beyond the grid"):
        solve(model, x)
    with pytest.raises(ValueError, match=r"only a model with latent=1 .* got 2"):
        solve(VAE(6, 5, 2, rng=rng), x)
    with pytest.raises(ValueError, match=r"solve: takes no labels, .* without classes, got one with classes=4"):
        solve(VAE(6, 5, 1, classes=4, rng=rng), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, bool, np.int64, "tensor"])
def test_bits_may_be_numbers_of_any_kind(dtype, rng, device):
    model = VAE(6, 5, 1, rng=rng)
    for parameter in model.parameters():
        parameter.data[...] = 0.8 * rng.standard_normal(parameter.shape)
    plain = bits(rng, 3, 6, dtype=np.float32)
    expected = solve(model, plain)
    model.to(device)
    x = backend.to_device(plain if dtype == "tensor" else plain.astype(dtype), device)
    found = solve(model, sg.Tensor(x) if dtype == "tensor" else x)
    np.testing.assert_allclose(found.log_prob, expected.log_prob, atol=1e-5)
    np.testing.assert_allclose(found.kl, expected.kl, atol=1e-4)
    estimate = bounds.log_prob(model, x, 20_000, rng)
    assert (np.abs(estimate.log_prob - found.log_prob) < 5 * estimate.error).all()


@pytest.mark.parametrize(
    "grid",
    [
        np.sinh(np.linspace(-3.7, 3.7, 8001)),
        GRID[::-1],
        np.append(GRID, np.nan),
        np.append(GRID, np.inf),
        np.zeros(9),
        GRID[:2],
        GRID[:, None],
    ],
    ids=["uneven", "descending", "NaN", "infinite", "constant", "short", "column"],
)
def test_an_uneven_grid_is_refused(grid, rng):
    with pytest.raises(ValueError, match="solve: expected a grid of at least three points, finite, ascending and equ"):
        solve(crooked(rng), bits(rng, 3, 6), grid)


def test_in_float32_on_every_device_and_without_images(rng, device):
    reference = crooked(rng)
    x = bits(rng, 3, 12, dtype=np.float32)[:, ::2]
    model = VAE(6, 5, 1, rng=np.random.default_rng(0)).to(device)
    for mine, theirs in zip(model.parameters(), reference.parameters()):
        mine.data[...] = sg.tensor(theirs.data.astype(np.float32), device=device).data
    exact = solve(reference, x.astype(np.float64))
    there = solve(model, backend.to_device(x, device))
    for name in ("log_prob", "elbo", "kl"):
        found = getattr(there, name)
        assert (type(found), found.dtype) == (np.ndarray, np.float64)
        np.testing.assert_allclose(found, getattr(exact, name), atol=1e-4, err_msg=name)
    nothing = solve(reference, np.zeros((0, 6)))
    assert (nothing.log_prob.shape, nothing.posterior.shape, nothing.error) == ((0,), (0, len(GRID)), 0.0)


def test_a_posterior_that_falls_between_the_points_is_refused():
    """The encoder is wide, the posterior has σ = 3e-4, a point stands every 5e-3: where none hits, a sum is far off."""
    model = LinearGaussian(np.ones((1, 1)), np.zeros(1), 1e-7)
    model.encode = lambda x: Normal(sg.tensor(np.full((len(x), 1), 0.3)), sg.tensor(np.full((len(x), 1), -4.6)))
    for x in (0.3025, 0.3021, 0.3):
        with pytest.raises(
            ValueError, match=r"the posterior is too narrow for the grid: one point, of a step of 0.005, has"
        ):
            solve(model, np.array([[x]]))
    grid = np.linspace(-1, 1.6, 26001)
    assert solve(model, np.array([[0.3025]]), grid).log_prob == pytest.approx(model.log_prob(np.array([[0.3025]])))
