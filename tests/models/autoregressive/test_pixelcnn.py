"""PixelCNN: a distribution, causal, as large as published, and what it draws is what it claims."""

import itertools
import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import backend, optim, training
from scratchgen import functional as F
from scratchgen.evaluation import cone, receptive_field
from scratchgen.models.autoregressive import PixelCNN
from scratchgen.models.autoregressive.cache import masked_layers

from .proofs import chi_square, dependencies, randomized, total_probability

each_shape = pytest.mark.parametrize(
    ("shape", "levels"),
    [((1, 3, 3), 2), ((1, 4, 3), 2), ((1, 2, 2), 4), ((3, 1, 2), 2), ((3, 1, 1), 5)],
    ids=["3×3", "4×3", "4 levels", "colours", "colours of 5 levels"],
)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def small(shape, levels, rng, **more):
    return randomized(PixelCNN(shape, levels, channels=24, blocks=2, rng=rng, **more), rng, 0.1)


@pytest.mark.ledger("C-NORM")
@each_shape
def test_probabilities_add_up_to_one(shape, levels, rng):
    assert total_probability(small(shape, levels, rng)) == pytest.approx(1, abs=1e-10)


@pytest.mark.equation("6.7")
@pytest.mark.ledger("C-CAUSAL")
@each_shape
def test_every_element_depends_on_all_earlier_ones_and_no_later_one(shape, levels, rng):
    """On images this small its first layer reaches everywhere, so that there is no blind spot."""
    model = small(shape, levels, rng)
    np.testing.assert_array_equal(dependencies(model, rng), np.tri(len(model.order), k=-1, dtype=bool))


@pytest.mark.ledger("C-CAUSAL")
def test_large_images_are_causal_too(rng):
    model = randomized(PixelCNN((1, 9, 8), channels=8, blocks=2, rng=rng), rng)
    found = dependencies(model, rng)
    assert not np.triu(found).any()
    to_the_left = [(k, k - 1) for k in range(72) if k % 8]
    assert all(found[pair] for pair in to_the_left)


@pytest.mark.parametrize(("shape", "levels"), [((1, 2, 3), 2), ((2, 1, 2), 2), ((1, 1, 3), 4)])
def test_samples_have_the_claimed_frequencies(shape, levels, rng):
    model = randomized(PixelCNN(shape, levels, channels=8, blocks=1, rng=rng), rng, 0.3)
    assert chi_square(model, 20_000, rng) > 1e-3


@pytest.mark.ledger("B2")
@pytest.mark.parametrize(("levels", "nats"), [(2, 784 * math.log(2)), (16, 784 * math.log(16))])
def test_knowing_nothing_costs_the_logarithm_of_the_levels(levels, nats, device, rng):
    model = PixelCNN(levels=levels, channels=4, blocks=1, rng=rng).to(device)
    for parameter in model.parameters():
        parameter.data[...] = 0
    x = backend.to_device(rng.integers(levels, size=(3, 1, 28, 28)), device)
    with sg.no_grad():
        found = model.log_prob(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.numpy(), -nats, rtol=1e-5)


def test_256_levels(rng):
    """Grey values as they are: a softmax over 256 logits for each pixel."""
    model = PixelCNN((1, 4, 3), 256, channels=8, blocks=1, rng=rng)
    x = rng.integers(256, size=(2, 1, 4, 3))
    logits = model.logits(model.scaled(x))
    assert logits.shape == (2, 256, 1, 4, 3)
    logs = logits.numpy() - np.log(np.exp(logits.numpy()).sum(1, keepdims=True))
    expected = np.take_along_axis(logs, x[:, None], 1).reshape(2, -1).sum(1)
    np.testing.assert_allclose(model.log_prob(x).numpy(), expected, rtol=1e-5)
    drawn = model.sample(8, rng)
    assert drawn.max() > 20
    assert np.array_equal(drawn, np.floor(drawn))


# ------------------------------------------------------------------------------------------------------ parameters
def test_as_many_parameters_as_published():
    """results.md counts 53,569 for 15 blocks of 32 channels, of which 37,409 are not masked."""
    model = PixelCNN(blocks=15)
    assert sum(p.size for p in model.parameters()) == 53_569
    assert model.live_parameters == 37_409


