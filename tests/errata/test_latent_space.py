"""Claims C-DIM and C-MANI, in small: what the number of latent dimensions changes, and how digits lie in a plane."""

import numpy as np
import pytest

from scratchgen import data, no_grad, optim, training
from scratchgen.models.latent import VAE

EPOCHS = 12


@pytest.fixture(scope="module")
def digits():
    train, test = (data.digits(split) for split in ("train", "test"))
    return data.binarize(train.flat()[:1500], "static"), data.binarize(test.flat()[:500], "static"), test.labels[:500]


def trained(x, latent):
    rng = np.random.default_rng(0)
    model = VAE(784, 64, latent, rng=rng)
    mean = (x.sum(0, dtype=np.float64) + 1) / (len(x) + 2)
    model.decoder.output.bias.data[...] = np.log(mean / (1 - mean))
    training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=5e-3), rng), model.loss, [x], epochs=EPOCHS, batch_size=50
    )
    return model.eval()


@pytest.mark.ledger("C-DIM")
def test_more_latent_dimensions_raise_the_bound_and_each_carries_less(digits):
    train, test, _ = digits
    bounds, nats = {}, {}
    for latent in (2, 10):
        model = trained(train, latent)
        with no_grad():
            metrics = model.loss(test, np.random.default_rng(1))[1]
        bounds[latent], nats[latent] = float(metrics["ELBO"]), float(metrics["KL"])
    assert bounds[10] > bounds[2] + 10
    assert nats[10] > nats[2]
    assert nats[10] / 10 < nats[2] / 2


@pytest.mark.ledger("C-MANI")
def test_in_the_plane_digits_lie_among_their_own(digits):
    """Of the ten nearest neighbours, far more have the digit's own label than chance would give: a class is a region,
    which is the claim, but regions overlap, which the picture on the slide does not show."""
    train, test, labels = digits
    codes = trained(train, 2).encode(test).mean.numpy()
    apart = np.square(codes[:, None] - codes).sum(2)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, 1)[:, :10]
    agreement = (labels[nearest] == labels[:, None]).mean()
    chance = np.square(np.bincount(labels) / len(labels)).sum()
    assert agreement > 2.5 * chance
    assert agreement < 0.9
