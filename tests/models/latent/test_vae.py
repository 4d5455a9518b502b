"""The VAE proved three ways: by its gradients (with test_hand_vae.py), by its distributions, and by an exact oracle."""

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import backend, optim
from scratchgen import functional as F
from scratchgen.data import binarize, digits
from scratchgen.distributions import Normal
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import VAE
from scratchgen.models.latent.bounds import iwae_bound, log_prob
from scratchgen.training.workers import Workers

from ..slopes import check_slopes

KINDS = {
    "bernoulli": ("bernoulli", None),
    "normal": ("normal", None),
    "fixed": ("normal", 0.3),
    "scalar": ("normal", "scalar"),
}
DECODERS = pytest.mark.parametrize(("decoder", "variance"), KINDS.values(), ids=KINDS)
# What can be chosen beside the decoder: each alone, and all at once.
FORMS = {
    "deep": {"hidden": (5, 3)},
    "linear": {"hidden": ()},
    "full": {"posterior": "full"},
    "classes": {"classes": 3},
    "conv": {"pixels": 16, "hidden": (2, 3), "shape": (1, 4, 4)},
    "all": {"pixels": 32, "hidden": (2, 3), "shape": (2, 4, 4), "posterior": "full", "classes": 3},
}


def small(rng, decoder="bernoulli", variance=None, **form):
    """A small model of any form, images for it, and labels where it wants them; in float64, nothing at zero."""
    model = VAE(**{"pixels": 6, "hidden": 4, "latent": 2} | form, decoder=decoder, variance=variance, rng=rng)
    model.astype(np.float64)
    for parameter in model.parameters():
        parameter.data[...] = 0.3 * rng.standard_normal(parameter.shape)
    x = rng.integers(0, 256 if decoder == "categorical" else 2, (3, model.pixels)).astype(np.float64)
    return model, x, ([np.array([2, 0, 1])] if model.classes else [])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def bits(rng, *shape, dtype=np.float32):
    return (rng.random(shape) < 0.5).astype(dtype)


def test_the_zero_decoder_needs_one_bit_per_pixel(rng):
    model = VAE(hidden=5, latent=2, rng=rng)
    for parameter in model.decoder.parameters():
        parameter.data[...] = 0
    reconstruction, _ = model.elbo(bits(rng, 3, 784), rng.standard_normal((3, 2), dtype=np.float32))
    np.testing.assert_allclose(reconstruction.numpy(), 784 * math.log(2), rtol=1e-6)


@pytest.mark.ledger("B17")
@pytest.mark.parametrize("latent", [1, 7, 50])
def test_the_kl_is_a_sum_over_latent_dimensions(latent, rng):
    """q = N(1, I) in d dimensions is d/2 nats from the prior: an encoder with weight 0 and bias 1 says so."""
    model = VAE(4, 5, latent, rng=rng)
    for head, bias in ((model.encoder.mean, 1.0), (model.encoder.log_variance, 0.0)):
        head.weight.data[...] = 0
        head.bias.data[...] = bias
    _, kl = model.elbo(bits(rng, 3, 4), rng.standard_normal((3, latent), dtype=np.float32))
    np.testing.assert_allclose(kl.numpy(), latent / 2, rtol=1e-6)


@pytest.mark.ledger("B1")
@pytest.mark.equation("13.3", "14.1")
def test_monte_carlo_kl_through_the_models_own_sampler(rng):
    """E[ln q(z) − ln p(z)] over z that the *decoder was given* is the closed-form KL: σ² in σ's place would be seen."""
    n, latent = 20_000, 3
    model = VAE(4, 5, latent, rng=rng).astype(np.float64)
    model.encoder.log_variance.bias.data[...] = [-2.0, 0.5, 1.5]
    x = np.tile(bits(rng, 1, 4, dtype=np.float64), (n, 1))
    given = []
    decode = model.decode
    model.decode = lambda z, labels: given.append(z.numpy()) or decode(z, labels)
    _, kl = model.elbo(x, rng.standard_normal((n, latent)))

    q = model.encode(x)
    z, mean, log_variance = given[0], q.mean.numpy(), q.log_var.numpy()
    ratio = 0.5 * (z**2 - log_variance - (z - mean) ** 2 * np.exp(-log_variance)).sum(1)
    error = ratio.std() / math.sqrt(n)
    assert abs(ratio.mean() - kl.numpy()[0]) < 4 * error
    assert error < 0.03 * kl.numpy()[0]  # so that the line above means something


