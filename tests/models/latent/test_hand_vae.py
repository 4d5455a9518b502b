"""By hand = by autograd = by differences, for every parameter, every decoder and every network (claim C-GRAD); and the
same distributions, since a forward and a backward that are wrong together agree as well (B1)."""

import math

import numpy as np
import pytest
from scipy import stats

import scratchgen as sg
from scratchgen import backend
from scratchgen import functional as F
from scratchgen.models.latent import VAE, HandVAE

from .test_vae import NO_BITS

KINDS = {
    "bernoulli": ("bernoulli", None),
    "normal": ("normal", None),
    "scalar": ("normal", "scalar"),
    "fixed": ("normal", 0.3),
}
FORMS = {
    "mlp": {"pixels": 6, "hidden": 5},
    "deep": {"pixels": 6, "hidden": (5, 4, 3)},
    "linear": {"pixels": 6, "hidden": ()},
    "conv": {"pixels": 64, "hidden": (2, 3), "shape": (2, 4, 8)},  # neither square nor grey: no axis for another
}
DECODERS = pytest.mark.parametrize("decoder", KINDS.values(), ids=KINDS)
NETWORKS = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
GRADIENT = pytest.mark.equation(
    "15.6", "15.7", "15.8", "15.9", "15.10", "15.11", "15.12", "15.13", "15.14", "15.15", "15.19", "15.20"
)


def images(rng, model, decoder, n=4):
    shape = (n, model.pixels)
    return (rng.random(shape) < 0.5).astype(float) if decoder[0] == "bernoulli" else rng.standard_normal(shape)


def twins(form, decoder, dtype=np.float64, device="cpu", latent=2):
    """A VAE and a HandVAE with the same weights, and a batch."""
    rng = np.random.default_rng(1)
    model = VAE(latent=latent, decoder=decoder[0], variance=decoder[1], rng=rng, **form).astype(dtype).to(device)
    for parameter in model.parameters():
        value = 0.5 * rng.standard_normal(parameter.shape)
        parameter.data[...] = sg.tensor(value, dtype=dtype, device=device).data
    hand = HandVAE(latent=latent, decoder=decoder[0], variance=decoder[1], **form)
    hand.load_state_dict({name: p.data for name, p in model.named_parameters()})
    return model, hand, sg.tensor(images(rng, model, decoder).astype(dtype), device=device).data


def noise_for(x, latent=2):
    """What `VAE.loss` draws from a generator with seed 7."""
    return backend.normal(np.random.default_rng(7), (len(x), latent), like=x)


def autograd(model, x):
    loss, _ = model.loss(x, np.random.default_rng(7))
    loss.backward()
    return loss.item(), {name: p.grad.numpy() for name, p in model.named_parameters()}


def differences(hand, x, noise, directions, h=1e-4):
    """The loss's slope along directions of every parameter, by five points (Eq. 0.11). A ReLU that switched on the way
    would be seen as a large error: steps are short."""
    slopes = {}
    for name, weight in hand.state_dict().items():
        before, slopes[name] = weight.copy(), []
        for direction in directions[name]:
            losses = []
            for k in (-2, -1, 1, 2):
                weight[...] = before + k * h * direction
                losses.append(hand.forward(x, noise).loss)
            slopes[name].append((losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * h))
        weight[...] = before
    return {name: np.array(values) for name, values in slopes.items()}


def unit(direction):
    return direction / np.sqrt((direction**2).sum())


def assert_equal(gradient, expected, tolerance):
    """Relative to the largest slope of each parameter: a slope may be zero by chance."""
    assert gradient.keys() == expected.keys()
    for name, g in gradient.items():
        assert g.shape == expected[name].shape, name
        scale = np.abs(expected[name]).max()
        assert scale > 1e-4, name
        np.testing.assert_allclose(g / scale, expected[name] / scale, rtol=0, atol=tolerance, err_msg=name)


# ---------------------------------------------------------------------------------------------------------- gradients
@GRADIENT
@pytest.mark.ledger("C-GRAD")
@pytest.mark.equation("12.6")
@NETWORKS
@DECODERS
def test_by_hand_by_autograd_and_by_differences(form, decoder):
    model, hand, x = twins(form, decoder)
    kept = hand.forward(x, noise_for(x))
    by_hand = hand.backward(kept)
    loss, by_autograd = autograd(model, x)
    assert kept.loss == pytest.approx(loss, rel=1e-12)
    assert_equal(by_hand, by_autograd, 1e-12)
    rng = np.random.default_rng(2)
    directions = {name: [unit(rng.standard_normal(g.shape)) for _ in range(4)] for name, g in by_hand.items()}
    along = {name: np.array([(g * v).sum() for v in directions[name]]) for name, g in by_hand.items()}
    assert_equal(along, differences(hand, x, noise_for(x), directions), 1e-8)


