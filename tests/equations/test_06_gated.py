"""derivations/06-gated-pixelcnn.md, equation by equation. (6.1, 6.2 with the planted faults in
tests/errata/test_autoregressive_pixels.py; 6.10 to 6.12 in tests/models/autoregressive/test_cache.py as well.)"""

import numpy as np
import pytest
import scipy.special

import scratchgen as sg
from scratchgen import backend, nn
from scratchgen import functional as F
from scratchgen.models.autoregressive import Autoregressive, GatedPixelCNN, PixelCNN
from scratchgen.models.autoregressive.cache import Cache, on_images
from scratchgen.models.autoregressive.gated import gated

from ..models.autoregressive.proofs import randomized


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def convolved(layer, x):
    """A masked convolution as a loop over its taps."""
    weight, bias = layer.weight.numpy(), layer.bias.numpy()
    (down, right), (height, width) = layer.padding, x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (down, down), (right, right)))
    y = np.zeros((len(x), len(weight), height, width)) + bias[:, None, None]
    for u, v in layer.taps:
        y += np.einsum("oc,ncij->noij", weight[:, :, u, v], padded[:, :, u : u + height, v : v + width])
    return y


@pytest.mark.equation("6.1")
def test_the_residual_block(rng):
    block = randomized(PixelCNN((1, 3, 4), channels=4, blocks=1, rng=rng), rng).blocks[0]
    h = rng.standard_normal((2, 4, 3, 4))
    f = h
    for layer in (block.narrow, block.context, block.widen):
        f = convolved(layer, np.maximum(f, 0))
    np.testing.assert_allclose(block(h, on_images).numpy(), h + f, rtol=1e-12, atol=1e-12)
    assert sg.gradcheck(lambda h, *p: block(h, on_images), h, *block.parameters())


@pytest.mark.equation("6.2")
def test_a_block_adds_one_part_in_as_many_as_there_are(rng):
    """Var f(h) = Var(h) / blocks, away from the border, where fewer taps have something to see."""
    for blocks in (1, 7):
        block = PixelCNN((1, 24, 24), channels=128, blocks=blocks, rng=rng, dtype=np.float64).blocks[0]
        h = rng.standard_normal((4, 128, 24, 24))
        f = (block(h, on_images).numpy() - h)[:, :, 2:, 2:-2]
        assert (f**2).mean() == pytest.approx(1 / blocks, rel=0.15)


@pytest.mark.equation("6.3", "6.4")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gated_unit(dtype, device, rng):
    """By SciPy, and its derivative by the formula of the page, by composition, and by differences."""
    x, g = (rng.standard_normal(shape).astype(dtype) for shape in ((2, 6, 3, 4), (2, 3, 3, 4)))
    a, b = x[:, :3].astype(np.float64), x[:, 3:].astype(np.float64)
    t, s = np.tanh(a), scipy.special.expit(b)
    leaf = sg.tensor(x, device=device, requires_grad=True)
    y = gated(leaf)
    y.backward(sg.tensor(g, device=device))
    assert y.dtype == leaf.grad.dtype == dtype
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(y.numpy(), t * s, **tolerance)
    by_hand = np.concatenate([g * (1 - t**2) * s, g * t * s * (1 - s)], axis=1)
    np.testing.assert_allclose(leaf.grad.numpy(), by_hand, **tolerance)
    composed = sg.tensor(x, requires_grad=True)
    (F.tanh(composed[:, :3]) * F.sigmoid(composed[:, 3:])).backward(g)
    np.testing.assert_allclose(leaf.grad.numpy(), composed.grad.numpy(), **tolerance)


@pytest.mark.equation("6.3", "6.4")
def test_the_gated_unit_to_second_order_and_at_the_ends(rng):
    x = rng.standard_normal((3, 4))
    assert sg.gradcheck(gated, x)
    assert sg.gradgradcheck(gated, x)
    assert sg.gradcheck(gated, rng.standard_normal((4, 2, 3)).transpose(2, 0, 1))
    ends = sg.tensor(np.array([[1e4, -1e4, 1e4, -1e4], [0.0, 1e4, -1e4, 1e4]]), requires_grad=True)
    y = gated(ends)
    y.backward(rng.standard_normal((2, 2)))
    assert y.numpy().tolist() == [[1, 0], [0, 1]]
    assert not ends.grad.numpy().any()
    assert gated(np.zeros((0, 4, 2))).shape == (0, 2, 2)