@pytest.mark.equation("5.3", "6.1")
@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_the_kernel_of_the_blocks(kernel, rng):
    """It sets what is seen, and how many weights there are; whatever it is, the model is causal and a distribution."""
    model = randomized(PixelCNN((1, 9, 12), channels=8, blocks=1, rng=rng, kernel=kernel), rng)
    assert model.blocks[0].context.weight.shape[2:] == (kernel, kernel)
    seen = receptive_field(model, (0, 8, 0), rng)[0] > 0
    np.testing.assert_array_equal(seen, cone((9, 12), (8, 0), 7, kernel, 1))
    assert not np.triu(dependencies(model, rng)).any()
    tiny = randomized(PixelCNN((1, 3, 3), channels=8, blocks=2, rng=rng, kernel=kernel), rng, 0.1)
    assert total_probability(tiny) == pytest.approx(1, abs=1e-10)


def test_five_blocks_of_7x7_have_as_many_parameters_as_fifteen_of_3x3():
    assert PixelCNN(blocks=5, kernel=7).live_parameters == 39_329


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8)])
def test_live_parameters_are_those_with_a_gradient(shape, rng):
    """Masked weights never get one; the others do, once inputs are so small that no ReLU is off."""
    model = PixelCNN(shape, channels=12, blocks=2, rng=rng, dtype=np.float64)
    for layer in masked_layers(model):
        layer.weight.data *= 1e-2
        layer.bias.data += 1
    loss, _ = model.loss(rng.integers(2, size=(4, *shape)), None)
    loss.backward()
    with_gradient = sum(int((p.grad.numpy() != 0).sum()) for p in model.parameters())
    assert model.live_parameters == with_gradient


def along_a_line(model, f, rng):
    """The slope of f() when all parameters move along one random direction, by the walk and by a difference."""
    f().backward()
    direction = [rng.standard_normal(p.shape) for p in model.parameters()]
    by_walk = sum(float((d * p.grad.data).sum()) for d, p in zip(direction, model.parameters()))
    values = []
    for step in (1e-6, -2e-6):  # there, and as far to the other side
        for d, p in zip(direction, model.parameters()):
            p.data += step * d
        values.append(f().item())
    return by_walk, (values[0] - values[1]) / 2e-6


@pytest.mark.parametrize("head", ["hidden", "last"])
def test_the_head_reads_what_relus_let_through(head, rng):
    model = small((1, 3, 3), 2, rng)
    assert smallest_read(model, head, rng) == 0


def smallest_read(model, name, rng):
    """The smallest number that enters a layer."""
    layer, read = getattr(model, name), []
    forward = layer.forward
    layer.forward = lambda h: read.append(h.numpy().min()) or forward(h)
    model.logits(rng.random((5, *model.shape)))
    return min(read)


@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 2, 2)])
def test_gradients(shape, rng):
    """Those of the parameters, all at once: along a random direction."""
    model = randomized(PixelCNN(shape, channels=6, blocks=2, rng=rng), rng, 0.2)
    x, g = rng.random((2, *shape)), rng.standard_normal((2, *shape))
    assert sg.gradcheck(lambda x: model.logits(x), x)
    by_walk, by_difference = along_a_line(model, lambda: (model.logits(x) * g).sum(), rng)
    assert by_walk == pytest.approx(by_difference, rel=1e-6)


def test_it_learns_and_stays_in_single_precision(device, rng):
    """Stripes: every row repeats the one before it."""
    model = PixelCNN((1, 4, 4), channels=8, blocks=2, rng=rng).to(device)
    x = np.repeat(rng.integers(2, size=(32, 1, 1, 4)), 4, axis=2).astype(np.float32)
    x = backend.to_device(x, device)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss, shown = model.loss(x, None)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert loss.dtype == np.float32
    assert losses[0] > 8
    assert losses[-1] < 4 * math.log(2) + 1  # 4 fair bits are the least
    assert set(shown) == {"NLL", "bits/dim"}


def test_float32_in_float32_out_and_non_contiguous_images(rng):
    model = PixelCNN((1, 5, 4), channels=8, blocks=2, rng=rng)
    x = rng.random((3, 4, 5, 1)).astype(np.float32)
    turned = x.transpose(0, 3, 2, 1)
    y = model.logits(turned)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.numpy(), model.logits(np.ascontiguousarray(turned)).numpy())
    assert model.logits(x[:0].transpose(0, 3, 2, 1)).shape == (0, 1, 5, 4)


