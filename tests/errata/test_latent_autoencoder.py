"""The errata and the claim of page 8, executed."""

import math

import numpy as np
import pytest

from demos.autoencoder import draw_codes
from scratchgen import functional as F
from scratchgen import no_grad, optim
from scratchgen.data import binarize, digits, downsample
from scratchgen.evaluation import frechet_distance
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import VAE, Autoencoder
from scratchgen.models.latent.autoencoder import pca


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture(scope="module")
def images():
    """Real digits, made small: (5000, 196)."""
    return downsample(digits("train").scaled(), 14).reshape(-1, 196)


@pytest.mark.ledger("E4")
def test_e4_a_loss_of_the_difference_alone_excludes_the_cross_entropy():
    """S0, line 532: L(x, x') = L(x − x'). With x − x' = 0.1 in all three:"""
    x, back = np.array([1.0, 0.6, 0.1]), np.array([0.9, 0.5, 0.0])
    np.testing.assert_allclose(F.mse_loss(back, x, "none"), 0.01)
    entropy = F.binary_cross_entropy(back, x, "none")
    assert [round(float(e), 3) for e in entropy[:2]] == [0.105, 0.693]
    assert entropy[2] == 0.1 * 100  # infinity, but for the bound of −100 on the logarithm


@pytest.mark.ledger("E4")
@pytest.mark.equation("8.1")
def test_e4_without_the_sum_over_the_data_the_argmin_ignores_its_input(rng, images):
    """One datum is given back perfectly by W = W' = 0 and b' = σ⁻¹(x). All others: off by twice the variance."""
    x = images[:80].astype(np.float64).clip(1e-9, 1 - 1e-9)  # σ reaches neither 0 nor 1
    model = Autoencoder(196, (), 20, code="sigmoid", rng=rng).astype(np.float64)
    for p in model.parameters():
        p.data[...] = 0
    answer, off = list(model.parameters())[-1], []
    for datum in x:
        answer.data[...] = np.log(datum) - np.log1p(-datum)
        off.append(model.loss(x)[0].item())
        assert model.loss(datum[None])[0].item() < 1e-20
    variance = pca(x, 1).spread.sum()
    assert np.mean(off) == pytest.approx(2 * variance, rel=1e-10)
    answer.data[...] = np.log(x.mean(0)) - np.log1p(-x.mean(0))
    assert model.loss(x)[0].item() == pytest.approx(variance, rel=1e-10)


@pytest.mark.ledger("E4")
def test_e4_a_sigmoid_at_the_output_cannot_leave_its_interval(rng):
    """Pixels in [−1, 1]: paper costs at least 1 each, and training comes near that and not below."""
    x = np.where(rng.random((30, 6)) < 0.5, -1.0, 1.0)
    model = Autoencoder(6, 20, 6, rng=rng).astype(np.float64)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    for _ in range(300):
        model.zero_grad()
        loss = F.mse_loss(model(x), x, "sum") * (1 / len(x))  # `model.loss` refuses such pixels
        loss.backward()
        optimizer.step()
    least = (x == -1).sum(1).mean()
    assert least < loss.item() < 1.05 * least


@pytest.mark.ledger("E23")
def test_e23_an_encoder_shrinks_the_image_and_the_upconv_is_the_decoders(rng):
    """S1, line 215. Sizes of the maps through the convolutional autoencoder, there and back."""
    model = Autoencoder(784, (3, 5), 2, shape=(1, 28, 28), rng=rng)
    kinds = [[type(m).__name__ for m in part.modules()] for part in (model.encoder, model.decoder)]
    assert any("Conv2d" in kind for kind in kinds[0])
    assert not any("Transpose" in kind for kind in kinds[0])
    assert any("Transpose" in kind for kind in kinds[1])
    x = rng.random((2, 1, 28, 28), dtype=np.float32)
    first = model.encoder[0].first(x)
    assert [first.shape, model.encoder[0].second(first).shape] == [(2, 3, 14, 14), (2, 5, 7, 7)]
    assert model.decoder[0](np.zeros((2, 2), np.float32)).shape == (2, 3, 14, 14)


