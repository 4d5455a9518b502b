"""derivations/11-importance.md, equation by equation."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import gradcheck
from scratchgen.distributions import Normal
from scratchgen.models.latent import VAE
from scratchgen.models.latent.bounds import effective_sample_size, iwae_bound, log_prob, normalized_weights
from scratchgen.models.latent.linear_gaussian import LinearGaussian

from ..linear_gaussian import ENCODER, LOG_EVIDENCE, POSTERIOR, Z, expect, log_joint, log_normal


def log_weight(z, q):
    return log_joint(z) - log_normal(z, *q)


def draw(q, k, count, rng):
    """ln w of `count` times k samples of q = (mean, variance): (k, count)."""
    return log_weight(rng.normal(q[0], q[1] ** 0.5, (k, count)), q)


def relative_variance(q):
    """v of Eq. 11.1, on the grid."""
    return expect(np.exp(2 * (log_weight(Z, q) - LOG_EVIDENCE)), *q) - 1


ENCODERS = [ENCODER, (1.2, 0.6), (0.5, 2.0)]
encoders = pytest.mark.parametrize("q", ENCODERS)


@pytest.mark.equation("11.1")
@encoders
def test_the_variance_is_the_chi_square_from_the_encoder_to_the_posterior(q):
    density = np.exp(log_normal(Z, *q))
    posterior = np.exp(log_normal(Z, *POSTERIOR))
    near = density > 1e-250
    chi_square = np.sum((posterior - density)[near] ** 2 / density[near]) * (Z[1] - Z[0])
    v = relative_variance(q)
    assert v == pytest.approx(chi_square, rel=1e-8)
    mean, std = (q[0] - POSTERIOR[0]) / POSTERIOR[1] ** 0.5, (q[1] / POSTERIOR[1]) ** 0.5
    closed = std**2 / math.sqrt(2 * std**2 - 1) * math.exp(mean**2 / (2 * std**2 - 1))
    assert v + 1 == pytest.approx(closed, rel=1e-8)


@pytest.mark.equation("11.1")
def test_an_encoder_that_is_too_narrow_has_weights_without_a_variance():
    """Half the posterior's variance is the limit: below it the integral of Eq. 11.1 diverges, and the weights' record
    sample is still to come."""
    for variance, finite in ((0.26, True), (0.24, False)):
        exponent = 2 * log_normal(Z, *POSTERIOR) - log_normal(Z, POSTERIOR[0], variance)
        assert (exponent[-1] < exponent[len(Z) // 2]) == finite  # falls, or rises for ever


@pytest.mark.equation("11.2")
def test_the_posterior_is_the_only_proposal_without_variance():
    assert relative_variance(POSTERIOR) == pytest.approx(0, abs=1e-10)
    rng = np.random.default_rng(2)
    np.testing.assert_allclose(draw(POSTERIOR, 100, 1, rng), LOG_EVIDENCE, rtol=1e-12)
    for shift, stretch in ((0.05, 1.0), (0.0, 1.05), (-0.3, 0.8), (0.0, 3.0)):
        q = (POSTERIOR[0] + shift, POSTERIOR[1] * stretch)
        assert relative_variance(q) > 1e-3
        assert draw(q, 100, 1, rng).std() > 1e-3


@pytest.mark.equation("11.3")
@encoders
def test_the_effective_size_tells_the_variance(q):
    """Eq. 11.3: ESS/k → 1/(1 + v)."""
    sizes = effective_sample_size(draw(q, 100_000, 3, np.random.default_rng(3)))
    np.testing.assert_allclose(sizes / 100_000, 1 / (1 + relative_variance(q)), rtol=0.05)


@pytest.mark.equation("11.4")
@encoders
def test_shares_average_over_the_posterior(q):
    """Eq. 11.4: with q's samples, the posterior's moments; p(x) is not needed. Biased like 1/k, unlike Eq. 12.5."""
    rng = np.random.default_rng(4)
    z = rng.normal(q[0], q[1] ** 0.5, (100_000, 1))
    shares = normalized_weights(log_weight(z, q) + 123.0)  # any constant: an unnormalised joint density will do
    for f, exact in ((z, 1.0), (z**2, 1.5), (z > 1, 0.5)):
        spread = np.sqrt((shares**2 * (f - exact) ** 2).sum())
        assert abs((shares * f).sum() - exact) < 4 * spread
    z = rng.normal(q[0], q[1] ** 0.5, (2, 100_000))
    few = (normalized_weights(log_weight(z, q)) * z).sum(0)
    assert abs(few.mean() - 1.0) > 8 * few.std() / 100_000**0.5  # two samples cannot correct a wrong encoder


# -------------------------------------------------------------------------------------------------------- the bounds
@pytest.mark.equation("11.6")
@given(hnp.arrays(np.float64, st.tuples(st.integers(2, 8), st.integers(1, 3)), elements=st.floats(-20, 20)))
def test_the_step_of_the_proof_holds_for_any_weights(log_w):
    """The logarithm of the mean of all, against the mean over i of the logarithm of the mean of all but i."""
    without = [iwae_bound(np.delete(log_w, i, axis=0)) for i in range(len(log_w))]
    assert (iwae_bound(log_w) >= np.mean(without, axis=0) - 1e-9).all()
    np.testing.assert_allclose(np.exp(log_w).mean(0), np.mean([np.exp(w) for w in without], 0), rtol=1e-9)


@pytest.mark.equation("11.5", "11.6", "11.7")
@encoders
def test_bounds_are_ordered_and_close_to_the_evidence(q):
    """Eq. 11.6 with L₁ and L₂ by quadrature and the others by sampling; Eq. 11.7 for how fast."""
    rng, v = np.random.default_rng(6), relative_variance(q)
    first = expect(log_weight(Z, q), *q)
    coarse = Z[::20]
    density = np.exp(log_normal(coarse, *q)) * (coarse[1] - coarse[0])
    log_w = log_weight(coarse, q)
    pairs = iwae_bound(np.stack(np.broadcast_arrays(log_w[:, None], log_w)).reshape(2, -1))
    bounds = [first, float((density[:, None] * density * pairs.reshape(len(coarse), -1)).sum())]
    errors = [0.0, 0.0]
    for k in (4, 16, 64, 256):
        many = iwae_bound(draw(q, k, 20_000, rng))
        bounds.append(many.mean())
        errors.append(many.std() / 20_000**0.5)
    assert np.all(np.diff(bounds) > 0)
    assert np.all(np.array(bounds) < LOG_EVIDENCE + 4 * np.array(errors))
    assert LOG_EVIDENCE - bounds[-1] == pytest.approx(v / 512, abs=4 * errors[-1] + 3 * (v / 256) ** 2)
    assert LOG_EVIDENCE - bounds[-2] == pytest.approx(v / 128, abs=4 * errors[-2] + 3 * (v / 64) ** 2)


def with_an_encoder_a_little_wrong(latent, shift=0.1, stretch=1.1):
    """x = z + 0.1ε with q(z|x) moved and widened by a tenth of the posterior's standard deviation."""
    model = LinearGaussian(np.eye(latent), np.zeros(latent), 0.01)

    def encode(x):
        mean, covariance = model.posterior(x)
        variance = np.diag(covariance)
        return Normal(mean + shift * np.sqrt(variance), np.log(stretch**2 * variance) + 0 * mean)

    model.encode = encode
    return model