def test_bad_input(rng):
    with pytest.raises(ValueError, match="PixelCNN: expected a shape \\(colours, height, width\\), got \\(28, 28\\)"):
        PixelCNN((28, 28))
    with pytest.raises(ValueError, match="at least two channels for each of 3 colours, got 4 in all"):
        PixelCNN((3, 8, 8), channels=4)
    for kernel in (1, 4, 9):
        with pytest.raises(ValueError, match=f"PixelCNN: expected blocks with a kernel of 3, 5 or 7, got {kernel}"):
            PixelCNN((1, 8, 8), kernel=kernel)
    model = PixelCNN((1, 4, 4), channels=4, blocks=1, rng=rng)
    with pytest.raises(ValueError, match="PixelCNN: expected images \\(N, 1, 4, 4\\)"):
        model.log_prob(np.zeros((2, 1, 4, 5)))
    with pytest.raises(ValueError, match="this model has no classes"):
        model.log_prob(np.zeros((2, 1, 4, 4)), np.array([0, 1]))


def test_a_residual_block_changes_nothing_where_its_last_layer_is_zero(rng):
    """What enters is added once, unchanged."""
    block = PixelCNN((1, 4, 4), channels=8, blocks=1, rng=rng).blocks[0]
    block.widen.weight.data[...] = 0
    h = rng.standard_normal((2, 8, 4, 4)).astype(np.float32)
    np.testing.assert_array_equal(F.relu(block(h, lambda layer, x: layer(x)).data), np.maximum(h, 0))


@pytest.mark.equation("6.14")
@pytest.mark.parametrize(("blocks", "channels"), [(0, 5), (2, 0), (2, 6), (0, 0)])
@pytest.mark.parametrize("shape", [(1, 4, 3), (3, 1, 2)])
def test_it_grows_and_is_what_it_was_until_it_learns(shape, blocks, channels, device, rng):
    """Twin: a model that had this size from the beginning, with the same weights."""
    model = randomized(PixelCNN(shape, 2, 24, 2, kernel=5, rng=rng), rng, 0.1).to(device)
    twin = PixelCNN(shape, 2, 24 + channels, 2 + blocks, rng=rng, dtype=np.float64, kernel=5).to(device)
    sizes = {name: p.shape for name, p in model.named_parameters()}
    x = backend.to_device((rng.random((6, *shape)) < 0.5).astype(float), device)
    before = model.log_prob(x).numpy()
    model.grow(blocks, channels, rng)
    alike = [(p.shape, p.dtype, backend.device_of(p.data)) for p in twin.parameters()]
    assert [(p.shape, p.dtype, backend.device_of(p.data)) for p in model.parameters()] == alike
    assert model.live_parameters == twin.live_parameters
    np.testing.assert_allclose(model.log_prob(x).numpy(), before, rtol=1e-12)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(2):  # at first only the zeros feel a slope; then what is behind them as well
        model.zero_grad()
        model.loss(x, rng)[0].backward()
        optimizer.step()
    for name, p in model.named_parameters():
        was, slope = sizes.get(name, p.shape), np.abs(p.grad.numpy())
        parts = itertools.product(*[(slice(0, n), slice(n, None)) for n in was[:2]])
        assert all(slope[part].max() > 0 for part in parts if slope[part].size), name
    assert model.log_prob(x).numpy().mean() > before.mean()
    twin.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(twin.log_prob(x).numpy(), model.log_prob(x).numpy())
    model.grow(1, 1, rng)  # twice is no other thing than once
    model.to("cpu")
    assert total_probability(model) == pytest.approx(1, abs=1e-10)
    np.testing.assert_array_equal(dependencies(model, rng), np.tri(len(model.order), k=-1, dtype=bool))


