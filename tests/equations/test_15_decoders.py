"""derivations/15-decoders.md, equation by equation: every gradient of the page against autograd, layer by layer."""

import itertools
import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen.models.latent import hand_vae
from scratchgen.models.latent.networks import MLP, ConvDecoder, ConvEncoder, Levels
from scratchgen.models.latent.terms import categorical_log_likelihood, normal_log_likelihood

rng = np.random.default_rng(15)


@pytest.mark.equation("15.1", "15.2")
def test_bernoulli_in_logits():
    """Eqs. 15.1 and 15.2: the definition, the slope x̂ − x, and a finite answer where the definition has ln 0."""
    a, x = rng.normal(size=(4, 6)) * 3, (rng.uniform(size=(4, 6)) < 0.5).astype(float)
    p = 1 / (1 + np.exp(-a))
    direct = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)
    logits = sg.tensor(a, requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(logits, x, "none")
    np.testing.assert_allclose(-loss.numpy().sum(1), direct, rtol=1e-12)
    np.testing.assert_allclose(F.sum(x * a - F.softplus(a), 1), direct, rtol=1e-12)
    v = rng.normal(size=(4, 6))
    loss.backward(v)
    np.testing.assert_allclose(logits.grad.numpy(), v * (p - x), rtol=1e-11)
    extreme = sg.tensor(np.array([800.0, -800.0]), requires_grad=True)
    F.sum(F.binary_cross_entropy_with_logits(extreme, np.array([0.0, 1.0]), "none")).backward()
    assert extreme.grad.numpy().tolist() == [1.0, -1.0]  # confident and wrong: the full slope, not none


def log_normal(x, mean, log_variance):
    """Eq. 15.3, on arrays or Tensors."""
    return -0.5 * (math.log(2 * math.pi) + log_variance + F.square(x - mean) * F.exp(-log_variance))


@pytest.mark.equation("15.3", "15.4", "15.5")
def test_normal_and_its_two_slopes():
    """Eqs. 15.3, 15.4 and 15.5, against SciPy's density and autograd."""
    from scipy.stats import norm

    x, m, lam = rng.normal(size=(3, 4, 6))
    mean, log_variance = sg.tensor(m, requires_grad=True), sg.tensor(lam, requires_grad=True)
    log_p = log_normal(x, mean, log_variance)
    np.testing.assert_allclose(log_p.numpy(), norm.logpdf(x, m, np.exp(lam / 2)), rtol=1e-12)
    v = rng.normal(size=(4, 6))
    F.sum(-log_p * v).backward()
    np.testing.assert_allclose(mean.grad.numpy(), v * (m - x) / np.exp(lam), rtol=1e-12)
    np.testing.assert_allclose(log_variance.grad.numpy(), v * 0.5 * (1 - (x - m) ** 2 / np.exp(lam)), rtol=1e-11)


N, PIXELS, HIDDEN, LATENT = 7, 6, 5, 3
ENCODER = {1: (HIDDEN, PIXELS), 2: (LATENT, HIDDEN), 3: (LATENT, HIDDEN)}
DECODER = {4: (HIDDEN, LATENT), 5: (PIXELS, HIDDEN), 6: (PIXELS, HIDDEN)}
SHAPES = {**ENCODER, **DECODER}


@pytest.mark.parametrize("decoder", ["bernoulli", "normal, fixed variance", "normal, learned variance"])
@pytest.mark.equation("15.6", "15.7", "15.8", "15.9", "15.10", "15.11", "15.12")
def test_backwards_through_the_whole_vae(decoder):
    """Eqs. 15.6–15.12 as the page has them, one image per row, against the walk over the same network."""
    W = {i: sg.tensor(rng.normal(size=shape), requires_grad=True) for i, shape in SHAPES.items()}
    b = {i: sg.tensor(rng.normal(size=shape[0]), requires_grad=True) for i, shape in SHAPES.items()}
    x, noise = (rng.uniform(size=(N, PIXELS)) < 0.5).astype(float), rng.normal(size=(N, LATENT))

    h1 = F.tanh(F.linear(x, W[1], b[1]))
    mu, lam = F.linear(h1, W[2], b[2]), F.linear(h1, W[3], b[3])
    z = mu + F.exp(0.5 * lam) * noise
    h2 = F.tanh(F.linear(z, W[4], b[4]))
    a = F.linear(h2, W[5], b[5])
    lam_x = F.linear(h2, W[6], b[6]) if "learned" in decoder else sg.tensor(np.log(0.3))
    log_p = -F.binary_cross_entropy_with_logits(a, x, "none") if decoder == "bernoulli" else log_normal(x, a, lam_x)
    kl = 0.5 * (F.square(mu) + F.exp(lam) - 1 - lam)
    loss = (F.sum(-log_p) + F.sum(kl)) * (1 / N)

    used = [i for i in SHAPES if i != 6 or "learned" in decoder]
    inner = {"a": a, "h2": h2, "z": z, "mu": mu, "lam": lam, "h1": h1, **({"lam_x": lam_x} if 6 in used else {})}
    wanted = {**inner, **{f"W{i}": W[i] for i in used}, **{f"b{i}": b[i] for i in used}}
    bar = dict(zip(wanted, (g.numpy() for g in sg.grad(loss, list(wanted.values()), create_graph=True))))

    def agree(name, value):
        np.testing.assert_allclose(bar[name], value, rtol=1e-10, atol=1e-13, err_msg=name)

    variance, variance_x = np.exp(lam.data), np.exp(lam_x.data)
    agree("a", (1 / (1 + np.exp(-a.data)) - x if decoder == "bernoulli" else (a.data - x) / variance_x) / N)  # 15.6
    h2_bar = bar["a"] @ W[5].data
    agree("W5", bar["a"].T @ h2.data)  # 15.7, from here
    agree("b5", bar["a"].sum(0))
    if 6 in used:
        agree("lam_x", (1 - (x - a.data) ** 2 / variance_x) / (2 * N))  # 15.6
        agree("W6", bar["lam_x"].T @ h2.data)
        agree("b6", bar["lam_x"].sum(0))
        h2_bar += bar["lam_x"] @ W[6].data
    agree("h2", h2_bar)
    u2_bar = h2_bar * (1 - h2.data**2)
    agree("W4", u2_bar.T @ z.data)
    agree("b4", u2_bar.sum(0))
    agree("z", u2_bar @ W[4].data)  # 15.8
    agree("mu", bar["z"] + mu.data / N)  # 15.9
    agree("lam", 0.5 * np.sqrt(variance) * noise * bar["z"] + (variance - 1) / (2 * N))  # 15.10
    agree("W2", bar["mu"].T @ h1.data)  # 15.11, from here
    agree("b2", bar["mu"].sum(0))
    agree("W3", bar["lam"].T @ h1.data)
    agree("b3", bar["lam"].sum(0))
    agree("h1", bar["mu"] @ W[2].data + bar["lam"] @ W[3].data)
    u1_bar = bar["h1"] * (1 - h1.data**2)  # 15.12
    agree("W1", u1_bar.T @ x)
    agree("b1", u1_bar.sum(0))


# ---------------------------------------------------------------------------------------------- other networks
@pytest.mark.equation("15.13")
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4, 3)])
def test_the_layers_of_an_mlp_and_their_gradient(hidden):
    """Eq. 15.13, forwards and backwards, written out."""
    network = MLP(6, hidden, rng).astype(np.float64)
    for parameter in network.parameters():
        parameter.data[...] = rng.normal(size=parameter.shape)
    x = sg.tensor(rng.normal(size=(7, 6)), requires_grad=True)
    weights = [(layer.weight.numpy(), layer.bias.numpy()) for layer in network.layers]
    h = [x.numpy()]
    for W, b in weights:
        h.append(np.tanh(h[-1] @ W.T + b))
    features = network(x)
    np.testing.assert_allclose(sg.tensor(features).numpy() if not hidden else features.numpy(), h[-1], rtol=1e-12)
    assert network.width == h[-1].shape[1]

    bar = v = rng.normal(size=h[-1].shape)
    F.sum(features * v).backward()
    for (W, _), value, layer, before in zip(weights[::-1], h[:0:-1], list(network.layers)[::-1], h[-2::-1]):
        u_bar = bar * (1 - value**2)
        np.testing.assert_allclose(layer.weight.grad.numpy(), u_bar.T @ before, rtol=1e-10, atol=1e-13)
        bar = u_bar @ W
    np.testing.assert_allclose(x.grad.numpy(), bar, rtol=1e-10, atol=1e-13)