@DECODERS
@pytest.mark.equation("12.1", "12.3", "12.4")
def test_the_elbo_is_below_the_exact_log_likelihood(decoder, variance, rng):
    """With one latent dimension ln p(x) = ln ∫ p(x|z) p(z) dz is an integral over a line, done here on a fine grid."""
    model = VAE(6, 5, 1, decoder, variance, rng=rng).astype(np.float64)
    for parameter in model.parameters():
        parameter.data[...] = 0.7 * rng.standard_normal(parameter.shape)
    x = bits(rng, 3, 6, dtype=np.float64)

    grid = np.linspace(-12, 12, 4001)[:, None]
    log_prior = -0.5 * (grid[:, 0] ** 2 + math.log(2 * math.pi))
    p = model.decode(grid)
    log_joint = np.stack([p.log_prob(np.tile(image, (len(grid), 1))).sum(1).numpy() + log_prior for image in x])
    exact = F.logsumexp(log_joint, 1) + math.log(grid[1, 0] - grid[0, 0])

    n = 20_000
    terms = [model.elbo(np.tile(image, (n, 1)), rng.standard_normal((n, 1))) for image in x]
    samples = np.stack([-(reconstruction + kl).numpy() for reconstruction, kl in terms])
    elbo, error = samples.mean(1), samples.std(1) / math.sqrt(n)
    assert (elbo < exact + 4 * error).all()

    # Eq. 12.3: what is missing is the KL from the encoder to the true posterior, on the same grid.
    q = model.encode(x)
    mean, log_variance = q.mean.numpy(), q.log_var.numpy()
    log_q = -0.5 * (math.log(2 * math.pi) + log_variance + (grid.T - mean) ** 2 / np.exp(log_variance))
    gap = (np.exp(log_q) * (log_q - (log_joint - exact[:, None]))).sum(1) * (grid[1, 0] - grid[0, 0])
    np.testing.assert_allclose(exact - elbo, gap, atol=5 * error.max())
    assert gap.min() > 5 * error.max()  # the bound is not tight here, so "below" is no accident


@pytest.mark.ledger("B7")
def test_samples_come_from_the_prior(rng):
    """A decoder that only repeats the sign of z shows which z it was given: half of them are positive, whatever was
    encoded before, and they differ from each other."""
    model = VAE(1, 1, 1, rng=rng)
    for layer in (model.decoder.network.layers[0], model.decoder.output):
        layer.weight.data[...], layer.bias.data[...] = 50.0, 0.0
    model.encoder.mean.bias.data[...] = 9.0  # every posterior is far on the right
    model.loss(np.ones((5, 1), np.float32), rng)
    x = model.sample(4000, rng)
    assert x.shape == (4000, 1)
    assert x.dtype == np.float32
    assert set(np.unique(x)) == {0.0, 1.0}
    assert abs(x.mean() - 0.5) < 4 * 0.5 / math.sqrt(4000)


@DECODERS
def test_sampled_frequencies_are_the_decoders_mean(decoder, variance, rng):
    model = VAE(3, 4, 2, decoder, variance, rng=rng)
    n = 20_000
    drawn, means = model.sample(n, rng), model.sample(n, rng, mean=True)
    spread = np.hypot(drawn.std(0), means.std(0)) / math.sqrt(n)
    assert (np.abs(drawn.mean(0) - means.mean(0)) < 4 * spread).all()
    if decoder == "bernoulli":
        assert ((means > 0) & (means < 1)).all()
    elif variance is not None:  # Var x = Var of the means + the decoder's own, which begins at 1 where it is learned
        own = 1.0 if variance == "scalar" else variance
        np.testing.assert_allclose(drawn.var(0), means.var(0) + own, rtol=0.05)


@pytest.mark.ledger("B7")
def test_grey_pixels_are_refused_by_a_bernoulli_and_taken_by_a_normal_decoder(rng, device):
    grey = sg.tensor(rng.random((2, 4), dtype=np.float32), device=device).data
    noise = sg.tensor(np.zeros((2, 2), np.float32), device=device).data
    with pytest.raises(ValueError, match=r"VAE: a Bernoulli decoder wants pixels that are 0 or 1.*binarize"):
        VAE(4, 5, 2, rng=rng).to(device).elbo(grey, noise)
    reconstruction, _ = VAE(4, 5, 2, "normal", rng=rng).to(device).elbo(grey, noise)
    assert np.isfinite(reconstruction.numpy()).all()


NO_BITS = pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (255.0, r"these lie in 0 … 255; bring them into \[0, 1\] \(divide 0 … 255 by 255\), then say .*binarize"),
        (-1.0, r"these lie in -1 … 1; bring them into \[0, 1\]"),
        (0.5, r"these are grey \(0 … 1\); say how they become black and white"),
        (math.nan, "some are NaN or infinite; find out where"),
        (math.inf, "some are NaN or infinite; find out where"),
    ],
)


@NO_BITS
def test_pixels_that_are_no_bits_are_told_what_they_are(wrong, found, rng, device):
    model, x, _ = small(rng)
    x[0, :2], x[1, 2] = [0, 1], wrong
    there = backend.to_device(x, device)
    with pytest.raises(ValueError, match=f"VAE: a Bernoulli decoder wants pixels that are 0 or 1, {found}"):
        model.to(device).loss(there, rng)