@pytest.mark.equation("6.5", "6.8")
def test_a_layer_of_both_stacks(rng):
    layer = randomized(GatedPixelCNN((1, 4, 5), channels=3, layers=1, classes=4, rng=rng), rng).layers[0]
    v, h, y = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, 3, 4, 5)), np.array([3, 1])
    gate = lambda x: np.tanh(x[:, :3]) * scipy.special.expit(x[:, 3:])
    label = layer.label.weight.numpy()[y][:, :, None, None]
    seen = convolved(layer.vertical, v)
    link = convolved(layer.link, seen) + label[:, 6:]
    new_v, found_link = layer.from_above(v, y, on_images)
    np.testing.assert_allclose(new_v.numpy(), gate(seen + label[:, :6]), rtol=1e-11)
    np.testing.assert_allclose(found_link.numpy(), link, rtol=1e-11, atol=1e-12)
    expected = h + convolved(layer.out, gate(convolved(layer.horizontal, h) + link))
    np.testing.assert_allclose(layer.along_row(h, found_link, on_images).numpy(), expected, rtol=1e-11, atol=1e-12)


def seen_by(function, shape, rng):
    """Which pixels of an image the features of each pixel depend on: (height, width, height, width)."""
    x = sg.tensor(rng.random((1, 1, *shape)), requires_grad=True)
    y = function(x)
    found = np.zeros((*shape, *shape), bool)
    for i, j in np.ndindex(shape):
        seed = np.zeros(y.shape)
        seed[:, :, i, j] = rng.standard_normal(y.shape[1])
        (g,) = sg.grad(y, [x], seed, create_graph=True)
        found[i, j] = g.numpy()[0, 0] != 0
    return found


@pytest.mark.equation("6.6")
def test_what_each_stack_sees(rng):
    """The vertical one all rows above, as far as it reaches; the horizontal one, cut off from it, the left."""
    height, width = 6, 7
    model = randomized(GatedPixelCNN((1, height, width), channels=4, layers=3, rng=rng), rng, 0.2)
    rows, columns = np.arange(height), np.arange(width)
    above = rows[:, None, None, None] > rows[:, None]  # the pixel (i, j) of features, (k, l) of the image
    found = seen_by(lambda x: model.from_above(x, None, on_images)[-1], (height, width), rng)
    np.testing.assert_array_equal(found, np.broadcast_to(above, found.shape))
    nothing = [np.zeros((1, 8, height, width))] * 3
    found = seen_by(lambda x: model.along_row(x, nothing, on_images), (height, width), rng)
    left = (rows[:, None, None, None] == rows[:, None]) & (columns[:, None, None] > columns)
    np.testing.assert_array_equal(found, np.broadcast_to(left, found.shape))


@pytest.mark.equation("6.6")
def test_how_wide_the_vertical_stack_sees(rng):
    """m rows above: 3 + (layers) columns to either side, for a first layer of 7 × 7 and further ones of 3 × 3; and
    what is one row above can only be reached through rows of its own, which see one column more each."""
    width, layers = 13, 2
    model = randomized(GatedPixelCNN((1, 3, width), channels=4, layers=layers, rng=rng), rng, 0.2)
    found = seen_by(lambda x: model.from_above(x, None, on_images)[-1], (3, width), rng)
    columns = np.arange(width)
    expected = np.abs(columns[:, None] - columns) <= 3 + layers
    np.testing.assert_array_equal(found[1, :, 0], expected)
    np.testing.assert_array_equal(found[2, :, 0], expected)


@pytest.mark.equation("6.7")
@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_the_colour_mask(mask_type, rng):
    layer = nn.MaskedConv2d(mask_type, 6, 6, 1, colours=3, rng=rng)
    i, o = np.arange(6) % 3, np.arange(6)[:, None] % 3
    expected = i < o if mask_type == "A" else i <= o
    np.testing.assert_array_equal(layer.seen_weight.numpy()[:, :, 0, 0] != 0, expected)