def by_taps(image, weight, bias):
    """A 4 × 4 convolution at stride 2 with padding 1, Eq. 4.1 tap by tap. image (C, H, W), weight (F, C, 4, 4)."""
    _, h, w = image.shape
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    y = np.zeros((len(weight), h // 2, w // 2)) + bias[:, None, None]
    for i in range(4):
        for j in range(4):
            y += np.einsum("fc,chw->fhw", weight[:, :, i, j], padded[:, i : i + h : 2, j : j + w : 2])
    return y


def spread_by_taps(image, weight, bias):
    """Its transpose, Eq. 4.7. image (C, H, W), weight (C, F, 4, 4) → (F, 2H, 2W)."""
    _, h, w = image.shape
    y = np.zeros((weight.shape[1], 2 * h + 2, 2 * w + 2))
    for i in range(4):
        for j in range(4):
            y[:, i : i + 2 * h : 2, j : j + 2 * w : 2] += np.einsum("cf,chw->fhw", weight[:, :, i, j], image)
    return y[:, 1:-1, 1:-1] + bias[:, None, None]


def parameters_of(network):
    for parameter in network.parameters():
        parameter.data[...] = rng.normal(size=parameter.shape)
    return [parameter.numpy() for parameter in network.parameters()]


@pytest.mark.equation("15.14")
@pytest.mark.ledger("E23")
def test_the_convolutional_encoder_halves_the_image_and_the_decoder_doubles_it():
    """Eq. 15.14 by loops over the taps. (S1, line 215, has the "upconv" in the encoder.)"""
    shape, channels = (2, 8, 12), (3, 4)
    encoder = ConvEncoder(shape, channels, rng).astype(np.float64)
    w1, b1, w2, b2 = parameters_of(encoder)
    x = rng.normal(size=(2, 2 * 8 * 12))
    for image, features in zip(x, encoder(sg.tensor(x)).numpy()):
        h1 = np.maximum(by_taps(image.reshape(shape), w1, b1), 0)
        h2 = np.maximum(by_taps(h1, w2, b2), 0)
        assert (h1.shape, h2.shape) == ((3, 4, 6), (4, 2, 3))
        np.testing.assert_allclose(features, h2.reshape(-1), rtol=1e-10, atol=1e-12)

    decoder = ConvDecoder(5, shape, channels, rng).astype(np.float64)
    head = decoder.head(2 * 8 * 12, rng).astype(np.float64)
    (W, b, w, b_prime), (w_last, b_last) = parameters_of(decoder), parameters_of(head)
    z = rng.normal(size=(2, 5))
    for code, output in zip(z, head(decoder(sg.tensor(z))).numpy()):
        g2 = np.maximum(W @ code + b, 0).reshape(4, 2, 3)
        g1 = np.maximum(spread_by_taps(g2, w, b_prime), 0)
        assert g1.shape == (3, 4, 6)
        np.testing.assert_allclose(output, spread_by_taps(g1, w_last, b_last).reshape(-1), rtol=1e-9, atol=1e-11)


# ---------------------------------------------------------------------------------------------- one learned variance
@pytest.mark.equation("15.5", "15.15")
def test_the_gradient_of_one_variance_is_the_sum_over_everything():
    """Eq. 15.15, left side: ½ [ND − Σ (x − μ)²/σ²]."""
    x, mean = rng.normal(size=(2, 4, 6))
    log_variance = sg.tensor(np.array(0.3), requires_grad=True)
    F.sum(-normal_log_likelihood(mean, log_variance, x)).backward()
    assert log_variance.grad.shape == ()
    assert log_variance.grad.item() == pytest.approx(0.5 * (24 - np.sum((x - mean) ** 2) / np.exp(0.3)), rel=1e-12)


@pytest.mark.equation("15.15", "15.16")
def test_the_best_single_variance_is_the_mean_squared_error():
    """Eqs. 15.15 and 15.16: gradient descent on ln σ² from afar ends at ln MSE, with the loss of the page."""
    x = rng.normal(size=(5, 7))
    mean = x + 0.2 * rng.normal(size=(5, 7))
    mse = np.mean((x - mean) ** 2)
    log_variance = sg.tensor(np.array(1.0), requires_grad=True)
    for _ in range(300):
        loss = F.mean(-normal_log_likelihood(mean, log_variance, x))
        slope = sg.grad(loss, log_variance).numpy()
        log_variance = sg.tensor(log_variance.numpy() - 0.1 * slope, requires_grad=True)
    assert log_variance.item() == pytest.approx(np.log(mse), abs=1e-9)
    assert loss.item() == pytest.approx(7 / 2 * (np.log(2 * np.pi) + 1 + np.log(mse)), abs=1e-9)


@pytest.mark.equation("15.4", "15.16")
def test_under_the_best_variance_errors_weigh_the_more_the_smaller_they_are():
    """The slope of Eq. 15.16 for the means is that of Eq. 15.4 with σ² = MSE."""
    x = rng.normal(size=(5, 7))
    mean = sg.tensor(x + 0.2 * rng.normal(size=(5, 7)), requires_grad=True)
    mse = F.mean(F.square(mean - x))
    (slope,) = sg.grad(7 / 2 * (math.log(2 * math.pi) + 1 + F.log(mse)), [mean])
    (fixed,) = sg.grad(F.mean(-normal_log_likelihood(mean, math.log(mse.item()), x)), [mean])
    np.testing.assert_allclose(slope.numpy(), fixed.numpy(), rtol=1e-10)


# ---------------------------------------------------------------------------------------------- grey levels
@pytest.mark.equation("15.17", "15.18")
def test_grey_levels_and_their_slope():
    """Eqs. 15.17 and 15.18 with 256 levels, against the softmax written out."""
    a, x = rng.normal(size=(3, 4, 256)), rng.integers(0, 256, (3, 4))
    logits = sg.tensor(a, requires_grad=True)
    log_p = categorical_log_likelihood(logits, x)
    p = np.exp(a) / np.exp(a).sum(-1, keepdims=True)
    one_hot = np.eye(256)[x]
    np.testing.assert_allclose(log_p.numpy(), np.log((p * one_hot).sum(-1)).sum(1), rtol=1e-12)
    v = rng.normal(size=3)
    (-log_p).backward(v)
    np.testing.assert_allclose(logits.grad.numpy(), v[:, None, None] * (p - one_hot), rtol=1e-10, atol=1e-14)


@pytest.mark.equation("15.2", "15.17", "15.18")
def test_two_levels_are_a_bernoulli():
    """With the logits 0 and a, level 1 has the probability σ(a)."""
    a, x = rng.normal(size=(3, 4)), rng.integers(0, 2, (3, 4))
    two = categorical_log_likelihood(np.stack([np.zeros_like(a), a], -1), x)
    np.testing.assert_allclose(two, np.sum(x * a - F.softplus(a), 1), rtol=1e-12)


@pytest.mark.equation("15.21")
def test_the_logits_of_a_level_term_by_term():
    rng = np.random.default_rng(0)
    layer = Levels(MLP(3, (), rng), 5, 6, rng)
    layer.bias.data[...] = rng.normal(size=(6, 5))
    h = rng.normal(size=(2, 3)).astype(np.float32)
    f, v, b = layer.features(h).numpy().reshape(2, 16, 5), layer.shared.weight.numpy(), layer.bias.numpy()
    logits = layer(h).numpy()
    assert logits.shape == (2, 5, 6)
    for n, i, k in np.ndindex(2, 5, 6):
        a = sum(v[k, c] * f[n, c, i] for c in range(16)) + b[k, i]
        assert logits[n, i, k] == pytest.approx(a, rel=1e-5, abs=1e-5)
    assert sum(p.size for p in layer.parameters()) == (3 + 1) * 16 * 5 + 6 * 16 + 6 * 5


# ---------------------------------------------------------------------------------------------- by hand, any network
def written_out(kind):
    """A layer of the kind, and its W and b as a matrix and a vector, made tap by tap from one pixel at a time."""
    layer = {
        "matrix": lambda: hand_vae.Layer("it", 16, 5, rng),
        "convolution": lambda: hand_vae.Convolution("it", (2, 4, 8), 3, rng),
        "upconv": lambda: hand_vae.Upconvolution("it", (3, 2, 4), 2, rng),
    }[kind]()
    layer.weights = {name: rng.normal(size=w.shape) for name, w in layer.weights.items()}
    return layer, *as_matrix(kind, *layer.weights.values())


def as_matrix(kind, w, b):
    if kind == "matrix":
        return w, b
    apply, shape = (by_taps, (2, 4, 8)) if kind == "convolution" else (spread_by_taps, (3, 2, 4))
    pixels = np.eye(math.prod(shape)).reshape(-1, *shape)
    W = np.array([apply(pixel, w, 0 * b).reshape(-1) for pixel in pixels]).T
    return W, apply(0 * pixels[0], w, b).reshape(-1)


@pytest.mark.equation("15.19")
@pytest.mark.parametrize("kind", ["matrix", "convolution", "upconv"])
def test_whatever_its_kind_a_layer_is_a_matrix(kind):
    """Eq. 15.19 with W written out: forwards, transposed, and w̄ collected from all the places where w stands."""
    layer, W, b = written_out(kind)
    x, y_bar = rng.normal(size=(7, W.shape[1])), rng.normal(size=(7, W.shape[0]))
    np.testing.assert_allclose(layer.forward(x), x @ W.T + b, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(layer.transposed(y_bar), y_bar @ W, rtol=1e-11, atol=1e-13)
    assert math.prod(layer.outputs) == len(W)

    W_bar, total = y_bar.T @ x, y_bar.sum(0)
    for k, (name, weight) in enumerate(layer.weights.items()):
        expected = np.empty_like(weight)
        for i in np.ndindex(weight.shape):
            only = [np.zeros_like(w) for w in layer.weights.values()]
            only[k][i] = 1
            places, offset = as_matrix(kind, *only)
            expected[i] = (places * W_bar).sum() + (offset * total).sum()
        np.testing.assert_allclose(layer.gradient(y_bar, x)[name], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.equation("15.20")
@pytest.mark.parametrize("f", ["TANH", "RELU"])
@pytest.mark.parametrize("sizes", [(6,), (6, 5), (6, 5, 4, 3)])
def test_backwards_through_hidden_layers(sizes, f):
    """Eq. 15.20 against autograd, with each weight's gradient and the input's; which is left out if nobody asks."""
    layers = [hand_vae.Layer(str(i), m, n, rng) for i, (m, n) in enumerate(itertools.pairwise(sizes))]
    for layer in layers:
        layer.weights = {name: rng.normal(size=w.shape) for name, w in layer.weights.items()}
    network = hand_vae.Network(sizes[:1], layers, getattr(hand_vae, f))
    x = sg.tensor(rng.normal(size=(7, 6)), requires_grad=True)
    weights = {name: sg.tensor(w, requires_grad=True) for layer in layers for name, w in layer.weights.items()}
    h = x
    for i in range(len(layers)):
        h = (F.tanh if f == "TANH" else F.relu)(F.linear(h, weights[f"{i}.weight"], weights[f"{i}.bias"]))
    v = rng.normal(size=h.shape)
    F.sum(h * v).backward()

    hs = network.forward(x.numpy())
    np.testing.assert_allclose(hs[-1], h.numpy(), rtol=1e-12)
    assert network.outputs == sizes[-1:]
    x_bar, gradient = network.backward(v, hs)
    np.testing.assert_allclose(x_bar, x.grad.numpy(), rtol=1e-10, atol=1e-13)
    assert gradient.keys() == weights.keys()
    for name, weight in weights.items():
        np.testing.assert_allclose(gradient[name], weight.grad.numpy(), rtol=1e-10, atol=1e-13)
    if layers:
        assert network.backward(v, hs, to_input=False)[0] is None


@pytest.mark.equation("15.15")
def test_a_constant_sends_nothing_back_and_collects_from_everywhere():
    """Eq. 15.15: the sum over images and pixels, not their mean."""
    constant, y_bar = hand_vae.Constant("it"), rng.normal(size=(4, 6))
    assert constant.forward(y_bar).shape == constant.gradient(y_bar, y_bar)["it"].shape == ()
    assert float(constant.gradient(y_bar, y_bar)["it"]) == pytest.approx(math.fsum(y_bar.ravel()), rel=1e-12)
    assert constant.transposed(y_bar) == 0