@pytest.mark.parametrize(("decoder", "top"), [("bernoulli", 1), ("categorical", 255)])
def test_what_is_encoded_may_be_grey_but_lies_among_the_levels(decoder, top, rng, device):
    model, x, _ = small(rng, decoder)
    model.to(device)
    x[1, 2] = 0.5 * top
    assert np.isfinite(model.encode(backend.to_device(x, device)).mean.numpy()).all()
    wanted = {1: "a Bernoulli decoder wants pixels that are 0 or 1", 255: "whole numbers 0 … 255"}[top]
    for wrong in (-0.1, top + 1, 255 * (top + 1), math.nan, math.inf):
        x[1, 2] = wrong
        there = backend.to_device(x, device)
        for images in (there, sg.Tensor(there)):
            with pytest.raises(ValueError, match=f"VAE: .*{wanted}, "):
                model.encode(images)
    if top == 1:
        with pytest.raises(ValueError, match="these lie in 0 … 255; bring them into"):
            model.encode(backend.to_device(np.array([[0, 255, 3, 7, 0, 1]], np.uint8), device))


@DECODERS
def test_every_distribution_wants_its_own_image(decoder, variance, rng, device):
    """One pixel for all of them, or one image for all z, would broadcast to a number that means nothing."""
    model, x, _ = small(rng, decoder, variance)
    p, x = model.to(device).decode(backend.to_device(np.ones((3, 2)), device)), backend.to_device(x, device)
    assert model.log_likelihood(p, x).shape == (3,)
    for wrong in (x[:, :1], x[0], x[:, None]):
        with pytest.raises(ValueError, match=r"VAE.log_likelihood: expected images as rows, \(N, 6\), got"):
            model.log_likelihood(p, wrong)
    with pytest.raises(ValueError, match=r"VAE.log_likelihood: expected an image for each of 3 distributions .* got 1"):
        model.log_likelihood(p, x[:1])


def test_a_minibatch_without_images_is_refused(rng):
    model, x, _ = small(rng)
    for name, loss in (("loss", model.loss), ("iwae_loss", model.iwae_loss(3))):
        with pytest.raises(ValueError, match=rf"^VAE.{name}: expected at least one image, got \(0, 6\)"):
            loss(x[:0], rng)


def test_sizes_may_be_integers_of_any_kind(rng):
    pixels, hidden, latent, classes = np.array([6, 5, 2, 3])
    for form in ({}, {"hidden": (hidden, hidden)}, {"classes": classes}):
        model = VAE(**{"pixels": pixels, "hidden": hidden, "latent": latent} | form, rng=rng)
        labels = np.array([0, 2, 1]) if model.classes else None
        assert model.sample(3, rng, labels=labels).shape == (3, 6)
        assert [type(size) for size in (model.pixels, model.latent)] == [int, int]


def test_a_model_that_has_diverged_draws_nothing(rng):
    for decoder in ("bernoulli", "categorical"):
        model, _, _ = small(rng, decoder)
        next(model.decoder.parameters()).data[0, 0] = math.nan
        with pytest.raises(FloatingPointError, match=r"sample: to draw, logits have to be numbers.* diverged"):
            model.sample(3, rng)


@pytest.mark.parametrize("variance", [None, "scalar", 0.3])
def test_a_normal_decoder_wants_real_numbers(variance, rng, device):
    """Of any size, for nothing says that they are pixels in [0, 1]: M1+M2 hands codes in. But levels 0 … 255 as they
    are would begin 255 of the decoder's standard deviations away, and NaN be learned from."""
    model, x, _ = small(rng, "normal", variance)
    model.astype(np.float32).to(device)
    levels = (255 * x).astype(np.uint8)
    assert np.isfinite(model.loss(backend.to_device(levels.astype(np.float32), device), rng)[0].item())
    for dtype in (np.uint8, np.int64, bool):
        with pytest.raises(TypeError, match=rf"VAE: a Normal decoder wants real pixels, got {np.dtype(dtype)}; divide"):
            model.loss(backend.to_device(levels.astype(dtype), device), rng)
    for wrong in (math.nan, math.inf):
        x[1, 2] = wrong
        with pytest.raises(ValueError, match="VAE: a Normal decoder wants real pixels, some are NaN or infinite; find"):
            model.loss(backend.to_device(x.astype(np.float32), device), rng)


def test_a_decoder_that_does_not_exist_or_fit_is_named():
    with pytest.raises(ValueError, match="decoder must be 'bernoulli', 'normal' or 'categorical', got 'poisson'"):
        VAE(4, 5, 2, "poisson")
    with pytest.raises(ValueError, match=r"variance=1\.0 wants decoder='normal'"):
        VAE(4, 5, 2, "bernoulli", 1.0)
    with pytest.raises(ValueError, match="positive"):
        VAE(4, 5, 2, "normal", -1.0)


@DECODERS
def test_one_loss_on_every_device_and_in_float32(decoder, variance, rng, device):
    x = bits(rng, 5, 6)
    model = VAE(6, 4, 2, decoder, variance, rng=np.random.default_rng(1))
    expected, metrics = model.loss(x, np.random.default_rng(2))
    expected.backward()
    there = VAE(6, 4, 2, decoder, variance, rng=np.random.default_rng(1)).to(device)
    loss, _ = there.loss(backend.to_device(x, device), np.random.default_rng(2))
    loss.backward()
    assert loss.dtype == np.float32
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-6)
    np.testing.assert_allclose(metrics["ELBO"], -(metrics["reconstruction"] + metrics["KL"]), rtol=1e-5)
    for (name, mine), theirs in zip(model.named_parameters(), there.parameters()):
        assert theirs.grad.dtype == np.float32, name
        np.testing.assert_allclose(theirs.grad.numpy(), mine.grad.numpy(), rtol=1e-4, atol=1e-6, err_msg=name)