class TestPositions:
    """Eqs. 6.16 and 6.17: what a convolution does not know, and what it is told."""

    @pytest.mark.ledger("C-NORM", "C-CAUSAL")
    @each_shape
    def test_it_is_a_distribution_and_causal(self, shape, levels, rng):
        model = small(shape, levels, rng, positions=True)
        assert total_probability(model) == pytest.approx(1, abs=1e-10)
        np.testing.assert_array_equal(dependencies(model, rng), np.tri(len(model.order), k=-1, dtype=bool))

    def test_samples_have_the_claimed_frequencies(self, rng):
        model = randomized(PixelCNN((1, 2, 3), channels=8, blocks=1, rng=rng, positions=True), rng, 0.3)
        assert chi_square(model, 20_000, rng) > 1e-3

    def test_the_slopes_along_a_line(self, rng):
        model, x = small((1, 4, 3), 2, rng, positions=True), (rng.random((3, 1, 4, 3)) < 0.5).astype(float)
        by_walk, by_difference = along_a_line(model, lambda: model.loss(x, rng)[0], rng)
        assert by_walk == pytest.approx(by_difference, rel=1e-6)

    def test_how_many_parameters(self):
        """A vector for each row and each column; all of them take part."""
        with_them, without = (PixelCNN((1, 28, 20), blocks=2, positions=p).live_parameters for p in (True, False))
        assert with_them - without == 32 * (28 + 20)

    @pytest.mark.parametrize("positions", [True, False])
    @pytest.mark.parametrize("channels", [0, 3])
    def test_a_trained_model_gets_them_or_keeps_them(self, positions, channels, device, rng):
        """Until it learns it is what it was."""
        model = PixelCNN((1, 4, 3), 2, 8, 1, rng, positions=positions)
        model = randomized(model, rng, 0.2).to(device)
        x = backend.to_device((rng.random((6, 1, 4, 3)) < 0.5).astype(float), device)
        before = model.log_prob(x).numpy()
        model.grow(channels=channels, rng=rng, positions=not positions)
        np.testing.assert_allclose(model.log_prob(x).numpy(), before, rtol=1e-12)
        assert model.positions.row.shape == (8 + channels, 4, 1)
        assert model.positions.column.shape == (8 + channels, 1, 3)
        assert {backend.device_of(p.data) for p in model.parameters()} == {backend.device_of(x)}
        model.loss(x, rng)[0].backward()
        assert all(np.abs(p.grad.numpy()).max() > 0 for p in model.positions.parameters())

    def test_a_model_without_them_does_not_get_them_unasked(self, rng):
        model = PixelCNN((1, 4, 3), 2, 8, 1, rng)
        model.grow(1, 2, rng)
        assert model.positions is None

    def test_they_begin_by_saying_nothing(self, rng):
        models = [PixelCNN((1, 4, 3), 2, 8, 1, np.random.default_rng(0), positions=p) for p in (True, False)]
        x = (rng.random((6, 1, 4, 3)) < 0.5).astype(float)
        one, other = (model.log_prob(x).numpy() for model in models)
        np.testing.assert_array_equal(one, other)

    def test_a_row_that_is_always_white_is_learned(self, rng):
        """What no convolution without them can know: which row of the middle of an image is an exception."""
        x = (rng.random((64, 1, 15, 1)) < 0.5).astype(np.float32)
        x[:, :, 10] = 0
        found = {}
        for positions in (True, False):
            model = PixelCNN((1, 15, 1), 2, 4, 0, rng, positions=positions)  # it sees three rows up
            optimizer = optim.Adam(model.parameters(), lr=0.05)
            for _ in range(150):
                model.zero_grad()
                model.loss(x, rng)[0].backward()
                optimizer.step()
            logits = model.logits(x).numpy()[:, 0, :, 0]
            found[positions] = float(1 / (1 + np.exp(-logits[:, 10].mean())))
        assert found[True] < 0.05
        assert found[False] > 0.3


def test_it_does_not_shrink(rng):
    model = PixelCNN((1, 3, 3), channels=4, blocks=1, rng=rng)
    for less in ({"blocks": -1}, {"channels": -2}):
        with pytest.raises(ValueError, match=r"PixelCNN.grow: expected 0 or more, got .* to add"):
            model.grow(**less)
    assert (model.channels, len(model.blocks)) == (4, 1)


