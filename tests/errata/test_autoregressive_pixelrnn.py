"""The erratum of page 07, executed: what "a Bi-LSTM" does to a likelihood."""

import numpy as np
import pytest

from scratchgen import data, nn, no_grad, optim, training
from scratchgen import functional as F
from scratchgen.models.autoregressive import PixelCNN, PixelRNN
from scratchgen.models.autoregressive.cache import count_live
from scratchgen.models.autoregressive.pixelrnn import DiagonalBiLSTM, LineLSTM

from ..models.autoregressive import proofs


class RowReader(nn.Module):
    """An LSTM along each row, from left to right; with `both`, a second one from right to left, as for text."""

    def __init__(self, features, hidden, rng, both):
        self.right = LineLSTM(features, hidden, (0,), (0,), rng)
        self.left = LineLSTM(features, hidden, (0,), (0,), rng) if both else None

    def forward(self, x):
        columns = F.transpose(x, (0, 2, 1, 3))
        y = self.along(self.right, columns)
        if self.left is not None:
            y = y + F.flip(self.along(self.left, F.flip(columns, 1)), 1)
        return F.transpose(y, (0, 2, 1, 3))

    @staticmethod
    def along(line, x):
        features, steps, length, n = x.shape
        h = line(x.reshape((features, steps * length, n)), [range(length)] * steps)
        return h.reshape((len(h), steps, length, n))


def pixelrnn(shape, layer):
    rng = np.random.default_rng(26)
    model = PixelRNN(shape, hidden=6, layers=1, rng=rng)
    model.lstms = nn.ModuleList([layer(12, 6, shape[1], rng)])
    return proofs.randomized(model, rng)


READERS = {
    "from left to right": (lambda features, hidden, rows, rng: RowReader(features, hidden, rng, both=False), True),
    "bidirectional": (lambda features, hidden, rows, rng: RowReader(features, hidden, rng, both=True), False),
    "diagonal, bidirectional, shifted": (DiagonalBiLSTM, True),
}


@pytest.mark.ledger("E26")
@pytest.mark.equation("7.14", "7.15")
@pytest.mark.parametrize(("layer", "causal"), READERS.values(), ids=READERS)
def test_e26_a_plain_bilstm_is_no_density(layer, causal):
    """S0, line 328: "Bi-LSTM". Read in both directions, a row tells each of its pixels what it is to predict, and the
    probabilities of all images do not add up to one."""
    model = pixelrnn((1, 3, 3), layer)
    found = proofs.dependencies(model, np.random.default_rng(0))
    future = found & ~np.tri(9, k=-1, dtype=bool)
    assert future.any() == (not causal)
    total = proofs.total_probability(model)
    assert (abs(total - 1) < 1e-10) == causal
    assert causal or abs(total - 1) > 0.01


@pytest.mark.ledger("E26")
def test_e26_only_the_second_direction_enlarges_the_receptive_field():
    """The intent of the slide is right: of a wide image, reading rows from the left misses what two directions see."""
    shape, width = (1, 2, 9), 9
    second_row = slice(width, 2 * width)
    above = {
        name: proofs.jacobian(pixelrnn(shape, READERS[name][0]), np.random.default_rng(0), tries=1)[second_row, :width]
        for name in ("from left to right", "diagonal, bidirectional, shifted")
    }
    assert above["diagonal, bidirectional, shifted"].all()
    assert not above["from left to right"][0, 4:].any()


@pytest.mark.ledger("C-RNN>CNN")
@pytest.mark.parametrize("kind", ["row", "diagonal"])
def test_at_equal_size_an_lstm_has_the_better_likelihood(kind):
    """S0, lines 313–330, in small: 7×7 digits, about 2,900 parameters each, the same minibatches. (How it is at 14×14,
    and with times, is on page 07.)"""
    grey = [data.digits(split).flat().reshape(-1, 1, 28, 28) for split in ("train", "test")]
    train, test = (data.binarize(data.downsample(x, 7), "static") for x in (grey[0][:1000], grey[1][:500]))
    models = {
        "PixelCNN": PixelCNN((1, 7, 7), channels=16, blocks=4, rng=np.random.default_rng(0)),
        kind: PixelRNN((1, 7, 7), 2, kind, 8 if kind == "diagonal" else 9, 1, np.random.default_rng(0)),
    }
    nats = {}
    for name, model in models.items():
        run = training.Run(model, optim.Adam(model.parameters(), lr=1e-2), np.random.default_rng(1))
        training.train(run, model.loss, [train], epochs=5, batch_size=50)
        with no_grad():
            nats[name] = -model.log_prob(test).numpy()
    assert count_live(models[kind]) < 1.1 * count_live(models["PixelCNN"])
    gain = nats["PixelCNN"] - nats[kind]
    assert gain.mean() > 4 * gain.std() / len(gain) ** 0.5