def test_tensors_are_taken_as_well_as_arrays(rng):
    model = VAE(6, 4, 2, rng=rng)
    x, noise = bits(rng, 3, 6), rng.standard_normal((3, 2), dtype=np.float32)
    for of_arrays, of_tensors in zip(model.elbo(x, noise), model.elbo(sg.tensor(x), sg.tensor(noise))):
        assert (of_arrays.numpy() == of_tensors.numpy()).all()


def test_a_few_steps_raise_the_elbo(rng):
    """Two images, many steps: the ELBO climbs towards −ln 2, where the code says which of the two it is."""
    x = np.repeat(np.eye(2, 6, dtype=np.float32), 16, axis=0)
    model = VAE(6, 16, 1, rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(400):
        optimizer.zero_grad()
        loss, _ = model.loss(x, rng)
        loss.backward()
        optimizer.step()
    noise = rng.standard_normal((200, 32, 1)).astype(np.float32)
    elbo = -np.mean([(r + kl).mean().item() for r, kl in (model.elbo(x, e) for e in noise)])
    assert -1.2 < elbo < -math.log(2)


# ------------------------------------------------------------------------------------------------- every form of it
FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@FORM
@pytest.mark.parametrize(("decoder", "variance"), [*KINDS.values(), ("categorical", None)], ids=[*KINDS, "categorical"])
def test_gradients_of_the_loss_agree_with_differences(form, decoder, variance, rng):
    """For every parameter, along random directions."""
    model, x, labels = small(rng, decoder, variance, **form)

    slopes = check_slopes(model, lambda: model.loss(x, *labels, np.random.default_rng(3))[0], rng)
    assert sum(abs(slope) > 1e-6 for slope in slopes.values()) > len(slopes) / 2  # the other ReLUs may be shut


@FORM
@pytest.mark.parametrize("decoder", ["bernoulli", "normal", "categorical"])
@pytest.mark.equation("12.5")
def test_log_weights_are_the_three_logarithms(form, decoder, rng):
    """ln p(x|z) + ln p(z) − ln q(z|x), each asked of its distribution at the z that was drawn."""
    model, x, labels = small(rng, decoder, **form)
    noise = rng.standard_normal((4, 3, 2))
    log_w = model.log_weights(x, noise, *labels).numpy()
    q = model.encode(x, *labels)
    z = q.rsample(noise=noise)
    log_q = q.log_prob(z).numpy()
    log_q = log_q if log_q.ndim == 2 else log_q.sum(-1)
    prior = Normal(0.0, 0.0).log_prob(z).numpy().sum(-1)
    levels = x.astype(np.int64) if decoder == "categorical" else x
    for draw in range(4):
        log_p = model.decode(z.numpy()[draw], *labels).log_prob(levels).numpy().sum(1)
        np.testing.assert_allclose(log_w[draw], log_p + prior[draw] - log_q[draw], rtol=1e-10)


@FORM
@pytest.mark.equation("11.5")
def test_the_iwae_loss_is_minus_the_bound_of_its_samples(form, rng):
    model, x, labels = small(rng, **form)
    noise = np.random.default_rng(3).standard_normal((3, 5, 2)).swapaxes(0, 1)
    bound = iwae_bound(model.log_weights(x, noise, *labels)).numpy().mean()
    loss, shown = model.iwae_loss(5)(x, *labels, np.random.default_rng(3))
    assert loss.item() == pytest.approx(-bound, rel=1e-12)
    assert shown["IWAE-5"] == pytest.approx(bound, rel=1e-12)


@pytest.mark.equation("11.5")
def test_gradients_of_the_iwae_loss_agree_with_differences(rng):
    model, x, _ = small(rng)
    check_slopes(model, lambda: model.iwae_loss(5)(x, np.random.default_rng(3))[0], rng)


@FORM
@pytest.mark.parametrize("decoder", ["bernoulli", "normal", "categorical"])
@pytest.mark.equation("11.9", "11.16")
def test_the_doubly_reparameterised_gradient_is_the_formulas(form, decoder, rng):
    """The same log-weights and the same gradient for the decoder; for the encoder Σ w̃² ∂ln w/∂z ∇z, where z is set free
    and ln q asked of the distribution as it stands."""
    model, x, labels = small(rng, decoder, **form)
    noise = rng.standard_normal((4, 3, 2))
    log_w, plain = model.doubly_reparameterized(x, noise, *labels), model.log_weights(x, noise, *labels)
    np.testing.assert_allclose(log_w.numpy(), plain.numpy(), rtol=1e-10)
    inner, outer = list(model.encoder.parameters()), list(model.decoder.parameters())
    found = sg.grad(iwae_bound(log_w).sum(), inner + outer)
    for g, expected in zip(found[len(inner) :], sg.grad(iwae_bound(plain).sum(), outer), strict=True):
        np.testing.assert_allclose(g.numpy(), expected.numpy(), rtol=1e-9, atol=1e-12)

    shares = F.softmax(plain.data, 0)
    levels = x.astype(np.int64) if decoder == "categorical" else x
    totals = [np.zeros(p.shape) for p in inner]
    for k in range(4):
        q = model.encode(x, *labels)
        path = q.rsample(noise=noise[k])
        z = sg.tensor(path.numpy(), requires_grad=True)
        log_q = q.log_prob(z)
        joint = model.decode(z, *labels).log_prob(levels).sum() + Normal(0.0, 0.0).log_prob(z).sum()
        (slope,) = sg.grad(joint - log_q.sum(), [z])
        for total, g in zip(totals, sg.grad((path * (shares[k, :, None] ** 2 * slope.numpy())).sum(), inner)):
            total += g.numpy()
    for g, expected in zip(found, totals):
        np.testing.assert_allclose(g.numpy(), expected, rtol=1e-9, atol=1e-12)
    assert sum(np.abs(g).max() > 1e-6 for g in totals) > len(totals) / 2


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
@pytest.mark.equation("11.16")
def test_the_doubly_reparameterised_loss_has_the_mean_gradient_of_the_bound(posterior, rng):
    """Over 100 times 30 draws, along random directions of the encoder's weights: one mean, and less scatter."""
    model, x, _ = small(rng, posterior=posterior)
    x = np.tile(x, (30, 1))
    encoder = list(model.encoder.parameters())
    directions = [rng.standard_normal((5, p.size)) for p in encoder]
    drawn = {}
    for doubly in (False, True):
        loss, drawn[doubly] = model.iwae_loss(5, doubly), []
        for seed in range(100):
            gradient = sg.grad(loss(x, np.random.default_rng(seed))[0], encoder)
            drawn[doubly].append(sum(d @ g.numpy().ravel() for d, g in zip(directions, gradient)))
    once, twice = (np.array(drawn[doubly]) for doubly in (False, True))
    assert (np.abs((twice - once).mean(0)) < 4 * (twice - once).std(0) / 10).all()
    assert (twice.std(0) < 0.9 * once.std(0)).all()


@FORM
@pytest.mark.equation("12.4", "12.11")
def test_the_mean_log_weight_is_the_elbo(form, rng):
    """Both terms sampled or the KL in closed form: the same number, on average."""
    model, x, labels = small(rng, **form)
    n = 4000
    log_w = model.log_weights(x, rng.standard_normal((n, 3, 2)), *labels).numpy()
    wide = [np.tile(a, (n, *[1] * (a.ndim - 1))) for a in (x, *labels)]
    reconstruction, kl = model.elbo(wide[0], rng.standard_normal((3 * n, 2)), *wide[1:])
    elbo = -(reconstruction + kl).numpy().reshape(n, 3)
    error = np.hypot(log_w.std(0), elbo.std(0)) / math.sqrt(n)
    assert (np.abs(log_w.mean(0) - elbo.mean(0)) < 4 * error).all()


@FORM
@pytest.mark.parametrize("decoder", ["bernoulli", "normal", "categorical"])
def test_every_form_on_every_device_in_float32(form, decoder, rng, device):
    model, x, labels = small(rng, decoder, **form)
    model.astype(np.float32)
    x = x.astype(np.float32)
    expected = model.loss(x, *labels, np.random.default_rng(2))[0].item()
    model.to(device)
    there = [backend.to_device(a, device) for a in (x, *labels)]
    loss, _ = model.loss(*there, np.random.default_rng(2))
    bound, _ = model.iwae_loss(3)(*there, np.random.default_rng(2))
    twice, _ = model.iwae_loss(3, doubly=True)(*there, np.random.default_rng(2))
    (loss + bound + twice).backward()
    assert loss.dtype == bound.dtype == twice.dtype == np.float32
    assert twice.item() == pytest.approx(bound.item(), rel=1e-5)
    assert all(parameter.grad.dtype == np.float32 for parameter in model.parameters())
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    drawn = model.sample(3, np.random.default_rng(0), labels=there[1] if labels else None)
    assert drawn.shape == x.shape
    assert backend.device_of(drawn) == backend.device_of(there[0])


def test_a_convolutional_encoder_reads_a_label_as_maps_each_constant(rng):
    model, x, (labels,) = small(rng, **FORMS["all"])
    model.encoder.forward = lambda rows: rows
    maps = model.encode(x, labels).reshape(3, 2 + 3, 4, 4)
    assert (maps[:, :2] == x.reshape(3, 2, 4, 4)).all()
    assert (maps[:, 2:] == np.eye(3)[labels][:, :, None, None]).all()


@FORM
def test_a_categorical_pixel_is_said_by_features_of_its_own_through_weights_that_all_share(form, rng):
    """A row of the bias is one level of every pixel; and what a shared weight says, it says of all of them."""
    model, _, (*labels,) = small(rng, "categorical", **form)
    z, output = rng.standard_normal((3, 2)), model.decoder.output
    output.bias.data[7] += 1000
    assert (model.decode(z, *labels).logits.numpy().argmax(-1) == 7).all()
    output.bias.data[7, 2] -= 2000  # of the third pixel it is the least likely
    assert (model.decode(z, *labels).logits.numpy().argmin(-1) == 7).any(0).nonzero()[0].tolist() == [2]
    before = model.decode(z, *labels).logits.numpy()
    output.shared.weight.data[9, 4] += 0.5
    moved = model.decode(z, *labels).logits.numpy() - before
    f = output.features(model.decoder.network(model._labelled(z, *(labels or [None])))).numpy().reshape(3, 16, -1)
    np.testing.assert_allclose(moved[..., 9], 0.5 * f[:, 4], rtol=1e-9, atol=1e-9)
    assert not np.delete(moved, 9, -1).any()


def test_levels_of_a_categorical_decoder_are_drawn_as_often_as_they_are_likely(rng):
    """χ² of one pixel's levels against the probabilities that the decoder gives them."""
    model, _, _ = small(rng, "categorical", pixels=1)
    for parameter in model.decoder.parameters():
        parameter.data[...] = 0
    model.decoder.output.bias.data[:, 0] = 2 * rng.standard_normal(256)  # whatever z is
    n = 40_000
    drawn = model.sample(n, rng)
    p = F.softmax(model.decoder.output.bias.data[:, 0])
    counts = np.bincount(drawn[:, 0], minlength=256)
    kept = n * p > 5
    chi2 = ((counts - n * p) ** 2 / (n * p))[kept].sum()
    assert chi2 < kept.sum() + 5 * math.sqrt(2 * kept.sum())
    mean = model.sample(2, rng, mean=True)
    np.testing.assert_allclose(mean, (p * np.arange(256)).sum(), rtol=1e-12)


# -------------------------------------------------------------------------------------------- weights and free bits
@pytest.mark.equation("12.9")
def test_beta_weighs_the_kl_in_training_and_not_in_evaluation(rng):
    model, x, _ = small(rng)
    model.beta = 0.25
    loss, metrics = model.loss(x, np.random.default_rng(0))
    assert loss.item() == pytest.approx(metrics["reconstruction"] + 0.25 * metrics["KL"])
    assert metrics["ELBO"] == pytest.approx(-metrics["reconstruction"] - metrics["KL"])
    loss, metrics = model.eval().loss(x, np.random.default_rng(0))
    assert loss.item() == pytest.approx(-metrics["ELBO"])


@pytest.mark.equation("12.10")
def test_under_its_free_bits_a_dimension_feels_no_kl(rng):
    """Make dimension 0 cheap and dimension 1 dear: with the reconstruction frozen only 1 is pulled to the prior."""
    model, x, _ = small(rng)
    model.encoder.mean.bias.data[...] = [0.1, 3.0]
    for parameter in model.decoder.parameters():
        parameter.data[...] = 0  # so that z has no say in the reconstruction
    model.free_bits = 1.0
    loss, _ = model.loss(x, np.random.default_rng(0))
    loss.backward()
    slope = model.encoder.mean.bias.grad.numpy()
    assert slope[0] == 0
    assert slope[1] == pytest.approx(model.encode(x).mean.numpy()[:, 1].mean())


def test_free_bits_want_dimensions_of_their_own(rng):
    model, x, _ = small(rng, posterior="full")
    model.free_bits = 0.1
    with pytest.raises(ValueError, match="free_bits are given to each latent dimension"):
        model.loss(x, rng)
    assert np.isfinite(model.eval().loss(x, rng)[0].item())


def test_free_bits_want_the_whole_minibatch(rng):
    model, _, _ = small(rng)
    model.free_bits = 0.1
    with pytest.raises(ValueError, match="the model is a VAE, which needs the mean over the whole minibatch"):
        Workers(2, model)
    assert Workers(1, model).count == 1


@pytest.mark.parametrize("doubly", [False, True])
def test_workers_share_an_iwae_step(doubly, rng):
    """The images first in the noise: two workers draw the same numbers as one."""
    model, x, _ = small(rng)
    gradients = []
    for count in (1, 2):
        model.zero_grad()
        with Workers(count, model) as crew:
            crew.backward(model.iwae_loss(5, doubly), [x], np.random.default_rng(0))
        gradients.append([parameter.grad.numpy().copy() for parameter in model.parameters()])
    for one, two in zip(*gradients):
        np.testing.assert_allclose(two, one, rtol=1e-10, atol=1e-13)


def test_a_posterior_with_correlations_is_closer_to_the_truth(rng):
    """x = z₁ + z₂ + noise ties z₁ to z₂: only a full covariance can say so, and its bound is the better one."""
    bounds = {}
    for posterior in ("diagonal", "full"):
        model = VAE(1, (), 2, "normal", 0.1, posterior=posterior, rng=rng).astype(np.float64)
        model.decoder.output.weight.data[...], model.decoder.output.bias.data[...] = 1.0, 0.0
        x = math.sqrt(2.1) * rng.standard_normal((500, 1))
        optimizer = optim.Adam(model.encoder.parameters(), lr=0.05)
        for _ in range(400):
            optimizer.zero_grad()
            loss, _ = model.loss(x, rng)
            loss.backward()
            optimizer.step()
        terms = model.elbo(np.tile(x, (40, 1)), rng.standard_normal((40 * len(x), 2)))
        exact = -0.5 * (math.log(2 * math.pi * 2.1) + x**2 / 2.1)
        bounds[posterior] = float(exact.mean() + sum(terms).numpy().mean())
    assert bounds["full"] < 0.02  # nats that are missing
    # Diagonal: precision 1 + 1/0.1 each, determinant 121; the true one has 21. Half the logarithm is lost.
    assert bounds["diagonal"] == pytest.approx(0.5 * math.log(121 / 21), abs=0.05)


@pytest.mark.equation("12.11")
def test_a_vae_that_knows_classes_draws_the_digit_that_it_is_asked_for(rng):
    """Real ones, after ten epochs; read by a classifier that has learned from the same bits. By chance: a tenth."""
    train, test = digits("train"), digits("test")
    x, labels = binarize(train.flat(), "static"), train.labels

    def learn(model, epochs):
        optimizer = optim.Adam(model.parameters(), lr=2e-3)
        for _ in range(epochs):
            for rows in np.split(rng.permutation(len(x)), 50):
                optimizer.zero_grad()
                model.loss(x[rows], labels[rows], rng)[0].backward()
                optimizer.step()
        return model

    reader = learn(MLPClassifier(784, 100, rng=rng), 4)
    assert (reader.predict(binarize(test.flat(), "static")) == test.labels).mean() > 0.85
    model, ink = VAE(784, 200, 5, classes=10, rng=rng), (x.sum(0) + 1) / (len(x) + 2)
    model.decoder.output.bias.data[...] = np.log(ink / (1 - ink))  # it begins at the mean image
    learn(model, 10)
    asked = np.repeat(np.arange(10), 50)
    read = reader.predict(model.sample(500, rng, labels=asked))
    assert (read == asked).mean() > 0.7
    assert min((read == asked).reshape(10, 50).mean(1)) > 0.3  # of each digit
    assert (read == (asked + 5) % 10).mean() < 0.1


# ------------------------------------------------------------------------------------------------------- clear errors
@pytest.mark.parametrize("form", [{}, FORMS["classes"], FORMS["conv"]], ids=["mlp", "classes", "conv"])
@pytest.mark.parametrize("shape", [(3, 5), (3, 1), (2,), (2, 3, 2)])
def test_codes_of_another_size_are_refused(shape, form, rng):
    model, _, labels = small(rng, **form)
    with pytest.raises(ValueError, match=r"VAE: expected codes \(N, 2\), as latent=2 is, got \("):
        model.decode(np.zeros(shape), *labels)


@pytest.mark.parametrize("form", [{}, FORMS["conv"]], ids=["mlp", "conv"])
def test_images_that_are_no_rows_of_its_pixels_are_refused(form, rng):
    model, x, _ = small(rng, **form)
    for wrong in (x[:, 1:], x[0], x.reshape(3, 1, 2, -1), np.repeat(x, 2, 1)):
        with pytest.raises(ValueError, match=rf"VAE.loss: expected images as rows, \(N, {model.pixels}\), got .*resh"):
            model.loss(wrong, rng)
    assert model.encode(x[:0]).mean.shape == (0, 2)  # none are fewer, and no others


@pytest.mark.parametrize("draws", [0, -3])
def test_a_bound_of_no_draws_is_refused(draws, rng):
    with pytest.raises(ValueError, match=f"VAE.iwae_loss: expected draws of at least 1, got {draws}"):
        small(rng)[0].iwae_loss(draws)


def test_a_loss_without_a_generator_says_how_it_is_called(rng):
    model, x, _ = small(rng)
    for name, loss in (("loss", model.loss), ("iwae_loss", model.iwae_loss(3))):
        for rest, got in (((), "x"), ((0,), "x, int"), ((np.zeros(3, int),), "x, ndarray")):
            with pytest.raises(TypeError, match=rf"VAE.{name}: expected \(x, rng\) or .* at the end, got \({got}\)"):
                loss(x, *rest)


@pytest.mark.equation("11.5")
@pytest.mark.parametrize("doubly", [False, True])
@pytest.mark.parametrize(("name", "value"), [("beta", 0.5), ("free_bits", 0.1)])
def test_the_importance_weighted_bound_has_no_kl_to_weigh(name, value, doubly, rng):
    model, x, _ = small(rng)
    loss = model.iwae_loss(3, doubly)
    expected = loss(x, np.random.default_rng(0))[0].item()
    setattr(model, name, value)
    with pytest.raises(ValueError, match=f"VAE.iwae_loss: .*{name}={value}.* this bound has none on its own"):
        loss(x, np.random.default_rng(0))
    assert model.eval().iwae_loss(3, doubly)(x, np.random.default_rng(0))[0].item() == expected  # as of `loss`


def test_options_that_do_not_fit_are_refused(rng):
    for match, form in {
        r"images \(1, 4, 4\) have 16 pixels, not pixels=6": {"shape": (1, 4, 4)},
        r"sides divide by 4, got \(1, 2, 3\)": {"shape": (1, 2, 3), "hidden": (2, 3)},
        r"hidden=\(16, 32\), for example, not \(4,\)": {"shape": (1, 4, 4), "pixels": 16},
        "posterior must be 'diagonal' or 'full', got 'banana'": {"posterior": "banana"},
        "VAE: latent must be a whole number, at least 1, got 0": {"latent": 0},
        r"VAE: latent must be a whole number, at least 1, got 2\.0": {"latent": 2.0},
        r"VAE: pixels must be a whole number, at least 1, got 6\.0": {"pixels": 6.0},
        "VAE: hidden must be a whole number, at least 1, got 0": {"hidden": 0},
        r"VAE: hidden must be a whole number, at least 1, got -3": {"hidden": (4, -3)},
        "VAE: hidden must be a whole number, at least 1, got None": {"hidden": None},
        r"VAE: shape must be a whole number, at least 1, got 4\.0": {
            "pixels": 16,
            "hidden": (2, 3),
            "shape": (1, 4.0, 4),
        },
    }.items():
        with pytest.raises(ValueError, match=match):
            small(rng, **form)
    with pytest.raises(ValueError, match="or None"):
        small(rng, "normal", "wide")
    with pytest.raises(ValueError, match="wants decoder='normal'"):
        small(rng, "categorical", "scalar")


def test_labels_that_do_not_fit_are_refused(rng, device):
    model, x, labels = small(rng, classes=3)
    model.to(device)
    x, y = (backend.to_device(a, device) for a in (x, *labels))
    noise = backend.to_device(np.zeros((3, 2)), device)
    for wrong in (None, y[:2], y.astype(np.float64), y + 1, y - 1):
        with pytest.raises(ValueError, match=r"VAE: expected 3 labels, integers 0 … 2"):
            model.elbo(x, noise, wrong)
    model, _, _ = small(rng)
    with pytest.raises(ValueError, match="this model has no classes"):
        model.to(device).elbo(x, noise, y)


@pytest.mark.parametrize("wrong", [0.5, -1.0, 256.0, math.nan])
def test_pixels_that_are_no_levels_are_refused(wrong, rng, device):
    model, x, _ = small(rng, "categorical")
    x[1, 2] = wrong
    there = backend.to_device(x, device)
    with pytest.raises(ValueError, match=r"a categorical decoder wants pixels that are whole numbers 0 … 255"):
        model.to(device).loss(there, rng)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float64])
