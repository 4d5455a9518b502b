"""Errata of words and letters: what each says, taken at its word, has another number. See derivations/notation.md."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, norm

from scratchgen.models.adversarial import GAN, OBJECTIVES, MLPDiscriminator, MLPGenerator
from scratchgen.models.autoregressive import FVSBN
from scratchgen.models.latent import VAE, LinearGaussian


@pytest.fixture
def rng():
    return np.random.default_rng(54)


def integral(f):
    return quad(f, -40, 40, points=[-3, 0, 3], limit=200)[0]


@pytest.mark.ledger("E8")
def test_e8_a_sample_comes_from_a_distribution_that_is_near_the_posterior(rng):
    """z ~ q(z|x) ≈ p(z|x): draws of the exact encoder spread as Bayes' rule has it; the prior's do not."""
    model = LinearGaussian([[1.5], [-0.5]], [0.3, 0.1], 0.4)
    x = np.array([[2.0, -1.0]])
    joint = lambda z: norm.pdf(z) * norm.pdf(x[0], [1.5 * z + 0.3, -0.5 * z + 0.1], 0.4**0.5).prod()
    total = integral(joint)
    mean = integral(lambda z: z * joint(z)) / total
    sd = (integral(lambda z: (z - mean) ** 2 * joint(z)) / total) ** 0.5
    z = model.encode(np.repeat(x, 20_000, 0)).rsample(rng).numpy()[:, 0]
    assert kstest(z, norm(mean, sd).cdf).pvalue > 1e-3
    assert kstest(rng.standard_normal(20_000), norm(mean, sd).cdf).pvalue < 1e-10


@pytest.mark.ledger("E10")
def test_e10_g_wants_to_be_taken_for_real_and_not_to_be_told_apart():
    """A D that always tells made images apart says a = −∞ to them: the worst that can happen to G, in each game."""
    told_apart, taken_for_real = np.full(3, -20.0), np.full(3, 20.0)
    for name in ("minimax", "non-saturating"):
        assert OBJECTIVES[name].generator(told_apart).item() > OBJECTIVES[name].generator(taken_for_real).item() + 19


@pytest.mark.ledger("E18")
def test_e18_the_noise_has_a_law_and_what_g_makes_of_it_another(rng):
    """p_z is N(0, I) on two numbers, p_g is a law on one: N(1, 3² + 4²) for this G."""
    G = MLPGenerator(2, (), 1, "linear", rng=rng)
    G.network.layers[0].weight.data[...] = [[3, 4]]
    G.network.layers[0].bias.data[...] = 1
    gan = GAN(G, MLPDiscriminator(1, (3,), rng=rng))
    z, x = gan.noise(20_000, rng, np.zeros(1, np.float32)), gan.sample(20_000, rng)
    assert (z.shape[1], x.shape[1]) == (2, 1)
    assert kstest(z.ravel(), norm.cdf).pvalue > 1e-3
    assert kstest(x.ravel(), norm(1, 5).cdf).pvalue > 1e-3
    assert kstest(x.ravel(), norm.cdf).pvalue < 1e-10


@pytest.mark.ledger("E19")
def test_e19_the_prior_is_the_density_of_z_and_not_of_x():
    """With as many numbers in z as in x, so that both could be meant: ∫ p(z) p(x|z) dz is what integrates x to 1."""
    model = LinearGaussian([[2.0]], [1.0], 0.5)
    density = lambda x: float(np.exp(model.log_prob(np.array([[x]])))[0])
    assert integral(density) == pytest.approx(1, abs=1e-8)
    assert density(3.0) == pytest.approx(integral(lambda z: norm.pdf(z) * norm.pdf(3, 2 * z + 1, 0.5**0.5)), rel=1e-8)
    assert density(3.0) > 10 * norm.pdf(3)


@pytest.mark.ledger("E21")
def test_e21_without_its_last_factors_the_product_is_no_distribution(rng):
    """p(x₁)p(x₂|x₁)p(x₃|x₁,x₂) of five bits counts each of four endings in full: it adds up to 4."""
    model = FVSBN((5,)).astype(np.float64)
    for parameter in model.parameters():
        parameter.data[...] = rng.standard_normal(parameter.shape)
    x = np.array(list(itertools.product([0.0, 1.0], repeat=5)))
    a = model.logits(x).numpy()
    factors = np.where(x == 1, 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(a)))
    assert factors[:, :3].prod(1).sum() == pytest.approx(4, rel=1e-12)
    assert factors.prod(1).sum() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(factors.prod(1), np.exp(model.log_prob(x).numpy()), rtol=1e-10)


@pytest.mark.ledger("E30")
def test_e30_what_the_decoder_computes_is_no_posterior():
    """p(x|z) is a law over x for each z; over z it adds up to ½ here, and its largest value is elsewhere."""
    decoder = lambda x, z: norm.pdf(x, 2 * z + 1, 1)
    assert integral(lambda x: decoder(x, 0.7)) == pytest.approx(1, abs=1e-8)
    assert integral(lambda z: decoder(3.0, z)) == pytest.approx(0.5, abs=1e-8)
    model = LinearGaussian([[2.0]], [1.0], 1.0)
    posterior = model.encode(np.array([[3.0]]))
    total = integral(lambda z: norm.pdf(z) * decoder(3.0, z))
    assert posterior.mean.item() == pytest.approx(
        integral(lambda z: z * norm.pdf(z) * decoder(3.0, z)) / total, rel=1e-8
    )
    assert posterior.mean.item() == pytest.approx(0.8)  # the likelihood is largest at z = 1


@pytest.mark.ledger("E31")
def test_e31_a_prior_is_more_than_its_expected_value():
    """N(0, 1) and N(0, 9) expect the same, and give the same x other densities and other posteriors."""
    found = []
    for sd in (1.0, 3.0):
        p_x = integral(lambda z, sd=sd: norm.pdf(z, 0, sd) * norm.pdf(4, z, 1))
        mean = integral(lambda z, sd=sd: z * norm.pdf(z, 0, sd) * norm.pdf(4, z, 1)) / p_x
        found.append((np.log(p_x), mean))
    np.testing.assert_allclose(found, [(norm.logpdf(4, 0, 2**0.5), 2.0), (norm.logpdf(4, 0, 10**0.5), 3.6)], rtol=1e-7)


@pytest.mark.ledger("E32")
def test_e32_the_model_moves_towards_the_truth(rng):
    """Fitting never touches what the data came from; and with more of them the model comes nearer to it."""
    truth = LinearGaussian(rng.normal(size=(5, 2)), rng.normal(size=5), 0.3)
    before = [truth.weight.copy(), truth.mean.copy(), truth.variance]
    covariance = truth.weight @ truth.weight.T + truth.variance * np.eye(5)
    off = []
    for n in (200, 20_000):
        model = LinearGaussian.fit(truth.sample(n, rng), 2)
        off.append(np.linalg.norm(model.weight @ model.weight.T + model.variance * np.eye(5) - covariance))
    assert off[1] < off[0] / 3  # √100 = 10 times nearer in the mean
    for old, new in zip(before, (truth.weight, truth.mean, truth.variance), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.ledger("E33")
def test_e33_the_integral_is_hard_because_the_decoder_bends_and_not_because_x_is_missing():
    """The same observed x. With a linear decoder p(x) is a normal law with the right two moments; with a bent one,
    that is wrong by more than a nat, and the integral must be computed."""
    x, sd = 0.0, 0.3
    for decoder, closed in ((lambda z: 0.8 * z, True), (lambda z: np.tanh(3 * z), False)):
        log_p = np.log(integral(lambda z, d=decoder: norm.pdf(z) * norm.pdf(x, d(z), sd)))
        mean = integral(lambda z, d=decoder: norm.pdf(z) * d(z))
        variance = integral(lambda z, d=decoder, m=mean: norm.pdf(z) * (d(z) - m) ** 2) + sd**2
        off = abs(log_p - norm.logpdf(x, mean, variance**0.5))
        assert off < 1e-8 if closed else off > 1


@pytest.mark.ledger("E34")
def test_e34_the_encoder_is_not_the_decoders(rng):
    """ln q(z|x)/p(z) does not depend on θ, the decoder's weights; on all of the encoder's it does."""
    model = VAE(6, 5, 2, rng=rng).astype(np.float64)
    kl = model.elbo((rng.random((4, 6)) < 0.5).astype(float), rng.standard_normal((4, 2))).kl
    kl.backward(rng.random(kl.shape))
    for name, parameter in model.named_parameters():
        if name.startswith("decoder"):
            assert parameter.grad is None
        else:
            assert np.abs(parameter.grad.numpy()).max() > 1e-6
    assert {name.split(".")[0] for name, _ in model.named_parameters()} == {"encoder", "decoder"}


@pytest.mark.ledger("E38")
def test_e38_d_looks_at_images_and_not_at_noise(rng):
    G, D = MLPGenerator(64, (8,), 784, rng=rng), MLPDiscriminator(784, (8,), rng=rng)
    z = rng.standard_normal((3, 64)).astype(np.float32)
    assert D(G(z)).shape == (3,)
    with pytest.raises(ValueError, match=r"linear: .*64"):
        D(z)