@pytest.mark.equation("6.8")
def test_the_gradient_of_a_label_is_summed_over_pixels_and_images_of_the_class(rng):
    layer = randomized(GatedPixelCNN((1, 3, 4), channels=3, layers=1, classes=3, rng=rng), rng).layers[0]
    v, y, g = rng.standard_normal((4, 3, 3, 4)), np.array([2, 0, 2, 0]), rng.standard_normal((4, 6, 3, 4))
    _, link = layer.from_above(v, y, on_images)
    link.backward(g)
    by_hand = np.zeros((3, 6))
    np.add.at(by_hand, y, g.sum((2, 3)))
    np.testing.assert_allclose(layer.label.weight.grad.numpy()[:, 6:], by_hand, rtol=1e-12)
    assert not by_hand[1].any()


@pytest.mark.equation("6.9")
@pytest.mark.parametrize("kind", [PixelCNN, GatedPixelCNN])
def test_features_of_earlier_pixels_stay_as_they_are(kind, rng):
    """In every layer, whatever is drawn later: features at (i, j) do not change when pixels from (i, j) on do."""
    model = randomized(kind((1, 5, 4), 2, 6, 2, rng=rng), rng)
    x = rng.random((1, 1, 5, 4))
    changed = x.copy()
    changed.reshape(-1)[11:] = rng.random(9)  # pixels (2, 3) and later

    def features(x):
        maps = []

        def run(layer, h):
            maps.append((layer, layer(h).numpy()))
            return maps[-1][1]

        model.along_row(x, model.from_above(x, None, run), run)
        return maps

    for (layer, before), (_, after) in zip(features(x), features(changed)):
        same = (before == after).all(axis=(0, 1)).ravel()
        assert same[:12].all(), layer  # up to the pixel to be drawn, which ends its row
        assert not same[12:].all(), layer


@pytest.mark.equation("6.10")
def test_a_layer_in_two_parts(device, rng):
    """Rows above and own row, pixel by pixel, against the layer on the whole image."""
    model = randomized(PixelCNN((1, 4, 5), channels=6, blocks=1, rng=rng), rng).to(device)
    layer, n = model.blocks[0].context, 2
    x = backend.to_device(rng.standard_normal((n, 3, 4, 5)), device)
    cache, y = Cache(model, n), np.zeros((n, 3, 4, 5))
    for i in range(4):
        cache.begin_row()
        for j in range(5):
            cache.column = j
            y[:, :, i, j] = backend.to_host(cache.run(layer, x[:, :, i, j]))
    np.testing.assert_allclose(y, layer(x).numpy(), rtol=1e-12, atol=1e-13)


@pytest.mark.equation("6.12")
def test_one_pass_in_place_of_one_for_each_element(rng):
    """The plain scan runs a network as often as there are elements; the cached one runs each layer once a pixel."""
    model, calls = PixelCNN((1, 3, 4), channels=4, blocks=1, rng=rng), []
    whole = model.logits
    model.logits = lambda *arguments: calls.append("pass") or whole(*arguments)
    for scan, passes in ((Autoregressive.scan(model, 1), 12), (model.scan(1), 0)):
        calls.clear()
        scan.send(None)
        for _ in range(11):
            scan.send(np.zeros(1, np.float32))
        assert len(calls) == passes


@pytest.mark.equation("6.14")
@pytest.mark.parametrize("shape", [(1, 5, 4), (3, 4, 4)])
def test_the_channels_that_were_there_stay_as_they_are(shape, rng):
    """Of every layer, whatever the new weights are. With one zero set to something else, the logits change."""
    model = randomized(PixelCNN(shape, 2, channels=7, blocks=2, rng=rng), rng, 0.3)
    x = (rng.random((3, *shape)) < 0.5).astype(float)

    def features():
        found = {}

        def run(layer, h):
            name = next(name for name, module in model.named_modules() if module is layer)
            found[name] = layer(h)
            return found[name]

        with sg.no_grad():
            model.along_row(x, [], run)
        return {name: value.numpy() for name, value in found.items()}

    before = features()
    weights = {name: value.numpy().copy() for name, value in model.named_parameters()}
    model.grow(1, 4, rng)
    for name, value in model.named_parameters():
        if name in weights:  # all that is new
            new = np.ones(value.shape, bool)
            new[tuple(map(slice, weights[name].shape))] = False
            new[: len(weights[name])] = False
            value.data[new & (value.data != 0)] += rng.standard_normal()
    after = features()
    assert len(after) == len(before) + 3
    for name, value in before.items():
        np.testing.assert_allclose(after[name][:, : value.shape[1]], value, rtol=1e-10, atol=1e-10)
    assert after["last"].shape == before["last"].shape
    model.last.weight.data[-1, -1] = 1  # the last output is of the last colour, and may hear every channel
    model.hidden.bias.data[-1] += 9
    assert np.abs(features()["last"] - before["last"]).max() > 1