@pytest.mark.parametrize("decoder", ["bernoulli", "categorical"])
def test_bits_and_levels_may_be_integers_of_any_kind(decoder, dtype, rng, device):
    model, x, _ = small(rng, decoder)
    model.astype(np.float32).to(device)
    x = (x > 0) if dtype is bool else x
    losses = []
    for images in (x.astype(np.float32), x.astype(dtype)):
        there = backend.to_device(images, device)
        bound = model.iwae_loss(3)(there, np.random.default_rng(2))[0]
        estimate = log_prob(model, there, 3, np.random.default_rng(3)).log_prob
        losses.append([model.loss(there, np.random.default_rng(1))[0].item(), bound.item(), *estimate])
    assert losses[0] == losses[1]


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
def test_every_latent_dimension_wants_its_own_noise(posterior, rng):
    model, x, _ = small(rng, posterior=posterior)
    for shape in ((3, 1), (1, 2)):
        with pytest.raises(ValueError, match=r"expected noise \(3, 2\)"):
            model.elbo(x, np.ones(shape))
    for shape in ((5, 3, 1), (5, 1, 2), (3, 2)):
        for method in (model.log_weights, model.doubly_reparameterized):
            with pytest.raises(ValueError, match=rf"VAE.{method.__name__}: expected noise \(k, 3, 2\), .* got \("):
                method(x, np.ones(shape))