def test_the_relus_are_both_on_and_off():
    """… in the twins above: a ReLU that always passes would hide a mask that is missing."""
    _, hand, x = twins(FORMS["conv"], KINDS["normal"])
    kept = hand.forward(x, noise_for(x))
    for h in (*kept.encoder[1:], *kept.decoder[1:]):
        assert 0.1 < (h > 0).mean() < 0.9


@NETWORKS
@DECODERS
def test_float32_on_every_device(form, decoder, device):
    model, hand, x = twins(form, decoder, np.float32, device)
    kept = hand.forward(x, noise_for(x))
    assert kept.reconstruction.dtype == kept.kl.dtype == np.float32
    by_hand = {name: sg.tensor(g).numpy() for name, g in hand.backward(kept).items()}
    assert all(g.dtype == np.float32 for g in by_hand.values())
    assert_equal(by_hand, autograd(model, x)[1], 5e-6)
    # … and as close to float64 as float32 can be
    _, hand64, x64 = twins(form, decoder)
    noise64 = backend.to_host(noise_for(x)).astype(np.float64)
    assert_equal(by_hand, hand64.backward(hand64.forward(x64, noise64)), 5e-5)


@NETWORKS
@DECODERS
def test_rows_need_not_be_contiguous(form, decoder):
    _, hand, x = twins(form, decoder)
    noise = noise_for(x)
    expected = hand.backward(hand.forward(x, noise))
    turned = np.asfortranarray(x), np.repeat(noise, 2, axis=1)[:, ::2]
    assert_equal(hand.backward(hand.forward(*turned)), expected, 1e-12)


@NETWORKS
def test_no_autograd_in_it(form, monkeypatch):
    """Neither a Tensor nor a graph node is made."""
    _, hand, x = twins(form, KINDS["normal"])
    noise = noise_for(x)

    def refuse(*args, **kwargs):
        raise AssertionError("a graph is being built")

    monkeypatch.setattr(sg.Tensor, "__init__", refuse)
    assert list(hand.backward(hand.forward(x, noise))) == list(hand.state_dict())


@NETWORKS
@DECODERS
def test_neither_the_batch_nor_the_weights_are_written_to(form, decoder):
    _, hand, x = twins(form, decoder)
    noise = noise_for(x)
    before = [a.copy() for a in (x, noise, *hand.state_dict().values())]
    gradient = hand.backward(hand.forward(x, noise))
    for a, b in zip(before, (x, noise, *hand.state_dict().values())):
        assert (a == b).all()
        assert not any(np.shares_memory(g, b) for g in gradient.values())


# ------------------------------------------------------------------------------------------------------ distributions
@NETWORKS
@DECODERS
def test_the_two_terms_agree_image_by_image(form, decoder):
    model, hand, x = twins(form, decoder)
    kept = hand.forward(x, noise_for(x))
    for by_hand, by_autograd in zip((kept.reconstruction, kept.kl), model.elbo(x, noise_for(x))):
        assert by_hand.shape == (4,)
        np.testing.assert_allclose(by_hand, by_autograd.numpy(), rtol=1e-12)


@pytest.mark.ledger("B1")
@pytest.mark.equation("13.3", "14.1")
@NETWORKS
def test_monte_carlo_kl_through_its_own_sampler(form):
    """E[ln q(z) − ln p(z)] over the z that the decoder was given is the closed-form KL: with σ² in σ's place in
    `forward`, and a `backward` that follows it, every gradient above would still agree. Here it is seen."""
    n, latent = 20_000, 3
    _, hand, x = twins(form, KINDS["bernoulli"], latent=latent)
    head = hand.log_variance.weights
    head["encoder.log_variance.bias"][...] = [-2.0, 0.5, 1.5]
    kept = hand.forward(np.tile(x[:1], (n, 1)), np.random.default_rng(0).standard_normal((n, latent)))
    mean, log_variance = kept.mean[0], hand.log_variance.forward(kept.encoder[-1])[0]
    z = kept.decoder[0]
    log_q = stats.norm.logpdf(z, mean, np.exp(0.5 * log_variance)).sum(1)
    ratio = log_q - stats.norm.logpdf(z).sum(1)
    error = ratio.std() / math.sqrt(n)
    assert abs(ratio.mean() - kept.kl[0]) < 4 * error
    assert error < 0.03 * kept.kl[0]  # so that the line above means something


