"""By hand = by autograd = by differences, for every parameter and every decoder (claim C-GRAD)."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.models.latent import VAE, HandVAE, hand_vae

SIZES = (6, 5, 2)  # pixels, hidden, latent
DECODERS = pytest.mark.parametrize(
    "decoder", [("bernoulli", None), ("normal", None), ("normal", 0.3)], ids=["bernoulli", "normal", "fixed"]
)
GRADIENT = pytest.mark.equation("15.6", "15.7", "15.8", "15.9", "15.10", "15.11", "15.12")


def twins(decoder, dtype=np.float64, device="cpu"):
    """A VAE and a HandVAE with the same weights, a batch, and its noise."""
    rng = np.random.default_rng(0)
    model = VAE(*SIZES, *decoder, rng=rng).astype(dtype).to(device)
    for parameter in model.parameters():
        parameter.data[...] = sg.tensor(0.6 * rng.standard_normal(parameter.shape), dtype=dtype, device=device).data
    hand = HandVAE(*SIZES, *decoder, rng=rng)
    hand.load_state_dict({name: p.data for name, p in model.named_parameters()})
    x = (rng.random((4, SIZES[0])) < 0.5) if decoder[0] == "bernoulli" else rng.standard_normal((4, SIZES[0]))
    noise = rng.standard_normal((4, SIZES[2]))
    return model, hand, *(sg.tensor(a.astype(dtype), device=device).data for a in (x, noise))


def autograd(model, x, noise):
    reconstruction, kl = model.elbo(x, noise)
    loss = (reconstruction + kl).mean()
    loss.backward()
    return loss.item(), {name: p.grad.numpy() for name, p in model.named_parameters()}


def differences(hand, x, noise, h=2e-4):
    """dL/dw of every weight by five-point differences (Eq. 0.11)."""
    slopes = {}
    for symbol in hand.symbols:
        weight = getattr(hand, symbol)
        slope = slopes[hand_vae.SYMBOLS[symbol]] = np.zeros_like(weight)
        for i in np.ndindex(weight.shape):
            before, losses = weight[i], []
            for k in (-2, -1, 1, 2):
                weight[i] = before + k * h
                losses.append(hand.forward(x, noise).loss)
            weight[i] = before
            slope[i] = (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * h)
    return slopes


def assert_equal(gradient, expected, tolerance):
    """Relative to the largest slope of each parameter: a slope may be zero by chance."""
    assert list(gradient) == list(expected)
    for name, g in gradient.items():
        scale = np.abs(expected[name]).max()
        assert scale > 0, name
        np.testing.assert_allclose(g / scale, expected[name] / scale, rtol=0, atol=tolerance, err_msg=name)


@GRADIENT
@pytest.mark.ledger("C-GRAD")
@pytest.mark.equation("12.6")
@DECODERS
def test_by_hand_by_autograd_and_by_differences(decoder):
    model, hand, x, noise = twins(decoder)
    kept = hand.forward(x, noise)
    by_hand = hand.backward(kept)
    loss, by_autograd = autograd(model, x, noise)
    assert kept.loss == pytest.approx(loss, rel=1e-12)
    assert_equal(by_hand, by_autograd, 1e-12)
    assert_equal(by_hand, differences(hand, x, noise), 1e-8)


@DECODERS
def test_float32_on_every_device(decoder, device):
    model, hand, x, noise = twins(decoder, np.float32, device)
    by_hand = {name: sg.tensor(g).numpy() for name, g in hand.backward(hand.forward(x, noise)).items()}
    assert all(g.dtype == np.float32 for g in by_hand.values())
    assert_equal(by_hand, autograd(model, x, noise)[1], 2e-6)
    # … and as close to float64 as float32 can be
    _, hand64, x64, noise64 = twins(decoder)
    assert_equal(by_hand, hand64.backward(hand64.forward(x64, noise64)), 2e-5)


@DECODERS
def test_the_two_terms_agree_image_by_image(decoder):
    model, hand, x, noise = twins(decoder)
    kept = hand.forward(x, noise)
    for by_hand, by_autograd in zip((kept.reconstruction, kept.kl), model.elbo(x, noise)):
        assert by_hand.shape == (4,)
        np.testing.assert_allclose(by_hand, by_autograd.numpy(), rtol=1e-12)


def test_no_autograd_in_it(monkeypatch):
    """Neither a Tensor nor a graph node is made."""
    _, hand, x, noise = twins(("normal", None))

    def refuse(*args, **kwargs):
        raise AssertionError("a graph is being built")

    monkeypatch.setattr(sg.Tensor, "__init__", refuse)
    assert len(hand.backward(hand.forward(x, noise))) == 12


def test_neither_the_batch_nor_the_weights_are_written_to():
    _, hand, x, noise = twins(("bernoulli", None))
    before = [a.copy() for a in (x, noise, *hand.state_dict().values())]
    hand.backward(hand.forward(x, noise))
    for a, b in zip(before, (x, noise, *hand.state_dict().values())):
        assert (a == b).all()


@DECODERS
def test_weights_go_there_and_back(decoder):
    model, hand, *_ = twins(decoder)
    fresh = VAE(*SIZES, *decoder).astype(np.float64)
    fresh.load_state_dict(hand.state_dict())
    assert list(fresh.state_dict()) == list(hand.state_dict())
    for name, value in model.state_dict().items():
        assert (fresh.state_dict()[name] == value).all(), name
    hand.W1[...] = 0  # the weights are its own
    assert (model.encoder.network.layers[0].weight.data != 0).all()


def test_weights_that_do_not_fit_are_all_named():
    hand = HandVAE(*SIZES)
    state = VAE(*SIZES, "normal").state_dict() | {"encoder.mean.bias": np.zeros(3)}
    with pytest.raises(ValueError, match=r"(?s)mean.bias: expected \(2,\), got \(3,\).*decoder.log_variance.weight"):
        hand.load_state_dict(state)


def test_grey_pixels_are_refused(device):
    _, hand, x, noise = twins(("bernoulli", None), np.float32, device)
    with pytest.raises(ValueError, match="HandVAE: a Bernoulli decoder wants pixels that are 0 or 1"):
        hand.forward(0.5 * x, noise)


def test_plain_gradient_descent_by_hand_raises_the_elbo():
    rng = np.random.default_rng(0)
    hand = HandVAE(6, 8, 1, rng=rng)
    x = np.repeat(np.eye(2, 6, dtype=np.float32), 16, axis=0)
    losses = []
    for _ in range(300):
        kept = hand.forward(x, rng.standard_normal((32, 1), dtype=np.float32))
        losses.append(kept.loss)
        for weight, slope in zip(hand.state_dict().values(), hand.backward(kept).values()):
            weight -= 0.2 * slope
    assert np.mean(losses[-20:]) < 0.6 * losses[0]