@pytest.mark.equation("11.6", "11.7")
def test_the_oracle_of_five_dimensions_is_approached_from_below():
    model, rng = with_an_encoder_a_little_wrong(5, 0.5, 1.5), np.random.default_rng(7)
    x = model.sample(400, rng)
    exact, elbo = model.log_prob(x), model.exact_elbo(x, model.encode(x))
    means = [elbo.mean()] + [log_prob(model, x, k, rng).log_prob.mean() for k in (3, 10, 100, 1000)]
    assert np.all(np.diff(means) > 0)
    assert 0 < exact.mean() - means[-1] < 0.01
    assert exact.mean() - means[0] > 0.5


# ------------------------------------------------------------------------------------------------------ the gradient
@pytest.mark.equation("11.8", "11.10")
def test_the_two_derivatives_of_the_bound():
    """Eqs. 11.8 and 11.10 as they stand: softmax, and diag(w̃) − w̃w̃ᵀ."""
    rng = np.random.default_rng(8)
    log_w, direction = rng.standard_normal((5, 1)), rng.standard_normal((5, 1))
    t = sg.tensor(log_w, requires_grad=True)
    (gradient,) = sg.grad(iwae_bound(t), [t], np.ones(1), create_graph=True)
    shares = np.exp(log_w) / np.exp(log_w).sum()
    np.testing.assert_allclose(gradient.numpy(), shares, rtol=1e-12)
    (product,) = sg.grad((gradient * direction).sum(), [t])
    hessian = np.diag(shares[:, 0]) - shares @ shares.T
    np.testing.assert_allclose(product.numpy(), hessian @ direction, rtol=1e-12)


X0, SIGMA2 = 1.7, 0.6