@pytest.mark.equation("12.3", "12.4", "15.1", "15.3")
@NETWORKS
@DECODERS
def test_the_elbo_misses_the_exact_log_likelihood_by_the_kl_to_the_posterior(form, decoder):
    """With one latent dimension ln p(x) = ln ∫ p(x|z) p(z) dz is an integral over a line, done here on a fine grid with
    SciPy's densities."""
    _, hand, x = twins(form, decoder, latent=1)
    grid = np.linspace(-9, 9, 2001)[:, None]
    width = grid[1, 0] - grid[0, 0]
    a = hand.output.forward(hand.decoder.forward(grid)[-1])
    if decoder[0] == "bernoulli":
        log_p = [stats.bernoulli.logpmf(image, F.sigmoid(a)).sum(1) for image in x]
    else:
        head = hand.log_variance_x
        log_variance_x = head.forward(hand.decoder.forward(grid)[-1]) if head else math.log(0.3)
        log_p = [stats.norm.logpdf(image, a, np.exp(0.5 * log_variance_x)).sum(1) for image in x]
    log_joint = np.array(log_p) + stats.norm.logpdf(grid[:, 0])
    exact = F.logsumexp(log_joint, 1) + math.log(width)

    n = 5000
    kept = hand.forward(np.repeat(x, n, axis=0), np.random.default_rng(0).standard_normal((n * len(x), 1)))
    samples = -(kept.reconstruction + kept.kl).reshape(len(x), n)
    elbo, error = samples.mean(1), samples.std(1) / math.sqrt(n)
    mean, sigma = kept.mean[::n], kept.sigma[::n]
    log_q = stats.norm.logpdf(grid[:, 0], mean, sigma)
    gap = (np.exp(log_q) * (log_q - (log_joint - exact[:, None]))).sum(1) * width
    assert (np.abs(exact - elbo - gap) < 4.5 * error).all()
    assert (gap > 5 * error).any()  # the bound is not tight here, so the line above is no accident


# ------------------------------------------------------------------------------------------------------------ weights
@NETWORKS
@DECODERS
def test_weights_go_there_and_back(form, decoder):
    model, hand, _ = twins(form, decoder)
    fresh = VAE(latent=2, decoder=decoder[0], variance=decoder[1], **form).astype(np.float64)
    fresh.load_state_dict(hand.state_dict())
    for name, value in model.state_dict().items():
        assert (fresh.state_dict()[name] == value).all(), name
    for value in hand.state_dict().values():
        value[...] = 9  # the weights are its own
    assert all((value != 9).all() for value in model.state_dict().values())


@NETWORKS
@DECODERS
def test_the_same_generator_gives_the_same_first_weights(form, decoder):
    one, two = (
        kind(latent=2, decoder=decoder[0], variance=decoder[1], rng=np.random.default_rng(3), **form).state_dict()
        for kind in (VAE, HandVAE)
    )
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert two[name].dtype == value.dtype == np.float32
        assert (two[name] == value).all(), name


def test_weights_that_do_not_fit_are_all_named():
    hand = HandVAE(6, 5, 2)
    state = VAE(6, 5, 2, "normal").state_dict() | {"encoder.mean.bias": np.zeros(3)}
    with pytest.raises(ValueError, match=r"(?s)mean.bias: expected \(2,\), got \(3,\).*decoder.log_variance.weight"):
        hand.load_state_dict(state)


# ----------------------------------------------------------------------------------------------------------- behaviour
def test_grey_pixels_are_refused(device):
    _, hand, x = twins(FORMS["mlp"], KINDS["bernoulli"], np.float32, device)
    with pytest.raises(ValueError, match="HandVAE: a Bernoulli decoder wants pixels that are 0 or 1"):
        hand.forward(0.5 * x, noise_for(x))


@NO_BITS
def test_pixels_that_are_no_bits_are_told_what_they_are(wrong, found, device):
    _, hand, x = twins(FORMS["mlp"], KINDS["bernoulli"], np.float32, device)
    x[0, :2], x[1, 2] = sg.tensor([0, 1], dtype=np.float32, device=device).data, wrong
    with pytest.raises(ValueError, match=f"HandVAE: a Bernoulli decoder wants pixels that are 0 or 1, {found}"):
        hand.forward(x, noise_for(x))


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize("kind", ["normal", "scalar", "fixed"])
def test_a_normal_decoder_wants_numbers(kind, wrong, device):
    _, hand, x = twins(FORMS["mlp"], KINDS[kind], np.float32, device)
    x[1, 2] = wrong
    with pytest.raises(ValueError, match="HandVAE: a Normal decoder wants real pixels, some are NaN or infinite"):
        hand.forward(x, noise_for(x))


