"""The autoencoders and the classifier: shapes, losses against their formulas, gradients, and that they learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import backend, optim
from scratchgen import functional as F
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import Autoencoder
from scratchgen.models.latent.autoencoder import mask, pca

KINDS = {  # for images of 4×4 pixels
    "MLP": {"hidden": 5},
    "deep": {"hidden": (7, 5), "loss": "cross-entropy"},
    "linear": {"hidden": (), "output": "linear"},
    "sigmoids": {"hidden": (), "code": "sigmoid"},
    "convolutional": {"hidden": (3, 4), "shape": (1, 4, 4), "loss": "cross-entropy"},
    "four channels": {"hidden": (3, 4), "shape": (4, 4, 4), "loss": "absolute error"},
    "denoising": {"hidden": 5, "masked": 0.3},
}
LOSSES = {
    "squared error": lambda y, x: (y - x) ** 2,
    "cross-entropy": lambda y, x: -x * np.log(y) - (1 - x) * np.log(1 - y),
    "absolute error": lambda y, x: abs(y - x),
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def of_kind(kind, rng):
    arguments = KINDS[kind]
    return Autoencoder(int(np.prod(arguments.get("shape", (16,)))), latent=2, **arguments, rng=rng)


def images(model, n, rng, dtype=np.float32):
    return rng.random((n, model.decoder(np.zeros((1, 2), dtype)).shape[1]), dtype=dtype)


def check_every_parameter(model, loss, rng):
    """Autograd against a central difference along a random direction, in float64."""
    model.astype(np.float64)
    loss().backward()
    for name, p in model.named_parameters():
        v, h, before = rng.standard_normal(p.shape), 1e-6, p.data.copy()
        values = []
        for sign in (1, -1):
            p.data[...] = before + sign * h * v
            values.append(loss().item())
        p.data[...] = before
        slope = (values[0] - values[1]) / (2 * h)
        np.testing.assert_allclose((p.grad.numpy() * v).sum(), slope, rtol=1e-5, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_dtypes_and_devices(kind, rng, device):
    model = of_kind(kind, rng)
    x = images(model, 3, rng)
    expected, _ = model.loss(x, np.random.default_rng(1))
    model.to(device)
    there = backend.to_device(x, device)
    z = model.encode(there)
    assert z.shape == (3, 2) == (3, model.latent)
    assert model(there).shape == model.decode(z).shape == x.shape
    loss, metrics = model.loss(there, np.random.default_rng(1))
    loss.backward()
    assert loss.dtype == z.dtype == np.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert list(metrics) == [model.kind]
    assert backend.host_scalar(metrics[model.kind]) == loss.item()
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    of_tensor, _ = model.loss(sg.tensor(there), np.random.default_rng(1))
    assert of_tensor.item() == loss.item()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_a_sum_over_pixels_and_a_mean_over_images(loss, rng):
    model = Autoencoder(6, 5, 2, loss=loss, rng=rng).astype(np.float64)
    x = np.asfortranarray(rng.random((4, 6)))
    assert model.loss(x)[0].item() == pytest.approx(LOSSES[loss](model(x).numpy(), x).sum(1).mean(), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind, rng):
    model = of_kind(kind, rng)
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            p.data[...] = 0.3 * rng.standard_normal(p.shape)  # zeros would put ReLUs of blank regions on their kink
    x = images(model, 4, rng).astype(np.float64)
    check_every_parameter(model, lambda: model.loss(x, np.random.default_rng(1))[0], rng)


@pytest.mark.equation("8.1")
def test_the_lectures_autoencoder(rng):
    """z = σ(Wx + b) and x̂ = σ(W′z + b′): one layer each way, and no other parameter."""
    model = Autoencoder(6, (), 2, code="sigmoid", rng=rng).astype(np.float64)
    W, b, W2, b2 = (p.data for p in model.parameters())
    assert (W.shape, b.shape, W2.shape, b2.shape) == ((2, 6), (2,), (6, 2), (6,))
    b[...], b2[...] = rng.standard_normal(2), rng.standard_normal(6)
    x = rng.random((5, 6))
    z = 1 / (1 + np.exp(-(x @ W.T + b)))
    back = 1 / (1 + np.exp(-(z @ W2.T + b2)))
    np.testing.assert_allclose(model.encode(x).numpy(), z, rtol=1e-12)
    np.testing.assert_allclose(model(x).numpy(), back, rtol=1e-12)
    assert model.loss(x)[0].item() == pytest.approx(((x - back) ** 2).sum() / 5, rel=1e-12)


def test_a_linear_one_is_linear_and_a_convolutional_one_is_local(rng):
    linear = Autoencoder(6, (), 2, output="linear", rng=rng).astype(np.float64)
    x, y = rng.standard_normal((2, 4, 6))
    straight = 2 * linear(x).numpy() - 3 * linear(y).numpy()
    np.testing.assert_allclose(linear(2 * x - 3 * y).numpy(), straight - 2 * linear(0 * x).numpy(), atol=1e-12)
    conv = Autoencoder(256, (3, 4), 2, shape=(1, 16, 16), rng=rng).astype(np.float64)
    corner = np.zeros((1, 256))
    corner[0, 0] = 1
    features = conv.encoder[0]
    changed = (features(corner) - features(0 * corner)).numpy().reshape(4, 4, 4) != 0
    assert changed[:, 0, 0].any()
    assert not changed[:, 2:].any()
    assert not changed[:, :, 2:].any()


# ---------------------------------------------------------------------------------------------------------- denoising
def test_mask_blanks_the_share_and_changes_nothing_else(rng, device):
    x = rng.random((300, 50), dtype=np.float32) + 1
    there = backend.to_device(x, device)
    seen = backend.to_host(mask(there, 0.3, np.random.default_rng(1)))
    assert seen.dtype == np.float32
    blank = seen == 0
    assert (seen[~blank] == x[~blank]).all()
    assert blank.mean(0).max() - blank.mean(0).min() < 0.2  # every pixel, every image
    assert abs(blank.mean() - 0.3) < 4 * np.sqrt(0.21 / x.size)
    again = backend.to_host(mask(sg.tensor(there), 0.3, np.random.default_rng(1)).data)
    assert (again == seen).all()
    draws = np.random.default_rng(1)
    assert (backend.to_host(mask(there, 0.3, draws)) != backend.to_host(mask(there, 0.3, draws))).any()


@given(st.integers(0, 4), st.integers(0, 5), st.floats(0, 0.99))
def test_mask_takes_all_shapes(n, pixels, share):
    seen = mask(np.ones((n, pixels)), share, np.random.default_rng(0))
    assert seen.shape == (n, pixels)
    assert set(np.unique(seen)) <= {0.0, 1.0}


def test_denoising_sees_the_spoiled_image_and_is_compared_with_the_clean_one(rng):
    model = Autoencoder(6, 5, 2, masked=0.5, rng=rng).astype(np.float64)
    x = rng.random((40, 6))
    spoiled = mask(x, 0.5, np.random.default_rng(3))
    expected = ((model(spoiled).numpy() - x) ** 2).sum(1).mean()
    assert model.loss(x, np.random.default_rng(3))[0].item() == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="pass rng"):
        model.loss(x)


# --------------------------------------------------------------------------------------------------------------- PCA
@pytest.mark.equation("8.7", "8.8")
def test_pca_of_data_that_lie_on_a_plane(rng):
    """3 + a plane in 8 dimensions, spread 2 and 1 along it: two directions say all, one loses the variance 1."""
    frame, _ = np.linalg.qr(rng.standard_normal((8, 2)))
    along, _ = np.linalg.qr((g := rng.standard_normal((50, 2))) - g.mean(0))
    x = 3 + np.sqrt(50) * along * [2.0, 1.0] @ frame.T
    both, one = pca(x, 2), pca(x, 1)
    np.testing.assert_allclose(both.spread[:2], [4, 1], rtol=1e-12)
    assert both.error == pytest.approx(0, abs=1e-20)
    assert one.error == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(both.decode(both.encode(x)), x, rtol=1e-12)
    assert ((one.decode(one.encode(x)) - x) ** 2).sum(1).mean() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(abs(both.directions @ frame), np.eye(2), atol=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9))
def test_pca_against_the_eigenvectors_of_the_covariance(seed, n, pixels):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, pixels))
    latent = int(rng.integers(1, min(n, pixels) + 1))
    found = pca(x, latent)
    values = np.linalg.eigvalsh((x - x.mean(0)).T @ (x - x.mean(0)) / n)[::-1]
    np.testing.assert_allclose(found.spread, values[: min(n, pixels)], atol=1e-12)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(latent), atol=1e-12)
    left = ((found.decode(found.encode(x)) - x) ** 2).sum() / n
    assert found.error == pytest.approx(left, abs=1e-12)


def test_pca_on_devices_and_in_float32(rng, device):
    x = rng.random((20, 5), dtype=np.float32)
    found = pca(backend.to_device(x, device), 2)
    assert {a.dtype for a in found} == {np.dtype(np.float32)}
    np.testing.assert_allclose(found.error, pca(x.astype(float), 2).error, rtol=1e-5)


# ------------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code": "tanh"}, "Autoencoder: code must be 'linear' or 'sigmoid', got 'tanh'"),
        ({"output": "relu"}, "output must be 'linear' or 'sigmoid', got 'relu'"),
        ({"loss": "mse"}, "loss must be 'squared error' or 'cross-entropy' or 'absolute error', got 'mse'"),
        ({"loss": "cross-entropy", "output": "linear"}, "a cross-entropy wants probabilities: output='sigmoid'"),
        ({"masked": 1.0}, r"masked, the share of blanked pixels, must lie in \[0, 1\), got 1\.0"),
        ({"masked": -0.1}, r"masked, .* got -0\.1"),
        ({"shape": (1, 8, 8)}, r"images of shape \(1, 8, 8\) have 64 pixels, not 784"),
        ({"latent": 0}, "Autoencoder: latent must be a whole number, at least 1, got 0"),
        ({"latent": 2.0}, r"Autoencoder: latent must be a whole number, at least 1, got 2\.0"),
        ({"pixels": 784.0}, r"Autoencoder: pixels must be a whole number, at least 1, got 784\.0"),
        ({"hidden": (40, -3)}, "Autoencoder: hidden must be a whole number, at least 1, got -3"),
        ({"shape": (1, 28, 28)}, r"two layers: hidden=\(16, 32\)"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(**arguments)


@pytest.mark.parametrize("form", [{"hidden": 4}, {"hidden": (2, 3), "shape": (1, 4, 4)}], ids=["mlp", "conv"])
def test_codes_of_another_size_are_refused(form, rng):
    model = Autoencoder(16, latent=2, rng=rng, **form)
    for shape in ((3, 5), (3, 1), (2,), (2, 3, 2)):
        with pytest.raises(ValueError, match=r"Autoencoder: expected codes \(N, 2\), as latent=2 is, got \("):
            model.decode(np.zeros(shape, np.float32))


@pytest.mark.parametrize("latent", [0, 6])
def test_pca_wants_directions_that_there_are(latent, rng):
    with pytest.raises(ValueError, match=f"pca: 9 images of 5 pixels have no {latent} principal directions"):
        pca(rng.random((9, 5)), latent)


def test_pca_wants_rows_and_takes_a_tensor(rng):
    x = rng.random((9, 5))
    for shape in ((5,), (9, 1, 5)):
        with pytest.raises(ValueError, match=r"pca: expected data as rows, \(N, pixels\), got \("):
            pca(np.resize(x, shape), 1)
    np.testing.assert_array_equal(pca(sg.tensor(x), 2).directions, pca(x, 2).directions)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_pca_wants_finite_data(wrong, rng):
    x = rng.random((9, 5))
    x[3, 1] = wrong
    with pytest.raises(ValueError, match="pca: expected finite data, got NaN or infinite"):
        pca(x, 2)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("factor", "found"),
    [(255, "these lie in .* divide them by 255"), (-1, "these lie in"), (np.nan, "some are NaN or infinite; find out")],
)
def test_a_sigmoid_refuses_what_it_cannot_answer(factor, found, loss, rng, device):
    model = Autoencoder(6, 5, 2, loss=loss, rng=rng).to(device)
    x = backend.to_device(rng.random((3, 6), dtype=np.float32), device)
    for images in (x * np.float32(factor), sg.Tensor(x * np.float32(factor))):
        with pytest.raises(
            ValueError, match=rf"Autoencoder.loss: a sigmoid's answers want pixels in \[0, 1\], {found}"
        ):
            model.loss(images)
    assert np.isfinite(model.loss(x)[0].item())
    assert np.isfinite(model.loss((x > 0.5).astype(np.uint8))[0].item())


@pytest.mark.parametrize("loss", ["squared error", "absolute error"])
def test_a_linear_output_takes_real_pixels_of_any_size(loss, rng, device):
    model = Autoencoder(6, 5, 2, loss=loss, output="linear", rng=rng).to(device)
    x = rng.standard_normal((3, 6)).astype(np.float32)
    assert np.isfinite(model.loss(backend.to_device(255 * x, device))[0].item())
    with pytest.raises(TypeError, match=r"Autoencoder.loss: a linear output wants real pixels, got uint8; divide"):
        model.loss(backend.to_device(x.astype(np.uint8), device))
    x[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"Autoencoder.loss: a linear output wants real pixels, some are NaN"):
        model.loss(backend.to_device(x, device))


@pytest.mark.parametrize("loss", LOSSES)
def test_images_of_another_size_or_none_at_all_have_no_loss(loss, rng):
    model = Autoencoder(6, 5, 2, loss=loss, rng=rng)
    for shape in ((6,), (2, 1, 6), (2, 5)):
        with pytest.raises(ValueError, match=r"Autoencoder.loss: expected images as rows, \(N, 6\), got"):
            model.loss(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=r"Autoencoder.loss: expected at least one image, got \(0, 6\)"):
        model.loss(np.zeros((0, 6), np.float32))


@pytest.mark.parametrize("form", [{"hidden": 4}, {"hidden": (2, 3), "shape": (1, 4, 4)}], ids=["mlp", "conv"])
def test_images_of_another_size_have_no_code(form, rng):
    model = Autoencoder(16, latent=2, rng=rng, **form)
    for shape in ((3, 15), (3, 32), (16,), (3, 1, 4, 4)):
        with pytest.raises(ValueError, match=r"Autoencoder: expected images as rows, \(N, 16\), got .*reshape"):
            model.encode(np.zeros(shape, np.float32))


def test_sizes_may_be_integers_of_any_kind(rng):
    sizes = np.array([6, 5, 2])
    model = Autoencoder(*sizes, rng=rng)
    assert model.decode(model.encode(rng.random((3, 6), dtype=np.float32))).shape == (3, 6)
    assert [type(size) for size in (model.pixels, model.latent)] == [int, int]


# --------------------------------------------------------------------------------------------------- and the classifier
def test_classifier_loss_and_accuracy(rng, device):
    model = MLPClassifier(6, 5, 3, rng).to(device)
    x = backend.to_device(rng.random((20, 6), dtype=np.float32), device)
    labels = rng.integers(3, size=20)
    loss, metrics = model.loss(x, backend.to_device(labels, device))
    logits = model(x).numpy().astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert loss.item() == pytest.approx(-log_p[np.arange(20), labels].mean(), rel=1e-5)
    predicted = backend.to_host(model.predict(x))
    assert (predicted == logits.argmax(1)).all()
    assert backend.host_scalar(metrics["accuracy %"]) == pytest.approx(100 * (predicted == labels).mean())


def test_classifier_gradients(rng):
    model, x, labels = MLPClassifier(6, 5, 3, rng), rng.standard_normal((8, 6)), rng.integers(3, size=8)
    check_every_parameter(model, lambda: model.loss(x, labels)[0], rng)


def learn(model, batch, steps, lr=0.02):
    optimizer, rng = optim.Adam(model.parameters(), lr=lr), np.random.default_rng(5)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss, _ = model.loss(*batch, rng=rng)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_both_learn_a_toy(rng):
    """Three prototypes with noise: a code of two numbers brings them back, and a classifier tells them apart."""
    labels = rng.integers(3, size=90)
    x = (0.8 * np.eye(3, 6, dtype=np.float32)[labels] + 0.1 * rng.random((90, 6), dtype=np.float32)).astype(np.float32)
    for model, batch in ((Autoencoder(6, 16, 2, rng=rng), (x,)), (MLPClassifier(6, 16, 3, rng), (x, labels))):
        losses = learn(model, batch, 150)
        assert losses[-1] < 0.1 * losses[0], type(model).__name__
    assert (sg.tensor(model.predict(x)).numpy() == labels).all()


@pytest.mark.equation("8.16")
def test_denoising_learns_the_mean_of_what_can_be_behind_it(rng):
    """Four coins, each shown by two pixels, half of the pixels blanked. One pixel left says it all; with both blank the
    coin is 1 with probability ⅕. So the best answer is off by ⅝ · ⅕ · ⅘ = 0.1 per pixel. Without
    noise in training a code that is wide enough to copy copies most of the blanks: at worst 0.25, half of the ink."""
    x = np.repeat(rng.random((2000, 4)) < 0.5, 2, axis=1).astype(np.float32)
    seen = mask(x, 0.5, rng)
    wrong = {}
    for share in (0.0, 0.5):
        model = Autoencoder(8, 32, 8, masked=share, rng=rng)
        learn(model, (x[:256],), 400)
        wrong[share] = F.mse_loss(model(seen), x).item()
    assert 0.09 < wrong[0.5] < 0.12
    assert wrong[0.0] > 0.15


def test_integer_pixels_are_not_blanked():
    x = np.ones((2, 9), np.uint8)
    for call in (lambda: mask(x, 0.5, np.random.default_rng(0)), lambda: blanking(x)):
        with pytest.raises(ValueError, match=r"mask: expected pixels as floats, got uint8; convert them"):
            call()


def blanking(x):
    return Autoencoder(9, (4,), 2, masked=0.5, rng=np.random.default_rng(0)).loss(x, np.random.default_rng(0))