def by_hand(mean, log_var, scale, noise):
    """ln w of x = sz + e, and its derivatives for μ, λ and s, as on the page; noise (k, …)."""
    z = mean + np.exp(0.5 * log_var) * noise
    off = X0 - scale * z
    log_w = -0.5 * (np.log(2 * np.pi * SIGMA2) + off**2 / SIGMA2) + 0.5 * (noise**2 - z**2) + 0.5 * log_var
    z_bar = scale * off / SIGMA2 - z
    log_var_bar = 0.5 + z_bar * 0.5 * np.exp(0.5 * log_var) * noise
    return log_w, {"mean": z_bar, "log_var": log_var_bar, "scale": z * off / SIGMA2}


@pytest.mark.equation("11.8", "11.9")
@pytest.mark.parametrize("k", [1, 2, 50])
def test_the_gradient_of_the_bound_by_hand_by_autograd_and_by_differences(k):
    """Eq. 11.9: the samples' own gradients, averaged with their shares as weights."""
    noise = np.random.default_rng(9).standard_normal((k, 1))
    point = {"mean": np.array([0.4]), "log_var": np.array([-0.7]), "scale": np.array([1.3])}

    def bound(mean, log_var, scale):
        z = mean + F.exp(0.5 * log_var) * noise
        log_p = Normal(scale * z, math.log(SIGMA2)).log_prob(np.full((k, 1), X0)) + Normal(0.0, 0.0).log_prob(z)
        return iwae_bound(log_p - Normal(mean, log_var).log_prob(z))

    log_w, slopes = by_hand(**point, noise=noise)
    tensors = {name: sg.tensor(value, requires_grad=True) for name, value in point.items()}
    value = bound(**tensors)
    np.testing.assert_allclose(value.numpy(), iwae_bound(log_w), rtol=1e-12)
    value.backward(np.ones(1))
    for name, slope in slopes.items():
        hand = (normalized_weights(log_w) * slope).sum(0)
        np.testing.assert_allclose(tensors[name].grad.numpy(), hand, rtol=1e-10, err_msg=name)
    gradcheck(bound, *point.values())


@pytest.mark.equation("11.9")
@pytest.mark.parametrize("options", [{}, {"posterior": "full"}, {"decoder": "normal"}])
def test_a_vaes_gradient_is_the_weighted_mean_of_its_samples_gradients(options):
    """Eq. 11.9 for every parameter: each sample walked back alone, and added up with its share; against one walk."""
    rng = np.random.default_rng(10)
    model = VAE(6, 5, 2, rng=rng, **options).astype(np.float64)
    x, noise = (rng.random((3, 6)) < 0.5).astype(np.float64), rng.standard_normal((4, 3, 2))
    parameters = list(model.parameters())
    log_w = model.log_weights(x, noise)
    together = sg.grad(iwae_bound(log_w).sum(), parameters)
    shares = normalized_weights(log_w.data)
    apart = [np.zeros(p.shape) for p in parameters]
    for i in range(4):
        each = sg.grad((model.log_weights(x, noise[i : i + 1])[0] * shares[i]).sum(), parameters)
        for total, g in zip(apart, each):
            total += g.numpy()
    for a, b in zip(together, apart):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("11.14")
def test_more_samples_drown_the_encoders_signal_and_not_the_decoders():
    """Eq. 11.14: signal to noise ∝ √k for the decoder's scale, ∝ 1/√k for the encoder's mean."""
    rng = np.random.default_rng(14)

    def signal_to_noise(k):
        log_w, slopes = by_hand(0.4, -0.7, 1.3, rng.standard_normal((k, 20_000)))
        gradients = {name: (normalized_weights(log_w) * slope).sum(0) for name, slope in slopes.items()}
        return {name: abs(g.mean()) / g.std() for name, g in gradients.items()}

    few, many = signal_to_noise(4), signal_to_noise(64)
    assert many["mean"] / few["mean"] == pytest.approx(1 / 4, rel=0.35)
    assert many["scale"] / few["scale"] == pytest.approx(4, rel=0.35)


# ------------------------------------------------------------------------------------- the gradient, with less noise
def paths(mean, log_var, scale, noise):
    """ln w as `by_hand`, and its derivatives for μ and λ through z alone, the density held."""
    log_w, slopes = by_hand(mean, log_var, scale, noise)
    half = np.exp(0.5 * log_var) * noise  # z − μ
    z_bar = slopes["mean"] + half / np.exp(log_var)
    return log_w, {"mean": z_bar, "log_var": z_bar * 0.5 * half}


@pytest.mark.equation("11.15")
def test_a_weighed_score_is_a_path():
    """Eq. 11.15 by quadrature, for a share as h: on the left the score, on the right the slope of h along the path."""
    mean, variance = ENCODER
    density, others = np.exp(log_normal(Z, mean, variance)), np.exp(log_weight(np.array([0.2, 1.4]), ENCODER)).sum()
    weight = np.exp(log_joint(Z) - log_normal(Z, mean, variance))
    share, step = weight / (weight + others), Z[1] - Z[0]
    slope = np.gradient(share, step)
    for score, path in (
        ((Z - mean) / variance, 1.0),  # for μ
        (0.5 * ((Z - mean) ** 2 / variance - 1), 0.5 * (Z - mean)),  # for ln σ²
    ):
        left, right = (density * share * score).sum() * step, (density * slope * path).sum() * step
        assert abs(left) > 1e-3
        assert left == pytest.approx(right, rel=1e-4)