def test_options_that_do_not_fit_are_refused():
    for match, options in {
        "the gradient of decoder='categorical' is not written out here, VAE has it": {"decoder": "categorical"},
        r"HandVAE: images \(1, 4, 4\) have 16 pixels, not pixels=6": {"shape": (1, 4, 4)},
        r"HandVAE: expected images .* got \(1, 2, 3\)": {"shape": (1, 2, 3), "hidden": (2, 3)},
        r"hidden=\(16, 32\), for example, not \(5,\)": {"shape": (1, 4, 4), "pixels": 16},
        "HandVAE: latent must be a whole number, at least 1, got 0": {"latent": 0},
        r"HandVAE: latent must be a whole number, at least 1, got 2\.0": {"latent": 2.0},
        "HandVAE: pixels must be a whole number, at least 1, got None": {"pixels": None},
        "HandVAE: hidden must be a whole number, at least 1, got -3": {"hidden": -3},
        "HandVAE: variance='scalar' wants decoder='normal'": {"variance": "scalar"},
    }.items():
        with pytest.raises(ValueError, match=match):
            HandVAE(**{"pixels": 6, "hidden": 5, "latent": 2} | options)


def test_weights_of_other_or_mixed_dtypes_are_named():
    hand, state = HandVAE(6, 5, 2), VAE(6, 5, 2).state_dict()
    before = {name: value.copy() for name, value in hand.state_dict().items()}
    one = state | {"encoder.mean.bias": np.zeros(2)}
    with pytest.raises(ValueError, match=r"load_state_dict:\n  encoder.mean.bias: expected float32, got float64$"):
        hand.load_state_dict(one)
    with pytest.raises(ValueError, match=r"(?s)encoder.mean.weight: expected float32, got int64.*output.bias: "):
        hand.load_state_dict({name: np.ones(value.shape, np.int64) for name, value in state.items()})
    assert all((value == before[name]).all() for name, value in hand.state_dict().items())


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float64])
def test_bits_may_be_numbers_of_any_kind_and_nothing_leaves_the_dtype(dtype, device):
    _, hand, x = twins(FORMS["mlp"], KINDS["bernoulli"], np.float32, device)
    noise = noise_for(x)
    expected, kept = hand.forward(x, noise), hand.forward(x.astype(dtype), noise)
    assert kept.loss == expected.loss
    arrays = [kept.reconstruction, kept.kl, *kept.encoder, kept.mean, kept.sigma, *kept.decoder, kept.a]
    assert {array.dtype for array in (*arrays, *hand.backward(kept).values())} == {np.dtype(np.float32)}


def test_what_would_leave_the_dtype_or_the_shape_is_refused():
    _, hand, x = twins(FORMS["mlp"], KINDS["fixed"], np.float32)
    noise = noise_for(x)
    for images, drawn in ((x.astype(float), noise), (x.astype(int), noise), (x, noise.astype(float))):
        with pytest.raises(TypeError, match="HandVAE: expected images and noise in float32, as the weights are, got"):
            hand.forward(images, drawn)
    for shape in ((4, 1), (1, 2), (2,)):
        with pytest.raises(ValueError, match=r"HandVAE: expected noise \(4, 2\) for these images, got"):
            hand.forward(x, np.ones(shape, np.float32))
    for images in (x[0], x[:, :5]):
        with pytest.raises(ValueError, match=r"HandVAE: expected images as rows, \(N, 6\), got"):
            hand.forward(images, noise[: len(images)])
    with pytest.raises(ValueError, match=r"HandVAE: expected at least one image, got \(0, 6\)"):
        hand.forward(x[:0], noise[:0])


def test_sizes_may_be_integers_of_any_kind():
    sizes = np.array([6, 5, 2])
    hand = HandVAE(*sizes, rng=np.random.default_rng(0))
    expected = HandVAE(6, 5, 2, rng=np.random.default_rng(0)).state_dict()
    assert all((value == expected[name]).all() for name, value in hand.state_dict().items())


@pytest.mark.equation("15.15")
@pytest.mark.parametrize("form", [{"pixels": 16, "hidden": 8}, {"pixels": 16, "hidden": (3, 4), "shape": (1, 4, 4)}])
@pytest.mark.parametrize("decoder", [KINDS["bernoulli"], KINDS["scalar"]], ids=["bernoulli", "scalar"])
def test_plain_gradient_descent_by_hand_raises_the_elbo(form, decoder):
    rng = np.random.default_rng(0)
    hand = HandVAE(latent=1, decoder=decoder[0], variance=decoder[1], rng=rng, **form)
    x = np.repeat(np.eye(2, 16, dtype=np.float32), 16, axis=0)
    if decoder[0] == "normal":
        x += 0.5 * rng.standard_normal(x.shape, dtype=np.float32)
    losses = []
    for _ in range(200):
        kept = hand.forward(x, rng.standard_normal((32, 1), dtype=np.float32))
        losses.append(kept.loss)
        for name, slope in hand.backward(kept).items():
            weight = hand.state_dict()[name]
            weight -= (0.2 if decoder[0] == "bernoulli" else 0.02) * slope
    assert np.mean(losses[-20:]) < 0.8 * losses[0]
    if decoder[1] == "scalar":  # the variance has found the mean squared error
        errors = (kept.a - x) ** 2
        assert 1 / kept.precision == pytest.approx(errors.mean(), rel=0.1)