# ------------------------------------------------------------------------------------------------------------ C-AEGEN
def fit(model, loss, batches, lr=3e-3):
    optimizer = optim.Adam(model.parameters(), lr=lr)
    for batch in batches:
        optimizer.zero_grad()
        loss(*batch)[0].backward()
        optimizer.step()
    return model


@pytest.mark.ledger("C-AEGEN")
@pytest.mark.equation("8.9", "8.19")
def test_the_loss_does_not_know_which_codes_occur(rng, images):
    """The linear autoencoder with its code mixed: the same loss to the last digits; but what N(0, I) is decoded to is
    anywhere, from the distance of the best linear model to as far as you like."""
    n = 1000
    x = images[:n].astype(np.float64)
    best = pca(x, 20)
    stretch = np.sqrt(best.spread[:20])
    losses, distances = [], []
    for scale in (1 / stretch, np.ones(20), 0.01 * np.ones(20)):  # the code is M times PCA's
        back = (best.encode(x) * scale) / scale @ best.directions + best.mean
        losses.append(((x - back) ** 2).sum(1).mean())
        dreams = (rng.standard_normal((n, 20)) / scale) @ best.directions + best.mean
        distances.append(frechet_distance(dreams, x))
    np.testing.assert_allclose(losses, losses[0], rtol=1e-12)
    assert 2 * distances[0] < distances[1] < distances[2] / 1000
    left = best.error  # a normal with PCA's spread lacks only what PCA leaves out
    assert distances[0] == pytest.approx(left, rel=0.1)


@pytest.mark.ledger("C-AEGEN")
@pytest.mark.equation("8.19")
def test_noise_decoded_by_an_autoencoder_is_far_from_digits_and_by_a_vae_is_not(rng, images):
    """Small networks and a few seconds: z ~ N(0, I) into both decoders, and what a mixture fitted to the autoencoder's
    codes repairs. (A mixture may well beat the VAE: see the table of page 8.)"""
    x, labels = images[:2000], digits("train").labels[:2000]

    def batches(*arrays):
        for _ in range(20):
            order = rng.permutation(len(x)).reshape(-1, 50)
            yield from ([a[rows] for a in arrays] for rows in order)

    judge = MLPClassifier(196, 30, rng=rng)
    fit(judge, judge.loss, batches(x, labels))
    ae = Autoencoder(196, 60, 6, loss="cross-entropy", rng=rng)
    fit(ae, ae.loss, batches(x))
    vae = VAE(196, 60, 6, rng=rng)
    fit(vae, lambda b: vae.loss(binarize(b, "dynamic", rng), rng), batches(x))

    def distance(made):
        with no_grad():
            first, second = (F.relu(judge.hidden(a)).numpy() for a in (made, x))
        return frechet_distance(first, second)

    with no_grad():
        codes = ae.encode(x).numpy()
        noise = rng.standard_normal((1000, 6), dtype=np.float32)
        far = distance(ae.decode(noise).numpy())
        fitted = distance(ae.decode(draw_codes(codes, 20, 1000, rng)).numpy())
    near = distance(vae.sample(1000, rng, mean=True))
    floor = distance(images[2000:3000])
    assert far > 10 * near
    assert far > 10 * fitted  # so what is missing is a distribution of codes, and not a better decoder
    assert near > 5 * floor  # and the VAE's are not digits either


def test_draws_from_codes_have_their_moments(rng):
    """One component: the mean and covariance of all codes. Several: clusters are kept apart, in their proportions."""
    codes = rng.standard_normal((200, 3)) @ rng.standard_normal((3, 3)) + 5
    assert draw_codes(codes[:, :1], 1, 7, rng).shape == (7, 1)  # a single latent dimension
    drawn = draw_codes(codes, 1, 4000, rng)
    error = codes.std() / math.sqrt(4000)
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=6 * error)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.15 * np.cov(codes.T).max())
    apart = np.concatenate([rng.standard_normal((300, 2)), 100 + rng.standard_normal((100, 2))]).astype(np.float32)
    drawn = draw_codes(apart, 2, 2000, rng)
    assert drawn.dtype == np.float32
    upper = drawn[:, 0] > 50
    assert abs(upper.mean() - 0.25) < 4 * math.sqrt(0.1875 / 2000)
    assert abs(drawn[~upper]).max() < 10
    assert abs(drawn[upper] - 100).max() < 10