@pytest.mark.equation("11.9", "11.16")
@pytest.mark.parametrize("k", [1, 2, 5, 30])
def test_the_doubly_reparameterised_gradient_has_the_same_mean_and_less_noise(k):
    """Over 200,000 draws; the share in the place of its square, for k > 1, has not."""
    noise = np.random.default_rng(16).standard_normal((k, 200_000))
    log_w, plain = by_hand(0.4, -0.7, 1.3, noise)
    shares, slopes = normalized_weights(log_w), paths(0.4, -0.7, 1.3, noise)[1]
    for name, slope in slopes.items():
        once, twice, mistaken = (
            (w * s).sum(0) for w, s in ((shares, plain[name]), (shares**2, slope), (shares, slope))
        )
        assert twice.std() < 0.9 * once.std(), name
        error = (twice - once).std() / 200_000**0.5
        assert abs((twice - once).mean()) < 4 * error, name
        if k > 1:
            assert abs((mistaken - once).mean()) > 8 * (mistaken - once).std() / 200_000**0.5, name


@pytest.mark.equation("11.2", "11.16")
def test_at_the_posterior_no_draw_moves_the_encoder():
    """Eq. 11.9 scatters around zero there; Eq. 11.16 is zero."""
    variance = 1 / (1 + 1.3**2 / SIGMA2)
    noise = np.random.default_rng(17).standard_normal((4, 100))
    point = (variance * 1.3 * X0 / SIGMA2, math.log(variance), 1.3, noise)
    log_w, slopes = by_hand(*point)
    np.testing.assert_allclose(log_w, log_w[0, 0], rtol=1e-12)
    for name, slope in paths(*point)[1].items():
        np.testing.assert_allclose(slope, 0, atol=1e-12)
        assert slopes[name].std() > 0.1


@pytest.mark.equation("11.17")
def test_more_samples_raise_the_encoders_signal_where_it_is_reparameterised_twice():
    rng = np.random.default_rng(18)

    def signal_to_noise(k):
        log_w, slopes = paths(0.4, -0.7, 1.3, rng.standard_normal((k, 20_000)))
        gradient = (normalized_weights(log_w) ** 2 * slopes["mean"]).sum(0)
        return abs(gradient.mean()) / gradient.std()

    assert signal_to_noise(256) / signal_to_noise(16) == pytest.approx(4, rel=0.2)


# --------------------------------------------------------------------------------------------- sums, errors, samples
@pytest.mark.equation("11.11")
@given(hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(-1e4, 1e4)), st.data())
def test_log_sums_of_parts_join(log_w, data):
    cut = data.draw(st.integers(0, len(log_w)))
    parts = [scipy.special.logsumexp(part) if len(part) else -np.inf for part in (log_w[:cut], log_w[cut:])]
    joined = np.logaddexp(*parts)
    assert joined == pytest.approx(scipy.special.logsumexp(log_w), rel=1e-12, abs=1e-12)


@pytest.mark.equation("11.12")
@encoders
def test_the_standard_error_is_the_scatter_of_the_estimates(q):
    """Eq. 11.12: √(1/ESS − 1/k), from one set of samples, foretells how other sets scatter."""
    log_w = draw(q, 500, 4000, np.random.default_rng(12))
    foretold = np.sqrt(1 / effective_sample_size(log_w) - 1 / 500)
    assert np.median(foretold) == pytest.approx(iwae_bound(log_w).std(), rel=0.1)
    assert np.median(foretold) == pytest.approx((relative_variance(q) / 500) ** 0.5, rel=0.1)


@pytest.mark.equation("11.13")
@encoders
def test_the_one_sample_elbo_with_either_kl_has_the_same_mean(q):
    """Eq. 11.13 on page 12's model: ln p(x|z) minus either KL."""
    z = np.random.default_rng(13).normal(q[0], q[1] ** 0.5, 50_000)
    divergence = log_normal(z, *q) - log_normal(z, 0, 1)
    closed = 0.5 * (q[0] ** 2 + q[1] - 1 - math.log(q[1]))
    assert abs(divergence.mean() - closed) < 4 * divergence.std() / 50_000**0.5
    np.testing.assert_allclose(log_joint(z) - log_normal(z, 0, 1) - divergence, log_weight(z, q), rtol=1e-9, atol=1e-9)