@pytest.mark.equation("6.15")
def test_dropout_in_the_block(rng):
    """By hand, in NumPy: block after block, its mask from the same generator."""
    model = randomized(PixelCNN((1, 3, 4), channels=6, blocks=2, dropout=0.25, rng=rng), rng, 0.3)
    x = (rng.random((3, 1, 3, 4)) < 0.5).astype(float)
    with sg.no_grad():
        found = model.loss(x, np.random.default_rng(9))[0].numpy()
    masks = np.random.default_rng(9)
    h = convolved(model.first, x)
    for block in model.blocks:
        f = convolved(block.context, np.maximum(convolved(block.narrow, np.maximum(h, 0)), 0))
        m = masks.random(f.shape) >= 0.25
        h = h + convolved(block.widen, m * np.maximum(f, 0) / 0.75)
    h = convolved(model.hidden, np.maximum(h, 0))
    p = scipy.special.expit(convolved(model.last, np.maximum(h, 0)))
    assert found == pytest.approx(-np.log(np.where(x == 1, p, 1 - p)).sum((1, 2, 3)).mean(), rel=1e-12)


@pytest.mark.equation("6.16", "6.17")
@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, 2), (3, 1)])
def test_a_convolution_does_not_know_where_it_is(down, right, rng):
    """The same pixels further down and to the right, with others beyond: the same logits wherever no border is within
    reach, and with positions nowhere. One row nearer to the border they are others already."""
    model = randomized(PixelCNN((1, 15, 16), channels=6, blocks=1, rng=rng), rng, 0.3)
    told = randomized(PixelCNN((1, 15, 16), channels=6, blocks=1, rng=rng, positions=True), rng, 0.3)
    reach, height, width = 3 + 1, 15 - down, 16 - right
    x, y = (rng.random((2, 1, 15, 16)) < 0.5).astype(float), (rng.random((2, 1, 15, 16)) < 0.5).astype(float)
    y[:, :, down:, right:] = x[:, :, :height, :width]
    with sg.no_grad():
        here = [m.logits(x).numpy()[:, :, :height, :width] for m in (model, told)]
        there = [m.logits(y).numpy()[:, :, down:, right:] for m in (model, told)]
    inside = np.s_[:, :, reach:, reach : width - reach]
    np.testing.assert_allclose(there[0][inside], here[0][inside], rtol=1e-12, atol=1e-12)
    assert (np.abs(there[1] - here[1])[inside] > 1e-6).mean() > 0.99
    if down:
        assert not np.allclose(there[0][:, :, reach - 1], here[0][:, :, reach - 1])


@pytest.mark.equation("6.17")
@pytest.mark.parametrize("kind", [PixelCNN, GatedPixelCNN])
def test_a_vector_for_each_row_and_each_column(kind, device, rng):
    """What is added to the first features, pixel by pixel in a loop; and its slopes, sums over images and a line."""
    model = randomized(kind((1, 3, 4), channels=4, rng=rng, positions=True), rng).to(device)
    layer, h = model.positions, rng.standard_normal((2, 4, 3, 4))
    features = sg.tensor(backend.to_device(h, device), requires_grad=True)
    out = layer(features)
    r, k = layer.row.numpy(), layer.column.numpy()
    for n, c, i, j in np.ndindex(2, 4, 3, 4):
        assert backend.to_host(out.data)[n, c, i, j] == pytest.approx(
            h[n, c, i, j] + r[c, i, 0] + k[c, 0, j], rel=1e-13
        )
    g = rng.standard_normal(h.shape)
    out.backward(backend.to_device(g, device))
    np.testing.assert_array_equal(features.grad.numpy(), g)
    np.testing.assert_allclose(layer.row.grad.numpy(), g.sum((0, 3))[:, :, None], rtol=1e-12)
    np.testing.assert_allclose(layer.column.grad.numpy(), g.sum((0, 2))[:, None], rtol=1e-12)
