"""The autoencoder and the classifier: shapes, losses against their formulas, gradients, and that they learn."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import backend, optim
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import Autoencoder


@pytest.fixture
def rng():
    return np.random.default_rng(0)


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


def test_autoencoder_loss_is_the_squared_error_per_image(rng, device):
    model = Autoencoder(6, 5, 2, rng).to(device)
    x = backend.to_device(rng.random((4, 6), dtype=np.float32), device)
    loss, metrics = model.loss(x)
    there_and_back = model.decode(model.encode(x)).numpy()
    assert there_and_back.shape == (4, 6)
    assert loss.dtype == np.float32
    assert loss.item() == pytest.approx(((there_and_back - backend.to_host(x)) ** 2).sum(1).mean(), rel=1e-5)
    assert backend.host_scalar(metrics["squared error"]) == loss.item()


def test_autoencoder_gradients(rng):
    model, x = Autoencoder(6, 5, 2, rng), rng.random((4, 6))
    check_every_parameter(model, lambda: model.loss(x)[0], rng)


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


def test_both_learn_a_toy(rng):
    """Three prototypes with noise: a code of two numbers brings them back, and a classifier tells them apart."""
    labels = rng.integers(3, size=90)
    x = (0.8 * np.eye(3, 6, dtype=np.float32)[labels] + 0.1 * rng.random((90, 6), dtype=np.float32)).astype(np.float32)
    for model, batch in ((Autoencoder(6, 16, 2, rng), (x,)), (MLPClassifier(6, 16, 3, rng), (x, labels))):
        optimizer = optim.Adam(model.parameters(), lr=0.02)
        losses = []
        for _ in range(150):
            optimizer.zero_grad()
            loss, _ = model.loss(*batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.1 * losses[0], type(model).__name__
    assert (sg.tensor(model.predict(x)).numpy() == labels).all()