class TestDropout:
    """Eq. 6.15: in training, and nowhere else."""

    @staticmethod
    def dropping(shape=(1, 3, 3), p=0.4, levels=2):
        rng = np.random.default_rng(3)
        return randomized(PixelCNN(shape, levels, channels=8, blocks=2, dropout=p, rng=rng), rng, 0.3)

    @pytest.mark.equation("6.15")
    @pytest.mark.parametrize(("shape", "levels"), [((1, 3, 3), 2), ((1, 1, 3), 4), ((3, 1, 2), 2)])
    def test_for_every_mask_there_is_a_distribution(self, shape, levels):
        """All images, each in a minibatch of its own, with the same mask: a sum that is 1 and other numbers."""
        model = self.dropping(shape, levels=levels)
        images = np.array(list(itertools.product(range(levels), repeat=math.prod(shape)))).reshape(-1, 1, *shape)
        for seed in range(3):
            with sg.no_grad():
                nats = [float(model.loss(x, np.random.default_rng(seed))[0].data) for x in images]
            assert np.exp(-np.array(nats)).sum() == pytest.approx(1, abs=1e-10)
            whole = -model.log_prob(images[:, 0]).numpy()
            assert np.abs(nats - whole).max() > 0.05

    def test_what_is_told_of_a_model_is_told_of_all_of_it(self):
        """Also while it is in training mode; and the loss of validation drops nothing."""
        model, rng = self.dropping(), np.random.default_rng(0)
        twin = PixelCNN((1, 3, 3), channels=8, blocks=2, rng=rng, dtype=np.float64)
        twin.load_state_dict(model.state_dict())
        x = (rng.random((5, 1, 3, 3)) < 0.5).astype(float)
        known = np.tri(3, dtype=bool)[None]
        assert model.training
        for say in (
            lambda m: m.log_prob(x).numpy(),
            lambda m: m.sample(4, np.random.default_rng(1)),
            lambda m: m.complete(x, known, np.random.default_rng(1)),
            lambda m: m.eval().loss(x, np.random.default_rng(1))[0].numpy(),
        ):
            np.testing.assert_array_equal(say(model), say(twin))

    @pytest.mark.equation("6.15")
    def test_the_mean_over_masks_of_one_block_is_the_block(self):
        """−ln p is linear in the mask where one block is all there is, the ReLUs behind it are open, and the logits are
        so large that the loss of an empty pixel is its logit."""
        rng = np.random.default_rng(2)
        model = randomized(PixelCNN((1, 3, 3), channels=8, blocks=1, dropout=0.3, rng=rng), rng, 0.1)
        for layer in (model.blocks[0].widen, model.hidden, model.last):
            layer.bias.data += 100
        x = np.zeros((1, 1, 3, 3))
        with sg.no_grad():
            drawn = np.array([float(model.loss(x, rng)[0].data) for _ in range(2000)])
        error = drawn.std() / math.sqrt(len(drawn))
        assert error > 1e-3
        assert abs(drawn.mean() + float(model.log_prob(x).data[0])) < 4 * error

    @pytest.mark.equation("6.15")
    def test_gradient_with_the_mask_held(self):
        model = self.dropping()
        x = np.random.default_rng(1).random((3, 1, 3, 3)) < 0.5
        weights = [model.blocks[0].narrow.weight, model.blocks[1].widen.weight, model.blocks[0].context.bias]

        def loss(*values):
            for weight, value in zip(weights, values):
                weight.data[...] = value
            return float(model.loss(x, np.random.default_rng(5))[0].data)

        model.loss(x, np.random.default_rng(5))[0].backward()
        at = [weight.numpy().copy() for weight in weights]
        way = [np.random.default_rng(8).standard_normal(a.shape) for a in at]
        slope = (loss(*(a + 1e-6 * w for a, w in zip(at, way))) - loss(*(a - 1e-6 * w for a, w in zip(at, way)))) / 2e-6
        assert sum((w * p.grad.numpy()).sum() for w, p in zip(way, weights)) == pytest.approx(slope, rel=1e-6)

    def test_any_number_of_workers_drops_the_same(self):
        """The mask is drawn with the generator that `loss` is given, an image at a time."""
        x = (np.random.default_rng(1).random((8, 1, 3, 3)) < 0.5).astype(np.float32)
        results = []
        for workers in (1, 2, 3):
            model = self.dropping()
            run = training.Run(model, optim.SGD(model.parameters(), lr=0.1), np.random.default_rng(4))
            training.train(run, model.loss, [x], epochs=2, batch_size=4, workers=workers)
            results.append([parameter.numpy() for parameter in model.parameters()])
        for result in results[1:]:
            for a, b in zip(results[0], result):
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
        still = self.dropping(p=0.0)
        run = training.Run(still, optim.SGD(still.parameters(), lr=0.1), np.random.default_rng(4))
        training.train(run, still.loss, [x], epochs=2, batch_size=4)
        assert any(np.abs(a - p.numpy()).max() > 1e-3 for a, p in zip(results[0], still.parameters()))

    def test_it_stays_when_the_model_grows(self):
        model = self.dropping()
        model.grow(1, 2, np.random.default_rng(0))
        x = np.zeros((1, 1, 3, 3))
        nats = {float(model.loss(x, np.random.default_rng(seed))[0].data) for seed in range(5)}
        assert model.dropout == 0.4
        assert len(nats) == 5

    @pytest.mark.parametrize("p", [-0.1, 1, 1.5, math.nan])
    def test_a_probability_that_is_none(self, p):
        with pytest.raises(ValueError, match=rf"PixelCNN: expected a dropout in \[0, 1\), got {p}"):
            PixelCNN(dropout=p)