@pytest.mark.parametrize("name", ["beta", "free_bits"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_weights_of_the_kl_that_mean_nothing_are_refused(name, value, rng):
    model, x, _ = small(rng)
    setattr(model, name, value)
    with pytest.raises(ValueError, match=f"VAE: {name} must be finite and at least 0, got {value}"):
        model.loss(x, rng)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"pixels": 16, "hidden": (2, 3), "shape": (4, 4)}, r"VAE: expected images \(C, H, W\) .* got \(4, 4\)"),
        ({"classes": 0}, "VAE: classes must be a whole number, at least 1, got 0"),
        ({"classes": -2}, "VAE: classes must be a whole number, at least 1, got -2"),
        ({"classes": 3.0}, r"VAE: classes must be a whole number, at least 1, got 3\.0"),
        ({"decoder": "normal", "variance": math.inf}, "variance=inf wants .* to be positive and finite"),
    ],
)
def test_options_without_a_model_are_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        VAE(**{"pixels": 6, "hidden": 5, "latent": 2} | options)


def test_levels_may_be_integers_in_a_tensor_too(rng):
    model = VAE(6, 5, 2, "categorical", rng=rng)
    levels, noise = rng.integers(0, 256, (3, model.pixels)).astype(np.uint8), rng.standard_normal((3, model.latent))
    noise = noise.astype(np.float32)
    expected, found = (model.elbo(x, noise) for x in (levels, sg.tensor(levels)))
    for a, b in zip(expected, found):
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_array_equal(a.numpy(), b.numpy())
